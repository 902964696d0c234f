//! A call a policy denies: what it is, what decided, and what would allow it.

use crate::failure::Failure;
use crate::input::{Foreign, Input, Kind};
use crate::report::layers::Layers;
use crate::report::{decided, words};
use callgate::abi::Word;
use callgate::{Action, Arch, Decided, Filter, Policy, SeccompData, Syscall};
use callgate_formats::{Permit, Unamended};
use callgate_trace::decode::{self, Decoded, Memory};
use callgate_trace::remedy::{self, Known, NoRemedy};
use serde_json::{Value, json};
use std::cell::OnceCell;

/// A policy that calls are held against.
pub(crate) struct Judge<'a> {
    filter: Filter,
    input: &'a Input,
    layers: Option<Layers<'a>>,
}

/// What a policy does with a call, and why.
pub(crate) struct Denial<'j> {
    judge: &'j Judge<'j>,
    known: Known,
    pub(crate) call: Decoded,
    pub(crate) action: Action,
    /// What decided, where the input says.
    pub(crate) by: Option<String>,
    /// Where the rule that decided is written.
    place: Option<(String, u32)>,
    /// Found when it is asked for: of the same denial, a thousand times over, once.
    remedy: OnceCell<Option<Result<Remedy, NoRemedy>>>,
}

/// What a policy would have to say for a call to be allowed.
pub(crate) struct Remedy {
    /// The line, in the policy's own notation where that is known how to write, or else in callgate's.
    pub(crate) line: String,
    /// Whether it allows the call with other arguments as well.
    pub(crate) allows_more: bool,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(input: &'a Input) -> Result<Judge<'a>, Failure> {
        Ok(Judge { filter: input.filter()?, input, layers: Layers::new(input.policies()) })
    }

    pub(crate) fn filter(&self) -> &Filter {
        &self.filter
    }

    pub(crate) fn action(&self, call: &SeccompData) -> Action {
        *self.filter.eval(call)
    }

    /// What decides about a call whose arguments are not known, in words, where one thing does.
    pub(crate) fn by_number(&self, call: &SeccompData, wanted: impl Fn(Action) -> bool) -> Option<String> {
        decided::of_number(self.layers.as_ref()?, call.arch, call.nr, wanted)
    }

    /// The names of the arguments that are not known and on which it depends what becomes of a call.
    pub(crate) fn depends_on(&self, call: &SeccompData, known: Known) -> Option<String> {
        let here = remedy::answer(&self.filter, call, known);
        let depends = |i: &u8| here.depends_on(Word::arg_lo(*i)) || here.depends_on(Word::arg_hi(*i));
        let arch = Arch::of_call(call.arch, call.nr);
        let params = arch.and_then(|arch| Syscall::from_number(arch, call.nr)?.params(arch)).unwrap_or(&[]);
        let name =
            |i: u8| params.get(usize::from(i)).map_or_else(|| format!("argument {i}"), |p| p.name.to_owned());
        let names: Vec<String> = (0..6).filter(|i| !known.has(*i)).filter(depends).map(name).collect();
        if names.is_empty() { None } else { Some(names.join(" and ")) }
    }

    /// What would allow the call; `None` where the input is no policy.
    pub(crate) fn remedy(&self, call: &SeccompData, known: Known) -> Option<Result<Remedy, NoRemedy>> {
        let layers = self.layers.as_ref()?;
        if let Kind::Foreign(foreign) = &self.input.kind
            && let Some(remedy) = in_its_own_words(foreign, layers, call, known)
        {
            return Some(remedy);
        }
        let mut all = layers.iter();
        let (layer, None) = (all.next()?, all.next()) else { return Some(Err(NoRemedy::NoPlace)) };
        let rule = remedy::rule(layer.policy, layer.filter(), call, known);
        Some(rule.map(|rule| Remedy { line: remedy::line(layer.policy, &rule), allows_more: false }))
    }

    pub(crate) fn denial(&self, call: &SeccompData, memory: &dyn Memory, known: Known) -> Denial<'_> {
        let decided = self.layers.as_ref().and_then(|layers| layers.decide(call));
        let mut decoded = decode::call(call, memory);
        for (argument, index) in decoded.args.iter_mut().zip(0..) {
            if !known.has(index) && argument.pointed.is_none() {
                argument.value = "…".to_owned();
            }
        }
        Denial {
            judge: self,
            known,
            call: decoded,
            action: self.action(call),
            by: decided.map(|(policy, decided)| decided::words(policy, decided)),
            place: decided.and_then(|(policy, decided)| place(policy, decided)),
            remedy: OnceCell::new(),
        }
    }
}

/// What would allow a call in a file of another notation; `None` where it is not known how to write it.
fn in_its_own_words(
    foreign: &Foreign,
    layers: &Layers<'_>,
    call: &SeccompData,
    known: Known,
) -> Option<Result<Remedy, NoRemedy>> {
    let permit = match permit(layers, call, known)? {
        Ok(permit) => permit,
        Err(why) => return Some(Err(why)),
    };
    match foreign.amended(&permit) {
        Ok(amended) => {
            let lines: Vec<String> = amended.added.into_iter().map(|(_, line)| line).collect();
            Some(Ok(Remedy { line: lines.join(" and "), allows_more: amended.any_arguments }))
        }
        Err(Unamended::Format(_)) => None,
        Err(Unamended::TooLarge(why)) => Some(Err(NoRemedy::TooLarge(why))),
        Err(_) => Some(Err(NoRemedy::NoPlace)),
    }
}

/// What a file must permit for a call to be allowed, by all of the policies in it that deny it; `None` for a call
/// without a name.
pub(crate) fn permit(
    layers: &Layers<'_>,
    call: &SeccompData,
    known: Known,
) -> Option<Result<Permit, NoRemedy>> {
    let named = Syscall::from_number(Arch::of_call(call.arch, call.nr)?, call.nr)?;
    let mut permit = Permit { data: *call, call: named, compared: Vec::new() };
    let mut denied = false;
    for layer in layers.iter() {
        match remedy::compared(layer.policy, layer.filter(), call, known) {
            Ok(compared) => {
                denied = true;
                permit.compared.extend(compared);
            }
            Err(NoRemedy::Permitted) => {}
            Err(why) => return Some(Err(why)),
        }
    }
    permit.compared.sort_by_key(|c| c.arg);
    permit.compared.dedup();
    Some(if denied { Ok(permit) } else { Err(NoRemedy::Permitted) })
}

fn place(policy: &Policy, decided: Decided) -> Option<(String, u32)> {
    let rule = match decided {
        Decided::Rule(i) => policy.rules.get(i as usize),
        Decided::Foreign(i) => policy.foreign.get(i as usize),
        Decided::Default | Decided::Unknown | Decided::X32 | Decided::BadArch => None,
    }?;
    Some((rule.origin.file.as_deref().unwrap_or("<policy>").to_owned(), rule.origin.line))
}

impl Denial<'_> {
    /// `socket(AF_NETLINK, SOCK_RAW, 0) on x86_64 [41] = errno(EPERM), by default: no rule matches`.
    pub(crate) fn sentence(&self) -> String {
        let on = self.call.arch.map_or_else(
            || format!("audit token {:#010x}", self.call.call.arch),
            |arch| arch.name().to_owned(),
        );
        let nr = self.call.call.nr;
        let action = words::action(self.action, self.call.arch);
        let by = self.by.as_ref().map_or_else(String::new, |by| format!(", {by}"));
        format!("{} on {on} [{nr}] = {action}{by}", self.call)
    }

    /// Which of the call's arguments are known.
    pub(crate) fn known(&self) -> Known {
        self.known
    }

    /// The line that would allow the call, if there is one.
    pub(crate) fn line(&self) -> Option<&str> {
        self.remedy()?.as_ref().ok().map(|remedy| &*remedy.line)
    }

    /// What would allow the call; `None` for inputs that are no policy.
    fn remedy(&self) -> Option<&Result<Remedy, NoRemedy>> {
        self.remedy.get_or_init(|| self.judge.remedy(&self.call.call, self.known)).as_ref()
    }

    /// `to allow: …`, or why there is no such line.
    pub(crate) fn advice(&self) -> Option<String> {
        match self.remedy()? {
            Ok(Remedy { line, allows_more: false }) => Some(format!("to allow: {line}")),
            Ok(Remedy { line, allows_more: true }) => {
                Some(format!("to allow, though not with these arguments only: {line}"))
            }
            Err(NoRemedy::Permitted) => None,
            Err(why) => Some(format!("no line allows it: {why}")),
        }
    }

    pub(crate) fn json(&self) -> Value {
        let args: Vec<Value> = (self.call.args.iter())
            .map(|a| json!({ "name": a.name, "value": a.value, "pointed": a.pointed, "racy": a.pointed.is_some() }))
            .collect();
        json!({
            "call": self.call.name,
            "nr": self.call.call.nr,
            "arch": self.call.arch.map(Arch::name),
            "token": self.call.call.arch,
            "args": self.call.call.args,
            "ip": self.call.call.ip,
            "decoded": args,
            "text": self.call.to_string(),
            "action": words::action(self.action, self.call.arch),
            "decided_by": self.by,
            "file": self.place.as_ref().map(|p| &p.0),
            "line": self.place.as_ref().map(|p| p.1),
            "allow": self.line(),
            "allows_more": self.remedy().and_then(|r| r.as_ref().ok()).map(|r| r.allows_more),
        })
    }
}
