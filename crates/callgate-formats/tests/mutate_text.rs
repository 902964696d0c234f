//! Readers return on whatever they are fed: real-looking files with words and
//! characters exchanged, and files that include themselves.

use callgate::Arch;
use callgate_formats::{Format, Options, fuzz_read, read};
use std::sync::Arc;

const SEEDS: &[(Format, &str)] = &[
    (
        Format::Minijail,
        "@include ./x\n# c\nread: 1\nwrite: arg0 == 1 && arg1 in ~0x3|(4|EPERM) || \\\n arg2 & 5\nopen: return 5\n\
         ioctl: arg1 == TCGETS; return EPERM\n",
    ),
    (
        Format::MinijailPython,
        "@default kill-process\n@frequency ./f\n{read, write[arch=x86_64,arm]}: { arg0 == -1; trap, arg1 >= 0x10; \
         return EPERM, log } # c\nkill: allow\nclone: arg0 & ~(1|2)\n@denylist\n",
    ),
    (
        Format::Kafel,
        "#define A 0x10\n/* c */ POLICY p { ERRNO(5) { read(a, b) ON {x86_64, arm} { (a & 3 | A) <= 7, !(b == -1) \
         && a != 08 } } } // c\n#include \"x\" \"y\";\nUSE p, ALLOW { write { fd == 1 || count < 0b11 }, SYSCALL[7] }\n\
         DEFAULT TRAP(3)\n",
    ),
    (
        Format::Nsjail,
        "name: \"a\\x41\\101\" # c\nmount { src: '/' list: [1, <a: 2>] }\nseccomp_log: true\nseccomp_string: \"ALLOW \
         { read }\"\n  \" DEFAULT KILL\"; seccomp_policy_file: \"x\"\n",
    ),
    (
        Format::Systemd,
        "[Unit]\n; c\n[Service]\nSystemCallFilter=~@clock read:EPERM \\\n # c\n write:5\nSystemCallFilter=@swap\n\
         SystemCallErrorNumber=EACCES\nSystemCallArchitectures=native x86\nSystemCallLog=~@module\n\
         RestrictAddressFamilies=~AF_UNIX none\nRestrictNamespaces=~user net\nMemoryDenyWriteExecute=yes\n\
         ProtectHostname=yes:x\nDynamicUser=1\nLockPersonality=on\nRestrictSUIDSGID=t\n",
    ),
    (
        Format::Firejail,
        "include x.inc # c\nignore seccomp.32\nseccomp !chroot,@clock,$300,mount:kill\nseccomp.drop read:EPERM\n\
         seccomp.keep @default\nseccomp.32 mount\nprotocol +unix,-inet,=inet6\nseccomp-error-action kill\n\
         restrict-namespaces user,time\n?HAS_X11: seccomp\nmemory-deny-write-execute\nseccomp.block-secondary\n",
    ),
    (
        Format::Lxc,
        "2\nallowlist errno 5\nreject_force_umount # c\n[all]\nread errno -1 [0,0x5,SCMP_CMP_MASKED_EQ,07]\n[x86]\n\
         write kill [1,5,<=] [2,7,!=]\n",
    ),
    (Format::Lxc, "1\nallowlist\n0\n 17 \n4294967295\n"),
    (
        Format::Snapd,
        "@complain\n# c\nread\nchown - u:root -1\n~ioctl - TIOCSTI\nsocket AF_INET|3 >=5 !7 |4 <9 -\nsetuid g:root\n",
    ),
    (
        Format::Android,
        "# c\nread(int, void*) all\n_exit|_Exit:exit_group(int) arm,lp64\n__socket:socketcall:1(int) x86\n",
    ),
    (
        Format::Easyseccomp,
        "// c\n#ifdef A\n$syscall == @mkdir => ALLOW();\n#endif\n$arch != @x86 && ($arg0 & 6 >= 4) => ERRNO(EPERM);\n\
         $syscall not in (1, 2,@read@x86) => TRACE(5);\n$syscall in KERNEL(5.1) => LOG();\n=> KILL_PROCESS();\n",
    ),
    (Format::Pledge, "stdio rpath inet tty\nproc exec prot_exec id\n# c\n"),
];

/// The seeds of the structured formats are those of the fuzz target, whose first line names the format.
fn seeds() -> Vec<(Format, String)> {
    let mut seeds: Vec<(Format, String)> = SEEDS.iter().map(|(f, text)| (*f, text.to_string())).collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/formats");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let (name, rest) = text.split_once('\n').unwrap();
        seeds.push((Format::from_name(name).unwrap(), rest.to_string()));
    }
    seeds
}

/// No reader is left out.
#[test]
fn every_reader_has_a_seed() {
    let seeds = seeds();
    for format in Format::ALL {
        let unread = format!("{} files cannot be read", format.name());
        let read = read("", *format, &Options::new(Arch::X86_64));
        if read.is_ok() || read.is_err_and(|e| !e.to_string().contains(&unread)) {
            assert!(seeds.iter().any(|(f, _)| f == format), "{}", format.name());
        }
    }
}

/// A small generator, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

/// Exchanges, repeats or drops pieces of a text.
fn mutate(seed: &str, random: &mut Random) -> Vec<u8> {
    const ODD: &[&str] = &[
        "",
        "\0",
        "\u{feff}",
        "ß",
        "\"",
        "'",
        "\\",
        "{",
        "}",
        "(",
        "((((((((",
        "~",
        "!",
        "@",
        "$",
        ":",
        ";",
        ",",
        "\n",
        "\r\n",
        "-1",
        "99999999999999999999",
        "0x",
        "08",
        "|",
        "&&",
        "#",
        "/*",
        "//",
        "[",
        "]",
        "%",
        "=",
        "==",
        " ",
        "\t",
    ];
    let mut bytes = seed.as_bytes().to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let end = (at + random.below(12)).min(bytes.len());
        match random.below(5) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let piece: Vec<u8> = bytes[at..end].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            2 if !bytes.is_empty() => {
                let i = random.below(bytes.len());
                bytes[i] = random.below(256) as u8;
            }
            _ => {
                let odd = ODD[random.below(ODD.len())].bytes();
                bytes.splice(at..end, odd);
            }
        }
    }
    bytes
}

#[test]
fn mutated_files() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let seeds = seeds();
    for (format, seed) in &seeds {
        for _ in 0..60 {
            let bytes = mutate(seed, &mut random);
            for other in [*format, seeds[random.below(seeds.len())].0] {
                fuzz_read(other, &bytes);
            }
        }
    }
}

#[test]
fn long_and_deep_files() {
    let n = 20_000;
    for (format, text) in [
        (Format::Kafel, format!("ALLOW {{ write {{ {} }} }}", "(".repeat(n))),
        (Format::Kafel, format!("ALLOW {{ write {{ {} }} }}", "!".repeat(n))),
        (Format::Kafel, format!("ALLOW {{ write {{ fd == 1{} }} }}", " || fd == 2".repeat(n))),
        (Format::Kafel, (0..n).map(|i| format!("POLICY p{i} {{ USE p{} }}\n", i.max(1) - 1)).collect()),
        (Format::MinijailPython, format!("read: arg0 == {}1", "(".repeat(n))),
        (Format::Minijail, format!("read: arg0 == {}1", "(".repeat(n))),
        (Format::Minijail, "\\\n".repeat(n)),
        (Format::Nsjail, "a {".repeat(n)),
        (Format::Systemd, format!("[Service]\nSystemCallFilter={}", "read ".repeat(n))),
        (Format::Systemd, format!("[Service]\nSystemCallFilter=\\\n{}", "#\n".repeat(n))),
        (Format::Firejail, format!("seccomp.drop {}", "@default,".repeat(n / 10))),
        (Format::Lxc, format!("2\ndenylist\n{}", "read errno 5 [0,1,==]\n".repeat(n / 10))),
        (Format::Snapd, "socket AF_UNIX\n".repeat(n / 10)),
    ] {
        fuzz_read(format, text.as_bytes());
    }
}

#[test]
fn files_that_include_themselves() {
    for (format, text) in [
        (Format::Kafel, "#include \"x\" \"x\"\n"),
        (Format::MinijailPython, "@include ./x\n@include ./x\nread: allow\n"),
        (Format::Minijail, "@include ./x\nread: 1\n"),
        (Format::Firejail, "include x\ninclude x\nseccomp\n"),
    ] {
        let open = Arc::new(move |_: &std::path::Path| Ok(text.to_owned()));
        let options = Options { open: Some(open), ..Options::new(Arch::X86_64) };
        let error = read(text, format, &options).unwrap_err().to_string();
        assert!(error.contains("too deep") || error.contains("cannot include"), "{format:?}: {error}");
    }
}
