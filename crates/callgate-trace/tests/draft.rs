//! The text of a learned policy.

use callgate::Policy;
use callgate_abi::group::Group;
use callgate_abi::{Arch, SeccompData, Syscall};
use callgate_trace::learn::{Recording, Style, draft};

fn call(name: &str, args: &[u64]) -> SeccompData {
    let nr = Syscall::from_name(name).and_then(|c| c.number(Arch::X86_64)).expect("a call of x86_64");
    let mut data = SeccompData { nr, arch: Arch::X86_64.token(), ..SeccompData::default() };
    data.args[..args.len()].copy_from_slice(args);
    data
}

fn recorded(calls: &[SeccompData]) -> Recording {
    let mut recording = Recording::new("run");
    for call in calls {
        assert!(recording.count("run", "/bin/x\ny", "x", call));
    }
    recording
}

fn text(recording: &Recording, style: &Style) -> String {
    draft(recording, style).expect("a policy").text
}

#[test]
fn a_group_stands_for_all_of_its_calls_and_for_half_of_them_if_so_wanted() {
    // A small group without conditions.
    let group = Group::from_name("file-remove").expect("a group");
    let calls: Vec<_> = group.entries_on(Arch::X86_64).map(|(c, _)| call(c.name(), &[])).collect();
    let all = recorded(&calls);
    let folded = text(&all, &Style::default());
    assert!(folded.contains("allow @file-remove\n") && !folded.contains("allow unlink"), "{folded}");
    assert!(folded.contains("#   unlink: once by /bin/x\\ny\n"), "{folded}");

    let some = recorded(&calls[1..]);
    let listed = text(&some, &Style::default());
    assert!(!listed.contains('@'), "{listed}");
    let wider = text(&some, &Style { generalise: true, ..Style::default() });
    let absent = Syscall::from_number(Arch::X86_64, calls[0].nr).expect("a call").name();
    let told = format!("# not called, and permitted all the same: {absent}\nallow @file-remove\n");
    assert!(wider.contains(&told), "{wider}");
    // What was folded means what was listed.
    let means = |text: &str| Policy::parse(text).expect("a policy").lower().expect("a filter");
    let lines = |keep: &dyn Fn(&str) -> bool| {
        let kept = listed.lines().filter(|l| keep(l)).collect::<Vec<_>>().join("\n");
        means(&format!("{kept}\nallow {absent}\n"))
    };
    assert_eq!(means(&folded), lines(&|_| true));
}

#[test]
fn arguments_are_conditions_where_they_are_stable() {
    let mut calls = vec![
        call("mmap", &[0, 4096, 5, 2]),
        call("mprotect", &[0, 4096, 3]),
        call("madvise", &[0, 4096, 4]),
        call("futex", &[0, 129]),
        call("clone", &[0x11]),
    ];
    calls.extend((0..40).map(|n| call("ioctl", &[0, 0x5400 + n])));
    let plain = text(&recorded(&calls), &Style::default());
    for line in [
        "allow mmap if prot & (PROT_WRITE|PROT_EXEC) != PROT_WRITE|PROT_EXEC  # once",
        "allow mprotect if prot & PROT_EXEC == 0  # once",
        "allow madvise  # once",
        "allow futex  # once",
        "allow clone if flags & (CLONE_NEWNS|",
        "allow ioctl  # 40 times by /bin/x\\ny, with too many different arguments to list",
    ] {
        assert!(plain.contains(line), "{line} is not in {plain}");
    }
    let both = text(&recorded(&[call("mmap", &[0, 4096, 7, 2])]), &Style::default());
    assert!(both.contains("allow mmap  #"), "{both}");
    let margin = Style { margin: true, ..Style::default() };
    let terminal = text(&recorded(&[call("ioctl", &[0, 0x5401])]), &margin);
    assert!(terminal.contains("allow ioctl if cmd in {TCGETS, TCGETS2}"), "{terminal}");
}
