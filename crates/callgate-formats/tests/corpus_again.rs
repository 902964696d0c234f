//! Real policies, written in the format they were read from: what comes back is the same filter, or differs by the
//! losses that were reported.

mod common;

use callgate::abi::Word;
use callgate::{Arch, Filter, Policy};
use callgate_formats::{Accept, Capabilities, Effect, Format, Loss, Options, detect, read, write};
use common::{corpus, files};
use std::path::Path;
use std::sync::Arc;

fn options(path: &Path, name: &str) -> Options {
    let host = if name.contains("aarch64-") || name.contains("arm64") { Arch::Aarch64 } else { Arch::X86_64 };
    Options {
        file: Some(path.to_str().unwrap().into()),
        caps: Some(Capabilities::container()),
        ignore_unknown: true,
        accept: Accept::Any,
        open: Some(Arc::new(|p: &Path| std::fs::read_to_string(p))),
        ..Options::new(host)
    }
}

/// What came of the files of a folder.
#[derive(Default, Debug, PartialEq, Eq)]
struct Count {
    /// Written without a loss.
    same: usize,
    /// With losses, none weaker.
    lossy: usize,
    weaker: usize,
    /// Too large to be written rule by rule.
    large: usize,
}

fn again(folder: &str, wanted: &[Format]) -> Count {
    let mut count = Count::default();
    let Some(corpus) = corpus() else { return count };
    // Of a folder of hundreds some forty.
    let paths = files(&corpus.join("policies").join(folder));
    let step = (paths.len() / 40).max(1);
    for path in paths.into_iter().step_by(step) {
        let name = path.strip_prefix(&corpus).unwrap().display().to_string();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let Some(format) = detect(Some(&path), text.as_bytes()).map(|d| d.format) else { continue };
        let options = options(&path, &name);
        let Ok(import) = read(&text, format, &options) else { continue };
        if !wanted.contains(&import.format) {
            continue;
        }
        let policies: Vec<Policy> = if import.stack {
            let filter = import.filter().unwrap_or_else(|e| panic!("{name}: {e}"));
            vec![filter.render().unwrap_or_else(|e| panic!("{name}: {e}")).policy]
        } else {
            import.policies.iter().map(|p| p.policy.clone()).collect()
        };
        for policy in policies {
            let export = match write(&policy, import.format, &options) {
                Ok(export) => export,
                Err(e) if e.to_string().contains("too many") => {
                    count.large += 1;
                    continue;
                }
                Err(e) => panic!("{name}: {e}"),
            };
            let worst = export.losses.iter().map(|l| l.effect).max();
            match worst {
                None => count.same += 1,
                Some(Effect::Weaker) => count.weaker += 1,
                Some(_) => count.lossy += 1,
            }
            if let Some(loss) = export.losses.iter().max_by_key(|l| l.effect) {
                eprintln!("{name}: {loss}");
            }
            // Lossless or not, what was written can be read.
            let default = matches!(import.format, Format::Minijail | Format::MinijailPython);
            let told = Options { file: None, default: default.then_some(policy.default), ..options.clone() };
            let back =
                read(export.text().unwrap(), import.format, &told).unwrap_or_else(|e| panic!("{name}: {e}"));
            // Each machine reads the file for itself; here it is read on one.
            let tokens = options.host.siblings().iter().chain([&options.host]).map(|a| a.token());
            let (written, wanted) = (back.filter().unwrap(), policy.lower().unwrap());
            let here = |f: &Filter, token| f.restrict(Word::ARCH, token);
            let equal = tokens.into_iter().all(|t| here(&written, t) == here(&wanted, t));
            let is_here =
                |l: &Loss| l.witness.is_some_and(|w| here(&wanted, w.call.arch).eval(&w.call) == &w.before);
            assert!(equal || !export.losses.is_empty(), "{name}");
            assert!(export.losses.iter().all(is_here), "{name}: {:?}", export.losses);
        }
    }
    eprintln!("{folder}: {count:?}");
    count
}

#[track_caller]
fn nothing_lost(folder: &str, formats: &[Format]) {
    let count = again(folder, formats);
    assert_eq!(count, Count { same: count.same, ..Count::default() }, "{folder}");
    assert!(count.same > 0 || corpus().is_none(), "{folder}");
}

#[test]
fn containers() {
    for folder in ["oci", "docker", "docker-history"] {
        nothing_lost(folder, &[Format::Oci, Format::Docker]);
    }
    nothing_lost("spo-crd", &[Format::Spo]);
}

#[test]
fn threads() {
    for folder in ["seccompiler-json", "seccompiler-json-history"] {
        nothing_lost(folder, &[Format::Seccompiler]);
    }
}

#[test]
fn minijail_and_kafel() {
    nothing_lost("minijail", &[Format::Minijail, Format::MinijailPython]);
    nothing_lost("kafel", &[Format::Kafel]);
}

/// Version 1 is numbers, for whatever architecture; what is written is version 2, in names.
#[test]
fn lxc() {
    let count = again("lxc", &[Format::Lxc]);
    assert_eq!(count, Count { same: count.same, weaker: count.weaker, ..Count::default() });
    assert!(count.weaker <= 1 && count.same >= 5 || corpus().is_none(), "{count:?}");
}

/// Conditions come from other settings than the lists that are written.
#[test]
fn systemd() {
    let count = again("systemd-unit", &[Format::Systemd]);
    assert_eq!(count.weaker, 0, "{count:?}");
    assert!(count.same >= 3 || corpus().is_none(), "{count:?}");
}

/// Most profiles have filters for other architectures, and for sockets, that the lists cannot say.
#[test]
fn firejail() {
    let count = again("firejail", &[Format::Firejail]);
    assert!(count.lossy + count.weaker > 10 || corpus().is_none(), "{count:?}");
}
