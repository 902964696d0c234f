//! The values there are of each kind.

use super::{Also, Answer, Candidate, Kind};
use crate::verbs::{convert, doctor, prove};
use callgate::abi::constant::{self, Set};
use callgate::abi::group::Group;
use callgate::abi::{breakage, errno::Errno};
use callgate::program::container::Container;
use callgate::{Arch, Syscall, builtin};
use callgate_formats::{Capabilities, Format, Runtime};

/// The values of a kind; `given` is what stands by itself before them.
pub(super) fn of(kind: Kind, given: &[&str]) -> Answer {
    let also = match kind {
        Kind::Files | Kind::Input | Kind::Policy => Also::Files,
        Kind::Folders => Also::Folders,
        Kind::Operands if matches!(given.get(1), Some(&("equal" | "no-weaker-than"))) => Also::Files,
        _ => Also::Nothing,
    };
    let named = |name: &&'static str| Candidate::new(*name, "");
    let candidates = match kind {
        Kind::Free | Kind::Files | Kind::Folders => Vec::new(),
        Kind::Policy => builtins(),
        Kind::Input => {
            let running =
                processes().into_iter().map(|p| Candidate::new(format!("pid:{}", p.value), p.about));
            builtins().into_iter().chain(running).collect()
        }
        Kind::Processes => processes(),
        Kind::Architectures => Arch::ALL.iter().map(|a| Candidate::new(a.name(), "")).collect(),
        Kind::Actions => actions(),
        Kind::Calls => calls().collect(),
        Kind::CallsAndGroups => groups().chain(calls()).collect(),
        Kind::Argument => arguments(given),
        Kind::ConstantSets => Set::all().map(|set| Candidate::new(set.name(), "")).collect(),
        Kind::Formats => {
            let read = Format::ALL.iter().filter(|f| f.is_read());
            read.map(|f| Candidate::new(f.name(), f.describe())).chain(forms()).collect()
        }
        Kind::Targets => {
            let named = convert::targets().map(|(name, about)| Candidate::new(name, about));
            named.collect()
        }
        Kind::Forms => forms().collect(),
        Kind::Capabilities => {
            let sets = ["none", "all", "default", "podman"];
            let all = Capabilities::all();
            sets.iter().map(named).chain(all.iter().map(|c| Candidate::new(c, ""))).collect()
        }
        Kind::Runtimes => Runtime::ALL.iter().map(|r| Candidate::new(r.name(), "")).collect(),
        Kind::Machines => vec![
            Candidate::new("bitmap", "kernels that answer plain permissions from a cache"),
            Candidate::new("raw", "kernels that run the program for every call"),
        ],
        Kind::Components => breakage::components().map(|c| Candidate::new(format!("{c}-"), "")).collect(),
        Kind::Codes => callgate::lint::codes().map(|(code, title)| Candidate::new(code, title)).collect(),
        Kind::Features => {
            doctor::requirable().into_iter().map(|(name, about)| Candidate::new(name, about)).collect()
        }
        Kind::Relations => {
            prove::RELATIONS.iter().map(|(name, about)| Candidate::new(*name, *about)).collect()
        }
        Kind::Operands => match given {
            [_, "never"] => vec![named(&"allow")],
            [_, "always"] => vec![named(&"allows")],
            [_, "never" | "always", ..] => groups().chain(calls()).collect(),
            _ => builtins(),
        },
        Kind::Topics => crate::help::names().map(|(name, about)| Candidate::new(name, about)).collect(),
    };
    let mut candidates = candidates;
    candidates.dedup_by(|a, b| a.value == b.value);
    Answer { candidates, also }
}

fn builtins() -> Vec<Candidate> {
    builtin::names().map(|name| Candidate::new(name, builtin::summary(name).unwrap_or_default())).collect()
}

fn forms() -> impl Iterator<Item = Candidate> {
    Container::ALL
        .iter()
        .map(|c| Candidate::new(c.name(), c.describe().trim_end_matches('.').replace('`', "")))
}

fn calls() -> impl Iterator<Item = Candidate> {
    let arch = Arch::NATIVE.unwrap_or(Arch::X86_64);
    Syscall::all().map(move |call| {
        let params = call.params(arch).unwrap_or_default().iter();
        let names: Vec<&str> = params.map(|p| p.name).collect();
        let about = call.number(arch).map_or_else(String::new, |nr| format!("{nr}({})", names.join(", ")));
        Candidate::new(call.name(), about)
    })
}

fn groups() -> impl Iterator<Item = Candidate> {
    Group::all().iter().filter(|g| g.is_current()).map(|g| Candidate::new(format!("@{}", g.name), g.summary))
}

fn actions() -> Vec<Candidate> {
    let plain = ["allow", "log", "trace", "trap", "kill-thread", "kill"].map(|a| Candidate::new(a, ""));
    let errnos = Errno::names().map(|(name, _)| Candidate::new(format!("errno({name})"), ""));
    plain.into_iter().chain(errnos).collect()
}

/// The constants that the next argument takes: of what is given, the call is the second and its arguments follow.
fn arguments(given: &[&str]) -> Vec<Candidate> {
    let arch = Arch::NATIVE.unwrap_or(Arch::X86_64);
    let Some((call, before)) = given.get(1..).and_then(|g| g.split_first()) else { return Vec::new() };
    let params = Syscall::from_name(call).and_then(|call| call.params(arch)).unwrap_or_default();
    let Some(param) = params.get(before.len()) else { return Vec::new() };
    let set = match param.selector.and_then(|at| before.get(usize::from(at))) {
        Some(selector) => {
            let value = constant::value(selector, arch).or_else(|| selector.parse().ok());
            value.and_then(|value| param.set_for(value, arch))
        }
        None => param.set,
    };
    let members = set.into_iter().flat_map(|set| set.members(arch));
    members.map(|(name, value)| Candidate::new(name, format!("{value:#x} {}", param.name))).collect()
}

/// The processes there are, each with its name.
fn processes() -> Vec<Candidate> {
    let mut pids: Vec<u32> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    let name = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    pids.into_iter().map(|pid| Candidate::new(pid.to_string(), name(pid).trim_end())).collect()
}
