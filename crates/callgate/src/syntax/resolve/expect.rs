//! `expect` lines: one case for every call and architecture.

use super::Resolver;
use super::argument::{Argument, Env};
use super::groups::list;
use crate::diagnostic::Diagnostic;
use crate::policy::{ArgIndex, Call};
use crate::syntax::ast::{self, ExpectArg, TargetKind};
use crate::syntax::lexer::Loc;
use crate::syntax::{Expect, codes};
use callgate_abi::{Arch, Syscall, Width};
use std::sync::Arc;

/// How many numbers a range may hold: each becomes a case.
const MAX_RANGE: u32 = 4096;

impl Resolver<'_> {
    /// Appends the cases of an `expect` line, or reports what is wrong with it.
    pub(super) fn expect(&mut self, expect: &ast::Expect, loc: Loc) {
        let arches = if expect.on.is_empty() {
            let mut arches: Vec<Arch> = Vec::new();
            for arch in &self.arches {
                if !arches.contains(arch) {
                    arches.push(*arch);
                }
            }
            arches
        } else {
            // An expectation about an architecture that the policy does not list is a test of `foreign`.
            let found: Option<Vec<Arch>> = expect.on.iter().map(|name| self.expect_arch(name)).collect();
            let Some(found) = found else { return };
            found
        };
        for call in &expect.calls {
            self.expect_call(call, expect, &arches, loc);
        }
    }

    fn expect_arch(&mut self, name: &ast::Name) -> Option<Arch> {
        if self.text(name.loc) == "native" { Arch::NATIVE } else { self.arch(name) }
    }

    fn expect_call(&mut self, written: &ast::ExpectCall, expect: &ast::Expect, arches: &[Arch], loc: Loc) {
        let target = &written.target;
        let end = written.args.last().map_or(target.loc, |a| a.loc);
        let place = target.loc.to(end);
        let mut text = self.text(place).split_whitespace().collect::<Vec<_>>().join(" ");
        if !written.args.is_empty() {
            text.push(')');
        }
        let text: Arc<str> = text.into();
        // (call, number) for every architecture
        let mut cases: Vec<(Arch, Option<Syscall>, u32)> = Vec::new();
        match target.kind {
            TargetKind::Numbers(first, last) => {
                if last.wrapping_sub(first) >= MAX_RANGE {
                    let message = format!("an expectation covers 1 to {MAX_RANGE} numbers");
                    return self.error(codes::EXPECT, target.loc, message);
                }
                for arch in arches {
                    let x32 = *arch == Arch::X32;
                    let wrong = |nr: u32| (x32 || *arch == Arch::X86_64) && (nr & Arch::X32_BIT != 0) != x32;
                    if wrong(first) || wrong(last) {
                        let message = format!("{} is no number of {}", self.text(target.loc), arch.name());
                        let d = Diagnostic::error(codes::EXPECT, message);
                        let d = d.note("x32 numbers have bit 30 set, those of x86_64 do not");
                        return self.say(d.help("limit the line with `on`"), target.loc);
                    }
                    cases.extend((first..=last).map(|nr| (*arch, Syscall::from_number(*arch, nr), nr)));
                }
            }
            TargetKind::Call => {
                let Some(call) = self.call(target.loc) else { return };
                cases.extend(arches.iter().filter_map(|a| Some((*a, Some(call), call.number(*a)?))));
                if cases.is_empty() && !target.optional {
                    let message = format!("`{}` has no number on {}", call.name(), list(arches));
                    return self.error(codes::CALL_ABSENT, target.loc, message);
                }
            }
            TargetKind::Group => {
                let Some(calls) = self.targets(&[*target], arches) else { return };
                for member in calls {
                    let Call::Named(call) = member.call else {
                        let message = "an expectation about a group needs one without numbers";
                        return self.error(codes::EXPECT, target.loc, message);
                    };
                    if member.when.is_some() {
                        let group = self.text(target.loc);
                        let message =
                            format!("`{}` belongs to `{group}` for some arguments only", call.name());
                        let d = Diagnostic::error(codes::EXPECT, message);
                        return self.say(d.help("write an expectation about that call alone"), target.loc);
                    }
                    let here = |a: &Arch| Some((*a, Some(call), call.number(*a)?));
                    cases.extend(arches.iter().filter_map(here));
                }
            }
            TargetKind::Any | TargetKind::None => {
                let message = format!("an expectation is about calls, not `{}`", self.text(target.loc));
                return self.error(codes::EXPECT, target.loc, message);
            }
        }
        self.calls += cases.len();
        for (arch, call, nr) in cases {
            let Some((args, ip)) = self.expect_args(&written.args, call, arch) else { continue };
            let origin = self.origin(loc);
            let text = text.clone();
            self.expects.push(Expect { arch, nr, call, args, ip, action: expect.action, origin, text });
        }
    }

    fn expect_args(
        &mut self,
        written: &[ExpectArg],
        call: Option<Syscall>,
        arch: Arch,
    ) -> Option<([Option<u64>; 6], Option<u64>)> {
        let env = Env { call, arch: Some(arch), narrow: false, unchecked: false };
        let params = call.and_then(|c| c.params(arch));
        let mut values = [None; 7];
        let mut given = [false; 7];
        for (position, arg) in written.iter().enumerate() {
            let argument = match arg.name {
                // Without a signature nothing says how wide the argument is; the value says enough.
                Some(name) => {
                    let fixed = super::positional(self.text(name)).is_some();
                    let width = (fixed && params.is_none()).then_some(Width::W64);
                    self.argument(name, width, env)?
                }
                None => {
                    let param = params.and_then(|p| p.get(position));
                    let index = u8::try_from(position).ok().and_then(ArgIndex::new);
                    let takes = params.map_or(6, |p| p.len());
                    let Some(index) = index.filter(|_| position < takes) else {
                        let name = call.map_or("a call", |c| c.name());
                        let message = format!("{name} takes {takes} arguments");
                        self.error(codes::ARGUMENT_UNUSED, arg.loc, message);
                        return None;
                    };
                    match param {
                        Some(param) => Argument::of(index, None, param),
                        None => Argument::plain(index, Width::W64),
                    }
                }
            };
            let index = usize::from(argument.index.get());
            if std::mem::replace(&mut given[index], true) {
                self.error(codes::EXPECT, arg.loc, "this argument is given twice");
                return None;
            }
            if let Some(expr) = &arg.value {
                let narrow = arch.register_bits() == 32;
                values[index] = Some(self.value(expr, &argument, Env { narrow, ..env })?);
            }
        }
        let [a, b, c, d, e, f, ip] = values;
        Some(([a, b, c, d, e, f], ip))
    }
}
