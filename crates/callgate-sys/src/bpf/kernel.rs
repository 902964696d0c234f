//! `bpf(2)`: maps, programs, raw tracepoints.
//!
//! # Safety
//!
//! The kernel reads and writes only what the attributes point to, which lives during the call and has the sizes
//! the map was made with: they are checked here. New descriptors belong to nobody else.
#![expect(unsafe_code, reason = "bpf(2), sysconf")]

use std::ffi::CStr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::error::Error;
use crate::raw::errno;

const HINT: &str = "needs CAP_BPF and CAP_PERFMON, or root";
/// `BPF_PROG_TYPE_RAW_TRACEPOINT`.
const RAW_TRACEPOINT: u32 = 17;

/// `union bpf_attr`, written field by field.
#[derive(Default)]
struct Attr([u64; 16]);

impl Attr {
    fn word(mut self, at: usize, value: u32) -> Attr {
        let shift = if cfg!(target_endian = "big") { 32 - at % 8 * 8 } else { at % 8 * 8 };
        self.0[at / 8] |= u64::from(value) << shift;
        self
    }

    fn double(mut self, at: usize, value: u64) -> Attr {
        self.0[at / 8] = value;
        self
    }

    fn call(&self, command: usize, name: &'static str) -> Result<i32, Error> {
        // SAFETY: as large as it is told; what it points to is its maker's affair.
        let ret = unsafe { libc::syscall(libc::SYS_bpf, command, self.0.as_ptr(), size_of_val(&self.0)) };
        i32::try_from(ret).ok().filter(|n| *n >= 0).ok_or_else(|| Error::last(name, HINT))
    }

    fn open(&self, command: usize, name: &'static str) -> Result<OwnedFd, Error> {
        let fd = self.call(command, name)?;
        // SAFETY: a new descriptor.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

fn address(bytes: &[u8]) -> u64 {
    bytes.as_ptr().expose_provenance() as u64
}

/// A map of the kernel's.
#[derive(Debug)]
pub(super) struct Map {
    fd: OwnedFd,
    key: usize,
    value: usize,
}

impl Map {
    /// `BPF_MAP_TYPE_HASH`, not allocated beforehand.
    pub(super) fn hash(key: usize, value: usize, entries: u32) -> Result<Map, Error> {
        const NO_PREALLOC: u32 = 1;
        Map::new(1, key, value, entries, NO_PREALLOC)
    }

    /// `BPF_MAP_TYPE_ARRAY` of one value that can be mapped (Linux 5.5).
    pub(super) fn mapped_array(value: usize) -> Result<Map, Error> {
        const MMAPABLE: u32 = 1 << 10;
        Map::new(2, 4, value, 1, MMAPABLE)
    }

    /// `BPF_MAP_TYPE_RINGBUF` of so many bytes (Linux 5.8).
    pub(super) fn ring(len: u32) -> Result<Map, Error> {
        Map::new(27, 0, 0, len, 0)
    }

    fn new(kind: u32, key: usize, value: usize, entries: u32, flags: u32) -> Result<Map, Error> {
        let attr = Attr::default().word(0, kind).word(4, key as u32).word(8, value as u32);
        let fd = attr.word(12, entries).word(16, flags).open(0, "bpf(BPF_MAP_CREATE)")?;
        Ok(Map { fd, key, value })
    }

    pub(super) fn fd(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    fn element(&self, key: &[u8], value: &[u8]) -> Attr {
        Attr::default().word(0, self.fd().cast_unsigned()).double(8, address(key)).double(16, address(value))
    }

    pub(super) fn set(&self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        if key.len() != self.key || value.len() != self.value {
            return Err(Error::Refused { what: "a key or value of another size than the map's" });
        }
        self.element(key, value).call(2, "bpf(BPF_MAP_UPDATE_ELEM)").map(drop)
    }

    pub(super) fn delete(&self, key: &[u8]) {
        if key.len() == self.key {
            // Gone already, or gone now. The kernel wants no value's address here, not even an unused one.
            let attr = Attr::default().word(0, self.fd().cast_unsigned()).double(8, address(key));
            let _ = attr.call(3, "bpf(BPF_MAP_DELETE_ELEM)");
        }
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        if key.len() != self.key {
            return Err(Error::Refused { what: "a key of another size than the map's" });
        }
        let mut value = vec![0; self.value];
        let place = value.as_mut_ptr().expose_provenance() as u64;
        match self.element(key, &[]).double(16, place).call(1, "bpf(BPF_MAP_LOOKUP_ELEM)") {
            Ok(_) => Ok(Some(value)),
            Err(_) if errno() == libc::ENOENT => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Every key there is; those that come or go meanwhile may be among them or not.
    pub(super) fn keys(&self) -> Result<Vec<Vec<u8>>, Error> {
        let mut keys: Vec<Vec<u8>> = Vec::new();
        loop {
            let mut next = vec![0; self.key];
            let place = next.as_mut_ptr().expose_provenance() as u64;
            let last = keys.last().map_or(&[][..], |k| k);
            let before = if last.is_empty() { 0 } else { address(last) };
            let attr = self.element(last, &[]).double(8, before).double(16, place);
            match attr.call(4, "bpf(BPF_MAP_GET_NEXT_KEY)") {
                Ok(_) => keys.push(next),
                Err(_) if errno() == libc::ENOENT => return Ok(keys),
                Err(e) => return Err(e),
            }
        }
    }
}

/// How many processors the kernel uses, whoever may run on them.
pub(super) fn processors() -> usize {
    // SAFETY: takes no pointers.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) }).unwrap_or(1).max(1)
}

/// Load a program and run it at this tracepoint, until the descriptor is closed.
pub(super) fn attach(tracepoint: &CStr, insns: &[u64]) -> Result<OwnedFd, Error> {
    let licence = c"GPL";
    let attr = Attr::default().word(0, RAW_TRACEPOINT).word(4, insns.len() as u32);
    let program = attr
        .double(8, insns.as_ptr().expose_provenance() as u64)
        .double(16, address(licence.to_bytes_with_nul()))
        .open(5, "bpf(BPF_PROG_LOAD)")?;
    let attr = Attr::default().double(0, address(tracepoint.to_bytes_with_nul()));
    let attr = attr.word(8, program.as_raw_fd().cast_unsigned());
    attr.open(17, "bpf(BPF_RAW_TRACEPOINT_OPEN)")
}
