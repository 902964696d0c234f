//! Whom a socket may be connected to.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// Addresses a socket may be connected to: `"10.0.0.0/8:443"`, `"[2001:db8::]/32:80-90"`, `"*:53"`,
/// `"unix:/run/x.sock"`, `"unix:@abstract"`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Peer {
    /// Every address of a network: those that agree with `net` in their first `prefix` bits.
    Net {
        /// The network.
        net: IpAddr,
        /// 0 to 32, or to 128 for IPv6.
        prefix: u8,
        /// The lowest port.
        first: u16,
        /// The highest port.
        last: u16,
    },
    /// Every IPv4 and IPv6 address.
    AnyIp {
        /// The lowest port.
        first: u16,
        /// The highest port.
        last: u16,
    },
    /// The Unix domain socket with this absolute path, no symbolic link on the way.
    Unix(String),
    /// The Unix domain socket with this abstract name.
    Abstract(String),
}

/// Why a text is no [`Peer`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerError(pub String);

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PeerError {}

impl Peer {
    /// Reads a peer.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Peer, PeerError> {
        let error = |why: &str| Err(PeerError(format!("`{text}` is no address: {why}")));
        if let Some(name) = text.strip_prefix("unix:@") {
            return if name.is_empty() || name.len() > 107 {
                error("an abstract name has 1 to 107 bytes")
            } else {
                Ok(Peer::Abstract(name.to_owned()))
            };
        }
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.starts_with('/') && !path.contains('\0') {
                Ok(Peer::Unix(path.to_owned()))
            } else {
                error("a socket's path begins with `/`")
            };
        }
        let Some((address, ports)) = text.rsplit_once(':') else {
            return error("write `ADDRESS:PORT`, `ADDRESS/BITS:PORT`, `*:PORT` or `unix:PATH`");
        };
        let (low, high) = ports.split_once('-').unwrap_or((ports, ports));
        let (first, last): (u16, u16) = match (low, high) {
            ("*", "*") => (0, u16::MAX),
            _ => match (number(low), number(high)) {
                (Some(low), Some(high)) if low <= high => (low, high),
                _ => return error("a port is 0 to 65535, a range `80-90`, every port `*`"),
            },
        };
        if address == "*" {
            return Ok(Peer::AnyIp { first, last });
        }
        let (address, bits) = match address.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (address, None),
        };
        let net: Option<IpAddr> = match address.strip_prefix('[').and_then(|a| a.strip_suffix(']')) {
            Some(inside) => inside.parse().ok().filter(IpAddr::is_ipv6),
            None => address.parse().ok().filter(IpAddr::is_ipv4),
        };
        let Some(net) = net else {
            return error("an IPv4 address, or an IPv6 one in brackets, is expected before the port");
        };
        let most = if net.is_ipv4() { 32 } else { 128 };
        let prefix = match bits.map(number::<u8>) {
            None => most,
            Some(Some(bits)) if bits <= most => bits,
            Some(_) => return error(&format!("a network has 0 to {most} bits")),
        };
        if masked(net, prefix) != bits_of(net) {
            return error("bits of the address lie outside the network");
        }
        Ok(Peer::Net { net, prefix, first, last })
    }

    /// Whether this IP address and port are among them. An IPv4 address in IPv6's clothes (`::ffff:a.b.c.d`)
    /// is the IPv4 address: that is where the kernel connects to.
    pub fn has_ip(&self, address: IpAddr, port: u16) -> bool {
        let address = address.to_canonical();
        let (reaches, ports): (bool, RangeInclusive<u16>) = match self {
            Peer::Net { net, prefix, first, last } => {
                let net = net.to_canonical_with(*prefix);
                let same = net.0.is_ipv4() == address.is_ipv4();
                (same && masked(address, net.1) == masked(net.0, net.1), *first..=*last)
            }
            Peer::AnyIp { first, last } => (true, *first..=*last),
            Peer::Unix(_) | Peer::Abstract(_) => return false,
        };
        reaches && ports.contains(&port)
    }
}

trait Canonical {
    fn to_canonical_with(&self, prefix: u8) -> (IpAddr, u8);
}

impl Canonical for IpAddr {
    /// A mapped network is the IPv4 network it maps.
    fn to_canonical_with(&self, prefix: u8) -> (IpAddr, u8) {
        match self.to_canonical() {
            v4 @ IpAddr::V4(_) if self.is_ipv6() && prefix >= 96 => (v4, prefix - 96),
            _ => (*self, prefix),
        }
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(a) => u128::from(a.to_bits()) << 96,
        IpAddr::V6(a) => a.to_bits(),
    }
}

fn masked(address: IpAddr, prefix: u8) -> u128 {
    bits_of(address) & u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = match self {
            Peer::Unix(path) => return write!(f, "unix:{path}"),
            Peer::Abstract(name) => return write!(f, "unix:@{name}"),
            Peer::AnyIp { first, last } => {
                f.write_str("*")?;
                (first, last)
            }
            Peer::Net { net, prefix, first, last } => {
                match net {
                    IpAddr::V4(net) => write!(f, "{net}")?,
                    IpAddr::V6(net) => write!(f, "[{net}]")?,
                }
                if *prefix != if net.is_ipv4() { 32 } else { 128 } {
                    write!(f, "/{prefix}")?;
                }
                (first, last)
            }
        };
        match (first, last) {
            (0, &u16::MAX) => f.write_str(":*"),
            (first, last) if first == last => write!(f, ":{first}"),
            (first, last) => write!(f, ":{first}-{last}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers() {
        let has = |peer: &str, address: &str, port| {
            Peer::parse(peer).unwrap().has_ip(address.parse().unwrap(), port)
        };
        assert!(has("10.0.0.0/8:443", "10.9.8.7", 443));
        assert!(!has("10.0.0.0/8:443", "11.0.0.0", 443) && !has("10.0.0.0/8:443", "10.0.0.0", 80));
        assert!(has("0.0.0.0/0:*", "255.1.2.3", 0) && !has("0.0.0.0/0:*", "::2", 0));
        assert!(has("127.0.0.1:80-90", "::ffff:127.0.0.1", 85) && !has("127.0.0.1:80-90", "127.0.0.1", 91));
        assert!(has("[::ffff:10.0.0.0]/104:1", "10.1.1.1", 1) && !has("[::]/0:1", "10.1.1.1", 1));
        assert!(
            has("[2001:db8::]/32:1", "2001:db8:1::1", 1)
                && has("*:53", "::1", 53)
                && has("*:53", "1.1.1.1", 53)
        );
        for text in [
            "10.0.0.0/8:443",
            "[2001:db8::]/32:80-90",
            "*:53",
            "1.2.3.4:*",
            "unix:/run/x",
            "unix:@x",
            "[::1]:0",
        ] {
            assert_eq!(Peer::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "x",
            "10.0.0.1",
            "10.0.0.1/8:1",
            "::1:80",
            "[::1]/129:1",
            "1.1.1.1:65536",
            "1.1.1.1:9-8",
            "unix:x",
            "unix:@",
            "[1.1.1.1]:1",
            "*:",
            "1.1.1.1:+1",
            "1.1.1.1:01",
            "1.1.1.1/:1",
        ] {
            assert!(Peer::parse(text).is_err(), "{text}");
        }
    }
}
