//! libseccomp's own resolver, asked through a small C program that opens the installed library.

use super::claims::Claims;
use crate::codegen::calls::Calls;
use crate::data;
use crate::files::{self, Result};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Reads lines `TOKEN NAME`, prints `NUMBER`; `NUMBER NAME?` questions go the other way.
const PROGRAM: &str = r#"
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
int main(void) {
    void *library = dlopen("libseccomp.so.2", RTLD_NOW);
    if (!library) return 3;
    int (*by_name)(uint32_t, const char *) =
        (int (*)(uint32_t, const char *))dlsym(library, "seccomp_syscall_resolve_name_arch");
    char *(*by_number)(uint32_t, int) = (char *(*)(uint32_t, int))dlsym(library, "seccomp_syscall_resolve_num_arch");
    if (!by_name || !by_number) return 4;
    unsigned token;
    char name[64];
    while (scanf("%x %63s", &token, name) == 2) {
        int number = by_name(token, name);
        char *back = number >= 0 ? by_number(token, number) : NULL;
        printf("%d %s\n", number, back ? back : "-");
        free(back);
    }
    return 0;
}
"#;

/// Our tables and libseccomp's tokens for every architecture that uses them.
const TOKENS: &[(&str, u32)] = &[
    ("aarch64", 0xc000_00b7),
    ("arm", 0x4000_0028),
    ("loongarch64", 0xc000_0102),
    ("m68k", 0x0000_0004),
    ("mips", 0x0000_0008),
    ("mips", 0x4000_0008),
    ("mips64", 0x8000_0008),
    ("mips64", 0xc000_0008),
    ("mips64n32", 0xa000_0008),
    ("mips64n32", 0xe000_0008),
    ("parisc", 0x0000_000f),
    ("parisc64", 0x8000_000f),
    ("ppc", 0x0000_0014),
    ("ppc64", 0x8000_0015),
    ("ppc64", 0xc000_0015),
    ("riscv64", 0xc000_00f3),
    ("s390", 0x0000_0016),
    ("s390x", 0x8000_0016),
    ("sh", 0x4000_002a),
    ("sh", 0x0000_002a),
    ("x32", 0x4000_003e),
    ("x86", 0x4000_0003),
    ("x86_64", 0xc000_003e),
];

/// Asks for every name of ours on every architecture the library knows.
pub(crate) fn read(calls: &Calls) -> Result<Vec<Claims>> {
    let Some(program) = compile()? else { return Ok(Vec::new()) };
    let pseudo = pseudo_numbers()?;
    let mut questions = String::new();
    for (_, token) in TOKENS {
        calls.names().iter().for_each(|name| questions += &format!("{token:x} {name}\n"));
    }
    let Some(answers) = ask(&program, &questions)? else { return Ok(Vec::new()) };
    let mut answers = answers.lines();
    let mut all = Vec::new();
    for (table, token) in TOKENS {
        let mut numbers = BTreeMap::new();
        for name in calls.names() {
            let line = answers.next().ok_or("libseccomp: too few answers")?;
            let (number, back) = line.split_once(' ').ok_or("libseccomp: an odd answer")?;
            let number: i64 = number.parse().map_err(|_| format!("libseccomp: answer {line}"))?;
            if let Ok(number) = u32::try_from(number) {
                if back != name {
                    return Err(format!("libseccomp: {token:x} {name} is {number}, which is {back}"));
                }
                numbers.insert(name.clone(), number);
            } else if (-999..=-100).contains(&number) {
                if pseudo.get(name) != Some(&number) {
                    return Err(format!(
                        "libseccomp: {token:x} {name} is {number}, ours {:?}",
                        pseudo.get(name)
                    ));
                }
                // With a multiplexer the library hides the direct number; without, there must be none.
                let has = |call: &str| calls.tables[*table].iter().any(|c| c.name == call);
                if has(name) && !has("socketcall") {
                    return Err(format!("libseccomp: {name} is multiplexed on {table}"));
                }
            }
        }
        // A library that does not know the architecture answers every question with -1.
        if !numbers.is_empty() {
            all.push(Claims { source: "libseccomp", table, numbers, kernel: None });
        }
    }
    Ok(all)
}

/// The program's path, or `None` without a C compiler.
fn compile() -> Result<Option<std::path::PathBuf>> {
    let folder = files::root().join("target/crosscheck");
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let (source, program) = (folder.join("resolve.c"), folder.join("resolve"));
    files::write(&source, PROGRAM)?;
    match Command::new("cc").arg("-o").arg(&program).arg(&source).arg("-ldl").status() {
        Ok(status) if status.success() => Ok(Some(program)),
        Ok(status) => Err(format!("cc {}: {status}", source.display())),
        Err(_) => Ok(None),
    }
}

/// The answers, or `None` when the library is not installed.
fn ask(program: &std::path::Path, questions: &str) -> Result<Option<String>> {
    let error = |e: std::io::Error| format!("{}: {e}", program.display());
    let mut child =
        Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(error)?;
    let mut input = child.stdin.take().ok_or("no pipe")?;
    let text = questions.to_owned();
    // A missing library ends the program before it reads: the write may fail, the exit code tells.
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()).is_ok());
    let output = child.wait_with_output().map_err(error)?;
    let written = writer.join().unwrap_or(false);
    match output.status.code() {
        Some(0) if written => Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned())),
        Some(3) => Ok(None),
        _ => Err(format!("{}: {}", program.display(), output.status)),
    }
}

/// libseccomp's negative numbers, as `callgate_abi::multiplex::pseudo_number` makes them.
fn pseudo_numbers() -> Result<BTreeMap<String, i64>> {
    let mut out = BTreeMap::new();
    for row in data::rows("data/multiplex.txt")? {
        if let [via, sub, call] = row.cells()[..] {
            let base = if via == "socketcall" { -100 } else { -200 };
            out.insert(call.to_owned(), base - i64::try_from(row.number(sub)?).map_err(|e| row.error(e))?);
        }
    }
    Ok(out)
}
