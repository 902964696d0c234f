//! Generated rules through libseccomp and through callgate: the two programs must be one function.
//!
//! On plain rules, one a call or several about one argument, any difference is a failure. Elsewhere
//! libseccomp's code is not always faithful to the rules it was given: where its linear code serves several
//! architectures, where several rules about several arguments of one call meet, least of all where they
//! order. There a difference is put before the plain reading of the rules, `Policy::eval`, and only if ours
//! is wrong does the chore fail.

mod compare;
mod generate;
#[path = "../../../crates/callgate/tests/support/mod.rs"]
mod support;

use crate::files::Result;
use crate::libseccomp::{Library, Optimize, Refusal, USUAL};
use compare::{Verdict, compare};
use generate::{Kind, Names};
use std::process::ExitCode;
use support::Rng;

const USAGE: &str = "usage: cargo xtask conform [--count N] [--seed S] [--library PATH] [--show]";

/// There is no libseccomp to ask.
const ABSENT: u8 = 3;

/// Runs the chore with its arguments.
pub(crate) fn run(args: &[&str]) -> Result<ExitCode> {
    let (mut count, mut seed, mut path) = (2000, 1, USUAL.to_string());
    let mut args = args.iter();
    let mut show = false;
    while let Some(&option) = args.next() {
        if option == "--show" {
            show = true;
            continue;
        }
        let value = args.next().ok_or_else(|| format!("{option} needs a value\n{USAGE}"))?;
        let number = || value.parse::<u64>().map_err(|e| format!("{option} {value}: {e}"));
        match option {
            "--count" => count = number()?,
            "--seed" => seed = number()?,
            "--library" => path = (*value).to_string(),
            _ => return Err(format!("unknown option {option}\n{USAGE}")),
        }
    }
    let Some(mut library) = Library::open(&path)? else {
        eprintln!("nothing was compared: {path} cannot be opened (on Debian, apt-get install libseccomp2)");
        return Ok(ExitCode::from(ABSENT));
    };
    let names = Names::both_know(&mut library)?;
    println!("libseccomp {} at {path}, seed {seed}", library.version);
    println!("{names}");
    let mut failed = false;
    for (kind, count) in
        [(Kind::Plain, count), (Kind::Equalities, count.div_ceil(2)), (Kind::Orderings, count.div_ceil(4))]
    {
        let tally = tally(&mut library, &names, kind, count, seed, show)?;
        println!("{kind}: {tally}");
        failed |= tally.failed(kind);
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What came of the policies of one kind.
#[derive(Default)]
struct Tally {
    policies: u64,
    programs: u64,
    /// Not equal, where nothing excuses it.
    unexcused: u64,
    equal: u64,
    theirs_wrong: u64,
    ours_wrong: u64,
    refused: u64,
    endless: u64,
    crashed: u64,
    unread: u64,
}

impl Tally {
    fn failed(&self, kind: Kind) -> bool {
        // More than that, and it is the translation of the rules that is wrong.
        let excusable = match kind {
            Kind::Plain | Kind::Equalities => self.programs / 20,
            Kind::Orderings => self.programs / 2,
        };
        self.unexcused > 0 || self.programs - self.equal > excusable
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} policies, {} programs, {} equal", self.policies, self.programs, self.equal)?;
        for (count, what) in [
            (self.theirs_wrong, "where libseccomp departs from its rules"),
            (self.ours_wrong, "WHERE CALLGATE IS WRONG"),
            (self.refused, "refused by libseccomp"),
            (self.endless, "that libseccomp never finished"),
            (self.crashed, "that libseccomp crashed on"),
            (self.unread, "of libseccomp's too large to read back"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

fn tally(
    library: &mut Library,
    names: &Names,
    kind: Kind,
    count: u64,
    seed: u64,
    show: bool,
) -> Result<Tally> {
    let mut tally = Tally::default();
    for case in 0..count {
        // Any case can be had alone: its seed is its own.
        let case = seed.wrapping_add(case);
        let spec = generate::spec(&mut Rng::new(case ^ kind.salt()), names, kind);
        tally.policies += 1;
        for optimize in [Optimize::Linear, Optimize::Tree] {
            tally.programs += 1;
            let plain = kind == Kind::Plain && (optimize == Optimize::Tree || spec.arches.len() == 1);
            let ours_wrong = tally.ours_wrong;
            let place = format!("{kind}, seed {case}, {optimize:?}");
            let (counter, how) = match library.build(&spec, optimize)? {
                Ok(bytes) => {
                    let verdict = compare(&spec, &bytes, case)
                        .map_err(|e| format!("{place}: {e}\n{}", spec.policy()))?;
                    match verdict {
                        Verdict::Equal => (&mut tally.equal, String::new()),
                        Verdict::TheirsWrong(how) => (&mut tally.theirs_wrong, how),
                        Verdict::OursWrong(how) => (&mut tally.ours_wrong, how),
                        Verdict::Unread(why) => (&mut tally.unread, why),
                    }
                }
                Err(Refusal::Refused(why)) => (&mut tally.refused, why),
                Err(Refusal::Endless) => (&mut tally.endless, "it never returned".to_string()),
                Err(Refusal::Crashed(signal)) => (&mut tally.crashed, format!("signal {signal}")),
            };
            *counter += 1;
            if how.is_empty() {
                continue;
            }
            let excused = !plain && tally.ours_wrong == ours_wrong;
            tally.unexcused += u64::from(!excused);
            if show || !excused {
                eprintln!("{place}: {how}\n{}", spec.policy());
            }
        }
    }
    Ok(tally)
}
