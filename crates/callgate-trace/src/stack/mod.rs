//! Who called whom, up to a system call.
//!
//! A thread that stands still is unwound by what its files say about their frames (`.eh_frame`), or by frame
//! pointers where they say nothing. Functions are named by the files' symbols, those for the dynamic linker if
//! there are no others, and by file and line where there is debug information in the file itself.

mod blocks;
mod file;
mod functions;
mod guard;
mod leaks;
mod maps;
mod space;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use callgate_sys::maps::Mapping;
use callgate_sys::ptrace::Point;
use framehop::{
    CacheNative, ExplicitModuleSectionInfo, MayAllocateDuringUnwind, Module, UnwindRegsNative, Unwinder,
    UnwinderNative,
};

use self::blocks::Bytes;
use self::file::File;
use self::guard::guarded;
pub use self::leaks::traces_itself;
use self::maps::Maps;
pub use self::space::{Followed, Space};
use crate::decode::{Live, Memory};

/// How many callers are told.
const MOST: usize = 24;
/// How much of a stack is looked at.
const DEPTH: usize = 64 << 10;

/// What is known of the files that processes execute.
pub struct Stacks {
    files: HashMap<PathBuf, Option<Arc<File>>>,
    /// How many bytes more of files may be kept.
    room: u64,
    processes: HashMap<i32, Process>,
    /// The space that was asked about last.
    last: Option<(Arc<Space>, Process)>,
}

/// How many processes are known at once.
const PROCESSES: usize = 64;
/// How many bytes of files are kept in all: programs can have any number of any size made for them.
const ROOM: u64 = 128 << 20;

impl Default for Stacks {
    fn default() -> Stacks {
        Stacks { files: HashMap::new(), room: ROOM, processes: HashMap::new(), last: None }
    }
}

/// Unwinds by what files say.
type FileUnwinder = UnwinderNative<Bytes, MayAllocateDuringUnwind>;
/// What was found out of addresses before.
type Rules = CacheNative<MayAllocateDuringUnwind>;

/// A process's text.
struct Process {
    maps: Maps,
    unwinder: FileUnwinder,
    rules: Rules,
    modules: Vec<(Mapping, u64, Option<Arc<File>>)>,
    /// What stands at addresses that were asked about.
    known: HashMap<u64, Vec<String>>,
}

/// Of how many addresses what stands there is remembered.
const ADDRESSES: usize = 1 << 12;

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
        let addresses = self.addresses(pid, tid, point, &stack);
        self.processes.get_mut(&pid).map_or_else(Vec::new, |process| process.frames(&addresses))
    }

    /// The same of a thread that has gone on, and may have ended, with a copy of its stack from the stack pointer on.
    pub fn of_copy(&mut self, space: &Arc<Space>, point: Point, stack: &[u8]) -> Vec<String> {
        if self.last.as_ref().is_none_or(|(known, _)| !Arc::ptr_eq(known, space)) {
            let process = self.read(space.maps.clone(), &space.root());
            self.last = Some((space.clone(), process));
        }
        let process = self.last.as_mut().map(|(_, process)| process);
        process.map_or_else(Vec::new, |process| {
            let addresses = process.unwind(point, stack);
            process.frames(&addresses)
        })
    }

    /// The process executes another program, or has ended.
    pub fn forget(&mut self, pid: i32) {
        self.processes.remove(&pid);
    }

    fn addresses(&mut self, pid: i32, tid: i32, point: Point, stack: &[u8]) -> Vec<u64> {
        let unwind =
            |stacks: &mut Stacks| stacks.process(pid, tid).map(|process| process.unwind(point, stack));
        let mut addresses = unwind(self).unwrap_or_default();
        // Something has been loaded since.
        let known = |process: &Process, address: &u64| process.maps.at(*address).is_some();
        if let Some(process) = self.processes.get(&pid)
            && !addresses.iter().all(|a| known(process, a))
            && let Some(maps) = Maps::of(tid)
            && !maps.is_empty()
        {
            self.forget(pid);
            addresses = unwind(self).unwrap_or_default();
        }
        addresses
    }

    /// What a process executes, as this thread of it tells: the first may have ended.
    fn process(&mut self, pid: i32, tid: i32) -> Option<&mut Process> {
        if !self.processes.contains_key(&pid) {
            // One that has ended has no mappings.
            let maps = Maps::of(tid).filter(|maps| !maps.is_empty())?;
            if self.processes.len() >= PROCESSES {
                self.processes.clear();
            }
            let process = self.read(maps, Path::new(&format!("/proc/{tid}/root")));
            self.processes.insert(pid, process);
        }
        self.processes.get_mut(&pid)
    }

    /// Reads what a process executes, in files as they are called below `root`.
    fn read(&mut self, maps: Maps, root: &Path) -> Process {
        let (mut unwinder, mut modules) = (UnwinderNative::new(), Vec::new());
        for (text, base) in maps.texts() {
            let file = self.file(root, text);
            if let Some(file) = &file {
                let _ = guarded(|| unwinder.add_module(module(text, base, file)));
            }
            modules.push((text.clone(), base, file));
        }
        Process { maps, unwinder, rules: Rules::new(), modules, known: HashMap::new() }
    }

    fn file(&mut self, root: &Path, text: &Mapping) -> Option<Arc<File>> {
        if let Some(known) = self.files.get(&text.path) {
            return known.clone();
        }
        // As the process itself would find it.
        let path = root.join(text.path.strip_prefix("/").unwrap_or(&text.path));
        let file = File::open(&path, self.room).map(Arc::new);
        self.room -= file.as_ref().map_or(0, |file| file.size);
        self.files.insert(text.path.clone(), file.clone());
        file
    }
}

impl Process {
    /// The addresses that a thread is in at a point, with what is on its stack.
    fn unwind(&mut self, point: Point, stack: &[u8]) -> Vec<u64> {
        let mut addresses = Vec::new();
        let mut read = |address: u64| {
            let at = address.checked_sub(point.sp).and_then(|at| usize::try_from(at).ok()).ok_or(())?;
            stack.get(at..).and_then(|s| s.first_chunk()).map(|b| u64::from_ne_bytes(*b)).ok_or(())
        };
        // Where it panics, those found until then are told.
        let done = guarded(|| walk(&self.unwinder, &mut self.rules, point, &mut read, &mut addresses));
        if done.is_none() {
            self.rules = Rules::new();
        }
        addresses
    }

    /// What addresses are in, the innermost first.
    fn frames(&mut self, addresses: &[u64]) -> Vec<String> {
        let mut frames = Vec::new();
        for (index, address) in addresses.iter().enumerate() {
            // A return address is behind the call that is asked about.
            let looked_up = if index == 0 { *address } else { address.saturating_sub(1) };
            if !self.known.contains_key(&looked_up) {
                if self.known.len() >= ADDRESSES {
                    self.known.clear();
                }
                self.known.insert(looked_up, self.names(looked_up));
            }
            frames.extend(self.known.get(&looked_up).into_iter().flatten().cloned());
            if frames.len() >= MOST {
                break;
            }
        }
        frames.truncate(MOST);
        frames
    }

    /// What an address is in, the innermost first where calls are inlined.
    fn names(&self, address: u64) -> Vec<String> {
        let within = |text: &Mapping| text.start <= address && address < text.end;
        let Some((text, base, file)) = self.modules.iter().find(|(text, ..)| within(text)) else {
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

/// The addresses that a thread is in, the innermost first.
fn walk(
    unwinder: &FileUnwinder,
    rules: &mut Rules,
    point: Point,
    read: &mut impl FnMut(u64) -> Result<u64, ()>,
    addresses: &mut Vec<u64>,
) {
    let mut frames = unwinder.iter_frames(point.ip, registers(point), rules, read);
    while let Ok(Some(frame)) = frames.next() {
        addresses.push(frame.address());
        if addresses.len() >= MOST {
            break;
        }
    }
}

fn registers(point: Point) -> UnwindRegsNative {
    #[cfg(target_arch = "x86_64")]
    return UnwindRegsNative::new(point.ip, point.sp, point.fp);
    #[cfg(target_arch = "aarch64")]
    return UnwindRegsNative::new(point.lr, point.sp, point.fp);
}

fn module(text: &Mapping, base: u64, file: &File) -> Module<Bytes> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const SOURCE: &str = "#include <stdio.h>\n\
        static inline int inner(int n) { return printf(\"%d\\n\", n); }\n\
        int outer(int n) { return n ? outer(n - 1) : inner(n); }\n\
        int main(int argc, char **argv) { return outer(argc) + (argv[0] != 0); }\n";

    /// Numbers that look random, the same every time.
    struct Numbers(u64);

    impl Numbers {
        fn next(&mut self, below: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 >> 16).unwrap_or(0) % below.max(1)
        }
    }

    /// Reads a file as one of a process, unwinds through it and names what stands in it.
    fn look(path: &Path, numbers: &mut Numbers) -> usize {
        let Some(file) = File::open(path, ROOM) else { return 0 };
        let start: u64 = 0x5555_0000_0000;
        let line = format!("{start:x}-{:x} r-xp 00000000 00:00 1 /x\n", start + 0x5000);
        let maps = Maps::new(callgate_sys::maps::parse(line.as_bytes()));
        let (text, base) = maps.texts().next().unwrap();
        let (mut unwinder, mut rules) = (FileUnwinder::new(), Rules::new());
        let _ = guarded(|| unwinder.add_module(module(text, base, &file)));
        let mut seen = 0;
        for _ in 0..64 {
            // Where linkers put the text of a small program.
            let address = base + 0x1000 + numbers.next(0x400) as u64;
            let point = Point { ip: address, sp: 0x7fff_0000, ..Point::default() };
            let mut words = Numbers(address | 1);
            let mut read = |_: u64| Ok(base + words.next(0x5000) as u64);
            let _ = guarded(|| walk(&unwinder, &mut rules, point, &mut read, &mut Vec::new()));
            seen += file.names(address - base, "x").len();
        }
        seen
    }

    #[test]
    fn damaged_programs_are_no_reason_to_panic() {
        let folder = std::env::temp_dir().join(format!("callgate-stack-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (source, program) = (folder.join("p.c"), folder.join("p"));
        std::fs::write(&source, SOURCE).unwrap();
        let built = Command::new("cc").args(["-g", "-O1", "-o"]).arg(&program).arg(&source).status();
        if !built.is_ok_and(|status| status.success()) {
            return eprintln!("skipped: no C compiler");
        }
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
        let whole = std::fs::read(&program).unwrap();
        let with_lines = File::open(&program, ROOM).unwrap();
        assert!(with_lines.names(0, "p").is_empty() && with_lines.size > 0);
        // Without room for debug information, and without any.
        assert!(File::open(&program, with_lines.size - 1).unwrap().size < with_lines.size);
        assert!(File::open(&program, 1).is_none());
        assert!(look(&program, &mut numbers) > 0, "nothing is read of an undamaged one");
        let sections = usize::try_from(u64::from_le_bytes(whole[40..48].try_into().unwrap())).unwrap();
        for round in 0..400 {
            let mut bytes = whole.clone();
            for _ in 0..=numbers.next(12) {
                // Headers, the table of sections, anything.
                let at = match numbers.next(3) {
                    0 => numbers.next(0x400),
                    1 => sections + numbers.next(bytes.len() - sections),
                    _ => numbers.next(bytes.len()),
                };
                bytes[at] = match numbers.next(3) {
                    0 => 0xff,
                    1 => 0x7f,
                    _ => numbers.next(256) as u8,
                };
            }
            if round % 10 == 0 {
                bytes.truncate(numbers.next(whole.len()));
            }
            std::fs::write(&program, &bytes).unwrap();
            look(&program, &mut numbers);
        }
        // One that nobody ever writes to.
        let pipe = folder.join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(File::open(&pipe, ROOM).is_none());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
