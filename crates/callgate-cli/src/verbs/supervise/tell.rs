//! What is said about the calls that were answered.

use crate::args::Supervise;
use crate::failure::Failure;
use crate::say::Say;
use callgate::{Arch, Origin};
use callgate_sys::descriptor;
use callgate_trace::supervise::{Decision, Event};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How many different sentences are told one by one; of more, only how many there were.
const MOST: usize = 10_000;

const SCHEMA: &str = "callgate/supervised/1";

/// Tells every call, or with --quiet what was denied and what a `log` line names.
pub(super) struct Tell<'a> {
    say: &'a Say,
    json: bool,
    quiet: bool,
    told: Mutex<Told>,
    busy: AtomicUsize,
}

#[derive(Default)]
struct Told {
    to: Option<File>,
    /// By what was said, how often and in which order.
    seen: BTreeMap<String, (u64, u64)>,
    untold: u64,
}

impl<'a> Tell<'a> {
    pub(super) fn new(args: &Supervise, say: &'a Say) -> Result<Tell<'a>, Failure> {
        let to = match args.report_fd {
            Some(fd) => Some(File::from(descriptor::inherited(fd).map_err(Failure::input)?)),
            None => None,
        };
        let told = Mutex::new(Told { to, ..Told::default() });
        Ok(Tell { say, json: args.json, quiet: args.quiet, told, busy: AtomicUsize::new(0) })
    }

    /// Held while a call is being answered and told.
    pub(super) fn busy(&self) -> Busy<'_> {
        self.busy.fetch_add(1, Ordering::AcqRel);
        Busy(&self.busy)
    }

    /// Waits until what was answered has been told, for a short while: a question to a person may take for ever.
    pub(super) fn settle(&self) {
        let start = Instant::now();
        while self.busy.load(Ordering::Acquire) > 0 && start.elapsed() < Duration::from_millis(200) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub(super) fn event(&self, event: &Event, container: Option<&str>) {
        if self.quiet && !event.decision.is_denial() && !event.logged {
            return;
        }
        let sentence = sentence(event, container);
        let Ok(mut told) = self.told.lock() else { return };
        if let Some((count, _)) = told.seen.get_mut(&sentence) {
            *count += 1;
            return;
        }
        if told.seen.len() >= MOST {
            told.untold += 1;
            return;
        }
        let id = told.seen.len() as u64 + 1;
        told.seen.insert(sentence.clone(), (1, id));
        let line = if self.json {
            json(event, id, container).to_string()
        } else {
            format!("{} ({}): {sentence}", event.tid, plain(&event.comm))
        };
        self.line(&mut told, &line);
    }

    /// How often each of them happened.
    pub(super) fn end(&self) {
        let Ok(mut told) = self.told.lock() else { return };
        let mut all: Vec<(u64, u64, String)> =
            told.seen.iter().map(|(said, (count, id))| (*id, *count, said.clone())).collect();
        all.sort();
        for (id, count, said) in all.iter().filter(|a| self.json || a.1 > 1) {
            let line = match self.json {
                true => json!({ "schema": SCHEMA, "event": "count", "id": id, "count": count }).to_string(),
                false => format!("{count} times: {said}"),
            };
            self.line(&mut told, &line);
        }
        if told.untold > 0 {
            let untold = told.untold;
            let line = match self.json {
                true => json!({ "schema": SCHEMA, "event": "untold", "count": untold }).to_string(),
                false => format!("and {untold} more calls that are not listed"),
            };
            self.line(&mut told, &line);
        }
    }

    fn line(&self, told: &mut Told, line: &str) {
        match &mut told.to {
            // Whoever reads may have had enough.
            Some(file) => drop(file.write_all(format!("{line}\n").as_bytes())),
            None if self.json => self.say.line(line),
            None => self.say.error(line),
        }
    }
}

/// One call is being answered.
pub(super) struct Busy<'a>(&'a AtomicUsize);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A program chooses its own name.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// `openat(AT_FDCWD, ~"/etc/hosts", O_RDONLY, 0) on x86_64 [257] = opened /etc/hosts read-only, by web.cg:4`.
pub(super) fn sentence(event: &Event, container: Option<&str>) -> String {
    let call = &event.call;
    let on =
        call.arch.map_or_else(|| format!("audit token {:#010x}", call.call.arch), |a| a.name().to_owned());
    let by = match (&event.line, &event.decision) {
        (Some(line), _) if event.asked => format!(", by a person's word and {line}"),
        (Some(line), _) => format!(", by {line}"),
        (None, Decision::Gone) => String::new(),
        (None, _) => ", by no line".to_owned(),
    };
    let whose = container.map_or_else(String::new, |c| format!(", in {}", plain(c)));
    format!("{call} on {on} [{}] = {}{by}{whose}", call.call.nr, plain(&event.decision.to_string()))
}

fn json(event: &Event, id: u64, container: Option<&str>) -> Value {
    let call = &event.call;
    let args: Vec<Value> = (call.args.iter())
        .map(|a| json!({ "name": a.name, "value": a.value, "pointed": a.pointed, "racy": a.pointed.is_some() }))
        .collect();
    let errno = match event.decision {
        Decision::Denied(errno) | Decision::Failed(errno) => errno.name(),
        _ => None,
    };
    json!({
        "schema": SCHEMA,
        "event": "decided",
        "id": id,
        "tid": event.tid,
        "comm": event.comm,
        "container": container,
        "call": call.name,
        "nr": call.call.nr,
        "arch": call.arch.map(Arch::name),
        "token": call.call.arch,
        "args": call.call.args,
        "ip": call.call.ip,
        "decoded": args,
        "text": call.to_string(),
        "decision": event.decision.word(),
        "errno": errno,
        "answer": event.decision.to_string(),
        "asked": event.asked,
        "logged": event.logged,
        "file": event.line.as_ref().and_then(|l: &Origin| l.file.as_deref()),
        "line": event.line.as_ref().map(|l| l.line),
    })
}
