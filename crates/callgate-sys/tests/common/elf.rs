//! Static programs made of nothing but system calls, 64-bit and 32-bit, without a compiler.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use callgate_abi::Insn;

const BASE: u64 = 0x40_0000;
const DATA: usize = 0x2000;

/// A program under construction, for x86_64 or (`wide` false) i386.
pub(crate) struct Image {
    wide: bool,
    code: Vec<u8>,
    data: Vec<u8>,
}

impl Image {
    pub(crate) fn new(wide: bool) -> Image {
        Image { wide, code: Vec::new(), data: Vec::new() }
    }

    /// Place bytes in memory; their address.
    fn place(&mut self, bytes: &[u8]) -> u64 {
        self.data.resize(self.data.len().next_multiple_of(16), 0);
        let at = BASE + DATA as u64 + self.data.len() as u64;
        self.data.extend_from_slice(bytes);
        at
    }

    /// Place a `struct sock_fprog` and the program it describes; its address.
    pub(crate) fn fprog(&mut self, program: &[Insn]) -> u64 {
        let bytes: Vec<u8> = program
            .iter()
            .flat_map(|i| [&i.code.to_le_bytes()[..], &[i.jt, i.jf], &i.k.to_le_bytes()].concat())
            .collect();
        let at = self.place(&bytes);
        let mut fprog = u64::try_from(program.len()).unwrap().to_le_bytes().to_vec();
        if self.wide {
            fprog.extend_from_slice(&at.to_le_bytes());
        } else {
            fprog.truncate(4);
            fprog.extend_from_slice(&(at as u32).to_le_bytes());
        }
        self.place(&fprog)
    }

    /// Make a system call.
    pub(crate) fn call(&mut self, nr: u32, args: &[u64]) {
        if self.wide {
            let load: [&[u8]; 6] =
                [&[0x48, 0xbf], &[0x48, 0xbe], &[0x48, 0xba], &[0x49, 0xba], &[0x49, 0xb8], &[0x49, 0xb9]];
            for (op, arg) in load.iter().zip(args) {
                self.code.extend_from_slice(op);
                self.code.extend_from_slice(&arg.to_le_bytes());
            }
            self.code.push(0xb8);
            self.code.extend_from_slice(&nr.to_le_bytes());
            self.code.extend_from_slice(&[0x0f, 0x05]);
        } else {
            for (op, arg) in [0xbb, 0xb9, 0xba, 0xbe, 0xbf, 0xbd].iter().zip(args) {
                self.code.push(*op);
                self.code.extend_from_slice(&(*arg as u32).to_le_bytes());
            }
            self.code.push(0xb8);
            self.code.extend_from_slice(&nr.to_le_bytes());
            self.code.extend_from_slice(&[0xcd, 0x80]);
        }
    }

    /// The executable file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let header = if self.wide { 64 + 56 } else { 52 + 32 };
        assert!(header + self.code.len() <= DATA);
        let size = (DATA + self.data.len()) as u64;
        let entry = BASE + header as u64;
        let mut file = vec![0x7f, b'E', b'L', b'F', if self.wide { 2 } else { 1 }, 1, 1];
        file.resize(16, 0);
        let word = |file: &mut Vec<u8>, value: u64| {
            let bytes = value.to_le_bytes();
            file.extend_from_slice(&bytes[..if self.wide { 8 } else { 4 }]);
        };
        let machine: u16 = if self.wide { 62 } else { 3 };
        file.extend_from_slice(&2u16.to_le_bytes());
        file.extend_from_slice(&machine.to_le_bytes());
        file.extend_from_slice(&1u32.to_le_bytes());
        word(&mut file, entry);
        word(&mut file, if self.wide { 64 } else { 52 });
        word(&mut file, 0);
        file.extend_from_slice(&0u32.to_le_bytes());
        let sizes: [u16; 6] = if self.wide { [64, 56, 1, 64, 0, 0] } else { [52, 32, 1, 40, 0, 0] };
        file.extend(sizes.iter().flat_map(|s| s.to_le_bytes()));
        // One segment, readable, writable and executable, holds everything.
        file.extend_from_slice(&1u32.to_le_bytes());
        if self.wide {
            file.extend_from_slice(&7u32.to_le_bytes());
        }
        for value in [0, BASE, BASE, size, size] {
            word(&mut file, value);
        }
        if !self.wide {
            file.extend_from_slice(&7u32.to_le_bytes());
        }
        word(&mut file, 0x1000);
        assert_eq!(file.len(), header);
        file.extend_from_slice(&self.code);
        file.resize(DATA, 0);
        file.extend_from_slice(&self.data);
        file
    }

    /// Write the executable to a file of its own.
    pub(crate) fn write(&self, name: &str) -> Executable {
        let path = std::env::temp_dir().join(format!("callgate-sys-{}-{name}", std::process::id()));
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o755).open(&path).unwrap();
        file.write_all(&self.bytes()).unwrap();
        Executable(path)
    }
}

/// A file that is removed again.
pub(crate) struct Executable(PathBuf);

impl Executable {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Executable {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
