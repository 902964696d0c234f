//! Every wrapping of a program is recognized and gives the same instructions back.

mod corpus;

use callgate::abi::{Arch, Endian, Insn};
use callgate::program::container::{Container, ReadOptions, detect, read, write};
use callgate::program::{Code, asm};
use proptest::prelude::*;

fn options() -> ReadOptions {
    ReadOptions::default()
}

#[track_caller]
fn comes_back(code: &Code, container: Container) {
    let file = match write(code, container, None) {
        Ok(file) => file,
        Err(error) => {
            let names_fields = matches!(container, Container::SeccompToolsAsm | Container::BpfAsm);
            assert!(names_fields, "{container:?}: {error}");
            return;
        }
    };
    let text = String::from_utf8_lossy(&file);
    let told = ReadOptions { container: Some(container), endian: Some(code.endian), arch: None };
    let back = read(&file, &told).unwrap_or_else(|e| panic!("{container:?}: {e:#?}\n{text}"));
    assert_eq!(&back.code, code, "{container:?}\n{text}");
}

#[track_caller]
fn is_recognized(code: &Code, container: Container) {
    let Ok(file) = write(code, container, None) else { return };
    let text = String::from_utf8_lossy(&file);
    let back = read(&file, &options()).unwrap_or_else(|e| panic!("{container:?}: {e:#?}\n{text}"));
    let expected = match container {
        Container::SeccompToolsAsm => Container::Asm,
        other => other,
    };
    assert_eq!(back.container, expected, "{}\n{text}", back.why);
    assert_eq!(&back.code, code, "{container:?}\n{text}");
}

#[test]
fn names_are_unique() {
    for container in Container::ALL {
        assert_eq!(Container::from_name(container.name()), Some(*container));
    }
}

#[test]
fn real_filters_survive_every_container() {
    for (path, bytes) in corpus::filters() {
        let read = read(&bytes, &options()).unwrap_or_else(|e| panic!("{path}: {e:?}"));
        assert_eq!((read.container, read.code.endian), (Container::Binary, Endian::Little), "{path}");
        for container in Container::ALL {
            is_recognized(&read.code, *container);
        }
    }
}

#[test]
fn big_endian_is_found_out() {
    let s390x = Code {
        insns: vec![
            Insn::stmt(0x20, 4),
            Insn::jump(0x15, Arch::S390x.token(), 1, 0),
            Insn::stmt(0x06, 0x8000_0000),
            Insn::stmt(0x20, 20),
            Insn::jump(0x15, 7, 0, 1),
            Insn::stmt(0x06, 0x0005_0001),
            Insn::stmt(0x06, 0x7fff_0000),
        ],
        endian: Endian::Big,
    };
    for container in Container::ALL {
        is_recognized(&s390x, *container);
    }
    let text = String::from_utf8(write(&s390x, Container::Asm, None).unwrap()).unwrap();
    assert!(text.contains(".arch s390x\n") && text.contains("A = args[0].lo\n"), "{text}");
}

fn any_code() -> impl Strategy<Value = Code> {
    let insn = (
        prop_oneof![3 => prop::sample::select(&[0x20u16, 0x15, 0x06, 0x54, 0x05, 0x25, 0x3c][..]), 1 => any::<u16>()],
        any::<u8>(),
        any::<u8>(),
        any::<u32>(),
    );
    let insn = insn.prop_map(|(code, jt, jf, k)| Insn { code, jt, jf, k });
    (prop::collection::vec(insn, 1..20), any::<bool>())
        .prop_map(|(insns, big)| Code { insns, endian: if big { Endian::Big } else { Endian::Little } })
}

proptest! {
    #[test]
    fn any_program_survives(code in any_code(), container in prop::sample::select(Container::ALL)) {
        comes_back(&code, container);
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        container in prop::option::of(prop::sample::select(Container::ALL)),
    ) {
        let _ = read(&bytes, &ReadOptions { container, ..options() });
    }

    #[test]
    fn damaged_files_never_panic(
        code in any_code(),
        container in prop::sample::select(Container::ALL),
        at in any::<prop::sample::Index>(),
        put in "(?s).{0,3}",
        told in any::<bool>(),
    ) {
        if let Ok(mut file) = write(&code, container, None) {
            let at = at.index(file.len());
            file.splice(at..(at + 1), put.bytes());
            let container = if told { Some(container) } else { None };
            let _ = read(&file, &ReadOptions { container, ..options() });
        }
    }
}

/// `A = arch; if A != x86_64 …`: the program every case below spells.
fn sample() -> Vec<Insn> {
    vec![
        Insn::stmt(0x20, 4),
        Insn::jump(0x15, 0xc000_003e, 1, 0),
        Insn::stmt(0x06, 0),
        Insn::stmt(0x20, 0),
        Insn::jump(0x15, 59, 0, 1),
        Insn::stmt(0x06, 0x0005_0001),
        Insn::stmt(0x06, 0x7fff_0000),
    ]
}

#[track_caller]
fn reads_as(container: Container, text: &str) {
    let found = detect(text.as_bytes()).unwrap_or_else(|| panic!("nothing recognized:\n{text}"));
    assert_eq!(found.container, container, "{}", found.why);
    let back = read(text.as_bytes(), &options()).unwrap_or_else(|e| panic!("{e:#?}\n{text}"));
    assert_eq!(back.code.insns, sample());
}

#[test]
fn c_as_people_write_it() {
    reads_as(
        Container::Macros,
        r#"
#include <linux/seccomp.h>
int main(void) {
    struct sock_filter filter[] = {
        /* which ABI? */
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offsetof(struct seccomp_data, arch))),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL), // the thread
        BPF_STMT(BPF_LD+BPF_W+BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP+BPF_JEQ+BPF_K, __NR_execve, 0, 1),
        BPF_STMT(BPF_RET+BPF_K, SECCOMP_RET_ERRNO | (EPERM & SECCOMP_RET_DATA)),
        BPF_STMT(BPF_RET+BPF_K, SECCOMP_RET_ALLOW),
    };
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return 0;
}
"#,
    );
    reads_as(
        Container::C,
        "{ 0x20, 0, 0, 0x00000004 },\n{ 0x15, 1, 0, 0xc000003eU },\n{ 0x6, 0, 0, 0 },\n{ 0x20, 0, 0, 0 },
         { 0x15, 0, 1, 0x3b },\n{ 0x6, 0, 0, 0x50001 },\n{ 0x6, 0, 0, 0x7fff0000 },\n",
    );
    reads_as(
        Container::C,
        "struct sock_filter f[] = { {.code = 0x20, .k = 4}, {.code=0x15, .jt=1, .jf=0, .k=0xc000003e}, {.code = 6},
         {.code = 0x20}, {.code = 0x15, .jf = 1, .k = 59}, {.code = 6, .k = 0x50001}, {.code = 6, .k = 0x7fff0000} };",
    );
    reads_as(
        Container::Bytes,
        "unsigned char bpf[] = {32,0,0,0,4,0,0,0,21,0,1,0,62,0,0,192,6,0,0,0,0,0,0,0,32,0,0,0,0,0,0,0,
         21,0,0,1,59,0,0,0,6,0,0,0,1,0,5,0,6,0,0,0,0,0,255,127};",
    );
}

#[test]
fn other_languages() {
    reads_as(
        Container::Rust,
        "const F: [libc::sock_filter; 7] = [\n libc::sock_filter { code: 0x20u16, jt: 0, jf: 0, k: 4 },
         sock_filter { code: (libc::BPF_JMP | libc::BPF_JEQ) as u16, jt: 1, jf: 0, k: 0xc000_003e },
         sock_filter { code: 6, jt: 0, jf: 0, k: 0 }, sock_filter { code: 0x20, jt: 0, jf: 0, k: 0 },
         sock_filter { code: 0x15, jt: 0, jf: 1, k: 59 }, sock_filter { code: 6, jt: 0, jf: 0, k: 0x5_0001 },
         sock_filter { code: 6, jt: 0, jf: 0, k: 0x7fff0000_u32 } ];",
    );
    reads_as(
        Container::C,
        "[[32,0,0,4],[21,1,0,3221225534],[6,0,0,0],[32,0,0,0],[21,0,1,59],[6,0,0,327681],[6,0,0,2147418112]]",
    );
    reads_as(
        Container::C,
        r#"[{"code":32,"jt":0,"jf":0,"k":4},{"code":21,"jt":1,"jf":0,"k":3221225534},{"code":6,"jt":0,"jf":0,"k":0},
        {"code":32,"jt":0,"jf":0,"k":0},{"code":21,"jt":0,"jf":1,"k":59},{"code":6,"jt":0,"jf":0,"k":327681},
        {"code":6,"jt":0,"jf":0,"k":2147418112}]"#,
    );
    reads_as(
        Container::C,
        "f := []unix.SockFilter{ unix.SockFilter{Code: 0x20, Jt: 0, Jf: 0, K: 4}, {Code: 0x15, Jt: 1, K: 0xc000003e},
        {Code: 6}, {Code: 0x20}, {Code: 0x15, Jf: 1, K: 59}, {Code: 6, K: 0x50001}, {Code: 6, K: 0x7fff0000} }",
    );
}

#[test]
fn dumps() {
    reads_as(
        Container::Hex,
        "00000000: 2000 0000 0400 0000 1500 0100 3e00 00c0   ...........>...
00000010: 0600 0000 0000 0000 2000 0000 0000 0000  ........ .......
00000020: 1500 0001 3b00 0000 0600 0000 0100 0500  ....;...........
00000030: 0600 0000 0000 ff7f                      ........
",
    );
    reads_as(
        Container::Hex,
        "00000000  20 00 00 00 04 00 00 00  15 00 01 00 3e 00 00 c0  | ...........>...|
00000010  06 00 00 00 00 00 00 00  20 00 00 00 00 00 00 00  |........ .......|
00000020  15 00 00 01 3b 00 00 00  06 00 00 00 01 00 05 00  |....;...........|
00000030  06 00 00 00 00 00 ff 7f                           |........|
00000038
",
    );
    reads_as(
        Container::Escaped,
        "b' \\x00\\x00\\x00\\x04\\x00\\x00\\x00\\x15\\x00\\x01\\x00>\\x00\\x00\\xc0\\x06\\x00\\x00\\x00\\x00\\x00\\x00\\x00'
         b' \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x15\\x00\\x00\\x01;\\x00\\x00\\x00'
         b'\\x06\\x00\\x00\\x00\\x01\\x00\\x05\\x00\\x06\\x00\\x00\\x00\\x00\\x00\\xff\\x7f'",
    );
    reads_as(
        Container::Strace,
        "prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, {len=7, filter=[BPF_STMT(BPF_LD|BPF_W|BPF_ABS, 0x4), \
         BPF_JUMP(BPF_JMP|BPF_K|BPF_JEQ, 0xc000003e, 0x1, 0), BPF_STMT(BPF_RET|BPF_K, SECCOMP_RET_KILL_THREAD), \
         BPF_STMT(BPF_LD|BPF_W|BPF_ABS, 0), BPF_JUMP(BPF_JMP|BPF_K|BPF_JEQ, 0x3b, 0, 0x1), \
         BPF_STMT(BPF_RET|BPF_K, SECCOMP_RET_ERRNO|0x1), BPF_STMT(BPF_RET|BPF_K, SECCOMP_RET_ALLOW)]}) = 0",
    );
}

#[test]
fn listings_of_other_tools() {
    reads_as(
        Container::SeccompTools,
        " line  CODE  JT   JF      K
=================================
 0000: 0x20 0x00 0x00 0x00000004  A = arch
 0001: 0x15 0x01 0x00 0xc000003e  if (A == ARCH_X86_64) goto 0003
 0002: 0x06 0x00 0x00 0x00000000  return KILL
 0003: 0x20 0x00 0x00 0x00000000  A = sys_number
 0004: 0x15 0x00 0x01 0x0000003b  if (A != execve) goto 0006
 0005: 0x06 0x00 0x00 0x00050001  return ERRNO(1)
 0006: 0x06 0x00 0x00 0x7fff0000  return ALLOW
",
    );
    reads_as(
        Container::Ceccomp,
        "\u{1b}[90m#Label  CODE  JT   JF      K\u{1b}[0m
 L0001: 0x20 0x00 0x00 0x00000004 \u{1b}[93m$A\u{1b}[0m = $arch
 L0002: 0x15 0x01 0x00 0xc000003e if ($A == x86_64) goto L0004
 L0003: 0x06 0x00 0x00 0x00000000 return KILL
 L0004: 0x20 0x00 0x00 0x00000000 $A = $syscall_nr
 L0005: 0x15 0x00 0x01 0x0000003b if ($A != execve) goto L0007
 L0006: 0x06 0x00 0x00 0x00050001 return ERRNO(1)
 L0007: 0x06 0x00 0x00 0x7fff0000 return ALLOW
",
    );
    reads_as(
        Container::Asm,
        " 0000: A = arch\n 0001: if (A == ARCH_X86_64) goto 0003\n 0002: return KILL\n 0003: A = sys_number
 0004: if (A != execve) goto 0006\n 0005: return ERRNO(1)\n 0006: return ALLOW\n",
    );
    reads_as(
        Container::Asm,
        "$A = $arch\nif ($A == x86_64) goto 4\nreturn KILL\n$A = $syscall_nr\nif ($A != execve) goto 7\nreturn ERRNO(1)
         return ALLOW\n",
    );
}

#[track_caller]
fn fails(text: &[u8], message: &str) {
    let errors = read(text, &options()).unwrap_err();
    assert_eq!(errors[0].to_string(), message);
}

#[test]
fn errors_name_the_place() {
    fails(b"", "1:1: the file is empty");
    fails(b"\n \n", "1:1: this looks like no wrapping of a BPF program");
    fails(b"hello, world\n", "1:1: this looks like no wrapping of a BPF program");
    fails(&[0x20, 0, 0, 0, 4, 0, 0], "1:1: 7 bytes are no whole number of 8-byte instructions");
    fails(b"2\n6 0 0 0\n6 0 0\n", "3:1: expected `code jt jf k` in decimal, found `6 0 0`");
    fails(
        b"2,6 0 0 0,6 0 0 4294967296",
        "1:11: expected `code jt jf k` in decimal, found `6 0 0 4294967296`",
    );
    fails(b"{{6,0,0,0},{6,0,0,FOO}}", "1:19: unknown name `FOO`");
    fails(b"{{6,0,0,0},{6,256,0,0}}", "1:12: jt = 0x100 does not fit its field");
    fails(
        b"{ BPF_STMT(BPF_RET, 0), ALLOW_SYSCALL(read) }",
        "1:25: `ALLOW_SYSCALL` is no macro this reader knows (give the array as the preprocessor leaves it (cc -E))",
    );
    fails(
        b"{len=9, filter=[BPF_STMT(BPF_RET|BPF_K, 0), ...]}",
        "1:45: the list was cut short here (let strace print all of it: -v)",
    );
    fails(
        b"a = {{6,0,0,0}}; b = {{6,0,0,1}};",
        "1:23: a second array of instructions begins here: give one program at a time",
    );
    fails(
        b" 0000: 0x06 0x00 0x00 0x00000000  x\n 0002: 0x06 0x00 0x00 0x00000000  x\n",
        "2:2: line 2 follows where line 1 was expected",
    );
    fails(
        b" 0000: 0x06 0x00 0x00 0x00000000  x\noops\n",
        "2:1: expected `0000: 0x20 0x00 0x00 0x00000000`, an instruction's fields",
    );
}

#[test]
fn hostile_nesting_is_no_matter() {
    for unit in ["(int)", "~", "((", "{", "[{(", "-(", "!(", "\\x", "0,", "{6,0,0,0},", "a:"] {
        let text = unit.repeat(20_000);
        for container in Container::ALL {
            let _ = read(text.as_bytes(), &ReadOptions { container: Some(*container), ..options() });
            let wrapped = format!("{{{{ {text} 6, 0, 0, 0 }}}}");
            let _ = read(wrapped.as_bytes(), &ReadOptions { container: Some(*container), ..options() });
        }
        let _ = read(format!("if {text} A == 1").as_bytes(), &options());
        let _ = read(format!("A = {text} 1\nreturn allow").as_bytes(), &options());
    }
}

#[test]
fn other_tools_files_read_alike() {
    let binaries = corpus::files("policies/cbpf-raw");
    for (path, text) in corpus::files("policies/ceccomp-text") {
        let listing = read(&text, &options()).unwrap_or_else(|e| panic!("{path}: {e:?}"));
        assert_eq!(listing.container, Container::Ceccomp, "{path}");
        let name = path.rsplit('/').next().unwrap();
        let twin = binaries.iter().find(|(p, _)| p.ends_with(&format!("Ceccomp/test/bpf/{name}.bpf")));
        if let Some((_, bytes)) = twin {
            assert_eq!(&listing.code.to_bytes(), bytes, "{path}");
        }
        // The words alone say the same as the columns.
        let text = String::from_utf8(text).unwrap();
        let words = text.lines().filter_map(|line| {
            let (label, rest) = line.split_once(": 0x")?;
            Some(format!("{label}: {}\n", rest.get(23..)?))
        });
        let words: String = words.collect();
        let told = asm::Options { arch: Some(Arch::X86_64), endian: None };
        let code = asm::assemble(&words, &told).unwrap_or_else(|e| panic!("{path}: {e:#?}\n{words}"));
        assert_eq!(code, listing.code, "{path}");
    }
}

#[test]
fn seccomp_tools_example_assembles() {
    for (path, text) in corpus::files("policies/seccomp-tools-asm") {
        let found = detect(&text).map(|d| d.container);
        if path.ends_with("example.asm") {
            assert_eq!(found, Some(Container::Asm));
            let code = read(&text, &options()).unwrap_or_else(|e| panic!("{path}: {e:#?}")).code;
            assert_eq!(code.insns.len(), 10);
        } else {
            assert_eq!(found, None, "{path} is assembly of another machine");
        }
    }
}

/// What `scmp_bpf_disasm` of libseccomp prints.
#[test]
fn the_listing_of_libseccomp() {
    let text = " line  OP   JT   JF   K\n=================================\n 0000: 0x20 0x00 0x00 0x00000004   ld  $data[4]\n \
                0001: 0x15 0x00 0x01 0xc000003e   jeq 3221225534 true:0002 false:0003\n 0002: 0x06 0x00 0x00 0x7fff0000   \
                ret ALLOW\n 0003: 0x06 0x00 0x00 0x00000000   ret KILL\n";
    let read = read(text.as_bytes(), &options()).unwrap();
    assert_eq!((read.container, read.code.insns.len()), (Container::SeccompTools, 4));
    assert_eq!(read.code.insns[1], Insn { code: 0x15, jt: 0, jf: 1, k: 0xc000_003e });
}
