//! A bill of materials: every crate a package is built from, in CycloneDX's JSON (version 1.5).
//!
//! The same sources give the same bytes: no time and no serial number is in it.

use crate::files::{Result, read, root};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The bill of the package, built for this target with its usual features.
pub(super) fn of(package: &str, target: &str) -> Result<String> {
    let metadata = metadata(target)?;
    let find = |what: &str| metadata[what].as_array().ok_or(format!("cargo metadata says no {what}"));
    let packages: BTreeMap<&str, &Value> =
        find("packages")?.iter().filter_map(|p| Some((p["id"].as_str()?, p))).collect();
    let nodes: BTreeMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .ok_or("cargo metadata says no dependencies")?
        .iter()
        .filter_map(|n| Some((n["id"].as_str()?, n)))
        .collect();
    let start = packages.iter().find(|(_, p)| p["name"] == package).map(|(id, _)| *id);
    let start = start.ok_or(format!("there is no package {package}"))?;
    let used = used(start, &nodes);
    let checksums = checksums(&read("Cargo.lock")?);
    let component = |id: &str| component(packages[id], &checksums);
    let components: Vec<Value> = used.iter().filter(|id| **id != start).map(|id| component(id)).collect();
    let dependencies: Vec<Value> = used
        .iter()
        .map(|id| {
            let on: BTreeSet<String> = needs(nodes[id]).map(|on| purl(packages[on])).collect();
            json!({ "ref": purl(packages[id]), "dependsOn": on })
        })
        .collect();
    let mut main = component(start);
    main["type"] = json!("application");
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": main },
        "components": components,
        "dependencies": dependencies,
    });
    Ok(format!("{bill:#}\n"))
}

fn metadata(target: &str) -> Result<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root())
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", target])
        .output()
        .map_err(|e| format!("cargo could not be started: {e}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata: {e}"))
}

/// The crates that this one needs to be built and run; what only its tests need is left out.
fn needs(node: &Value) -> impl Iterator<Item = &str> {
    let dependencies = node["deps"].as_array().map(Vec::as_slice).unwrap_or_default();
    dependencies.iter().filter_map(|dependency| {
        let kinds = dependency["dep_kinds"].as_array()?;
        kinds.iter().any(|kind| kind["kind"] != "dev").then(|| dependency["pkg"].as_str())?
    })
}

fn used<'a>(start: &'a str, nodes: &BTreeMap<&'a str, &'a Value>) -> BTreeSet<&'a str> {
    let mut used = BTreeSet::new();
    let mut left = vec![start];
    while let Some(id) = left.pop() {
        if used.insert(id) {
            left.extend(nodes.get(id).into_iter().flat_map(|node| needs(node)));
        }
    }
    used
}

fn text<'a>(package: &'a Value, what: &str) -> &'a str {
    package[what].as_str().unwrap_or_default()
}

/// The name that is the same everywhere (<https://github.com/package-url/purl-spec>).
fn purl(package: &Value) -> String {
    format!("pkg:cargo/{}@{}", text(package, "name"), text(package, "version"))
}

fn component(package: &Value, checksums: &BTreeMap<(String, String), String>) -> Value {
    let (name, version) = (text(package, "name"), text(package, "version"));
    let mut component = json!({
        "type": "library",
        "bom-ref": purl(package),
        "name": name,
        "version": version,
        "purl": purl(package),
    });
    if let Some(licence) = package["license"].as_str() {
        // An old way to write "or".
        component["licenses"] = json!([{ "expression": licence.replace('/', " OR ") }]);
    }
    if let Some(sum) = checksums.get(&(name.to_owned(), version.to_owned())) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
    }
    component
}

/// The checksums in a lock file, by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let mut found = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let field = |name: &str| {
            let line = package.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(" = \""));
            line.and_then(|l| l.strip_suffix('"')).map(str::to_owned)
        };
        if let (Some(name), Some(version), Some(sum)) = (field("name"), field("version"), field("checksum")) {
            found.insert((name, version), sum);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_of_the_tool_is_named_once_with_licence_and_checksum() {
        let bill = of("callgate-cli", "x86_64-unknown-linux-gnu").unwrap();
        assert_eq!(bill, of("callgate-cli", "x86_64-unknown-linux-gnu").unwrap());
        let bill: Value = serde_json::from_str(&bill).unwrap();
        assert_eq!(bill["metadata"]["component"]["name"], "callgate-cli");
        let components = bill["components"].as_array().unwrap();
        let refs: BTreeSet<&str> = components.iter().map(|c| c["bom-ref"].as_str().unwrap()).collect();
        assert_eq!(refs.len(), components.len());
        let named = |name: &str| components.iter().find(|c| c["name"] == name);
        for name in ["callgate", "callgate-abi", "clap", "libc", "serde_json"] {
            let component = named(name).unwrap_or_else(|| panic!("{name} is not in it"));
            assert!(component["licenses"][0]["expression"].is_string(), "{component}");
            let sum = component["hashes"][0]["content"].as_str();
            assert_eq!(sum.is_some_and(|s| s.len() == 64), !name.starts_with("callgate"), "{component}");
        }
        // What only tests need is not shipped.
        assert!(named("proptest").is_none() && named("libtest-mimic").is_none());
        for dependency in bill["dependencies"].as_array().unwrap() {
            for on in dependency["dependsOn"].as_array().unwrap() {
                assert!(refs.contains(on.as_str().unwrap()), "{on}");
            }
        }
    }
}
