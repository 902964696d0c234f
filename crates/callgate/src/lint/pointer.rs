//! Family C: what no filter can look at. Pointers, descriptors, the caller's address.

use super::codes::*;
use super::finding::{Draft, Place};
use super::view::{Access, Fixed, View, list};
use callgate_abi::{Action, Arch, Role, SeccompData, Syscall, Word};

pub(super) fn check(view: &View<'_>, out: &mut Vec<Draft>) {
    for native in &view.arches {
        let mut addresses: Vec<(Syscall, SeccompData)> = Vec::new();
        let mut descriptors: Vec<(Syscall, SeccompData)> = Vec::new();
        for (nr, call) in view.calls(native.arch) {
            let at = view.at(native.arch, nr);
            if view.access_at(at) != Access::Partial {
                continue;
            }
            for (index, param) in call.params(native.arch).unwrap_or_default().iter().enumerate().take(6) {
                let index = index as u8;
                let asked = view.asks(at, Word::arg_lo(index)) || view.asks(at, Word::arg_hi(index));
                if !asked {
                    continue;
                }
                match param.role {
                    Role::Pointer | Role::Path => {
                        let Some((compared, data)) = compared_address(view, native.arch, nr, index) else {
                            continue;
                        };
                        if compared < 4096 {
                            out.push(as_data(native.arch, call, param.name, compared, data));
                        } else if addresses.last().is_none_or(|a| a.0 != call) {
                            addresses.push((call, data));
                        }
                    }
                    Role::Fd if exact_numbers(view, native.arch, nr, index) => {
                        if let Some(data) = view
                            .permitted(native.arch, nr)
                            .filter(|_| descriptors.last().is_none_or(|d| d.0 != call))
                        {
                            descriptors.push((call, data));
                        }
                    }
                    _ => {}
                }
            }
        }
        constants(view, native.arch, &addresses, out);
        renumbering(view, native.arch, &descriptors, out);
    }
    instruction_pointer(view, out);
}

/// C1: a pointer against a number no address can be.
fn as_data(arch: Arch, call: Syscall, name: &str, value: u64, data: SeccompData) -> Draft {
    let message = format!(
        "`{name}` of {} is a pointer, and is compared with {value:#x} as if it were what it points to",
        call.name()
    );
    Draft::new(POINTER_AS_DATA, message).on(arch).witness(data).help(
        "a filter sees the address only; whoever must decide by the content needs a supervisor or Landlock",
    )
}

/// C2: pointers against addresses.
fn constants(view: &View<'_>, arch: Arch, calls: &[(Syscall, SeccompData)], out: &mut Vec<Draft>) {
    let Some((_, data)) = calls.first() else { return };
    let message = format!(
        "{} {} decided by addresses",
        list(calls.iter().map(|c| c.0.name())),
        super::view::is(calls.len())
    );
    let movers = ["mprotect", "mremap", "munmap", "mmap", "mmap2", "shmat", "process_vm_writev"];
    let open: Vec<&str> =
        movers.into_iter().filter(|name| view.named(arch, name) == Some(Access::Open)).collect();
    let mut draft = Draft::new(POINTER_CONSTANT, message).on(arch).witness(*data);
    draft = draft.note("what lies at an address can change, and where things lie differs from run to run");
    if !open.is_empty() {
        let verb = if open.len() == 1 { "is open, and replaces" } else { "are open, and replace" };
        draft = draft.note(format!("{} {verb} what the addresses point to", list(open)));
    }
    out.push(draft);
}

/// A non-null address that is treated unlike others, and a call with it.
fn compared_address(view: &View<'_>, arch: Arch, nr: u32, index: u8) -> Option<(u64, SeccompData)> {
    let wide = arch.register_bits() == 64;
    // An address nobody compares with, in user space.
    let usual: u64 = if wide { 0x0000_5a3c_9e71_d248 } else { 0x5a3c_9e70 };
    let part = view.filter.part(view.at(arch, nr));
    let like_others =
        part.restrict(Word::arg_hi(index), (usual >> 32) as u32).restrict(Word::arg_lo(index), usual as u32);
    let differs = part.zip(&like_others, |a, b| a != b).ok()?;
    if !differs.leaves().contains(&true) {
        return None;
    }
    // Only the null pointer: a fair question.
    for bit in (0..if wide { 64 } else { 32 }).rev() {
        let fixed = Fixed::arg(index, 1 << bit, 1 << bit);
        if let Some(found) = super::view::search(&differs, differs.root(), &fixed, |d: &bool| *d) {
            let data = SeccompData { arch: arch.token(), nr, ..found };
            return Some((data.args[usize::from(index)], data));
        }
    }
    None
}

/// Whether some small descriptors are permitted and arbitrary ones are not.
fn exact_numbers(view: &View<'_>, arch: Arch, nr: u32, index: u8) -> bool {
    let passes = |mask: u64, fd: u64| {
        view.find(arch, nr, &Fixed::arg(index, mask, fd), |a: &Action| a.permits()).is_some()
    };
    passes(!0x3ff, 0) && !passes(u64::MAX, 0x1e36) && !passes(u64::MAX, 0x002d_5c13)
}

/// C6: descriptor numbers decide, and another call renumbers.
fn renumbering(view: &View<'_>, arch: Arch, calls: &[(Syscall, SeccompData)], out: &mut Vec<Draft>) {
    let Some((_, data)) = calls.first() else { return };
    let ways: Vec<&str> = ["dup2", "dup3", "fcntl", "dup", "close", "close_range", "recvmsg"]
        .into_iter()
        .filter(|name| view.named(arch, name) == Some(Access::Open))
        .collect();
    if ways.is_empty() {
        return;
    }
    let message = format!(
        "{} {} limited to certain descriptors, and {} can put another file there",
        list(calls.iter().map(|c| c.0.name())),
        super::view::is(calls.len()),
        list(ways)
    );
    out.push(Draft::new(DESCRIPTOR, message).on(arch).witness(*data));
}

/// C5: the caller's address decides.
fn instruction_pointer(view: &View<'_>, out: &mut Vec<Draft>) {
    if !view.filter.depends_on(Word::IP_HI) && !view.filter.depends_on(Word::IP_LO) {
        return;
    }
    for native in &view.arches {
        for (nr, call) in view.calls(native.arch) {
            let at = view.at(native.arch, nr);
            if view.access_at(at) != Access::Partial
                || (!view.asks(at, Word::IP_LO) && !view.asks(at, Word::IP_HI))
            {
                continue;
            }
            let message = format!("{} is decided by the address it is called from", call.name());
            let mut draft = Draft::new(INSTRUCTION_POINTER, message).on(native.arch).at(Place::Witness);
            draft.witness = view.permitted(native.arch, nr);
            out.push(draft.note("code elsewhere can jump to the system-call instruction that is trusted"));
            return;
        }
    }
}
