//! Profiles that a distribution packages for libseccomp, against what the installed libseccomp makes of their
//! rules. What is not installed is skipped, and said to be.

mod common;

use callgate::{Arch, Filter, Syscall};
use callgate_formats::{Capabilities, Format, Kernel, Options, read};
use common::{Folder, differing, installed, native, show_calls, without, witness};
use std::io::Write;
use std::process::{Command, Stdio};

/// A program that feeds rules to libseccomp and writes what it compiles; names it does not know it lists.
const COMPILER: &str = r#"
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    static char name[256];
    static unsigned arches[32];
    unsigned action, arch, count = 0;
    int n;
    scmp_filter_ctx ctx = NULL;
    while (scanf("%255s", name) == 1) {
        if (!strcmp(name, "default")) {
            if (scanf("%x", &action) != 1 || !(ctx = seccomp_init(action))) return 2;
            arches[count++] = seccomp_arch_native();
        } else if (!strcmp(name, "arch")) {
            if (scanf("%x", &arch) != 1) return 3;
            int done = seccomp_arch_add(ctx, arch);
            if (done && done != -EEXIST) return 4;
            if (!done) arches[count++] = arch;
        } else if (!strcmp(name, "rule")) {
            struct scmp_arg_cmp compare[6];
            if (scanf("%x %255s %d", &action, name, &n) != 3 || n > 6) return 5;
            for (int i = 0; i < n; i++) {
                unsigned long long a, b;
                if (scanf("%u %d %llx %llx", &compare[i].arg, (int *)&compare[i].op, &a, &b) != 4) return 6;
                compare[i].datum_a = a;
                compare[i].datum_b = b;
            }
            for (unsigned i = 0; i < count; i++)
                if (seccomp_syscall_resolve_name_arch(arches[i], name) == __NR_SCMP_ERROR)
                    fprintf(stderr, "%x %s\n", arches[i], name);
            int nr = seccomp_syscall_resolve_name(name);
            if (nr == __NR_SCMP_ERROR) continue;
            int done = seccomp_rule_add_array(ctx, action, nr, n, compare);
            if (done && done != -EACCES) return 7;
        } else
            return 8;
    }
    return seccomp_export_bpf(ctx, 1) ? 9 : 0;
}
"#;

/// What libseccomp makes of rules, and the calls it does not know.
fn libseccomp(folder: &Folder, rules: &str) -> Option<(Filter, Vec<(Arch, Syscall)>)> {
    if Arch::NATIVE != Some(Arch::X86_64) {
        eprintln!(
            "skipped: the rules are those of a container on x86_64, and libseccomp adds this machine's"
        );
        return None;
    }
    let (source, program) = (folder.0.join("compile.c"), folder.0.join("compile"));
    if !program.exists() {
        std::fs::write(&source, COMPILER).unwrap();
        let gcc = Command::new("gcc").arg(&source).arg("-o").arg(&program).arg("-lseccomp").output();
        if !gcc.as_ref().is_ok_and(|g| g.status.success()) {
            eprintln!("skipped: gcc cannot build a program with libseccomp (gcc, libseccomp-dev): {gcc:?}");
            return None;
        }
    }
    let mut child = Command::new(&program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let rules = rules.to_string();
    let writer = std::thread::spawn(move || stdin.write_all(rules.as_bytes()));
    let done = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(done.status.success(), "{:?}", done.status);
    let errors = String::from_utf8(done.stderr).unwrap();
    let unknown = errors.lines().filter_map(|l| {
        let (token, name) = l.split_once(' ')?;
        let token = u32::from_str_radix(token, 16).ok()?;
        // libseccomp's own token of x32 is x86_64's without the mark of 64 bits.
        let arch = if token == 0x4000_003e {
            Arch::X32
        } else {
            Arch::ALL.iter().copied().find(|a| a.token() == token)?
        };
        Some((arch, Syscall::from_name(name)?))
    });
    Some((native(&done.stdout), unknown.collect()))
}

/// Compares a policy with what libseccomp makes of its rules; the calls libseccomp is too old to know apart.
fn same_as_libseccomp(file: &str, ours: &Filter, rules: &str, folder: &Folder) {
    let Some((theirs, unknown)) = libseccomp(folder, rules) else { return };
    let found = differing(ours, &theirs);
    let unexplained: Vec<_> = found.iter().filter(|c| !unknown.contains(c)).copied().collect();
    assert!(unexplained.is_empty(), "{file}: {}: {:?}", show_calls(&unexplained), witness(ours, &theirs));
    assert_eq!(witness(&without(ours, &found), &without(&theirs, &found)), None, "{file}");
    match found.is_empty() {
        true => eprintln!("{file}: proved equal to libseccomp's program"),
        false => eprintln!(
            "{file}: proved equal to libseccomp's program, but for calls it does not know: {}",
            show_calls(&found)
        ),
    }
}

const ALLOW: u32 = 0x7fff_0000;
const ERRNO: u32 = 0x0005_0000;

/// The architectures of a container on x86_64, as libseccomp numbers them.
const ARCHES: &str = "arch c000003e\narch 40000003\narch 4000003e\n";

#[test]
fn lxc_profile() {
    let path = "/usr/share/lxc/config/common.seccomp";
    if !installed(path, "liblxc-common") {
        return;
    }
    let text = std::fs::read_to_string(path).unwrap();
    let import = read(&text, Format::Lxc, &Options::new(Arch::X86_64)).unwrap();
    let mut rules = format!("default {ALLOW:x}\n{ARCHES}");
    for line in text.lines().skip(2) {
        let words: Vec<&str> = line.split('#').next().unwrap().split_whitespace().collect();
        match words[..] {
            // EACCES for MNT_FORCE.
            ["reject_force_umount"] => rules += &format!("rule {:x} umount2 1 1 7 1 1\n", ERRNO | 13),
            [name, "errno", number] => {
                rules += &format!("rule {:x} {name} 0\n", ERRNO | number.parse::<u32>().unwrap());
            }
            ["[all]"] | [] => {}
            _ => panic!("{line}"),
        }
    }
    same_as_libseccomp(path, &import.policies[0].policy.lower().unwrap(), &rules, &Folder::new("lxc"));
}

#[test]
fn containers_profile() {
    let path = "/usr/share/containers/seccomp.json";
    if !installed(path, "golang-github-containers-common") {
        return;
    }
    let text = std::fs::read_to_string(path).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let folder = Folder::new("containers");
    for caps in ["none", "all"] {
        let options = Options {
            caps: Some(Capabilities::parse(caps).unwrap()),
            kernel: Some(Kernel::new(6, 1)),
            ignore_unknown: true,
            ..Options::new(Arch::X86_64)
        };
        let import = read(&text, Format::Containers, &options).unwrap();
        let rules = containers_rules(&json, caps == "all");
        same_as_libseccomp(
            &format!("{path} with --caps {caps}"),
            &import.policies[0].policy.lower().unwrap(),
            &rules,
            &folder,
        );
    }
}

/// The rules a containers-common profile stands for on amd64, read as plainly as can be.
fn containers_rules(json: &serde_json::Value, caps: bool) -> String {
    let errno = |of: &serde_json::Value, name: &str, number: &str| match of[name].as_str() {
        Some("ENOSYS") => 38,
        Some("EPERM") => 1,
        Some("EINVAL") => 22,
        Some("") | None => of[number].as_u64().unwrap_or(1) as u32,
        Some(other) => panic!("{other}"),
    };
    let action = |name: &str, errno: u32| match name {
        "SCMP_ACT_ALLOW" => ALLOW,
        "SCMP_ACT_ERRNO" => ERRNO | errno,
        other => panic!("{other}"),
    };
    let default =
        action(json["defaultAction"].as_str().unwrap(), errno(json, "defaultErrno", "defaultErrnoRet"));
    let mut out = format!("default {default:x}\n{ARCHES}");
    let list =
        |of: &serde_json::Value| -> Vec<serde_json::Value> { of.as_array().cloned().unwrap_or_default() };
    for rule in list(&json["syscalls"]) {
        let has_arch = |of: &serde_json::Value| list(of).iter().any(|a| a.as_str() == Some("amd64"));
        let (includes, excludes) = (&rule["includes"], &rule["excludes"]);
        if has_arch(&excludes["arches"])
            || (caps && !list(&excludes["caps"]).is_empty())
            || (!list(&includes["arches"]).is_empty() && !has_arch(&includes["arches"]))
            || (!caps && !list(&includes["caps"]).is_empty())
        {
            continue;
        }
        let action = action(rule["action"].as_str().unwrap(), errno(&rule, "errno", "errnoRet"));
        let compares: Vec<String> = list(&rule["args"])
            .iter()
            .map(|arg| {
                let op = ["", "NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"];
                let name = arg["op"].as_str().unwrap().strip_prefix("SCMP_CMP_").unwrap();
                let op = op.iter().position(|o| *o == name).unwrap();
                let number = |key: &str| arg[key].as_u64().unwrap_or(0);
                format!("{} {op} {:x} {:x}", number("index"), number("value"), number("valueTwo"))
            })
            .collect();
        for name in list(&rule["names"]) {
            let name = name.as_str().unwrap();
            out += &format!("rule {action:x} {name} {} {}\n", compares.len(), compares.join(" "));
        }
    }
    out
}
