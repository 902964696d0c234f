//! Who called whom, up to a system call.
//!
//! A thread that stands still is unwound by what its files say about their frames (`.eh_frame`), or by frame
//! pointers where they say nothing. Functions are named by the files' symbols, those for the dynamic linker if
//! there are no others, and by file and line where there is debug information in the file itself.

mod file;
mod maps;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use callgate_sys::ptrace::Point;
use framehop::{
    CacheNative, ExplicitModuleSectionInfo, MayAllocateDuringUnwind, Module, UnwindRegsNative, Unwinder,
    UnwinderNative,
};

use self::file::File;
use self::maps::{Mapping, Maps};
use crate::decode::{Live, Memory};

/// How many callers are told.
const MOST: usize = 24;
/// How much of a stack is looked at.
const DEPTH: usize = 64 << 10;

/// What is known of the files that processes execute.
#[derive(Default)]
pub struct Stacks {
    files: HashMap<PathBuf, Option<Arc<File>>>,
    processes: HashMap<i32, Process>,
}

/// How many processes are known at once.
const PROCESSES: usize = 64;

/// A process's text.
struct Process {
    maps: Maps,
    unwinder: UnwinderNative<Arc<[u8]>, MayAllocateDuringUnwind>,
    modules: Vec<(Mapping, u64, Option<Arc<File>>)>,
}

impl Stacks {
    /// The callers of a thread that stands still, at a point in a process: the innermost first, each as `function
    /// (file:line)`, `function (library)`, or `library+offset`; what is inlined counts as called. Empty where
    /// nothing can be read.
    ///
    /// What is known of a process is kept until an address turns up that it does not explain, or until
    /// [`Stacks::forget`].
    pub fn of(&mut self, pid: i32, tid: i32, point: Point) -> Vec<String> {
        let mut stack = vec![0; DEPTH];
        let len = Live(tid).read(point.sp, &mut stack);
        stack.truncate(len);
        self.of_copy(pid, point, &stack)
    }

    /// The same of a thread that may have gone on, with a copy of its stack from the stack pointer on. Its process
    /// must still be there, or have been asked about before.
    pub fn of_copy(&mut self, pid: i32, point: Point, stack: &[u8]) -> Vec<String> {
        let addresses = self.addresses(pid, point, stack);
        let mut frames = Vec::new();
        for (index, address) in addresses.iter().enumerate() {
            // A return address is behind the call that is asked about.
            let looked_up = if index == 0 { *address } else { address.saturating_sub(1) };
            frames.extend(self.names(pid, looked_up));
            if frames.len() >= MOST {
                break;
            }
        }
        frames.truncate(MOST);
        frames
    }

    /// The process executes another program, or has ended.
    pub fn forget(&mut self, pid: i32) {
        self.processes.remove(&pid);
    }

    fn addresses(&mut self, pid: i32, point: Point, stack: &[u8]) -> Vec<u64> {
        let mut addresses = self.unwind(pid, point, stack);
        // Something has been loaded since.
        let known = |process: &Process, address: &u64| process.maps.at(*address).is_some();
        if let Some(process) = self.processes.get(&pid)
            && !addresses.iter().all(|a| known(process, a))
            && let Some(maps) = Maps::of(pid)
            && !maps.is_empty()
        {
            self.forget(pid);
            addresses = self.unwind(pid, point, stack);
        }
        addresses
    }

    fn unwind(&mut self, pid: i32, point: Point, stack: &[u8]) -> Vec<u64> {
        let Some(process) = self.process(pid) else { return Vec::new() };
        let mut cache: CacheNative<MayAllocateDuringUnwind> = CacheNative::new();
        let mut read = |address: u64| {
            let at = address.checked_sub(point.sp).and_then(|at| usize::try_from(at).ok()).ok_or(())?;
            stack.get(at..).and_then(|s| s.first_chunk()).map(|b| u64::from_ne_bytes(*b)).ok_or(())
        };
        let mut frames = process.unwinder.iter_frames(point.ip, registers(point), &mut cache, &mut read);
        let mut addresses = Vec::new();
        while let Ok(Some(frame)) = frames.next() {
            addresses.push(frame.address());
            if addresses.len() >= MOST {
                break;
            }
        }
        addresses
    }

    fn process(&mut self, pid: i32) -> Option<&Process> {
        if !self.processes.contains_key(&pid) {
            // One that has ended has no mappings.
            let maps = Maps::of(pid).filter(|maps| !maps.is_empty())?;
            if self.processes.len() >= PROCESSES {
                self.processes.clear();
            }
            let mut process = Process { unwinder: UnwinderNative::new(), modules: Vec::new(), maps };
            let texts: Vec<(Mapping, u64)> = process.maps.texts().collect();
            for (text, base) in texts {
                let file = self.file(pid, &text);
                if let Some(file) = &file {
                    process.unwinder.add_module(module(&text, base, file));
                }
                process.modules.push((text, base, file));
            }
            self.processes.insert(pid, process);
        }
        self.processes.get(&pid)
    }

    fn file(&mut self, pid: i32, text: &Mapping) -> Option<Arc<File>> {
        if let Some(known) = self.files.get(&text.path) {
            return known.clone();
        }
        // As the process itself would find it.
        let root = PathBuf::from(format!("/proc/{pid}/root"));
        let path = root.join(text.path.strip_prefix("/").unwrap_or(&text.path));
        let file = File::open(&path).map(Arc::new);
        self.files.insert(text.path.clone(), file.clone());
        file
    }

    /// What an address is in, the innermost first where calls are inlined.
    fn names(&self, pid: i32, address: u64) -> Vec<String> {
        let within = |text: &Mapping| text.start <= address && address < text.end;
        let modules = self.processes.get(&pid).map_or(&[][..], |process| &process.modules);
        let Some((text, base, file)) = modules.iter().find(|(text, ..)| within(text)) else {
            return vec![format!("{address:#x}")];
        };
        let name = text.path.file_name().unwrap_or_default().to_string_lossy().escape_debug().to_string();
        let offset = address.wrapping_sub(*base);
        match file.as_ref().map(|file| file.names(offset, &name)) {
            Some(names) if !names.is_empty() => names,
            _ => vec![format!("{name}+{offset:#x}")],
        }
    }
}

fn registers(point: Point) -> UnwindRegsNative {
    #[cfg(target_arch = "x86_64")]
    return UnwindRegsNative::new(point.ip, point.sp, point.fp);
    #[cfg(target_arch = "aarch64")]
    return UnwindRegsNative::new(point.lr, point.sp, point.fp);
}

fn module(text: &Mapping, base: u64, file: &File) -> Module<Arc<[u8]>> {
    let section = |name: &str| file.section(name);
    let range = |name: &str| section(name).map(|s| s.range.clone());
    let data = |name: &str| section(name).map(|s| s.data.clone());
    let sections = ExplicitModuleSectionInfo {
        base_svma: file.base,
        text_svma: file.text.clone(),
        eh_frame_svma: range(".eh_frame"),
        eh_frame: data(".eh_frame"),
        eh_frame_hdr_svma: range(".eh_frame_hdr"),
        eh_frame_hdr: data(".eh_frame_hdr"),
        debug_frame: data(".debug_frame"),
        ..Default::default()
    };
    Module::new(text.path.display().to_string(), text.start..text.end, base, sections)
}
