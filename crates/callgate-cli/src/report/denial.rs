//! A call a policy denies: what it is, what decided, and what would allow it.

use crate::failure::Failure;
use crate::input::{Input, decisions};
use crate::report::{decided, words};
use callgate::{Action, Arch, Decided, Diagram, Filter, Policy, Rule, SeccompData};
use callgate_trace::decode::{self, Decoded, Memory};
use callgate_trace::remedy::{self, NoRemedy};
use serde_json::{Value, json};

/// A policy that calls are held against.
pub(crate) struct Judge<'a> {
    filter: Filter,
    decisions: Option<(&'a Policy, Diagram<Decided>)>,
}

/// What a policy does with a call, and why.
pub(crate) struct Denial {
    pub(crate) call: Decoded,
    pub(crate) action: Action,
    /// What decided, where the input says.
    pub(crate) by: Option<String>,
    /// Where the rule that decided is written.
    place: Option<(String, u32)>,
    /// The line that would allow the call; `None` for inputs that are no policy.
    pub(crate) remedy: Option<Result<String, NoRemedy>>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(input: &'a Input) -> Result<Judge<'a>, Failure> {
        Ok(Judge { filter: input.filter()?, decisions: decisions(input) })
    }

    pub(crate) fn filter(&self) -> &Filter {
        &self.filter
    }

    pub(crate) fn action(&self, call: &SeccompData) -> Action {
        *self.filter.eval(call)
    }

    /// The rule that would allow the call; `None` where the input is no policy.
    pub(crate) fn rule(&self, call: &SeccompData, with_args: bool) -> Option<Result<Rule, NoRemedy>> {
        let (policy, _) = self.decisions.as_ref()?;
        Some(remedy::rule(policy, &self.filter, call, with_args))
    }

    pub(crate) fn denial(&self, call: &SeccompData, memory: &dyn Memory) -> Denial {
        let decided = self.decisions.as_ref().map(|(policy, all)| (*policy, *all.eval(call)));
        let remedy = self.rule(call, true).map(|rule| {
            let (policy, _) = decided.ok_or(NoRemedy::NoPlace)?;
            Ok(remedy::line(policy, &rule?))
        });
        Denial {
            call: decode::call(call, memory),
            action: self.action(call),
            by: decided.map(|(policy, decided)| decided::words(policy, decided)),
            place: decided.and_then(|(policy, decided)| place(policy, decided)),
            remedy,
        }
    }
}

fn place(policy: &Policy, decided: Decided) -> Option<(String, u32)> {
    let rule = match decided {
        Decided::Rule(i) => policy.rules.get(i as usize),
        Decided::Foreign(i) => policy.foreign.get(i as usize),
        Decided::Default | Decided::Unknown | Decided::X32 | Decided::BadArch => None,
    }?;
    Some((rule.origin.file.as_deref().unwrap_or("<policy>").to_owned(), rule.origin.line))
}

impl Denial {
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

    /// `to allow: …`, or why there is no such line.
    pub(crate) fn advice(&self) -> Option<String> {
        match self.remedy.as_ref()? {
            Ok(line) => Some(format!("to allow: {line}")),
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
            "allow": self.remedy.as_ref().and_then(|r| r.as_ref().ok()),
        })
    }
}
