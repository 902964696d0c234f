//! Docker's profile dialect (moby): OCI with conditions on the host and a table of architectures.

use crate::host::Capabilities;
use crate::import::{Collect, Effect, Import};
use crate::options::Options;
use crate::place::{Error, Place, Problem};
use crate::profile::{self, Dialect};
use crate::tree::{At, Keys, Node};
use crate::{Format, runtime};
use callgate::Arch;
use callgate::abi::Kernel;

/// Reads a Docker profile.
pub(crate) fn read(root: &Node, format: Format, options: &Options) -> Result<Import, Error> {
    let mut collect = Collect::new(options);
    let dialect = Docker {
        host: options.host,
        caps: options.caps.clone().unwrap_or_else(Capabilities::container),
        kernel: options.kernel,
    };
    let at = At::root(root, Keys::AnyCase);
    let profile = profile::decode(&at, &dialect, &mut collect)?;
    runtime::compile(profile, format, options, collect)
}

struct Docker {
    host: Arch,
    caps: Capabilities,
    kernel: Option<Kernel>,
}

impl Dialect for Docker {
    fn host(&self) -> Arch {
        self.host
    }

    fn keys(&self) -> &'static [&'static str] {
        &[
            "defaultAction",
            "defaultErrnoRet",
            "architectures",
            "archMap",
            "flags",
            "listenerPath",
            "listenerMetadata",
            "syscalls",
            "comment",
        ]
    }

    fn rule_keys(&self) -> &'static [&'static str] {
        &["name", "names", "action", "errnoRet", "args", "comment", "includes", "excludes"]
    }

    fn one_name(&self) -> bool {
        true
    }

    fn arches(&self, profile: &At<'_, '_>, collect: &mut Collect) -> Result<Vec<Arch>, Problem> {
        mapped_arches(
            profile,
            self.host,
            self.host != Arch::Loongarch64 && self.host != Arch::Mipsel,
            collect,
        )
    }

    fn wanted(&self, rule: &At<'_, '_>, collect: &mut Collect) -> Result<bool, Problem> {
        let excludes = Conditions::of(rule, "excludes", true, collect)?;
        let includes = Conditions::of(rule, "includes", true, collect)?;
        let newer = |min: Option<Kernel>| min.is_some_and(|min| self.kernel.is_none_or(|k| k >= min));
        if excludes.hit(self.host, &self.caps) || newer(excludes.min_kernel) {
            return Ok(false);
        }
        Ok(includes.met(self.host, &self.caps)
            && (includes.min_kernel.is_none() || newer(includes.min_kernel)))
    }
}

/// `includes` or `excludes` of a rule.
#[derive(Default)]
pub(crate) struct Conditions<'t> {
    caps: Vec<&'t str>,
    arches: Vec<&'t str>,
    min_kernel: Option<Kernel>,
}

impl<'t> Conditions<'t> {
    /// Decodes the object under `key`, if there is one; `kernel` says whether the dialect knows
    /// `minKernel`.
    pub(crate) fn of(
        rule: &At<'_, 't>,
        key: &str,
        kernel: bool,
        collect: &mut Collect,
    ) -> Result<Conditions<'t>, Problem> {
        let Some(at) = rule.get(key) else { return Ok(Conditions::default()) };
        let excludes = key == "excludes";
        let mut found = Conditions::default();
        let words = |at: &At<'_, 't>| Ok(at.strings()?.into_iter().map(|w| w.0).collect());
        for (key, value) in at.members()? {
            match key.to_ascii_lowercase().as_str() {
                "caps" => {
                    found.caps = words(&value)?;
                    for cap in &found.caps {
                        match Capabilities::canonical(cap) {
                            Some(known) if known == *cap => {}
                            Some(known) => collect.note(
                                value.place(),
                                format!("no process can have a capability called {cap:.40}, only {known}"),
                            ),
                            None => {
                                let effect = if excludes { Effect::Weaker } else { Effect::Stricter };
                                let known = Capabilities::all();
                                collect.unknown("capability", cap, value.place(), effect, known.iter());
                            }
                        }
                    }
                }
                "arches" => found.arches = words(&value)?,
                "minkernel" if kernel => found.min_kernel = min_kernel(&value)?,
                _ => {
                    let known: &[&str] =
                        if kernel { &["caps", "arches", "minKernel"] } else { &["caps", "arches"] };
                    profile::odd_key(key, "condition", value.place(), known, collect);
                }
            }
        }
        Ok(found)
    }

    /// Whether, as `excludes`, they rule the host out.
    pub(crate) fn hit(&self, host: Arch, caps: &Capabilities) -> bool {
        self.arches.contains(&host_name(host)) || self.caps.iter().any(|c| caps.contains(c))
    }

    /// Whether, as `includes`, the host meets them.
    pub(crate) fn met(&self, host: Arch, caps: &Capabilities) -> bool {
        (self.arches.is_empty() || self.arches.contains(&host_name(host)))
            && self.caps.iter().all(|c| caps.contains(c))
    }
}

fn min_kernel(at: &At<'_, '_>) -> Result<Option<Kernel>, Problem> {
    let text = at.string()?;
    if text.is_empty() {
        return Ok(None);
    }
    let parts: Option<(u8, u8)> = text.split_once('.').and_then(|(major, minor)| {
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if digits(major) && digits(minor) { Some((major.parse().ok()?, minor.parse().ok()?)) } else { None }
    });
    match parts {
        Some((major, minor)) if (major, minor) != (0, 0) => Ok(Some(Kernel::new(major.into(), minor.into()))),
        _ => Err(at.problem(format!("{text:.20} is no kernel version of the form 4.8"))),
    }
}

/// The architectures of `architectures`, or of the host's entry in `archMap`. Without an entry for the
/// host the filter is for the host alone. `by_map`: whether this host can be found in the map at all.
pub(crate) fn mapped_arches(
    profile: &At<'_, '_>,
    host: Arch,
    by_map: bool,
    collect: &mut Collect,
) -> Result<Vec<Arch>, Problem> {
    let Some(map) = profile.get("archMap") else { return profile::listed_arches(profile, collect) };
    let listed = profile.get("architectures");
    if listed.is_some_and(|l| l.elements().is_ok_and(|e| e.len() > 0)) && map.elements()?.len() > 0 {
        return Err(map.problem("a profile has either architectures or archMap, not both"));
    }
    let mut arches = Vec::new();
    for entry in map.elements()? {
        let mut names: Vec<(&str, Place)> = Vec::new();
        if let Some(name) = entry.get("architecture") {
            names.push((name.string()?, name.place()));
        }
        if let Some(subs) = entry.get("subArchitectures") {
            names.extend(subs.strings()?.into_iter().map(|(n, at)| (n, at.place())));
        }
        let mine = by_map && names.first().and_then(|n| profile::arch(n.0)) == Some(host);
        for (name, place) in names {
            match profile::arch(name) {
                Some(arch) if mine => arches.push(arch),
                Some(_) => {}
                None => profile::unknown_arch(name, place, collect),
            }
        }
    }
    Ok(arches)
}

/// The host's name in `includes` and `excludes`.
pub(crate) fn host_name(host: Arch) -> &'static str {
    match host {
        Arch::X86_64 => "amd64",
        Arch::Aarch64 => "arm64",
        Arch::Loongarch64 => "loong64",
        other => other.name(),
    }
}
