//! What programs ask of the kernel: calls with weights.

use super::cases::alternatives;
use crate::files::{self, Result};
use callgate::emit::Profile;
use callgate::syntax::{Expect, parse};
use callgate::{Arch, Policy, SeccompData, Syscall};

/// One call, and how often it is made. Only proportions count.
#[derive(Clone)]
pub(super) struct Event {
    pub(super) data: SeccompData,
    pub(super) weight: f64,
}

/// A mix as written: calls of x86_64 with how often each is made, and with which arguments if that is known.
pub(super) struct Mix {
    lines: Vec<(u64, Made)>,
}

enum Made {
    /// With any arguments the policy distinguishes.
    Anyhow(Syscall),
    /// With these.
    With(Expect),
}

impl Mix {
    /// The mix that the compiler's own profile is.
    pub(super) fn shipped() -> Mix {
        let profile = Profile::shipped();
        let weighed = Syscall::all().map(|call| (profile.weight(call), Made::Anyhow(call)));
        Mix { lines: weighed.filter(|line| line.0 > 0).collect() }
    }

    /// Every call of x86_64 alike.
    pub(super) fn uniform() -> Mix {
        Mix { lines: Syscall::of_arch(Arch::X86_64).map(|(_, call)| (1, Made::Anyhow(call))).collect() }
    }

    /// Reads `COUNT CALL` lines; `path` is relative to the workspace.
    pub(super) fn read(path: &str) -> Result<Mix> {
        let mut lines = Vec::new();
        for (number, line) in files::read(path)?.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let at = |e: &dyn std::fmt::Display| format!("{path}:{}: {e}", number + 1);
            let (count, call) = line.split_once(' ').ok_or_else(|| at(&"expected `COUNT CALL`"))?;
            let count: u64 = count.parse().map_err(|e| at(&e))?;
            let made = match Syscall::from_name(call) {
                Some(call) => Made::Anyhow(call),
                None => Made::With(expectation(call).map_err(|e| at(&e))?),
            };
            lines.push((count, made));
        }
        Ok(Mix { lines })
    }

    /// Reads `NAME: COUNT` lines, as the tools that trace write them; calls of other machines are left out.
    pub(super) fn frequencies(text: &str) -> Mix {
        let line = |line: &str| {
            let (name, count) = line.split_once(':')?;
            Some((count.trim().parse().ok()?, Made::Anyhow(Syscall::from_name(name.trim())?)))
        };
        Mix { lines: text.lines().filter_map(line).collect() }
    }

    /// The calls, with arguments where the policy distinguishes them.
    pub(super) fn events(&self, policy: &Policy) -> Vec<Event> {
        let mut events = Vec::new();
        for (count, made) in &self.lines {
            let call = match made {
                Made::With(expect) => {
                    events.push(Event { data: expect.witness(), weight: *count as f64 });
                    continue;
                }
                Made::Anyhow(call) => call,
            };
            let Some(nr) = call.number(Arch::X86_64) else { continue };
            let alternatives = alternatives(policy, Arch::X86_64, nr);
            let weight = *count as f64 / alternatives.len() as f64;
            events.extend(alternatives.into_iter().map(|args| Event {
                data: SeccompData { nr, arch: Arch::X86_64.token(), ip: 0, args },
                weight,
            }));
        }
        events
    }

    /// The same counts as the compiler is told them.
    pub(super) fn profile(&self) -> Result<Profile> {
        let mut profile = Profile::empty();
        for (count, made) in &self.lines {
            match made {
                Made::Anyhow(call) => profile.add(*call, &[], *count),
                Made::With(expect) => {
                    profile.add(expect.call.ok_or("a mix has a call without a name")?, &expect.args, *count);
                }
            }
        }
        Ok(profile)
    }
}

/// A call with arguments, as the policy language writes it.
fn expectation(call: &str) -> Result<Expect> {
    let text = format!("arch x86_64\ndefault kill\nexpect {call} kill\n");
    let parsed = parse("mix", &text, &mut |_: &str, _: &str| Err("a mix includes nothing".to_string()));
    if let Some(error) =
        parsed.diagnostics.iter().find(|d| d.severity == callgate::diagnostic::Severity::Error)
    {
        return Err(error.message.clone());
    }
    parsed.expects.into_iter().next().ok_or_else(|| format!("`{call}` is no call"))
}
