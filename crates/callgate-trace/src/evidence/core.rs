//! Core dumps: the call a process died for is in the registers of the thread that died, the filter's data in
//! the signal's `si_errno`.
//!
//! Layouts: `core(5)`, `struct elf_prstatus` and `elf_prpsinfo` in `include/linux/elfcore.h`, the siginfo in
//! `include/uapi/asm-generic/siginfo.h`; the kernel writes the failing thread's notes first.

use crate::decode::Memory;
use callgate::SeccompData;
use callgate::abi::Arch;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// `SIGSYS`, `include/uapi/asm-generic/signal.h`.
const SIGSYS: u64 = 31;
/// Notes longer than this in sum are not read: registers, not memory.
const LONGEST_NOTES: u64 = 64 << 20;

/// A core dump of a process that died of `SIGSYS`.
#[derive(Debug)]
pub struct Core {
    /// The thread that died.
    pub tid: i32,
    /// Its name.
    pub comm: String,
    /// The call it made.
    pub call: SeccompData,
    /// The 16 data bits of the filter's answer.
    pub data: u32,
    file: File,
    /// The memory that was written: address, size, place in the file.
    segments: Vec<(u64, u64, u64)>,
}

impl Core {
    /// Reads the notes of a core dump.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or that it is no dump of a process that died for a call.
    pub fn read(file: File) -> Result<Core, String> {
        let mut ident = [0; 64];
        let n = file.read_at(&mut ident, 0).map_err(|e| e.to_string())?;
        if n < 52 || ident[..4] != *b"\x7fELF" {
            return Err("not an ELF file".into());
        }
        let format = Format::of(&ident)?;
        if format.int(&ident, 16, 2) != Some(4) {
            return Err("an ELF file, but no core dump".into());
        }
        let (mut notes, mut segments) = (Vec::new(), Vec::new());
        let mut left = LONGEST_NOTES;
        for header in headers(&file, format, &ident)? {
            match header.kind {
                PT_LOAD if header.size > 0 => segments.push((header.address, header.size, header.offset)),
                // Segments may overlap, so that a short file can claim many.
                PT_NOTE if header.size > left => return Err("its notes are too long".into()),
                PT_NOTE => {
                    left -= header.size;
                    let mut bytes = vec![0; header.size as usize];
                    file.read_exact_at(&mut bytes, header.offset).map_err(|e| format!("its notes: {e}"))?;
                    notes.push(bytes);
                }
                _ => {}
            }
        }
        let notes: Vec<(u32, &[u8])> = notes.iter().flat_map(|n| split(n, format)).collect();
        let first = |kind: u32| notes.iter().find(|n| n.0 == kind).map(|n| n.1);
        let info = first(NT_SIGINFO).ok_or("it holds no siginfo (NT_SIGINFO)")?;
        let cut = || "its siginfo is cut short".to_owned();
        let signal = format.int(info, 0, 4).ok_or_else(cut)?;
        if signal != SIGSYS {
            return Err(format!("the process died of signal {signal}, not of SIGSYS (31)"));
        }
        if format.int(info, 8, 4) != Some(1) {
            return Err("the process died of a SIGSYS that no filter sent".into());
        }
        let data = format.int(info, 4, 4).ok_or_else(cut)? as u32;
        let sys = if format.wide { 16 } else { 12 } + format.word();
        let nr = format.int(info, sys, 4).ok_or_else(cut)? as u32;
        let token = format.int(info, sys + 4, 4).ok_or_else(cut)? as u32;
        let status = first(NT_PRSTATUS).ok_or("it holds no registers (NT_PRSTATUS)")?;
        let (tid_at, registers_at) = if format.wide { (32, 112) } else { (24, 72) };
        let tid = format.int(status, tid_at, 4).ok_or("its registers are cut short")? as i32;
        let registers = status.get(registers_at..).unwrap_or_default();
        let (args, ip) = format.registers(registers, token)?;
        let comm = first(NT_PRPSINFO).and_then(|i| i.get(if format.wide { 40 } else { 28 }..)?.get(..16));
        let comm = comm.unwrap_or_default().split(|b| *b == 0).next().unwrap_or_default();
        let comm = String::from_utf8_lossy(comm).into_owned();
        Ok(Core { tid, comm, call: SeccompData { nr, arch: token, ip, args }, data, file, segments })
    }
}

impl Memory for Core {
    fn read(&self, address: u64, buffer: &mut [u8]) -> usize {
        let mut done = 0;
        while done < buffer.len() {
            let Some(at) = address.checked_add(done as u64) else { break };
            let found = self.segments.iter().find(|(start, size, _)| at >= *start && at - start < *size);
            let Some((start, size, offset)) = found else { break };
            let len = (buffer.len() - done).min(usize::try_from(size - (at - start)).unwrap_or(usize::MAX));
            let Some(place) = offset.checked_add(at - start) else { break };
            match self.file.read_at(&mut buffer[done..done + len], place) {
                Ok(n) if n > 0 => done += n,
                _ => break,
            }
        }
        done
    }
}

const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
const NT_PRSTATUS: u32 = 1;
const NT_PRPSINFO: u32 = 3;
const NT_SIGINFO: u32 = 0x5349_4749;

/// How numbers and structures are written.
#[derive(Clone, Copy)]
struct Format {
    wide: bool,
    little: bool,
    machine: u64,
}

impl Format {
    fn of(ident: &[u8; 64]) -> Result<Format, String> {
        let wide = match ident[4] {
            1 => false,
            2 => true,
            other => return Err(format!("ELF class {other} is unknown")),
        };
        let little = match ident[5] {
            1 => true,
            2 => false,
            other => return Err(format!("ELF byte order {other} is unknown")),
        };
        let format = Format { wide, little, machine: 0 };
        Ok(Format { machine: format.int(ident, 18, 2).unwrap_or(0), ..format })
    }

    fn word(self) -> usize {
        if self.wide { 8 } else { 4 }
    }

    /// The unsigned number of `len` bytes at `at`.
    fn int(self, bytes: &[u8], at: usize, len: usize) -> Option<u64> {
        let bytes = bytes.get(at..at.checked_add(len)?)?;
        let fold = |all: u64, byte: &u8| all << 8 | u64::from(*byte);
        Some(if self.little { bytes.iter().rev().fold(0, fold) } else { bytes.iter().fold(0, fold) })
    }

    /// The arguments and the instruction pointer of a call made under `token`.
    fn registers(self, bytes: &[u8], token: u32) -> Result<([u64; 6], u64), String> {
        // Places in words: `user_regs_struct` of each machine (`arch/*/include/asm/elf.h`).
        let (args, ip) = match (self.machine, self.wide) {
            // x86_64; the 32-bit gate takes its arguments from other registers.
            (62, true) if token == Arch::X86.token() => ([5, 11, 12, 13, 14, 4], 16),
            (62, true) => ([14, 13, 12, 7, 9, 8], 16),
            (3, false) => ([0, 1, 2, 3, 4, 5], 12),
            (183, true) => ([0, 1, 2, 3, 4, 5], 32),
            (243, true) => ([10, 11, 12, 13, 14, 15], 0),
            (machine, _) => return Err(format!("the registers of ELF machine {machine} are not known")),
        };
        let narrow = Arch::ALL.iter().any(|a| a.token() == token && a.register_bits() == 32);
        let word = |index: usize| {
            let word = self.int(bytes, index * self.word(), self.word())?;
            Some(if narrow { word & 0xffff_ffff } else { word })
        };
        let mut found = [0; 6];
        for (place, index) in found.iter_mut().zip(args) {
            *place = word(index).ok_or("its registers are cut short")?;
        }
        Ok((found, word(ip).ok_or("its registers are cut short")?))
    }
}

/// A program header.
struct Header {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

fn headers(file: &File, format: Format, ident: &[u8]) -> Result<Vec<Header>, String> {
    // Offset of the table, size of an entry, number of entries; places within an entry.
    let [table, size, count] = if format.wide { [32, 54, 56] } else { [28, 42, 44] };
    let [kind, offset, address, filesz] = if format.wide { [0, 8, 16, 32] } else { [0, 4, 8, 16] };
    let least = if format.wide { 56 } else { 32 };
    let number = |at: usize, len: usize| format.int(ident, at, len).ok_or("its ELF header is cut short");
    let (table, size) = (number(table, format.word())?, number(size, 2)?);
    let mut count = number(count, 2)?;
    if size < least {
        return Err(format!("its program headers are {size} bytes each, too few"));
    }
    // More than fit 16 bits: the number is in the first section's `sh_info` (`elf(5)`, PN_XNUM).
    if count == 0xffff {
        let sections = number(if format.wide { 40 } else { 32 }, format.word())?;
        let mut info = [0; 4];
        let at = sections.saturating_add(if format.wide { 44 } else { 28 });
        file.read_exact_at(&mut info, at).map_err(|e| format!("its section headers: {e}"))?;
        count = format.int(&info, 0, 4).unwrap_or(0);
    }
    let mut headers = Vec::new();
    let mut entry = vec![0; least as usize];
    for index in 0..count {
        let at = table.saturating_add(index * size);
        file.read_exact_at(&mut entry, at).map_err(|e| format!("its program headers: {e}"))?;
        let field = |at: usize, len: usize| format.int(&entry, at, len).unwrap_or(0);
        headers.push(Header {
            kind: field(kind, 4) as u32,
            offset: field(offset, format.word()),
            address: field(address, format.word()),
            size: field(filesz, format.word()),
        });
    }
    Ok(headers)
}

/// The notes of a segment: type and content.
fn split(mut bytes: &[u8], format: Format) -> Vec<(u32, &[u8])> {
    let mut notes = Vec::new();
    let padded = |len: u64| usize::try_from(len).ok()?.checked_next_multiple_of(4);
    while let (Some(name), Some(len), Some(kind)) =
        (format.int(bytes, 0, 4), format.int(bytes, 4, 4), format.int(bytes, 8, 4))
    {
        let Some(rest) = padded(name).and_then(|n| bytes.get(12..)?.get(n..)) else { break };
        let Some(content) = rest.get(..len as usize) else { break };
        notes.push((kind as u32, content));
        match padded(len).and_then(|n| rest.get(n..)) {
            Some(rest) => bytes = rest,
            None => break,
        }
    }
    notes
}
