//! Calls that stop nobody: places in a program's text that make many calls are led around the filter.
//!
//! The filter asks the tracer about every call, except those made from a window of addresses at [`layout::CODE`].
//! Where a `syscall` instruction has stopped a few times, the tracer attaches memory there and writes code into it
//! that counts the call and makes it, and lets the instruction's place jump to that code. Only calls that have been
//! told one by one before, by number and by the arguments that matter, go that way: anything new at the same place
//! still stops. What cannot be led around safely goes on stopping.
//!
//! What the program sees of itself is as it was: where a signal is about to be delivered to a thread within that
//! code, its registers are put to where the thread would be without it. Children made by `fork` have copies of
//! the text and share the counts; `execve` ends it all.

mod code;
mod image;
mod inject;
mod layout;
mod maps;
mod padding;
mod shm;
mod site;
mod trial;

pub(crate) use trial::trial;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use callgate_abi::{Arch, Insn, SeccompData, Syscall, insn::op};

use self::image::{Image, Place};
use super::tracee::Tracee;
use crate::bpf::Wanted;
use crate::calls::{Caller, Calls};
use crate::error::Error;
use crate::process;

/// How often a place must have stopped before it is worth the trouble.
const HOT: u8 = 3;
/// Places that are remembered by process before that.
const MOST_PLACES: usize = 1 << 14;

/// Calls that always stop: they change what is known of the caller, are looked at one by one, or are made by code
/// that others recognise by its bytes.
const NEVER: [&str; 12] = [
    "rt_sigreturn",
    "execve",
    "execveat",
    "exit",
    "exit_group",
    "clone",
    "clone3",
    "fork",
    "vfork",
    "prctl",
    "seccomp",
    "ptrace",
];

/// The filter: `ask` is what it answers outside the window.
pub(crate) fn filter(ask: u32) -> Vec<Insn> {
    /// `struct seccomp_data`: arch, and the halves of the instruction pointer, which is behind the instruction.
    const ARCH: u32 = 4;
    const LOW: u32 = 8;
    const HIGH: u32 = 12;
    let window = layout::CODE as u32;
    vec![
        Insn::stmt(op::LD_ABS, ARCH),
        Insn::jump(op::JEQ_K, Arch::X86_64.token(), 0, 5),
        Insn::stmt(op::LD_ABS, HIGH),
        Insn::jump(op::JEQ_K, 0, 0, 3),
        Insn::stmt(op::LD_ABS, LOW),
        Insn::jump(op::JGE_K, window, 0, 1),
        Insn::jump(op::JGE_K, window + layout::WINDOW as u32, 0, 1),
        Insn::stmt(op::RET_K, ask),
        Insn::stmt(op::RET_K, callgate_abi::Action::ALLOW.to_ret()),
    ]
}

/// Whether this machine can do it.
pub(crate) const POSSIBLE: bool = cfg!(all(target_arch = "x86_64", target_pointer_width = "64"));

/// What is known of the processes that are watched.
pub(super) struct Fast<'a> {
    wanted: Wanted<'a>,
    never: Vec<u32>,
    /// How many filters a process has that has none of its own.
    filters: Option<u32>,
    spaces: HashMap<i32, Space>,
    images: Vec<Rc<RefCell<Image>>>,
    next: u64,
}

/// A process.
#[derive(Default)]
struct Space {
    /// How often each place has stopped it.
    hits: HashMap<u64, u8>,
    image: Option<Rc<RefCell<Image>>>,
    /// It could not be done here.
    given_up: bool,
}

impl<'a> Fast<'a> {
    pub(super) fn new(wanted: Wanted<'a>) -> Fast<'a> {
        let number = |name: &&str| Syscall::from_name(name)?.number(Arch::X86_64);
        let own = process::task(std::process::id().cast_signed()).ok();
        Fast {
            wanted,
            never: NEVER.iter().filter_map(number).collect(),
            filters: own.and_then(|task| task.filters).map(|n| n + 1),
            spaces: HashMap::new(),
            images: Vec::new(),
            next: 1,
        }
    }

    /// A thread has stopped for a call, which has been told.
    pub(super) fn stopped(
        &mut self,
        tracee: &Tracee,
        caller: &Caller,
        call: &SeccompData,
    ) -> Result<(), Error> {
        if call.arch != Arch::X86_64.token() || self.never.contains(&call.nr) {
            return Ok(());
        }
        let images = &self.images;
        let space = self.spaces.entry(caller.pid).or_insert_with(|| Space {
            // A child of another that has it already.
            image: adopted(images, tracee.tid()),
            ..Space::default()
        });
        if space.given_up {
            return Ok(());
        }
        let known = space.image.as_ref().and_then(|image| image.borrow().place_of(call.ip));
        if known.is_none() {
            if space.hits.len() >= MOST_PLACES {
                space.hits.clear();
            }
            let hits = space.hits.entry(call.ip).or_insert(0);
            *hits = hits.saturating_add(1);
            if *hits < HOT {
                return Ok(());
            }
        }
        let Some(arguments) = arguments(self.wanted, call) else { return Ok(()) };
        let image = match &space.image {
            Some(image) => image.clone(),
            None => match adopted(&self.images, tracee.tid()) {
                Some(image) => space.image.insert(image).clone(),
                None => {
                    let image = if unfiltered(self.filters, tracee.tid()) {
                        Image::attach(tracee, self.next, call)?
                    } else {
                        None
                    };
                    let Some(image) = image else {
                        space.given_up = true;
                        return Ok(());
                    };
                    self.next += 1;
                    let image = Rc::new(RefCell::new(image));
                    self.images.push(image.clone());
                    space.image.insert(image).clone()
                }
            },
        };
        let may_inject = || unfiltered(self.filters, tracee.tid());
        let mut image = image.borrow_mut();
        let at = match known {
            Some(Place::Around(at)) => at,
            Some(Place::Original(at)) => {
                image.patch_again(tracee, at, call, &may_inject)?;
                at
            }
            None => {
                let at = call.ip.wrapping_sub(2);
                image.lead_around(tracee, at, call, &may_inject)?;
                at
            }
        };
        image.admit(at, caller, call, &arguments);
        Ok(())
    }

    /// Where a call was made that is said to end at `ip`: the program's own text, to which the thread is put.
    pub(super) fn put_back(&mut self, tracee: &Tracee, ip: u64) -> Result<u64, Error> {
        if !layout::holds(ip) {
            return Ok(ip);
        }
        let Some(image) = adopted(&self.images, tracee.tid()) else { return Ok(ip) };
        let Some(Place::Around(at)) = image.borrow().place_of(ip) else { return Ok(ip) };
        let own = at.wrapping_add(code::SYSCALL);
        tracee.set_register(inject::RIP, own)?;
        Ok(own)
    }

    /// A signal is about to be delivered: whether it is none of the program's.
    pub(super) fn signal(&mut self, tracee: &Tracee, signal: i32) -> Result<bool, Error> {
        if self.images.is_empty() {
            return Ok(false);
        }
        let pid = process::task(tracee.tid()).map_or(tracee.tid(), |t| t.pid);
        let known = self.spaces.get(&pid).and_then(|space| space.image.clone());
        let Some(image) = known.or_else(|| adopted(&self.images, tracee.tid())) else { return Ok(false) };
        image.borrow().signal(tracee, signal)
    }

    /// Tell what has been counted since the last time.
    pub(super) fn collect(&mut self, calls: &mut dyn Calls) {
        let used = |image: &Rc<RefCell<Image>>, spaces: &HashMap<i32, Space>| {
            spaces.values().any(|s| s.image.as_ref().is_some_and(|i| Rc::ptr_eq(i, image)))
        };
        let spaces = &self.spaces;
        self.images.retain(|image| {
            // Asked first: what was counted until nobody is left is told below.
            let alive = used(image, spaces) || image.borrow().is_shared();
            image.borrow_mut().collect(calls);
            alive
        });
    }

    /// A process that has ended, or executes another program.
    pub(super) fn forget(&mut self, tid: i32) {
        self.spaces.remove(&tid);
    }
}

/// The arguments of a call that matter: position, bits and value; `None` where these cannot be compared.
fn arguments(wanted: Wanted<'_>, call: &SeccompData) -> Option<Vec<(usize, u32, u64)>> {
    let wanted =
        Syscall::from_number(Arch::X86_64, call.nr).map_or_else(Vec::new, |c| wanted(c, Arch::X86_64));
    let of = |(index, bits): &(usize, u32)| match bits {
        32 => Some((*index, 32, call.args.get(*index)? & 0xffff_ffff)),
        64 => Some((*index, 64, *call.args.get(*index)?)),
        _ => None,
    };
    wanted.iter().map(of).collect()
}

/// What is attached to the memory of a thread already.
fn adopted(images: &[Rc<RefCell<Image>>], tid: i32) -> Option<Rc<RefCell<Image>>> {
    if images.is_empty() {
        return None;
    }
    let id = layout::id_at(tid, layout::CODE)?;
    images.iter().find(|image| image.borrow().id() == id).cloned()
}

/// Whether a process has no filter of its own, which could answer what is called in its place.
fn unfiltered(filters: Option<u32>, tid: i32) -> bool {
    let own = process::task(tid).ok().and_then(|task| task.filters);
    filters.is_some() && own == filters
}
