//! Socket addresses.

use super::pointed::{integer, quote};
use callgate::Arch;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A `struct sockaddr` of this length, in words; `None` if it is too short to say anything.
///
/// Layouts: `unix(7)`, `ip(7)`, `ipv6(7)`, `netlink(7)`, `packet(7)`, `vsock(7)`.
pub(super) fn text(bytes: &[u8], arch: Arch) -> Option<String> {
    let family = integer(bytes.get(..2)?, arch)?;
    let rest = &bytes[2..];
    let native = |at: usize, len: usize| integer(bytes.get(at..at + len)?, arch);
    let port = || Some(u16::from_be_bytes(*rest.first_chunk()?));
    let known = match family {
        1 => Some(unix(rest)),
        2 => port()
            .zip(rest.get(2..6))
            .and_then(|(port, ip)| Some(format!("{}:{port}", Ipv4Addr::from(*ip.first_chunk::<4>()?)))),
        10 => port().zip(rest.get(6..22)).and_then(|(port, ip)| {
            let scope = native(24, 4).unwrap_or(0);
            let scope = if scope == 0 { String::new() } else { format!("%{scope}") };
            Some(format!("[{}{scope}]:{port}", Ipv6Addr::from(*ip.first_chunk::<16>()?)))
        }),
        16 => native(4, 4).zip(native(8, 4)).map(|(pid, groups)| format!("pid={pid}, groups={groups:#x}")),
        17 => (rest.first_chunk::<2>().zip(native(4, 4))).map(|(protocol, index)| {
            format!("protocol={:#06x}, ifindex={index}", u16::from_be_bytes(*protocol))
        }),
        40 => native(4, 4).zip(native(8, 4)).map(|(port, cid)| format!("cid={cid}, port={port}")),
        _ => None,
    };
    let name = family_name(family, arch);
    Some(match known {
        Some(known) => format!("{{{name}, {known}}}"),
        None => format!("{{{name}, {}}}", quote(rest, false)),
    })
}

/// A path, a name that begins with a null byte (shown as `@`), or nothing.
fn unix(path: &[u8]) -> String {
    match path {
        [] => "unnamed".to_owned(),
        [0, name @ ..] => format!("@{}", quote(name, false)),
        path => quote(path.split(|b| *b == 0).next().unwrap_or_default(), false),
    }
}

fn family_name(family: u64, arch: Arch) -> String {
    let params = callgate::Syscall::from_name("socket").and_then(|c| c.params(arch)).unwrap_or_default();
    match params.first() {
        Some(domain) => super::value(domain, family, &[0; 6], arch),
        None => family.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn le(bytes: &[u8]) -> String {
        text(bytes, Arch::X86_64).unwrap_or_default()
    }

    #[test]
    fn families() {
        assert_eq!(le(b"\x02\x00\x1f\x90\x7f\x00\x00\x01\0\0\0\0\0\0\0\0"), "{AF_INET, 127.0.0.1:8080}");
        let mut six = vec![10, 0, 0x01, 0xbb, 0, 0, 0, 0];
        six.extend([0; 15]);
        six.push(1);
        six.extend([3, 0, 0, 0]);
        assert_eq!(le(&six), "{AF_INET6, [::1%3]:443}");
        assert_eq!(le(b"\x01\x00/run/x.sock\0\0"), "{AF_UNIX, \"/run/x.sock\"}");
        assert_eq!(le(b"\x01\x00\0name"), "{AF_UNIX, @\"name\"}");
        assert_eq!(le(b"\x01\x00"), "{AF_UNIX, unnamed}");
        assert_eq!(le(b"\x10\x00\0\0\x07\0\0\0\x01\0\0\0"), "{AF_NETLINK, pid=7, groups=0x1}");
        // Cut short, in the middle of the address.
        assert_eq!(le(b"\x02\x00\x1f\x90\x7f"), "{AF_INET, \"\\u{1f}\\x90\\u{7f}\"}");
        assert_eq!(text(b"\x02", Arch::X86_64), None);
        // The family is in the machine's order, the port never.
        assert_eq!(
            text(b"\x00\x02\x00\x50\x7f\0\0\x01", Arch::S390x).as_deref(),
            Some("{AF_INET, 127.0.0.1:80}")
        );
    }
}
