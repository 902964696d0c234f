//! `cargo xtask completions`: what shells complete, from the tool's own definition.

use crate::files::{Result, read, root, write};
use clap_complete::Generator;
use clap_complete_nushell::Nushell;
use std::fmt::Write;
use std::path::{Path, PathBuf};

pub(crate) const USAGE: &str = "\
usage: cargo xtask completions [--check | --to DIR]

  writes crates/callgate-cli/src/complete/scripts/callgate.nu from the definition of the command line
  --check          only compare
  --to DIR         write the completions of every shell below DIR, where packages of distributions have them
";

/// Where the script of nushell stands. Those of the other shells ask callgate about everything and never change.
const NUSHELL: &str = "crates/callgate-cli/src/complete/scripts/callgate.nu";

/// The script of each shell, and where below a prefix it is looked for.
const PLACES: [(&str, &str); 4] = [
    ("callgate.bash", "share/bash-completion/completions/callgate"),
    ("callgate.zsh", "share/zsh/site-functions/_callgate"),
    ("callgate.fish", "share/fish/vendor_completions.d/callgate.fish"),
    ("callgate.nu", "share/nushell/vendor/autoload/callgate.nu"),
];

pub(crate) fn run(args: &[&str]) -> Result<()> {
    match args {
        [] => write(root().join(NUSHELL), &nushell()?),
        ["--check"] if read(root().join(NUSHELL))? == nushell()? => Ok(()),
        ["--check"] => Err(format!("{NUSHELL} is not what the definition says: run cargo xtask completions")),
        ["--to", to] => {
            let to = std::path::absolute(to).map_err(|e| format!("{to}: {e}"))?;
            for file in install(&to)? {
                println!("{}", file.display());
            }
            Ok(())
        }
        _ => Err(format!("unknown arguments\n{USAGE}")),
    }
}

/// Writes the completions below a prefix; the files.
pub(crate) fn install(prefix: &Path) -> Result<Vec<PathBuf>> {
    let scripts = root().join(NUSHELL).with_file_name("");
    let mut files = Vec::new();
    for (name, place) in PLACES {
        let file = prefix.join(place);
        write(&file, &read(scripts.join(name))?)?;
        files.push(file);
    }
    Ok(files)
}

/// Nushell wants the options beforehand, and asks about values only.
fn nushell() -> Result<String> {
    let mut generated = Vec::new();
    let mut command = callgate_cli::command();
    let hidden: Vec<String> = command
        .get_subcommands()
        .filter(|c| c.is_hide_set())
        .map(|c| format!("callgate {}", c.get_name()))
        .collect();
    let rest: Vec<String> = command
        .get_subcommands()
        .filter(|c| c.get_positionals().any(clap::Arg::is_last_set))
        .map(|c| format!("callgate {}", c.get_name()))
        .collect();
    command.set_bin_name("callgate");
    command.build();
    Nushell.try_generate(&command, &mut generated).map_err(|e| e.to_string())?;
    let generated = String::from_utf8(generated).map_err(|e| e.to_string())?;
    let mut out = String::from(HEAD);
    // The verb whose definition the lines belong to.
    let mut verb = String::new();
    // Whether the lines are values of an option: callgate is asked for them, as for all others.
    let mut values = false;
    let mut about_verb = "";
    for line in generated.lines() {
        values |= line.starts_with("  def ");
        let inside = values;
        values &= line.trim() != "}";
        // What is made is a module itself.
        if inside || line.trim().is_empty() || !line.starts_with(' ') {
            continue;
        }
        let line = line.trim();
        if let Some(about) = line.strip_prefix("# ") {
            about_verb = about;
            continue;
        }
        if let Some(name) = line.strip_prefix("export extern ") {
            verb = name.trim_end_matches(" [").trim_matches('"').to_owned();
            if !hidden.contains(&verb) {
                let _ = writeln!(out, "\n# {about_verb}\n{line}");
            }
        } else if hidden.contains(&verb) {
            continue;
        } else if line == "]" {
            if rest.contains(&verb) {
                let _ = writeln!(out, "  ...command: string@{COMPLETER} # Behind --: the command");
            }
            out.push_str("]\n");
        } else {
            let (head, about) = line.split_once("# ").unwrap_or((line, ""));
            let head = match head.trim().split_once(": ") {
                Some((name, _)) => format!("{name}: string@{COMPLETER}"),
                None => head.trim().to_owned(),
            };
            let _ = writeln!(out, "  {head} # {}", short(about));
        }
    }
    Ok(out)
}

/// What comes before the first explanation.
fn short(about: &str) -> &str {
    let end = [": ", "; ", " (", ", which"].iter().filter_map(|mark| about.find(mark)).min();
    &about[..end.unwrap_or(about.len())]
}

const COMPLETER: &str = "\"nu-complete callgate\"";

const HEAD: &str = "\
# Completions of callgate for nushell, made by `cargo xtask completions`. Loaded with `use callgate.nu *`.

def \"nu-complete callgate\" [context: string] {
  try { ^callgate complete --shell nushell --line $context | from json } catch { null }
}
";
