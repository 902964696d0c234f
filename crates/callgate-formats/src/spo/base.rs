//! The profile another one is based on: where it is found, and what comes of the two.
//!
//! Source: the operator's `util.go`, `UnionSyscalls`, and its reconciler, which follows `baseProfileName` from
//! object to object and takes nothing but `syscalls` from there.

use super::{Spo, objects};
use crate::import::{Collect, Effect};
use crate::libseccomp::Compare;
use crate::options::Options;
use crate::place::{Error, Place, Problem};
use crate::profile::{self, ProfileRule};
use crate::tree::{At, Keys, Node};
use crate::{suggest, yaml};
use callgate::{Action, Syscall};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// How many profiles may be based on one another.
const MOST_BASES: usize = 15;

/// A name to look for, and where it stands.
pub(super) struct Wanted {
    name: String,
    place: Place,
    /// The file it stands in, if that is another one.
    file: Option<Arc<str>>,
}

/// The base a profile's `spec` names, if it does.
pub(super) fn name(spec: &At<'_, '_>) -> Result<Option<Wanted>, Problem> {
    let Some(base) = spec.get("baseProfileName") else { return Ok(None) };
    let name = base.string()?.to_string();
    Ok((!name.is_empty()).then(|| Wanted { name, place: base.place(), file: None }))
}

/// The objects among which bases are looked for: those of the file itself, of the files named for it, and of
/// the files beside it.
pub(super) struct Search<'a> {
    options: &'a Options,
    files: Vec<File<'a>>,
    /// The files that bases were found in.
    pub(super) read: Vec<Arc<str>>,
}

/// The objects of a file.
struct File<'a> {
    /// `None`: the file being read.
    name: Option<Arc<str>>,
    documents: std::borrow::Cow<'a, [Node]>,
}

impl<'a> Search<'a> {
    pub(super) fn new(documents: &'a [Node], options: &'a Options) -> Search<'a> {
        let files = vec![File { name: None, documents: documents.into() }];
        Search { options, files, read: Vec::new() }
    }

    /// The rules of a base, with those of its own bases. Nothing if it is not found and the user chose to
    /// leave out what is unknown.
    pub(super) fn rules(
        &mut self,
        wanted: &Wanted,
        collect: &mut Collect,
    ) -> Result<Option<Vec<ProfileRule>>, Error> {
        self.load(wanted)?;
        let mut chain = Vec::new();
        let mut next = Some(Wanted {
            name: wanted.name.clone(),
            place: wanted.place.clone(),
            file: wanted.file.clone(),
        });
        while let Some(wanted) = next {
            if chain.len() == MOST_BASES {
                let what = format!("more than {MOST_BASES} profiles are based on one another");
                return Err(Error::from(Problem::new(wanted.place, what)).in_file(wanted.file.as_ref()));
            }
            let Some((file, at)) = self.find(&wanted.name) else {
                missing(&wanted, self.names(), collect);
                return Ok(None);
            };
            let file = file.cloned();
            let Some(spec) = at.get("spec") else {
                return Err(Error::from(at.problem("spec is missing")).in_file(file.as_ref()));
            };
            // What is wrong with it is said of the file it is in.
            let mut own = Collect::new(self.options);
            let decoded = profile::decode(&spec, &Spo { host: self.options.host }, &mut own)
                .map_err(Error::from)
                .and_then(|profile| own.check().map(|()| profile));
            let mut rules = decoded.map_err(|e| e.in_file(file.as_ref()))?.rules;
            for rule in &mut rules {
                rule.place = located(&rule.place, file.as_ref());
            }
            for loss in own.losses {
                collect.loss(located(&loss.place, file.as_ref()), loss.what, loss.effect);
            }
            next = name(&spec)
                .map_err(|e| Error::from(e).in_file(file.as_ref()))?
                .map(|wanted| Wanted { file: file.clone(), ..wanted });
            if let Some(file) = file
                && !self.read.contains(&file)
            {
                self.read.push(file);
            }
            chain.push(rules);
        }
        Ok(chain.into_iter().rev().reduce(union))
    }

    /// Reads the files bases may be in. Those the user named must be readable; of the others whatever is no
    /// profile is none.
    fn load(&mut self, wanted: &Wanted) -> Result<(), Error> {
        let Some(open) = &self.options.open else { return Ok(()) };
        for name in &self.options.bases {
            let text = open(Path::new(&**name)).map_err(|e| {
                Error::new(Place::default(), format!("the base cannot be read: {e}")).in_file(Some(name))
            })?;
            let documents = objects(yaml::parse(&text).map_err(|e| e.in_file(Some(name)))?);
            self.files.push(File { name: Some(name.clone()), documents: documents.into() });
        }
        let (Some(list), Some(this)) = (&self.options.list, &self.options.file) else { return Ok(()) };
        let folder = Path::new(&**this).parent().unwrap_or(Path::new(""));
        let mut names = list(folder).unwrap_or_default();
        names.sort();
        for name in names {
            let path = folder.join(&name);
            if ![".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end)) || path == Path::new(&**this)
            {
                continue;
            }
            let Some(text) =
                open(&path).ok().filter(|t| t.contains("SeccompProfile") && t.contains(&wanted.name))
            else {
                continue;
            };
            if let Ok(documents) = yaml::parse(&text) {
                let name = path.display().to_string().into();
                self.files.push(File { name: Some(name), documents: objects(documents).into() });
            }
        }
        Ok(())
    }

    /// The profile with this name, and the file it is in.
    fn find(&self, name: &str) -> Option<(Option<&Arc<str>>, At<'_, '_>)> {
        let files = self.files.iter();
        let mut all = files.flat_map(|f| profiles(&f.documents).map(move |(n, at)| (f.name.as_ref(), n, at)));
        all.find(|(_, n, _)| *n == name).map(|(file, _, at)| (file, at))
    }

    fn names(&self) -> Vec<&str> {
        self.files.iter().flat_map(|f| profiles(&f.documents)).map(|(name, _)| name).collect()
    }
}

/// The profiles among objects, by name.
fn profiles(documents: &[Node]) -> impl Iterator<Item = (&str, At<'_, '_>)> {
    documents.iter().filter_map(|root| {
        let at = At::root(root, Keys::Exact);
        let is_profile = at.get("kind").is_some_and(|k| k.string() == Ok("SeccompProfile"));
        let name = at.get("metadata").and_then(|m| m.get("name").and_then(|n| n.string().ok()));
        Some((name.filter(|_| is_profile)?, at))
    })
}

/// A place that names its file, where that is not the one being read.
fn located(place: &Place, file: Option<&Arc<str>>) -> Place {
    match file {
        Some(file) => Place { path: Some(format!("{file}:{place}").into()), ..Place::default() },
        None => place.clone(),
    }
}

fn missing(wanted: &Wanted, names: Vec<&str>, collect: &mut Collect) {
    let name = &wanted.name;
    let what = format!("the base profile {name:.80} is not found");
    if collect.ignores_unknown() {
        let place = located(&wanted.place, wanted.file.as_ref());
        collect.loss(place, format!("{what}; its calls are left out"), Effect::Stricter);
        return;
    }
    let help = match suggest::nearest(name, names) {
        Some(near) => format!("did you mean {near}?"),
        None if name.starts_with("oci://") => "pull it, and name the file with --base".into(),
        None => "no file beside this one holds it; --base FILE names one that does".into(),
    };
    let mut problem = Problem::new(wanted.place.clone(), what).help(help);
    problem.file = wanted.file.clone();
    collect.problem(problem);
}

/// The rules of two profiles as one, call by call: the less restrictive action, without conditions if one of
/// them has none, with the conditions of both otherwise.
pub(super) fn union(base: Vec<ProfileRule>, own: Vec<ProfileRule>) -> Vec<ProfileRule> {
    let mut calls: BTreeMap<Syscall, (Action, Vec<Compare>, Place)> = BTreeMap::new();
    for rule in base.into_iter().chain(own) {
        for call in rule.calls {
            let new = (rule.action, rule.compares.clone(), rule.place.clone());
            let Some((action, compares, place)) = calls.get_mut(&call) else {
                calls.insert(call, new);
                continue;
            };
            if rule.action.precedence() > action.precedence() {
                *action = rule.action;
            }
            if rule.compares.is_empty() {
                compares.clear();
            } else if !compares.is_empty() {
                compares.extend(&rule.compares);
            }
            *place = rule.place.clone();
        }
    }
    let mut rules: Vec<ProfileRule> = Vec::new();
    for (call, (action, compares, place)) in calls {
        let same =
            rules.iter_mut().find(|r| (r.action, &r.compares, &r.place) == (action, &compares, &place));
        match same {
            Some(rule) => rule.calls.push(call),
            None => rules.push(ProfileRule { place, calls: vec![call], action, compares, empty_args: false }),
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use crate::{Format, Import, Options};
    use callgate::{Action, Arch, Errno, SeccompData, Syscall};
    use std::path::Path;
    use std::sync::Arc;

    fn object(name: &str, base: &str, syscalls: &str) -> String {
        format!(
            "kind: SeccompProfile\nmetadata: {{name: {name}}}\nspec:\n  defaultAction: SCMP_ACT_ERRNO\n  \
             baseProfileName: \"{base}\"\n  syscalls:\n{syscalls}---\n"
        )
    }

    fn rule(action: &str, names: &str, args: &str) -> String {
        let args = if args.is_empty() { String::new() } else { format!(", args: [{args}]") };
        format!("  - {{action: SCMP_ACT_{action}, names: [{names}]{args}}}\n")
    }

    fn read(text: &str, beside: &'static [(&str, &str)], bases: &[&str]) -> Result<Import, String> {
        let text_of = |path: &Path| {
            let found = beside.iter().find(|f| Path::new(f.0) == path);
            found.map(|f| f.1.to_string()).ok_or_else(|| std::io::Error::other("no such file"))
        };
        let list =
            |_: &Path| Ok(beside.iter().filter_map(|f| f.0.strip_prefix("d/").map(Into::into)).collect());
        let options = Options {
            file: Some("d/own.yaml".into()),
            open: Some(Arc::new(text_of)),
            list: Some(Arc::new(list)),
            bases: bases.iter().map(|b| (*b).into()).collect(),
            ..Options::new(Arch::X86_64)
        };
        crate::read(text, Format::Spo, &options).map_err(|e| e.to_string())
    }

    fn eval(import: &Import, name: &str, args: [u64; 2]) -> Action {
        let nr = Syscall::from_name(name).and_then(|c| c.number(Arch::X86_64)).unwrap();
        let args = [args[0], args[1], 0, 0, 0, 0];
        import.policies.last().unwrap().policy.eval(&SeccompData {
            nr,
            arch: Arch::X86_64.token(),
            ip: 0,
            args,
        })
    }

    const OTHER: &str = "kind: SeccompProfile\nmetadata: {name: runc}\nspec:\n  defaultAction: SCMP_ACT_ERRNO\n  \
                         syscalls:\n  - action: SCMP_ACT_ALLOW\n    names: [read, open]\n    args: []\n";

    #[test]
    fn calls_of_both() {
        let eq = |index, value| format!("{{index: {index}, value: {value}, op: SCMP_CMP_EQ}}");
        let base = rule("LOG", "read", "")
            + &rule("ALLOW", "write", &eq(0, 1))
            + &rule("ALLOW", "close", &eq(0, 1))
            + &rule("ALLOW", "dup", &eq(0, 1));
        let own = rule("ALLOW", "read", &eq(0, 7))
            + &rule("TRAP", "write", &eq(0, 2))
            + &rule("LOG", "close", &eq(1, 2));
        let import = read(&(object("b", "", &base) + &object("o", "b", &own)), &[], &[]).unwrap();
        assert_eq!(eval(&import, "read", [0, 0]), Action::ALLOW, "the base has no condition");
        assert_eq!(eval(&import, "write", [1, 0]), Action::ALLOW);
        assert_eq!(eval(&import, "write", [2, 0]), Action::ALLOW, "one argument twice: either suffices");
        assert_eq!(eval(&import, "write", [3, 0]), Action::Errno(Errno::EPERM));
        assert_eq!(eval(&import, "close", [1, 2]), Action::ALLOW);
        assert_eq!(eval(&import, "close", [1, 3]), Action::Errno(Errno::EPERM), "both must hold");
        assert_eq!(eval(&import, "dup", [1, 0]), Action::ALLOW);
    }

    #[test]
    fn where_it_is_found() {
        let own = object("own", "runc", &rule("ALLOW", "write", ""));
        let import = read(&own, &[("d/a.yaml", "kind: ["), ("d/runc.yaml", OTHER)], &[]).unwrap();
        assert_eq!(eval(&import, "open", [0, 0]), Action::ALLOW);
        assert_eq!(import.beside, ["d/runc.yaml".into()]);
        let import = read(&own, &[("elsewhere/r.yaml", OTHER)], &["elsewhere/r.yaml"]).unwrap();
        assert_eq!(import.beside, ["elsewhere/r.yaml".into()]);
        let rules = &import.policies[0].policy.rules;
        assert!(
            rules.iter().any(|r| r.origin.to_string().contains("elsewhere/r.yaml:6:5: spec.syscalls[0]")),
            "{rules:?}"
        );
    }

    /// What `kubectl get seccompprofiles` prints, as YAML and as JSON.
    #[test]
    fn lists_of_objects() {
        let item = |name: &str, base: &str, call: &str| {
            format!(
                r#"{{"kind": "SeccompProfile", "metadata": {{"name": "{name}"}}, "spec": {{"baseProfileName": "{base}",
                "defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{{"action": "SCMP_ACT_ALLOW", "names": ["{call}"]}}]}}}}"#
            )
        };
        let json = format!(
            r#"{{"apiVersion": "v1", "items": [{}, {}], "kind": "List"}}"#,
            item("b", "", "read"),
            item("o", "b", "write")
        );
        assert_eq!(crate::detect(None, json.as_bytes()).unwrap().format, Format::Spo);
        assert_eq!(crate::detect(None, item("b", "", "read").as_bytes()).unwrap().format, Format::Spo);
        let import = read(&json, &[], &[]).unwrap();
        assert_eq!(import.policies.len(), 2);
        assert_eq!(eval(&import, "read", [0, 0]), Action::ALLOW, "the base is in the list, too");
        let yaml = "kind: List\nitems:\n- kind: 'SeccompProfile'\n  metadata: {name: b}\n  spec:\n    \
                    defaultAction: SCMP_ACT_LOG\n";
        assert_eq!(crate::detect(None, yaml.as_bytes()).unwrap().format, Format::Spo);
        assert_eq!(eval(&read(yaml, &[], &[]).unwrap(), "read", [0, 0]), Action::LOG);
        let error = read(&json.replace("\"read\"", "\"raed\""), &[], &[]).unwrap_err();
        assert!(error.contains("unknown system call raed"), "{error}");
    }

    #[test]
    fn loud_where_it_is_not() {
        let own = object("own", "runk", &rule("ALLOW", "write", ""));
        let error = read(&own, &[("elsewhere/r.yaml", OTHER)], &["elsewhere/r.yaml"]).unwrap_err();
        assert_eq!(
            error,
            "d/own.yaml:5:20: spec.baseProfileName: the base profile runk is not found; did you mean runc?"
        );
        let own = object("own", "xyz", &rule("ALLOW", "write", ""));
        assert!(read(&own, &[], &[]).unwrap_err().contains("--base FILE"));
        assert_eq!(
            read(&own, &[], &["gone.yaml"]).unwrap_err(),
            "gone.yaml: the base cannot be read: no such file"
        );
        let own = object("own", "oci://ghcr.io/x", &rule("ALLOW", "write", ""));
        assert!(read(&own, &[], &[]).unwrap_err().contains("pull it"));
        let round =
            object("a", "b", &rule("ALLOW", "write", "")) + &object("b", "a", &rule("ALLOW", "read", ""));
        assert!(read(&round, &[], &[]).unwrap_err().contains("more than 15 profiles"));
        let wrong: &[(&str, &str)] = &[(
            "d/runc.yaml",
            "kind: SeccompProfile\nmetadata: {name: runc}\nspec: {defaultAction: SCMP_ACT_ERRNO, syscalls: [{names: [raed], action: SCMP_ACT_ALLOW}]}\n",
        )];
        let own = object("own", "runc", &rule("ALLOW", "write", ""));
        let error = read(&own, wrong, &[]).unwrap_err();
        assert!(error.starts_with("d/runc.yaml:3:") && error.contains("did you mean read?"), "{error}");
    }
}
