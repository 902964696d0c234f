//! Sockets connected and bound for a caller.

use super::errno_of;
use super::file::{absolute, kernel, path_of};
use super::home::Home;
use callgate::Errno;
use callgate::answer::Peer;
use callgate::notify::Call;
use callgate_sys::behalf::{self, Kind, Resolve};
use std::ffi::CString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

// `include/linux/socket.h`; the same on every architecture.
const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// `sizeof(struct sockaddr_storage)`.
const LONGEST: u64 = 128;
const EINVAL: Errno = Errno(22);

/// The one copy of a call's address.
#[derive(Clone, Debug)]
pub(super) struct Address {
    bytes: Vec<u8>,
}

impl Address {
    pub(super) fn read(call: &Call<'_>) -> Result<Address, Errno> {
        let [_, address, len, ..] = call.data().args;
        // An `int`, which the kernel takes for one.
        let len = u64::from(len as u32);
        if !(2..=LONGEST).contains(&len) {
            return Err(EINVAL);
        }
        let bytes = call.memory().read(address, len as usize).map_err(|e| errno_of(&e))?;
        if bytes.len() as u64 != len {
            return Err(Errno(14));
        }
        Ok(Address { bytes })
    }

    fn family(&self) -> u16 {
        u16::from_ne_bytes([self.bytes[0], self.bytes[1]])
    }

    fn ip(&self) -> Option<(IpAddr, u16)> {
        let at = |i: usize| self.bytes.get(i).copied();
        let port = u16::from_be_bytes([at(2)?, at(3)?]);
        let address: IpAddr = match self.family() {
            AF_INET if self.bytes.len() >= 16 => {
                let octets: [u8; 4] = self.bytes[4..8].try_into().ok()?;
                Ipv4Addr::from(octets).into()
            }
            AF_INET6 if self.bytes.len() >= 24 => {
                let octets: [u8; 16] = self.bytes[8..24].try_into().ok()?;
                Ipv6Addr::from(octets).into()
            }
            _ => return None,
        };
        Some((address, port))
    }

    /// The port to bind.
    pub(super) fn port(&self) -> Option<u16> {
        self.ip().map(|ip| ip.1)
    }

    /// The peer that the address is, and for a socket with a path the socket found there: what it is connected to is what
    /// was looked at.
    pub(super) fn is_one_of(
        &self,
        call: &Call<'_>,
        home: Option<&Home>,
        peers: &[Peer],
    ) -> Result<Option<(Peer, Option<OwnedFd>)>, Errno> {
        if let Some((address, port)) = self.ip() {
            if !peers.iter().any(|p| p.has_ip(address, port)) {
                return Ok(None);
            }
            let address = address.to_canonical();
            let prefix = if address.is_ipv4() { 32 } else { 128 };
            let exact = Peer::Net { net: address, prefix, first: port, last: port };
            return Ok(Some((exact, None)));
        }
        if self.family() != AF_UNIX {
            return Ok(None);
        }
        let name = &self.bytes[2..];
        if let [0, name @ ..] = name {
            let peer = std::str::from_utf8(name).ok().map(|n| Peer::Abstract(n.to_owned()));
            return Ok(peer.filter(|p| peers.contains(p)).map(|p| (p, None)));
        }
        let end = name.iter().position(|b| *b == 0).unwrap_or(name.len());
        if end == 0 || !home.is_some_and(|home| home.has(call)) {
            return Ok(None);
        }
        let root = call.root().map_err(|e| errno_of(&e))?;
        let path = absolute(call, -100, &name[..end], &path_of(&root)?)?;
        // Written another way, by `..` or twice the `/`, it is another name to compare.
        let path: PathBuf = path.components().collect();
        let Some(peer) = path.to_str().map(|p| Peer::Unix(p.to_owned())).filter(|p| peers.contains(p)) else {
            return Ok(None);
        };
        let c_path = CString::new(path.as_os_str().as_bytes()).map_err(|_| EINVAL)?;
        let resolve = Resolve { in_root: true, no_symlinks: true, ..Resolve::default() };
        let found = behalf::find(root.as_fd(), &c_path, resolve, true).map_err(kernel)?;
        if behalf::kind(found.as_fd()).map_err(kernel)? != Kind::Socket {
            // `ECONNREFUSED`, which the kernel says of a file that is no socket.
            return Err(Errno(111));
        }
        Ok(Some((peer, Some(found))))
    }

    pub(super) fn connect(&self, call: &Call<'_>, found: Option<&OwnedFd>) -> Result<String, Errno> {
        let socket = self.socket(call)?;
        let done = match found {
            Some(found) => behalf::connect_found(socket.as_fd(), found.as_fd()),
            None => behalf::connect(socket.as_fd(), &self.bytes),
        };
        done.map(|()| format!("connected to {}", self.words())).map_err(kernel)
    }

    pub(super) fn bind(mut self, call: &Call<'_>, port: u16) -> Result<String, Errno> {
        let socket = self.socket(call)?;
        self.bytes[2..4].copy_from_slice(&port.to_be_bytes());
        behalf::bind(socket.as_fd(), &self.bytes).map_err(kernel)?;
        Ok(format!("bound to {}", self.words()))
    }

    /// A duplicate of the caller's socket: what is done to it is done to the caller's.
    fn socket(&self, call: &Call<'_>) -> Result<OwnedFd, Errno> {
        call.duplicate(call.data().args[0] as i32).map_err(|e| errno_of(&e))
    }

    fn words(&self) -> String {
        match self.ip() {
            Some((address, port)) => std::net::SocketAddr::new(address, port).to_string(),
            None => {
                let name = String::from_utf8_lossy(&self.bytes[2..]).into_owned();
                match name.strip_prefix('\0') {
                    Some(name) => format!("unix:@{name}"),
                    None => format!("unix:{}", name.split('\0').next().unwrap_or_default()),
                }
            }
        }
    }
}
