//! `check`: what is wrong with policies and filters.

use crate::args::Check;
use crate::failure::{BAD_INPUT, FINDINGS, Failure, Outcome};
use crate::input::{self, Input, Kind, Reading};
use crate::output::{Output, print};
use crate::report::{json, sarif, words};
use crate::say::Say;
use callgate::abi::Kernel;
use callgate::diagnostic::{Code, Diagnostic, Severity, Source};
use callgate::lint::{self, Finding, Layer, Options, Subject};
use callgate::{Arch, Policy, syntax};
use callgate_formats::Effect;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// An input, and what is wrong with it.
pub(crate) struct Checked {
    /// As the user named it.
    pub(crate) name: String,
    /// The format it was read as; `None` if it could not be read.
    pub(crate) format: Option<&'static str>,
    /// Why it could not be read or understood.
    pub(crate) failure: Option<String>,
    /// Whether that is only that it says nothing of system calls.
    no_filter: bool,
    /// What is wrong with it.
    pub(crate) findings: Vec<Finding>,
}

/// How many findings of each kind.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) errors: usize,
    pub(crate) warnings: usize,
    pub(crate) notes: usize,
    pub(crate) allowed: usize,
}

impl Tally {
    pub(crate) fn of(inputs: &[Checked]) -> Tally {
        let mut tally = Tally::default();
        for finding in inputs.iter().flat_map(|i| &i.findings) {
            let count = match finding.diagnostic.severity {
                _ if finding.allowed.is_some() => &mut tally.allowed,
                Severity::Error => &mut tally.errors,
                Severity::Warning => &mut tally.warnings,
                Severity::Note => &mut tally.notes,
            };
            *count += 1;
        }
        tally
    }
}

pub(crate) fn check(args: &Check, say: &Say) -> Outcome {
    if let Some(code) = &args.explain {
        return explain(code, &args.output);
    }
    let reading = Reading { every: true, ..args.reading.clone() };
    let options = Options {
        arches: reading.arches.arch.clone(),
        kernel: reading.kernel.map(kernel).transpose()?,
        releases: args.libc.clone(),
    };
    let job = Job { args, reading, options, quiet: say.keeping() };
    let mut checked = Vec::new();
    let mut passed_over = 0;
    if args.stack {
        checked.push(job.stack());
    } else {
        for name in &args.inputs {
            passed_over += job.input(name, &mut checked)?;
        }
    }
    report(args, &checked, say)?;
    if args.inputs.iter().any(|name| Path::new(name).is_dir()) {
        say.line(&format!("callgate: {}", census(&checked, passed_over)));
    }
    let tally = Tally::of(&checked);
    if checked.iter().any(|c| c.failure.is_some()) {
        return Err(Failure::said(BAD_INPUT));
    }
    Ok(if tally.errors + tally.warnings > 0 { FINDINGS } else { 0 })
}

pub(crate) fn kernel(kernel: callgate_formats::Kernel) -> Result<Kernel, Failure> {
    kernel.to_string().parse().map_err(|_| Failure::input(format!("{kernel}: no kernel version")))
}

fn explain(code: &str, output: &Output) -> Outcome {
    let digits = code.trim_start_matches("CG").trim_start_matches("cg");
    let page = digits.parse().ok().and_then(|n| lint::explain(Code(n)));
    match page {
        Some(page) => output.text(page).map(|()| 0),
        None => Err(Failure::input(format!("{code}: no such code; findings show theirs, such as CG0103"))),
    }
}

/// What is asked of every input.
struct Job<'a> {
    args: &'a Check,
    reading: Reading,
    options: Options,
    quiet: Say,
}

impl Job<'_> {
    /// Checks a file, or every policy and filter below a directory; returns how many files there are neither.
    fn input(&self, name: &str, out: &mut Vec<Checked>) -> Result<usize, Failure> {
        if !Path::new(name).is_dir() {
            out.extend(self.file(name)?);
            return Ok(0);
        }
        let mut files = Vec::new();
        let mut others = walk(Path::new(name), &mut files)?;
        for file in files {
            let checked = self.file(&file)?;
            if checked.iter().any(|c| c.no_filter) {
                others += 1;
            } else {
                out.extend(checked);
            }
        }
        Ok(others)
    }

    fn file(&self, name: &str) -> Result<Vec<Checked>, Failure> {
        let input = match self.read(name) {
            Ok(input) => input,
            Err(checked) => return Ok(vec![checked]),
        };
        if self.args.syntax_only {
            let findings = match &input.kind {
                Kind::Own(parsed, _) => parsed.diagnostics.iter().cloned().map(Finding::from).collect(),
                Kind::Foreign(_) | Kind::Code(_) | Kind::Stack(_) => Vec::new(),
            };
            return Ok(vec![Checked {
                name: input.name,
                format: Some(input.format),
                failure: None,
                no_filter: false,
                findings,
            }]);
        }
        if self.args.fix {
            self.fix(&input)?;
            // What is left, and where it is now.
            if self.args.output.output.is_none() && input.name != "<stdin>" {
                return Ok(self.read(name).map_or_else(|checked| vec![checked], |input| self.lint(&input)));
            }
        }
        Ok(self.lint(&input))
    }

    fn read(&self, name: &str) -> Result<Input, Checked> {
        self.quiet.take();
        Input::read(name, &self.reading, &self.quiet).map_err(|failure| Checked {
            name: name.to_string(),
            format: None,
            failure: Some(failure.messages.join("\n")),
            no_filter: failure.no_filter,
            findings: self.quiet.take().into_iter().map(Finding::from).collect(),
        })
    }

    fn lint(&self, input: &Input) -> Vec<Checked> {
        let one = |name: String, subject: &Subject<'_>| {
            let mut findings = lint::lint(subject, &self.options);
            findings.extend(dropped(input));
            Checked { name, format: Some(input.format), failure: None, no_filter: false, findings }
        };
        match &input.kind {
            Kind::Foreign(import) if !import.stack && import.policies.len() > 1 => import
                .policies
                .iter()
                .map(|named| {
                    let name = named.name.as_deref().unwrap_or("");
                    one(format!("{}#{name}", input.name), &Subject::new(Layer::Policy(&named.policy)))
                })
                .collect(),
            _ => vec![one(input.name.clone(), &Subject { layers: layers(input) })],
        }
    }

    /// All inputs as one stack.
    fn stack(&self) -> Checked {
        let mut inputs = Vec::new();
        for name in &self.args.inputs {
            match self.read(name) {
                Ok(input) => inputs.push(input),
                Err(checked) => return checked,
            }
        }
        let subject = Subject { layers: inputs.iter().flat_map(layers).collect() };
        let mut findings = lint::lint(&subject, &self.options);
        findings.extend(inputs.iter().flat_map(dropped));
        let formats: Vec<&str> = inputs.iter().map(|i| i.format).collect();
        let format = formats.first().copied().filter(|f| formats.iter().all(|other| other == f));
        Checked { name: self.args.inputs.join(" + "), format, failure: None, no_filter: false, findings }
    }

    /// Applies one fix after the other, keeping those after which the text still is a policy and the
    /// finding is gone.
    fn fix(&self, input: &Input) -> Result<(), Failure> {
        let Kind::Own(parsed, policy) = &input.kind else {
            return Err(input.failure("only policies in callgate's own language can be changed"));
        };
        let Some(main) = parsed.sources.first() else { return Ok(()) };
        let mut text = main.text().to_string();
        let mut findings = lint::lint(&Subject::new(Layer::Text(policy, parsed)), &self.options);
        let mut tried: Vec<(Code, String)> = Vec::new();
        loop {
            let key = |f: &Finding| (f.code(), f.diagnostic.message.clone());
            let next = findings.iter().find(|f| {
                let worth = f.severity() != Severity::Note || (self.args.pedantic && f.allowed.is_none());
                worth && f.diagnostic.fix.is_some() && !tried.contains(&key(f))
            });
            let Some(finding) = next else { break };
            tried.push(key(finding));
            let source = Source::new(main.name(), text.as_str());
            let (changed, made) = lint::apply(&source, finding.diagnostic.fix.iter());
            let Some((parsed, policy)) = self.parse(main.name(), &changed).filter(|_| made == 1) else {
                continue;
            };
            let after = lint::lint(&Subject::new(Layer::Text(&policy, &parsed)), &self.options);
            let bad = |all: &[Finding]| all.iter().filter(|f| f.severity() != Severity::Note).count();
            if after.iter().any(|f| key(f) == key(finding)) || bad(&after) > bad(&findings) {
                continue;
            }
            (text, findings) = (changed, after);
        }
        match &self.args.output.output {
            None if input.name != "<stdin>" => {
                if text == main.text() {
                    return Ok(());
                }
                std::fs::write(&**main.name(), &text).map_err(|e| input.failure(e))
            }
            _ => self.args.output.text(&text),
        }
    }

    fn parse(&self, name: &str, text: &str) -> Option<(syntax::Parsed, Policy)> {
        let mut loader = crate::input::loader;
        let mut parsed = syntax::parse(name, text, &mut loader);
        let mut policy = parsed.policy.take()?;
        if !self.options.arches.is_empty() {
            policy.arches.retain(|a| self.options.arches.contains(a));
        }
        Some((parsed, policy))
    }
}

/// The filters of an input, the oldest first.
pub(crate) fn layers(input: &Input) -> Vec<Layer<'_>> {
    match &input.kind {
        Kind::Own(parsed, policy) => vec![Layer::Text(policy, parsed)],
        Kind::Foreign(import) => import.policies.iter().map(|p| Layer::Policy(&p.policy)).collect(),
        Kind::Code(code) => vec![Layer::Code(code)],
        Kind::Stack(codes) => codes.iter().map(Layer::Code).collect(),
    }
}

/// What the reader of another notation left out, or found worth saying.
pub(crate) fn dropped(input: &Input) -> Vec<Finding> {
    let Kind::Foreign(import) = &input.kind else { return Vec::new() };
    let finding = |loss: &callgate_formats::Loss| {
        let severity = match loss.effect {
            Effect::Weaker => Severity::Error,
            Effect::Stricter | Effect::Different => Severity::Warning,
            Effect::None => Severity::Note,
        };
        let mut diagnostic = Diagnostic::warning(lint::DROPPED, loss.what.clone());
        diagnostic.severity = severity;
        let origin = callgate::Origin {
            file: Some(input.name.as_str().into()),
            line: loss.place.line,
            path: loss.place.path.clone(),
        };
        Finding { origin: Some(origin), ..Finding::from(diagnostic) }
    };
    let note = |note: &callgate_formats::Note| {
        finding(&callgate_formats::Loss {
            file: None,
            place: note.place.clone(),
            what: note.what.clone(),
            effect: Effect::None,
            witness: None,
        })
    };
    import.losses.iter().map(finding).chain(import.notes.iter().map(note)).collect()
}

/// `5 files: 3 oci, 1 systemd, 1 cannot be read; 2 others are no policies`.
fn census(checked: &[Checked], others: usize) -> String {
    // The policies of one file stand one after the other.
    let mut files: Vec<(&str, &str)> = Vec::new();
    for input in checked {
        let name = input.name.split_once('#').map_or(input.name.as_str(), |n| n.0);
        if files.last().is_none_or(|last| last.0 != name) {
            files.push((name, input.format.unwrap_or("cannot be read")));
        }
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, format) in &files {
        *counts.entry(format).or_default() += 1;
    }
    // What cannot be read comes last.
    let failed = counts.remove_entry("cannot be read");
    let parts: Vec<String> =
        counts.into_iter().chain(failed).map(|(what, n)| format!("{n} {what}")).collect();
    let mut text = format!("{} file{}", files.len(), if files.len() == 1 { "" } else { "s" });
    if !parts.is_empty() {
        text.push_str(&format!(": {}", parts.join(", ")));
    }
    match others {
        0 => {}
        1 => text.push_str("; another is no policy"),
        n => text.push_str(&format!("; {n} others are no policies")),
    }
    text
}

/// The files below a directory that are policies or filters, by name; returns how many others there are.
fn walk(dir: &Path, out: &mut Vec<String>) -> Result<usize, Failure> {
    let (mut files, mut links) = (Vec::new(), Vec::new());
    let mut others = walk_into(dir, &mut files, &mut links)?;
    // A link to a file that is read anyway is no other file; one to elsewhere is, as in a Kubernetes volume.
    let mut seen: BTreeSet<PathBuf> = files.iter().filter_map(|path| path.canonicalize().ok()).collect();
    for link in links {
        let is_file = link.metadata().is_ok_and(|m| m.is_file());
        if is_file && link.canonicalize().is_ok_and(|target| seen.insert(target)) {
            if is_policy(&link) { files.push(link) } else { others += 1 }
        }
    }
    files.sort();
    for path in files {
        match path.to_str() {
            Some(name) => out.push(name.to_owned()),
            None => {
                let what = "its name is no UTF-8; rename it, or give what is in it as standard input";
                return Err(Failure::input(format!("{}: {what}", path.display())));
            }
        }
    }
    Ok(others)
}

/// The same, with the links, which are not followed.
fn walk_into(dir: &Path, files: &mut Vec<PathBuf>, links: &mut Vec<PathBuf>) -> Result<usize, Failure> {
    let mut others = 0;
    let failure = |e: std::io::Error| Failure::input(format!("{}: {e}", dir.display()));
    let mut entries =
        std::fs::read_dir(dir).and_then(|all| all.collect::<Result<Vec<_>, _>>()).map_err(failure)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let kind = entry.file_type().map_err(failure)?;
        if kind.is_dir() {
            // Drop-ins are read with their unit; by themselves they are half a sentence.
            let unit = path.to_str().and_then(|p| p.strip_suffix(".d")).map(Path::new);
            if unit.is_some_and(|unit| unit.is_file() && is_policy(unit)) {
                continue;
            }
            others += walk_into(&path, files, links)?;
        } else if kind.is_symlink() {
            links.push(path);
        } else if kind.is_file() {
            if is_policy(&path) { files.push(path) } else { others += 1 }
        }
    }
    Ok(others)
}

/// Whether a file looks like a policy or a filter. Other files of a tree are nobody's business.
fn is_policy(path: &Path) -> bool {
    if path.extension().is_some_and(|e| e == "cg" || e == "bpf") {
        return true;
    }
    // Files without a length are the kernel's, and some of them block who reads them.
    if !path.metadata().is_ok_and(|m| (1..=input::MOST_BYTES).contains(&m.len())) {
        return false;
    }
    let Ok(bytes) = std::fs::read(path) else { return false };
    !bytes.is_empty() && callgate_formats::detect(Some(path), &bytes).is_some()
}

fn report(args: &Check, checked: &[Checked], say: &Say) -> Result<(), Failure> {
    let fixed_on_stdout = args.fix && args.output.output.is_none() && args.inputs.iter().any(|i| i == "-");
    let output = if args.fix { &Output::default() } else { &args.output };
    if args.json {
        return output.text(&json::check(checked));
    }
    if args.sarif {
        return output.text(&sarif::check(checked));
    }
    let mut text = String::new();
    for input in checked {
        for finding in &input.findings {
            let hidden = finding.allowed.is_some() || finding.diagnostic.severity == Severity::Note;
            if hidden && !args.pedantic {
                continue;
            }
            text.push_str(&say.result(&shown(finding), &about(finding, &input.name)));
            text.push_str("\n\n");
        }
        if let Some(failure) = &input.failure {
            say.error(failure);
        }
    }
    if fixed_on_stdout {
        say.line(text.trim_end());
    } else if output.output.is_some() {
        output.text(&text)?;
    } else {
        print(&text)?;
    }
    let tally = Tally::of(checked);
    let mut parts = Vec::new();
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    if tally.errors + tally.warnings > 0 {
        parts.push(format!("{}, {}", count(tally.errors, "error"), count(tally.warnings, "warning")));
    }
    if tally.notes > 0 {
        let hint = if args.pedantic { "" } else { " (shown with --pedantic)" };
        parts.push(format!("{}{hint}", count(tally.notes, "note")));
    }
    if tally.allowed > 0 {
        parts.push(format!("{} allowed", tally.allowed));
    }
    if parts.is_empty() && checked.iter().all(|c| c.failure.is_none()) {
        parts.push(format!("nothing found in {}", count(checked.len(), "input")));
    }
    if !parts.is_empty() {
        say.line(&format!("callgate: {}", parts.join(", ")));
    }
    Ok(())
}

/// A finding as a person reads it: with its witness, and why it is allowed.
fn shown(finding: &Finding) -> Diagnostic {
    let mut diagnostic = finding.diagnostic.clone();
    if let Some(witness) = finding.witness {
        let arch = Arch::of_call(witness.call.arch, witness.call.nr);
        let text =
            format!("witness: {} gets `{}`", words::call(&witness.call), words::action(witness.action, arch));
        diagnostic.notes.insert(0, text);
    }
    if let Some(reason) = &finding.allowed {
        diagnostic.severity = Severity::Note;
        diagnostic.notes.push(format!("allowed: {reason}"));
    }
    diagnostic
}

/// What a finding without a place in a text is about.
pub(crate) fn about(finding: &Finding, name: &str) -> String {
    match &finding.origin {
        Some(origin) if origin.line != 0 || origin.path.is_some() => origin.to_string(),
        _ => name.to_string(),
    }
}
