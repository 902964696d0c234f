//! Found filters on the terminal or in files.

use super::Found;
use crate::args::Dump;
use crate::failure::Failure;
use crate::output::{Output, print};
use crate::report::listing::listing;
use crate::report::meaning;
use crate::say::Say;
use callgate::Filter;
use callgate::program::Code;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub(super) const SCHEMA: &str = "callgate/dump/1";

/// How a filter is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// `struct sock_filter` records.
    Raw,
    /// A listing.
    Listing,
    /// A policy.
    Policy,
    /// What it means.
    Meaning,
    /// Everything, for machines.
    Json,
}

impl Form {
    pub(super) fn of(args: &Dump) -> Result<Form, Failure> {
        let asked = [
            (args.raw, Form::Raw),
            (args.disasm, Form::Listing),
            (args.as_policy.is_some(), Form::Policy),
            (args.explain, Form::Meaning),
            (args.json, Form::Json),
        ];
        let mut asked = asked.iter().filter(|a| a.0).map(|a| a.1);
        match (asked.next(), asked.next()) {
            (Some(form), None) => Ok(form),
            (Some(_), Some(_)) => Err(Failure::input(
                "only one of --raw, --disasm, --as, --explain and --json can be had at once",
            )),
            // A file is for other programs, the terminal for people.
            (None, _) if args.output.is_some() => Ok(Form::Raw),
            (None, _) => Ok(Form::Listing),
        }
    }
}

/// Where filters go.
pub(super) struct Show<'a> {
    form: Form,
    output: Option<&'a Path>,
    say: &'a Say,
    shown: usize,
}

impl<'a> Show<'a> {
    pub(super) fn new(args: &'a Dump, form: Form, say: &'a Say) -> Show<'a> {
        Show { form, output: args.output.as_deref(), say, shown: 0 }
    }

    /// All filters at once.
    pub(super) fn all(&mut self, found: &[Found], about: Value) -> Result<(), Failure> {
        if self.form == Form::Json {
            let filters: Vec<Value> = found.iter().map(json_of).collect();
            let head = json!({ "schema": SCHEMA });
            let all = super::merged(super::merged(head, about), json!({ "filters": filters }));
            return Output { output: self.output.map(Path::to_owned) }.text(&format!("{all:#}\n"));
        }
        if self.form == Form::Raw && self.output.is_none() && found.len() > 1 {
            return Err(Failure::input(format!(
                "{} filters are no one file: name a prefix with -o, or ask for --combine",
                found.len()
            )));
        }
        found.iter().try_for_each(|f| self.one(f))
    }

    /// One filter, as soon as it is known.
    pub(super) fn one(&mut self, found: &Found) -> Result<(), Failure> {
        let index = self.shown;
        self.shown += 1;
        if let Some(prefix) = self.output {
            let path = numbered(prefix, index);
            self.say.line(&format!("callgate: {}: {}", path.display(), found.title));
            let output = Output { output: Some(path) };
            return match self.form {
                Form::Raw => output.binary(&found.code.to_bytes()),
                form => output.text(&text(form, found, false)?),
            };
        }
        if self.form == Form::Raw {
            return Output::default().binary(&found.code.to_bytes());
        }
        let gap = if index == 0 { "" } else { "\n" };
        print(&format!("{gap}# {}\n{}", found.title, text(self.form, found, self.say.color_results())?))
    }
}

fn text(form: Form, found: &Found, color: bool) -> Result<String, Failure> {
    match form {
        Form::Listing => Ok(listing(&found.code, found.arch, false, color)),
        Form::Policy => meaning::policy(&lift(&found.code)?),
        Form::Meaning => meaning::text(&lift(&found.code)?, &meaning::Wanted::default()),
        // These are written by their own means.
        Form::Raw | Form::Json => Ok(String::new()),
    }
}

fn lift(code: &Code) -> Result<Filter, Failure> {
    let program = code
        .clone()
        .check()
        .map_err(|e| Failure::input(format!("the kernel would refuse this program: {e}")))?;
    program.lift().map_err(Failure::input)
}

/// `F`, `F_1`, `F_2`, …: an extension stays at the end.
fn numbered(prefix: &Path, index: usize) -> PathBuf {
    if index == 0 {
        return prefix.to_owned();
    }
    let stem = prefix.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = match prefix.extension() {
        Some(extension) => format!("{stem}_{index}.{}", extension.to_string_lossy()),
        None => format!("{stem}_{index}"),
    };
    prefix.with_file_name(name)
}

fn json_of(found: &Found) -> Value {
    let bytes: String = found.code.to_bytes().iter().map(|b| format!("{b:02x}")).collect();
    super::merged(
        found.facts.clone(),
        json!({ "title": found.title, "instructions": found.code.insns.len(), "program": bytes }),
    )
}
