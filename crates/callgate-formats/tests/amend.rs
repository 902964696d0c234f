//! A call more in a file of every notation that is written into.

use callgate::{Action, Arch, ArgCmp, ArgIndex, Op, SeccompData, Syscall, Width};
use callgate_formats::{Amended, Format, Options, Permit, Unamended, amend, read};

/// A call with these arguments, of which some are compared.
fn permit(name: &str, args: [u64; 6], compared: &[(u8, Width)]) -> Permit {
    let call = Syscall::from_name(name).unwrap();
    let data =
        SeccompData { nr: call.number(Arch::X86_64).unwrap(), arch: Arch::X86_64.token(), ip: 0, args };
    let one = |&(index, width): &(u8, Width)| ArgCmp {
        arg: ArgIndex::new(index).unwrap(),
        width,
        op: Op::Eq(args[usize::from(index)]),
    };
    Permit { data, call, compared: compared.iter().map(one).collect() }
}

fn netlink() -> Permit {
    permit("socket", [16, 3, 0, 0, 0, 0], &[(0, Width::W32), (2, Width::W32)])
}

fn options() -> Options {
    Options::new(Arch::X86_64)
}

fn amended(text: &str, format: Format, permit: &Permit) -> Amended {
    amend(text, format, &options(), permit).unwrap_or_else(|e| panic!("{}: {e}\n{text}", format.name()))
}

/// What one line more makes of a text.
#[track_caller]
fn adds(
    text: &str,
    format: Format,
    permit: &Permit,
    line: usize,
    added: &str,
    any_arguments: bool,
) -> String {
    let found = amended(text, format, permit);
    assert_eq!(found.added, [(line, added.to_owned())], "{}", found.text);
    assert_eq!(found.any_arguments, any_arguments, "{}", found.text);
    let policies = read(&found.text, format, &options()).unwrap().policies;
    assert!(policies.iter().all(|p| p.policy.eval(&permit.data).permits()), "{}", found.text);
    found.text
}

const PROFILE: &str = r#"{
	"defaultAction": "SCMP_ACT_ERRNO",
	"architectures": ["SCMP_ARCH_X86_64"],
	"syscalls": [
		{
			"names": ["read", "wri\u0074e"],
			"action": "SCMP_ACT_ALLOW"
		}
	]
}
"#;

#[test]
fn container_profiles() {
    let text = adds(
        PROFILE,
        Format::Oci,
        &netlink(),
        9,
        r#"{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 16, "op": "SCMP_CMP_EQ"}, {"index": 2, "value": 0, "op": "SCMP_CMP_EQ"}]}"#,
        false,
    );
    assert!(text.contains("\"SCMP_ACT_ALLOW\"\n\t\t},\n\t\t{\"names\": [\"socket\"]"), "{text}");
    assert!(text.contains(r#""wri\u0074e""#), "what was there is there as it was");
    // A list on one line stays on it, an empty one gets its first element.
    let short =
        r#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW"}]}"#;
    let getpid = permit("getpid", [0; 6], &[]);
    let text = adds(
        short,
        Format::Docker,
        &getpid,
        1,
        r#"{"names": ["getpid"], "action": "SCMP_ACT_ALLOW"}"#,
        false,
    );
    assert!(
        text.ends_with(r#""SCMP_ACT_ALLOW"}, {"names": ["getpid"], "action": "SCMP_ACT_ALLOW"}]}"#),
        "{text}"
    );
    let bundle =
        r#"{"ociVersion": "1.0", "linux": {"seccomp": {"defaultAction": "SCMP_ACT_KILL", "syscalls": []}}}"#;
    adds(bundle, Format::Oci, &getpid, 1, r#"{"names": ["getpid"], "action": "SCMP_ACT_ALLOW"}"#, false);
}

/// Where all is permitted but what is listed, a rule that permits says nothing.
#[test]
fn names_are_taken_out_of_rules_that_refuse() {
    let profile = |rules: &str| format!("{{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{rules}]}}");
    let rule = |names: &str| format!("{{\"names\": [{names}], \"action\": \"SCMP_ACT_ERRNO\"}}");
    let getpid = permit("getpid", [0; 6], &[]);
    for (before, after) in [
        (rule("\"getpid\", \"mount\""), rule("\"mount\"")),
        (rule("\"mount\", \"getpid\""), rule("\"mount\"")),
        (rule("\"mount\", \"getpid\", \"bpf\""), rule("\"mount\", \"bpf\"")),
        (format!("{}, {}", rule("\"mount\""), rule("\"getpid\"")), rule("\"mount\"")),
        (rule("\"getpid\""), String::new()),
    ] {
        let text = adds(&profile(&before), Format::Docker, &getpid, 1, "\"getpid\" taken out", false);
        assert_eq!(text, profile(&after));
    }
    // Twice, and where it stood is behind the end of what is left.
    let far = "\n".repeat(40);
    let rule = |names: &str| format!("{{\"action\": \"SCMP_ACT_ERRNO\", \"names\": [{names}]}}");
    let found =
        amended(&profile(&rule(&format!("\"mount\",{far}\"getpid\", \"getpid\""))), Format::Docker, &getpid);
    assert_eq!(found.text, profile(&rule("\"mount\"")));
    assert_eq!(found.added, vec![(1, "\"getpid\" taken out".to_owned()); 2]);
}

#[test]
fn a_negative_number_of_32_bits_is_compared_in_its_low_half() {
    let there = permit("openat", [0xffff_ff9c, 0, 0, 0, 0, 0], &[(0, Width::W32)]);
    let found = amended(PROFILE, Format::Oci, &there);
    assert!(found.text.contains(r#""value": 4294967295, "valueTwo": 4294967196"#), "{}", found.text);
    // Garbage above a number that is not negative: the plain comparison would not permit the call.
    let mut above = netlink();
    above.data.args[0] |= 1 << 40;
    let found = amended(PROFILE, Format::Oci, &above);
    assert!(found.text.contains("SCMP_CMP_MASKED_EQ"), "{}", found.text);
}

#[test]
fn a_thread_of_seccompilers_files() {
    let file = |names: &[&str]| {
        let thread = |name| {
            format!(
                "  \"{name}\": {{\n    \"default_action\": \"trap\", \"filter_action\": \"allow\",\n    \"filter\": [\n      \
                 {{\"syscall\": \"read\"}}\n    ]\n  }}"
            )
        };
        format!("{{\n{}\n}}\n", names.iter().map(thread).collect::<Vec<_>>().join(",\n"))
    };
    let added = r#"{"syscall": "socket", "args": [{"index": 0, "type": "dword", "op": "eq", "val": 16}, {"index": 2, "type": "dword", "op": "eq", "val": 0}]}"#;
    adds(&file(&["vmm"]), Format::Seccompiler, &netlink(), 6, added, false);
    let picked = Options { pick: Some("vcpu".into()), ..options() };
    let found = amend(&file(&["vmm", "vcpu"]), Format::Seccompiler, &picked, &netlink()).unwrap();
    assert_eq!(found.added, [(12, added.to_owned())], "{}", found.text);
    assert_eq!(
        amend(&file(&["vmm", "vcpu"]), Format::Seccompiler, &options(), &netlink()),
        Err(Unamended::NoPlace)
    );
}

#[test]
fn kubernetes_profiles() {
    let text = "apiVersion: security-profiles-operator.x-k8s.io/v1beta1\nkind: SeccompProfile\nmetadata:\n  name: profile\nspec:\n  \
                defaultAction: SCMP_ACT_ERRNO\n  architectures:\n  - SCMP_ARCH_X86_64\n  syscalls:\n  - action: SCMP_ACT_ALLOW\n    \
                names:\n    - read # the first\n";
    let added = "- action: SCMP_ACT_ALLOW\n    names:\n    - socket\n    args:\n    - index: 0\n      value: 16\n      op: SCMP_CMP_EQ\n    \
                 - index: 2\n      value: 0\n      op: SCMP_CMP_EQ";
    adds(text, Format::Spo, &netlink(), 13, added, false);
    // Something behind the list.
    let before = text.replace("  architectures:\n  - SCMP_ARCH_X86_64\n", "")
        + "  architectures:\n  - SCMP_ARCH_X86_64\n";
    adds(&before, Format::Spo, &netlink(), 11, added, false);
    let elastic = "seccomp:\n  default_action: errno\n  syscalls:\n  - action: allow\n    names:\n    - read\n    - write";
    adds(elastic, Format::GoSeccomp, &netlink(), 8, "- action: allow\n    names:\n    - socket", true);
}

#[test]
fn minijails_lines() {
    let at_the_end = "arg0 == 0x10 && arg2 == 0x0";
    let text = "read: 1\nwrite: 1";
    let text = adds(text, Format::Minijail, &netlink(), 3, &format!("socket: {at_the_end}"), false);
    assert_eq!(text, "read: 1\nwrite: 1\nsocket: arg0 == 0x10 && arg2 == 0x0\n");
    let text = "socket: arg0 == 1; return EPERM\nread: 1\n";
    let line = format!("socket: arg0 == 1 || {at_the_end}");
    let text = adds(text, Format::Minijail, &netlink(), 1, &line, false);
    assert_eq!(text, "socket: arg0 == 1 || arg0 == 0x10 && arg2 == 0x0; return EPERM\nread: 1\n");
    // What is refused by name.
    let text = adds(
        "read: 1\nmount: return EPERM\n",
        Format::Minijail,
        &permit("mount", [0; 6], &[]),
        2,
        "mount: 1",
        false,
    );
    assert_eq!(text, "read: 1\nmount: 1\n");
    let text = "mount: return EPERM # until it is needed\nread: 1\n";
    let text = adds(text, Format::Minijail, &permit("mount", [0; 6], &[]), 1, "mount: 1", false);
    assert_eq!(text, "mount: 1 # until it is needed\nread: 1\n");
}

#[test]
fn lists_of_names() {
    let list = "2\nallowlist errno 1\n[all]\nread\n";
    let lock = permit("fcntl", [3, 6, 0, 0, 0, 0], &[(1, Width::W32)]);
    adds(list, Format::Lxc, &lock, 5, "fcntl allow [1,6,SCMP_CMP_EQ]", false);
    // On x86, whose calls the list is about as well, a socket is made by socketcall too, which shows no arguments.
    adds(list, Format::Lxc, &netlink(), 5, "socket allow [0,16,SCMP_CMP_EQ] [2,0,SCMP_CMP_EQ]", true);
    adds(list, Format::Lxc, &permit("getpid", [0; 6], &[]), 5, "getpid", false);
    adds("read\nwrite\n", Format::Snapd, &netlink(), 3, "socket 16 - 0", true);
    let text = adds(
        "seccomp.keep read,write\n",
        Format::Firejail,
        &permit("getpid", [0; 6], &[]),
        1,
        "seccomp.keep …,getpid",
        false,
    );
    assert_eq!(text, "seccomp.keep read,write,getpid\n");
}

const UNIT: &str = "[Service]\nExecStart=/bin/true\nSystemCallFilter=@basic-io \\\n  @process\nSystemCallFilter=~fork\n\
                    SystemCallErrorNumber=EPERM\nRestrictAddressFamilies=AF_UNIX\n\n[Install]\nWantedBy=multi-user.target\n";

#[test]
fn units() {
    let text =
        adds(UNIT, Format::Systemd, &permit("getxattr", [0; 6], &[]), 6, "SystemCallFilter=getxattr", false);
    assert!(text.contains("=~fork\nSystemCallFilter=getxattr\nSystemCallErrorNumber"), "{text}");
    // A call that a line takes away again.
    adds(UNIT, Format::Systemd, &permit("fork", [0; 6], &[]), 6, "SystemCallFilter=fork", false);
    // Two settings refuse it.
    let found = amended(UNIT, Format::Systemd, &permit("socket", [16, 3, 0, 0, 0, 0], &[(0, Width::W32)]));
    let added = [(6, "SystemCallFilter=socket"), (9, "RestrictAddressFamilies=AF_NETLINK")];
    assert_eq!(found.added, added.map(|(line, text)| (line, text.to_owned())), "{}", found.text);
    assert!(found.any_arguments, "sockets of other listed families are permitted, too");
    // One does, and its setting knows the argument.
    let unit = UNIT.replace("~fork", "socket");
    let netlink = permit("socket", [16, 3, 0, 0, 0, 0], &[(0, Width::W32)]);
    adds(&unit, Format::Systemd, &netlink, 8, "RestrictAddressFamilies=AF_NETLINK", false);
}

#[test]
fn nothing_is_added_where_it_does_not_do() {
    let fails = |text: &str, format, permit: &Permit| amend(text, format, &options(), permit).unwrap_err();
    // Another setting refuses it, with no list that a name could stand in.
    let clock = "[Service]\nSystemCallFilter=@system-service\nProtectClock=yes\n";
    assert_eq!(fails(clock, Format::Systemd, &permit("settimeofday", [0; 6], &[])), Unamended::NoPlace);
    assert_eq!(fails("{", Format::Oci, &netlink()), Unamended::NoPlace);
    let kafel = "POLICY p { ALLOW { read } } USE p DEFAULT KILL";
    assert_eq!(fails(kafel, Format::Kafel, &netlink()), Unamended::Format(Format::Kafel));
    assert_eq!(Unamended::Format(Format::Kafel).to_string(), "kafel files are not changed");
    // What is permitted already changes nothing and is no error.
    let read = permit("read", [0; 6], &[]);
    assert_eq!(read_action(&amended(PROFILE, Format::Oci, &read).text), Action::ALLOW);
}

fn read_action(text: &str) -> Action {
    let import = read(text, Format::Oci, &options()).unwrap();
    import.policies[0].policy.eval(&permit("read", [0; 6], &[]).data)
}
