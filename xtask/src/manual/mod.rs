//! `cargo xtask man`: the pages of the manual, from the tool's own definition and its topics.

mod markdown;

use crate::files::{Result, write};
use callgate_cli::TOPICS;
use clap::Command;
use clap_mangen::Man;
use roff::{Roff, bold, roman};
use std::path::{Path, PathBuf};

pub(crate) const USAGE: &str = "\
usage: cargo xtask man [--to DIR]

  --to DIR         the prefix below which share/man is written; target/man without it
";

/// Topics that are pages of their own, with their sections: what describes files is in 5, the rest in 7.
const SECTIONS: &[(&str, &str)] = &[
    ("policy", "5"),
    ("recording", "5"),
    ("formats", "5"),
    ("profiles", "5"),
    ("assembler", "5"),
    ("codes", "7"),
    ("builtins", "7"),
    ("groups", "7"),
    ("inputs", "7"),
    ("findings", "7"),
    ("learning", "7"),
    ("supervising", "7"),
    ("targets", "7"),
    ("kernel-features", "7"),
    ("exit-codes", "7"),
    ("json", "7"),
];

pub(crate) fn run(args: &[&str]) -> Result<()> {
    let to = match args {
        [] => crate::files::root().join("target/man"),
        ["--to", to] => std::path::absolute(to).map_err(|e| format!("{to}: {e}"))?,
        _ => return Err(format!("unknown arguments\n{USAGE}")),
    };
    for page in install(&to)? {
        println!("{}", page.display());
    }
    Ok(())
}

/// Writes the pages below a prefix; the files.
pub(crate) fn install(prefix: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut put = |name: &str, section: &str, text: &str| {
        let file = prefix.join(format!("share/man/man{section}/{name}.{section}"));
        write(&file, text)?;
        files.push(file);
        Ok::<(), String>(())
    };
    let program = callgate_cli::command();
    put("callgate", "1", &verb(&program)?)?;
    for command in program.get_subcommands().filter(|c| !c.is_hide_set()) {
        put(&format!("callgate-{}", command.get_name()), "1", &verb(command)?)?;
    }
    for (name, section) in SECTIONS {
        let topic = TOPICS.iter().find(|t| t.name == *name).ok_or(format!("{name} is no topic"))?;
        let title = format!("callgate-{name}");
        put(&title, section, &markdown::page(&title, section, topic.about, &topic.text()))?;
    }
    Ok(files)
}

/// The page of the program or of a verb.
fn verb(command: &Command) -> Result<String> {
    let is_program = command.get_name() == "callgate";
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let title = if is_program { "callgate".to_owned() } else { format!("callgate-{}", command.get_name()) };
    let mut man =
        command.clone().display_name(&title).version(VERSION).mut_args(|arg| arg.hide_short_help(false));
    if !is_program {
        man = man.bin_name(format!("callgate {}", command.get_name()));
    }
    let man =
        Man::new(man).title(title.to_uppercase()).source(format!("callgate {VERSION}")).manual("callgate");
    let mut out = Vec::new();
    let io = |e: std::io::Error| e.to_string();
    man.render_title(&mut out).map_err(io)?;
    man.render_name_section(&mut out).map_err(io)?;
    synopsis(command).to_writer(&mut out).map_err(io)?;
    man.render_description_section(&mut out).map_err(io)?;
    man.render_options_section(&mut out).map_err(io)?;
    if is_program {
        man.render_subcommands_section(&mut out).map_err(io)?;
    }
    examples(&after).to_writer(&mut out).map_err(io)?;
    see_also(&title).to_writer(&mut out).map_err(io)?;
    String::from_utf8(out).map_err(|e| e.to_string())
}

const VERSION: &str = callgate_cli::VERSION;

/// How it is called, as the help says: where `--` has to stand, too.
fn synopsis(command: &Command) -> Roff {
    let usage = command.clone().render_usage().to_string();
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    for line in usage.trim_start_matches("Usage:").lines().filter(|l| !l.trim().is_empty()) {
        roff.control("PP", []).text([roman(line.trim())]);
    }
    roff
}

/// What stands behind a verb's help: examples are indented there, the rest are sentences.
fn examples(after: &str) -> Roff {
    let mut roff = Roff::new();
    let (examples, notes): (Vec<&str>, Vec<&str>) = after
        .lines()
        .filter(|l| !l.trim().is_empty() && *l != "Examples:")
        .partition(|l| l.starts_with("  "));
    if !notes.is_empty() {
        roff.control("SH", ["NOTES"]);
        for note in notes {
            roff.control("PP", []).text([roman(note)]);
        }
    }
    if !examples.is_empty() {
        roff.control("SH", ["EXAMPLES"]);
        roff.control("nf", []);
        for example in examples {
            roff.text([roman(format!("$ {}", example.trim()))]);
        }
        roff.control("fi", []);
    }
    roff
}

/// The pages that say more.
fn see_also(title: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    let mut pages = vec![("callgate", "1")];
    pages.retain(|p| p.0 != title);
    pages.extend([
        ("callgate-policy", "5"),
        ("callgate-inputs", "7"),
        ("callgate-codes", "7"),
        ("callgate-exit-codes", "7"),
    ]);
    let mut line = Vec::new();
    for (at, (name, section)) in pages.iter().enumerate() {
        let end = if at + 1 < pages.len() { ", " } else { "" };
        line.extend([bold(*name), roman(format!("({section}){end}"))]);
    }
    roff.text(line);
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pages are complete, and `man` has nothing to say against them.
    #[test]
    fn pages() {
        let folder = std::env::temp_dir().join(format!("callgate-man-{}", std::process::id()));
        let files = install(&folder).unwrap();
        let names: Vec<String> =
            files.iter().filter_map(|f| Some(f.file_name()?.to_str()?.to_owned())).collect();
        for name in
            ["callgate.1", "callgate-run.1", "callgate-policy.5", "callgate-recording.5", "callgate-codes.7"]
        {
            assert!(names.iter().any(|n| n == name), "{name} is not among {names:?}");
        }
        assert!(!names.iter().any(|n| n == "callgate-complete.1"), "hidden");
        let man = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .any(|dir| dir.join("man").is_file());
        if !man {
            eprintln!("skipped: no man here");
        }
        for file in &files {
            let text = std::fs::read_to_string(file).unwrap();
            for section in [".SH NAME", ".SH \"SEE ALSO\""] {
                assert!(text.contains(section), "{}: no {section}", file.display());
            }
            if man {
                let mut command = std::process::Command::new("man");
                command.args(["--warnings", "-l"]).arg(file).env("MANWIDTH", "90").env("LC_ALL", "C.UTF-8");
                let output = command.output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                // Lines of examples may be longer than the page is wide.
                let against: Vec<&str> = said.lines().filter(|l| !l.contains("can't break line")).collect();
                assert!(output.status.success() && against.is_empty(), "{}: {said}", file.display());
            }
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
