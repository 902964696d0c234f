//! The members of every set on one architecture.

use super::evaluate::{self, Preprocessed};
use super::target::Target;
use crate::codegen::constant_set::{IoctlFolder, Kind, Pick, SetSpec, Specs, matches};
use crate::files::{self, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What one architecture has.
pub(crate) struct Gathered {
    pub(crate) sets: Vec<GatheredSet>,
    /// Sets and headers that could not be read, with the reason.
    pub(crate) failures: Vec<String>,
}

/// One set on one architecture.
pub(crate) struct GatheredSet {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) file: String,
    /// The headers.
    pub(crate) source: String,
    /// In order of preference.
    pub(crate) values: Vec<(String, u64)>,
    /// Masks, and the set of the alternatives where it is another one.
    pub(crate) fields: Vec<(u64, Option<String>)>,
}

impl Gathered {
    /// The set with this name.
    pub(crate) fn set(&self, name: &str) -> Option<&GatheredSet> {
        self.sets.iter().find(|s| s.name == name)
    }
}

/// Values already found, by the mode of the compiler, the preprocessed text and the expressions: most headers
/// are the same for most architectures.
#[derive(Default)]
pub(crate) struct Cache {
    values: Mutex<BTreeMap<u64, Arc<BTreeMap<String, u64>>>>,
}

struct Reader<'a> {
    target: &'a Target,
    tree: &'a Path,
    made: &'a Path,
    arguments: Vec<String>,
    cache: &'a Cache,
}

/// Evaluates every set for a target.
pub(crate) fn gather(
    target: &Target,
    specs: &Specs,
    tree: &Path,
    made: &Path,
    cache: &Cache,
) -> Result<Gathered> {
    let reader = Reader { target, tree, made, arguments: target.arguments(tree, made), cache };
    let mut out = Gathered { sets: Vec::new(), failures: Vec::new() };
    for spec in &specs.sets {
        if matches!(spec.kind, Kind::Values | Kind::Flags) {
            match reader.set(spec) {
                Ok(set) => out.sets.extend(set),
                Err(error) => out.failures.push(format!("{}: {error}", spec.name)),
            }
        }
    }
    // A command a set above has already is not repeated.
    let mut known: BTreeSet<String> = BTreeSet::new();
    for set in out.sets.iter().filter(|s| s.name.starts_with("ioctl_")) {
        known.extend(set.values.iter().map(|v| v.0.clone()));
    }
    for folder in &specs.ioctls {
        for header in reader.headers(folder)? {
            match reader.ioctls(folder, &header, &known) {
                Ok(Some(mut set)) => {
                    for value in &mut set.values {
                        let mut corrections = specs.corrections.iter().filter(|c| c.arch == target.arch);
                        if let Some(correction) = corrections.find(|c| c.name == value.0) {
                            value.1 = correction.value;
                        }
                    }
                    known.extend(set.values.iter().map(|v| v.0.clone()));
                    out.sets.push(set);
                }
                Ok(None) => {}
                Err(error) => out.failures.push(format!("{header}: {error}")),
            }
        }
    }
    Ok(out)
}

impl Reader<'_> {
    fn set(&self, spec: &SetSpec) -> Result<Option<GatheredSet>> {
        if spec.includes.iter().any(|h| !self.target.has(h, self.tree, self.made)) {
            return Ok(None);
        }
        let mut source = "#include <linux/types.h>\n#include <linux/ioctl.h>\n".to_owned();
        for file in &spec.lines {
            source.push_str(&define_lines(&files::read(self.tree.join(file))?, spec));
        }
        source.extend(spec.includes.iter().map(|h| format!("#include <{h}>\n")));
        let text = evaluate::preprocess(&self.arguments, &source)?;
        let mut names = pick(spec, &text);
        for define in &spec.defines {
            let other = define.others.iter().find(|(arches, _)| arches.iter().any(|a| a == self.target.arch));
            let value = other.map_or(&define.value, |(_, value)| value);
            names.retain(|(name, _)| *name != define.name);
            names.push((define.name.clone(), value.clone()));
        }
        let masks = spec.fields.iter().map(|(mask, _)| mask.clone());
        let expressions: Vec<String> = names.iter().map(|(_, e)| e.clone()).chain(masks).collect();
        let values = self.values(&source, &text, &expressions)?;
        let in_range = |value: u64| spec.range.is_none_or(|(first, last)| (first..=last).contains(&value));
        let found = names.into_iter().filter_map(|(name, e)| Some((name, *values.get(&e)?)));
        let found: Vec<(String, u64)> = found.filter(|(_, value)| in_range(*value)).collect();
        let mut fields = Vec::new();
        for (mask, set) in &spec.fields {
            let value = values.get(mask).ok_or(format!("no value for the mask {mask}"))?;
            fields.push((*value, set.clone()));
        }
        let source = spec.includes.iter().chain(&spec.lines).cloned().collect::<Vec<_>>().join(" ");
        let source = if source.is_empty() { "manual pages".to_owned() } else { source };
        Ok(Some(GatheredSet {
            name: spec.name.clone(),
            kind: spec.kind,
            file: spec.file.clone(),
            source,
            values: found,
            fields,
        }))
    }

    fn values(
        &self,
        source: &str,
        text: &Preprocessed,
        expressions: &[String],
    ) -> Result<Arc<BTreeMap<String, u64>>> {
        let mode: Vec<&String> =
            self.arguments.iter().filter(|a| a.starts_with("-m") || a.starts_with("-f")).collect();
        let key = fnv(&[&format!("{mode:?}"), &text.text, &expressions.join("\n")]);
        if let Some(known) = self.cache.values.lock().ok().and_then(|c| c.get(&key).cloned()) {
            return Ok(known);
        }
        let values = Arc::new(evaluate::values(&self.arguments, source, expressions)?);
        if let Ok(mut cache) = self.cache.values.lock() {
            cache.insert(key, values.clone());
        }
        Ok(values)
    }

    /// The headers of a folder, `linux/kvm.h`.
    fn headers(&self, folder: &IoctlFolder) -> Result<Vec<String>> {
        let base = if folder.folder == "asm" {
            self.tree.join("arch").join(self.target.folder).join("include/uapi")
        } else {
            self.tree.join("include/uapi")
        };
        let mut found = Vec::new();
        walk(&base.join(&folder.folder), &mut found)?;
        let relative = found.iter().filter_map(|p| p.strip_prefix(&base).ok());
        let mut headers: Vec<String> = relative.map(|p| p.display().to_string()).collect();
        headers.retain(|h| !folder.except.contains(h));
        headers.sort();
        Ok(headers)
    }

    fn ioctls(
        &self,
        folder: &IoctlFolder,
        header: &str,
        known: &BTreeSet<String>,
    ) -> Result<Option<GatheredSet>> {
        let path = self.path(header);
        if !files::read(&path)?.contains("_IO") {
            return Ok(None);
        }
        // What a program would have included, and some headers forget.
        let before = [
            "linux/types.h",
            "linux/ioctl.h",
            "linux/filter.h",
            "linux/fiemap.h",
            "stdint.h",
            "sys/types.h",
            "sys/time.h",
            "sys/socket.h",
        ];
        let includes = before.into_iter().chain([header]).map(|h| format!("#include <{h}>\n"));
        let source: String = includes.collect();
        let text = match evaluate::preprocess(&self.arguments, &source) {
            // An architecture without this kind of device has no header for it to include.
            Err(error) if error.contains("fatal error: asm/") => return Ok(None),
            text => text?,
        };
        let bodies: BTreeMap<&str, &str> = text
            .macros
            .iter()
            .map(|m| (m.0.as_str(), m.1.as_str()))
            .chain(text.functions.iter().map(|(name, body)| (name.as_str(), body.as_str())))
            .collect();
        let public = |name: &str| !name.starts_with('_') && !known.contains(name);
        let own = text.macros.iter().filter(|m| m.2.ends_with(header) && public(&m.0));
        let names: Vec<String> = own.filter(|m| is_command(&m.1, &bodies, 0)).map(|m| m.0.clone()).collect();
        let values = self.values(&source, &text, &names)?;
        let found = names.into_iter().filter_map(|name| values.get(&name).map(|v| (name.clone(), *v)));
        let found: Vec<(String, u64)> = found.collect();
        if found.is_empty() {
            return Ok(None);
        }
        let stem = header.rsplit('/').next().unwrap_or(header).trim_end_matches(".h");
        let part = if folder.folder == "linux" || folder.folder == "drm" { "" } else { &folder.folder };
        let between = if part.is_empty() { "" } else { "_" };
        let name = format!("ioctl_{part}{between}{}", stem.replace('-', "_"));
        Ok(Some(GatheredSet {
            name,
            kind: Kind::Values,
            file: folder.file.clone(),
            source: header.to_owned(),
            values: found,
            fields: Vec::new(),
        }))
    }

    fn path(&self, header: &str) -> PathBuf {
        let own = self.tree.join("arch").join(self.target.folder).join("include/uapi").join(header);
        if own.exists() { own } else { self.tree.join("include/uapi").join(header) }
    }
}

/// The names a set takes, each with the expression that gives its value.
fn pick(spec: &SetSpec, text: &Preprocessed) -> Vec<(String, String)> {
    let macros = text.macros.iter().map(|m| (m.0.as_str(), ""));
    let all: Vec<(&str, &str)> =
        text.enumerators.iter().map(|(name, tag)| (name.as_str(), tag.as_str())).chain(macros).collect();
    let mut names: Vec<&str> = Vec::new();
    for pick in &spec.picks {
        match pick {
            Pick::Take(pattern) => {
                for (name, _) in all.iter().filter(|(name, _)| matches(pattern, name)) {
                    if !names.contains(name) {
                        names.push(name);
                    }
                }
            }
            Pick::Drop(pattern) => names.retain(|name| !matches(pattern, name)),
            Pick::Enum(tag) => names.extend(all.iter().filter(|(_, t)| t == tag).map(|(name, _)| *name)),
        }
    }
    names.into_iter().map(|name| (name.to_owned(), name.to_owned())).collect()
}

/// The `#define` lines of an internal header that a set takes.
fn define_lines(text: &str, spec: &SetSpec) -> String {
    let text = text.replace("\\\n", " ");
    let mut out = String::new();
    for line in text.lines() {
        let line = line.split("/*").next().unwrap_or_default();
        let Some(rest) = line.trim_start().strip_prefix('#') else { continue };
        let Some(rest) = rest.trim_start().strip_prefix("define") else { continue };
        let name = rest.split_whitespace().next().unwrap_or_default();
        let taken = |pick: &Pick| matches!(pick, Pick::Take(pattern) if matches(pattern, name));
        // Other constants, and headers, are made of these.
        if spec.picks.iter().any(taken) || name.starts_with("AF_") || name == "MSG_FIN" {
            out.push_str(&format!("#define{rest}\n"));
        }
    }
    out
}

/// Whether a macro's body comes down to one of the macros that make ioctl numbers.
fn is_command(body: &str, bodies: &BTreeMap<&str, &str>, depth: u32) -> bool {
    const MAKERS: [&str; 5] = ["_IO", "_IOR", "_IOW", "_IOWR", "_IOC"];
    const DEEPEST: u32 = 5;
    let words = body.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty());
    // What a value is made of, not what its type is: `sizeof` and casts name no macro of interest.
    depth < DEEPEST
        && words.into_iter().any(|word| {
            MAKERS.contains(&word) || bodies.get(word).is_some_and(|b| is_command(b, bodies, depth + 1))
        })
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|e| format!("{}: {e}", folder.display()))?.path();
        if path.is_dir() {
            walk(&path, paths)?;
        } else if path.extension().is_some_and(|e| e == "h") {
            paths.push(path);
        }
    }
    Ok(())
}

/// A 64-bit FNV-1a hash.
fn fnv(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|p| p.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}
