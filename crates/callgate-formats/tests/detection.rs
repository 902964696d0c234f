//! What files are taken for, by their contents and names.

mod common;

use callgate_formats::{Format, detect};
use common::{corpus, files};
use std::collections::BTreeMap;
use std::path::Path;

fn found(name: &str, text: &str) -> Option<Format> {
    detect(Some(Path::new(name)), text.as_bytes()).map(|d| d.format)
}

#[test]
fn small_files() {
    for (name, text, format) in [
        ("x", "{\"defaultAction\": \"SCMP_ACT_ALLOW\"}", Format::Oci),
        ("x", "{\"linux\": {\"seccomp\": null}, \"ociVersion\": \"1.0\"}", Format::Oci),
        ("x", "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"archMap\": []}", Format::Docker),
        (
            "/usr/share/containers/seccomp.json",
            "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"archMap\": []}",
            Format::Containers,
        ),
        ("x", "{\"syscalls\": [{\"errno\": \"EPERM\"}]}", Format::Containers),
        ("x.json", "{\"defaultAction\": \"SCMP_ACT_ALLOW\",}", Format::Oci),
        ("x", "{\"vmm\": {\"filter\": [], \"default_action\": \"allow\"}}", Format::Seccompiler),
        ("x", "kind: SeccompProfile\n", Format::Spo),
        ("x", "default_action: allow\nsyscalls: []\n", Format::GoSeccomp),
        ("x.cg", "read: 1\n", Format::Callgate),
        ("x", "read: 1\nioctl: arg1 == 0x5401\n", Format::Minijail),
        ("x", "@default kill-process\nread: allow\n", Format::MinijailPython),
        ("x", "POLICY a { ALLOW { read } } USE a DEFAULT KILL", Format::Kafel),
        ("x", "ERRNO(1) { ptrace }\nDEFAULT ALLOW\n", Format::Kafel),
        ("x", "/* x: y */ ERRNO(1) { read }\n", Format::Kafel),
        ("x", "DEFAULT KILL_PROCESS", Format::Kafel),
        ("x", "# c\nread: 1\nioctl: arg1 == 5 || \\\n  arg1 == 6\n", Format::Minijail),
        ("x", "read(int, void*) all\nmmap2:mmap2(void*) arm,lp64\n", Format::Android),
        ("x", "# c\nread\nioctl - TIOCSTI\n~socket AF_ALG\n", Format::Snapd),
        ("x", "A = sys_number\nA == 5 ? x : next\nreturn ALLOW\n", Format::Asm),
        ("x.cfg", "name: \"x\"\nseccomp_string: \"ALLOW { read }\"\n", Format::Nsjail),
        ("x.service", "[Service]\nExecStart=/bin/true\n", Format::Systemd),
        ("10-x.conf", "SystemCallFilter=@system-service\n", Format::Systemd),
        ("x", "include globals.local\nseccomp !chroot\n", Format::Firejail),
        ("x", "seccomp.drop @mount\n", Format::Firejail),
        ("x", "2\ndenylist errno 1\n[all]\nptrace\n", Format::Lxc),
        ("x.src", "read\nwrite\n~ptrace\nsocket AF_UNIX - -\nsetuid u:root\n", Format::Snapd),
        ("x", "int  open:open(const char*, int)  all\n", Format::Android),
        ("x", "stdio rpath inet\n", Format::Pledge),
        ("x", "A = sys_number\nif (A == read) goto ok\n", Format::Asm),
        ("x", " 0000: 0x06 0x00 0x00 0x7fff0000  return ALLOW\n", Format::Disasm),
        ("x", "static struct sock_filter f[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };", Format::C),
        ("x.bpf", "\u{6}\0\0\0\0\0\0\0", Format::Bpf),
    ] {
        assert_eq!(found(name, text), Some(format), "{name}: {text}");
    }
    for (name, text) in
        [("x", ""), ("x", "# a comment\n"), ("x", "allow read, write\ndefault errno(EPERM)\n")]
    {
        assert_eq!(found(name, text), None, "{text}");
    }
}

#[test]
fn real_files() {
    let Some(corpus) = corpus() else { return };
    let expected: &[(&str, &[Format])] = &[
        ("oci", &[Format::Oci, Format::Docker]),
        ("docker", &[Format::Docker, Format::Oci]),
        ("containers-common", &[Format::Containers, Format::Docker]),
        ("spo-crd", &[Format::Spo]),
        ("seccompiler-json", &[Format::Seccompiler]),
        ("go-seccomp-bpf", &[Format::GoSeccomp]),
        ("minijail", &[Format::Minijail, Format::MinijailPython]),
        ("kafel", &[Format::Kafel]),
        ("nsjail-cfg", &[Format::Nsjail]),
        ("systemd-unit", &[Format::Systemd]),
        ("firejail", &[Format::Firejail]),
        ("lxc", &[Format::Lxc]),
        ("snapd", &[Format::Snapd]),
        ("android", &[Format::Android]),
        ("pledge", &[Format::Pledge]),
        ("ceccomp-text", &[Format::Disasm, Format::Asm]),
        ("cbpf-raw", &[Format::Bpf]),
    ];
    let mut wrong = Vec::new();
    for (folder, formats) in expected {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for path in files(&corpus.join("policies").join(folder)) {
            let bytes = std::fs::read(&path).unwrap();
            let found = detect(Some(&path), &bytes);
            let name = found.as_ref().map_or("nothing", |d| d.format.name());
            *counts.entry(name).or_default() += 1;
            if !found.as_ref().is_some_and(|d| formats.contains(&d.format)) {
                let why = found.map(|d| format!("{:?}: {}", d.format, d.why));
                wrong.push(format!("{}: {why:?}", path.strip_prefix(&corpus).unwrap().display()));
            }
        }
        eprintln!("{folder}: {counts:?}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
