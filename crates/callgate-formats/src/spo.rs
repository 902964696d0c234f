//! Kubernetes `SeccompProfile` objects of the Security Profiles Operator: OCI inside YAML.

mod base;

use crate::import::{Collect, Import, Named};
use crate::options::Options;
use crate::place::Error;
use crate::profile::{self, Dialect};
use crate::tree::{At, Keys, Node, Value};
use crate::{Format, runtime, yaml};
use callgate::Arch;

/// Reads every `SeccompProfile` of a YAML file; several are alternatives, named by `metadata.name`.
pub(crate) fn read(text: &str, options: &Options) -> Result<Import, Error> {
    let documents = objects(yaml::parse(text)?);
    let mut result: Option<Import> = None;
    for root in &documents {
        let at = At::root(root, Keys::Exact);
        let kind = at.get("kind");
        if kind.as_ref().and_then(|k| k.string().ok()) != Some("SeccompProfile") {
            continue;
        }
        let import = object(&at, &documents, options)?;
        match &mut result {
            None => result = Some(import),
            Some(first) => first.append(import),
        }
    }
    result.ok_or_else(|| Error::new(crate::Place::default(), "there is no object of kind SeccompProfile"))
}

/// The objects of a file, those of lists (`kubectl get -o yaml`) one by one.
fn objects(documents: Vec<Node>) -> Vec<Node> {
    let mut out = Vec::with_capacity(documents.len());
    for mut document in documents {
        let at = At::root(&document, Keys::Exact);
        let is_list = at.get("kind").is_some_and(|k| k.string().is_ok_and(|k| k.ends_with("List")));
        if is_list
            && let Value::Object(members) = &mut document.value
            && let Some(items) = members.iter_mut().rfind(|m| m.key == "items")
            && let Value::Array(items) = &mut items.node.value
        {
            out.append(items);
        } else {
            out.push(document);
        }
    }
    out
}

fn object(at: &At<'_, '_>, documents: &[Node], options: &Options) -> Result<Import, Error> {
    let mut collect = Collect::new(options);
    let version = at.get("apiVersion");
    let foreign = match &version {
        Some(version) => {
            let text = version.string()?;
            if text.starts_with("security-profiles-operator.x-k8s.io/") {
                None
            } else {
                Some((version, text))
            }
        }
        None => None,
    };
    if let Some((version, text)) = foreign {
        collect.note(version.place(), format!("{text:.80} is not the operator's API"));
    }
    let name = match at.get("metadata") {
        Some(metadata) => metadata.get("name").map(|n| n.string().map(str::to_string)).transpose()?,
        None => None,
    };
    let Some(spec) = at.get("spec") else { return Err(at.problem("spec is missing").into()) };
    let disabled = spec.get("state").is_some_and(|s| s.string() == Ok("Disabled"))
        || spec.get("disabled").is_some_and(|d| d.boolean() == Ok(true));
    if disabled {
        collect.note(spec.place(), "the profile is disabled; it is read all the same");
    }
    let mut profile = profile::decode(&spec, &Spo { host: options.host }, &mut collect)?;
    if profile.default.is_none() {
        let problem = spec.problem("defaultAction is missing");
        return Err(match foreign {
            Some((_, version)) => problem.help(format!("{version:.80} is not the operator's API")).into(),
            None => problem.into(),
        });
    }
    if let Some(path) = spec.get("listenerPath") {
        let text = path.string()?;
        let name = text.strip_prefix("/var/run/security-profiles-operator/");
        let fits = name.is_some_and(|n| {
            !n.is_empty() && n.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        });
        if !fits {
            collect.note(
                path.place(),
                "the operator refuses a listenerPath outside /var/run/security-profiles-operator",
            );
        }
    }
    let mut beside = Vec::new();
    if let Some(base) = base::name(&spec)? {
        let mut search = base::Search::new(documents, options);
        if let Some(rules) = search.rules(&base, &mut collect)? {
            profile.rules = base::union(rules, profile.rules);
        }
        beside = search.read;
    }
    let mut import = runtime::compile(profile, Format::Spo, options, collect)?;
    import.beside = beside;
    import.policies = import.policies.into_iter().map(|n| Named { name: name.clone(), ..n }).collect();
    Ok(import)
}

struct Spo {
    host: Arch,
}

impl Dialect for Spo {
    fn host(&self) -> Arch {
        self.host
    }

    fn keys(&self) -> &'static [&'static str] {
        &[
            "defaultAction",
            "architectures",
            "flags",
            "listenerPath",
            "listenerMetadata",
            "syscalls",
            "baseProfileName",
            "state",
            "disabled",
        ]
    }

    fn rule_keys(&self) -> &'static [&'static str] {
        &["names", "action", "errnoRet", "args"]
    }

    fn max_value(&self) -> u64 {
        i64::MAX as u64
    }

    fn zero_errno_is_unset(&self) -> bool {
        true
    }
}
