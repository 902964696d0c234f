//! Single calls and actions in words.

use callgate::abi::constant::describe;
use callgate::abi::{Param, Word};
use callgate::diagram::Mix;
use callgate::{Action, Arch, Errno, SeccompData, Syscall, Width};

/// An action of an architecture, its error by that architecture's name.
pub(crate) fn action(action: Action, arch: Option<Arch>) -> String {
    match (action, arch) {
        (Action::Errno(raw), Some(arch)) => match Errno::name_on(raw.0, arch) {
            Some(name) => format!("errno({name})"),
            None => format!("errno({})", raw.0),
        },
        _ => callgate::syntax::action_text(action),
    }
}

/// A call as one would write it: `socket(AF_NETLINK, 3, 0) on x86_64`.
pub(crate) fn call(data: &SeccompData) -> String {
    let Some(arch) = Arch::of_call(data.arch, data.nr) else {
        return format!("call {:#x} under audit token {:#010x}{}", data.nr, data.arch, raw_args(data));
    };
    let Some(known) = Syscall::from_number(arch, data.nr) else {
        return format!("call {:#x} on {}{}", data.nr, arch.name(), raw_args(data));
    };
    let params = known.params(arch).unwrap_or_default();
    let used = data.args.iter().rposition(|a| *a != 0).map_or(0, |i| i + 1).max(params.len()).min(6);
    let args: Vec<String> = (0..used)
        .map(|i| match params.get(i) {
            Some(param) => argument(param, data.args[i], &data.args, arch),
            None => number(data.args[i]),
        })
        .collect();
    format!("{}({}) on {}", known.name(), args.join(", "), arch.name())
}

/// An argument's value, by its constants where it takes any.
fn argument(param: &Param, value: u64, args: &[u64; 6], arch: Arch) -> String {
    let narrow = param.width == Width::W32;
    if narrow && value >> 32 != 0 {
        // A program cannot mean what the kernel does not read.
        return number(value);
    }
    let selector = param.selector.and_then(|i| args.get(usize::from(i))).copied().unwrap_or_default();
    if let Some(set) = param.set_for(selector, arch) {
        let mut name = String::new();
        // Writing to a string cannot fail.
        let _ = describe(set, value, arch, &mut name);
        // Nobody writes a mode of nothing in octal.
        return if name == "0o0" { "0".to_owned() } else { name };
    }
    let wide = if narrow { i64::from(value as u32 as i32) } else { value.cast_signed() };
    if param.signed && (-4096..0).contains(&wide) { wide.to_string() } else { number(value) }
}

fn raw_args(data: &SeccompData) -> String {
    if data.args == [0; 6] {
        String::new()
    } else {
        format!(" with arguments {:#x?}", data.args).replace('\n', "")
    }
}

/// A number as a person writes it.
pub(crate) fn number(n: u64) -> String {
    if n < 10_000 { n.to_string() } else { format!("{n:#x}") }
}

/// A call as JSON, enough to make it again.
pub(crate) fn call_json(data: &SeccompData) -> serde_json::Value {
    let arch = Arch::of_call(data.arch, data.nr);
    serde_json::json!({
        "arch": arch.map(Arch::name),
        "token": data.arch,
        "nr": data.nr,
        "call": arch.and_then(|a| Syscall::from_number(a, data.nr)).map(Syscall::name),
        "args": data.args,
        "ip": data.ip,
    })
}

/// `(ip.lo + ip.hi) & 0xfff == 0`.
pub(crate) fn mix(mix: &Mix, call: Option<(Syscall, Arch)>) -> String {
    let params = call.and_then(|(call, arch)| call.params(arch)).unwrap_or(&[]);
    let name = |word: Word| {
        let (index, high) = word.arg().unwrap_or_default();
        let half = if high { "hi" } else { "lo" };
        match (index, params.get(usize::from(index))) {
            (6, _) => format!("ip.{half}"),
            (_, Some(param)) => format!("{}.{half}", param.name),
            (_, None) => format!("arg{index}.{half}"),
        }
    };
    let sign = if mix.minus { '-' } else { '+' };
    format!("({} {sign} {}) & {:#x} == {}", name(mix.second), name(mix.first), mix.mask, mix.value)
}
