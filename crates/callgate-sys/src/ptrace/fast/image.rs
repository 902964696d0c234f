//! What is attached to a program's memory, and the sites in its text that lead there.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use callgate_abi::{Arch, SeccompData, Syscall};

use super::super::tracee::Tracee;
use super::code::{self, Entry, JUMP, SYSCALL};
use super::inject::{self, RIP};
use super::layout::{
    self, BACK, CODE, CODE_LEN, COUNTS, DATA, DATA_LEN, ENTRY, SITES, SLOW, TARGET, WINDOW, record, site_at,
};
use super::maps::{Maps, is_text};
use super::shm::Shm;
use super::site::{Form, form};
use crate::calls::{Caller, Calls};
use crate::error::Error;
use crate::memory;

/// How many calls a site makes without stopping; others stop.
const MOST: usize = 12;

/// A program's.
pub(super) struct Image {
    id: u64,
    code: Shm,
    data: Shm,
    /// Where the code is attached.
    bases: Vec<u64>,
    sites: Vec<Site>,
    /// By the address of the call; `None` where nothing can be done.
    by_address: HashMap<u64, Option<usize>>,
    /// Where each code in the window begins, in their order, and which site's it is.
    codes: Vec<(u64, usize)>,
    /// All calls in the window, in their order, with their counts.
    calls: Vec<(u64, u64)>,
    /// The first free byte of the window.
    free: u64,
    counts: Vec<Count>,
}

struct Site {
    at: u64,
    form: Form,
    entries: Vec<Entry>,
    /// The address of the record in the memory that is near.
    entry: u64,
}

struct Count {
    caller: Caller,
    call: SeccompData,
    told: u64,
}

/// Where a call was made.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// In a site's record: of the call at this address.
    Around(u64),
    /// At this address itself.
    Original(u64),
}

impl Image {
    /// Attach it to the memory of a thread that is stopped for this call. `None` where it cannot be.
    pub(super) fn attach(tracee: &Tracee, id: u64, call: &SeccompData) -> Result<Option<Image>, Error> {
        if !is_call(tracee, call) {
            return Ok(None);
        }
        let (Ok(mut code), Ok(data)) = (Shm::new(CODE_LEN), Shm::new(DATA_LEN)) else { return Ok(None) };
        let header = layout::header(id).map(u64::to_ne_bytes);
        code.write(WINDOW, header.as_flattened());
        let attached = attach(tracee, code.id(), CODE, true)? && attach(tracee, data.id(), DATA, false)?;
        Ok(attached.then(|| Image {
            id,
            code,
            data,
            bases: vec![CODE],
            sites: Vec::new(),
            by_address: HashMap::new(),
            codes: Vec::new(),
            calls: Vec::new(),
            free: 0,
            counts: Vec::new(),
        }))
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Whether a process has it.
    pub(super) fn is_shared(&self) -> bool {
        self.data.is_shared()
    }

    /// The place of a call whose instruction ends here, if it is known.
    pub(super) fn place_of(&self, ip: u64) -> Option<Place> {
        if let Some((index, SLOW_END)) = ip.checked_sub(CODE).and_then(site_at) {
            return self.sites.get(index).map(|site| Place::Around(site.at));
        }
        let at = ip.wrapping_sub(SYSCALL);
        self.by_address.contains_key(&at).then_some(Place::Original(at))
    }

    /// Let the call at `at` lead around, if that is possible.
    pub(super) fn lead_around(
        &mut self,
        tracee: &Tracee,
        at: u64,
        call: &SeccompData,
        may_inject: &dyn Fn() -> bool,
    ) -> Result<(), Error> {
        let site = self.make(tracee, at, call, may_inject)?;
        let index = site.map(|site| {
            let index = self.sites.len();
            let (jump, stops) = code::record();
            let record = record(index);
            self.code.write(record + ENTRY, &jump);
            self.code.word(record + TARGET).store(CODE + record + SLOW, Ordering::SeqCst);
            self.code.word(record + BACK).store(at + SYSCALL, Ordering::SeqCst);
            self.code.write(record + SLOW, &stops);
            self.sites.push(site);
            index
        });
        self.by_address.insert(at, index);
        self.patch(tracee, at)
    }

    /// Write a site's jump. Where that is not possible, the site goes on stopping.
    fn patch(&mut self, tracee: &Tracee, at: u64) -> Result<(), Error> {
        let index = self.by_address.get(&at).copied().flatten();
        let Some(site) = index.and_then(|index| self.sites.get(index)) else { return Ok(()) };
        match site.patch(tracee) {
            Err(e @ Error::Call { errno: libc::ESRCH, .. }) => Err(e),
            Err(_) => {
                self.by_address.insert(at, None);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn make(
        &mut self,
        tracee: &Tracee,
        at: u64,
        call: &SeccompData,
        may_inject: &dyn Fn() -> bool,
    ) -> Result<Option<Site>, Error> {
        if self.sites.len() >= SITES {
            return Ok(None);
        }
        let Some(maps) = Maps::of(tracee.tid()) else { return Ok(None) };
        let Some(text) = maps.at(at).filter(|text| is_text(text) && at + SYSCALL <= text.end) else {
            return Ok(None);
        };
        let Some(form) = form(tracee.tid(), at, call.nr, maps.base(text)) else { return Ok(None) };
        // An address in a mapping whose other pages are not the file's any more is another's affair.
        let Some(base) = self.near(tracee, at, &maps, may_inject)? else { return Ok(None) };
        let entry = base + record(self.sites.len());
        Ok(Some(Site { at, form, entries: Vec::new(), entry }))
    }

    /// Where the code is attached so that a jump from an address reaches it.
    fn near(
        &mut self,
        tracee: &Tracee,
        at: u64,
        maps: &Maps,
        may_inject: &dyn Fn() -> bool,
    ) -> Result<Option<u64>, Error> {
        const REACH: u64 = (1 << 31) - (1 << 20);
        let near = |base: &&u64| base.abs_diff(at) < REACH;
        for base in self.bases.iter().filter(near) {
            if layout::id_at(tracee.tid(), *base) == Some(self.id) {
                return Ok(Some(*base));
            }
        }
        // Where another process with the same program has it, if there is room.
        let known = self.bases.iter().find(near).copied();
        let Some(base) = known.or_else(|| maps.room_near(at, CODE_LEN)) else { return Ok(None) };
        if !may_inject() || !attach(tracee, self.code.id(), base, true)? {
            return Ok(None);
        }
        if known.is_none() {
            self.bases.push(base);
        }
        Ok(Some(base))
    }

    /// A known site has stopped at the call itself: its text is another process's copy, or has been replaced.
    pub(super) fn patch_again(
        &mut self,
        tracee: &Tracee,
        at: u64,
        call: &SeccompData,
        may_inject: &dyn Fn() -> bool,
    ) -> Result<(), Error> {
        let Some(Some(index)) = self.by_address.get(&at).copied() else { return Ok(()) };
        let Some(site) = self.sites.get(index) else { return Ok(()) };
        if site.is_patched(tracee.tid()) {
            // Somebody jumps to the call, or was about to make it.
            return Ok(());
        }
        let Some(maps) = Maps::of(tracee.tid()) else { return Ok(()) };
        let text = maps.at(at).filter(|text| is_text(text));
        let same = text.is_some_and(|text| match site.form {
            Form::Load(_) => form(tracee.tid(), at, call.nr, None) == Some(site.form),
            Form::Hop(hop) => form(tracee.tid(), at, call.nr, maps.base(text)) == Some(Form::Hop(hop)),
        });
        let base = site.entry - record(index);
        let there = layout::id_at(tracee.tid(), base) == Some(self.id)
            || (same && may_inject() && attach(tracee, self.code.id(), base, true)?);
        if same && there { self.patch(tracee, at) } else { Ok(()) }
    }

    /// Let a site make a call, which has just been told, without stopping.
    pub(super) fn admit(
        &mut self,
        at: u64,
        caller: &Caller,
        call: &SeccompData,
        arguments: &[(usize, u32, u64)],
    ) {
        let Some(Some(index)) = self.by_address.get(&at).copied() else { return };
        let count = self.counts.len();
        let Some(site) = self.sites.get_mut(index) else { return };
        let known = site.entries.iter().any(|e| e.nr == call.nr && e.arguments == arguments);
        let other = matches!(site.form, Form::Load(nr) if nr != call.nr);
        if known || other || site.entries.len() >= MOST || count >= COUNTS {
            return;
        }
        let address = DATA + 8 * count as u64;
        site.entries.push(Entry { nr: call.nr, arguments: arguments.to_vec(), count: address });
        let loads = match site.form {
            Form::Load(nr) => Some(nr),
            Form::Hop(_) => None,
        };
        let (start, record) = (CODE + self.free, record(index));
        let made = code::code(start, loads, &site.entries, CODE + record + BACK, CODE + record + SLOW);
        let Some(made) = made.filter(|made| self.free + made.bytes.len() as u64 <= WINDOW) else {
            site.entries.pop();
            return;
        };
        let mut args = [0; 6];
        for (index, _, value) in arguments {
            args[*index] = *value;
        }
        let call = SeccompData { ip: at + SYSCALL, args, ..*call };
        self.counts.push(Count { caller: caller.clone(), call, told: 0 });
        self.code.write(self.free, &made.bytes);
        self.free += made.bytes.len() as u64;
        self.codes.push((start, index));
        self.calls.extend(made.calls);
        self.code.word(record + TARGET).store(start, Ordering::SeqCst);
    }

    /// A signal is about to be delivered to a thread: put it to where it would be without us. Whether the signal is
    /// none of the program's.
    pub(super) fn signal(&self, tracee: &Tracee, signal: i32) -> Result<bool, Error> {
        let Some(ip) = inject::ip(tracee)? else { return Ok(false) };
        if signal == libc::SIGTRAP {
            // It was faster than the second half of a patch, see `Site::patch`.
            let trapped = ip.wrapping_sub(1);
            if self.sites.iter().any(|site| site.start() == trapped) && !is_trap(tracee.tid(), trapped) {
                tracee.set_register(RIP, trapped)?;
                return Ok(true);
            }
        }
        let Some(back) = self.without_us(ip) else { return Ok(false) };
        tracee.set_register(RIP, back)?;
        if signal == libc::SIGSYS {
            tracee.move_trapped_call(back)?;
        }
        Ok(false)
    }

    /// Where a thread would be that is somewhere in our code.
    fn without_us(&self, ip: u64) -> Option<u64> {
        let offset = self.bases.iter().filter_map(|base| ip.checked_sub(*base)).find(|o| *o < CODE_LEN)?;
        if let Some((index, within)) = site_at(offset) {
            let site = self.sites.get(index)?;
            return Some(if within > SLOW { site.at + SYSCALL } else { site.start() });
        }
        let address = CODE + offset;
        let code = self.codes.partition_point(|(start, _)| *start <= address).checked_sub(1)?;
        let site = self.sites.get(self.codes.get(code)?.1)?;
        // The last call that is not behind it.
        let before = self.calls.partition_point(|(call, _)| *call <= address).checked_sub(1);
        match before.and_then(|index| self.calls.get(index)) {
            Some((call, count)) if *call == address => {
                // Counted, but not made yet: it will be counted again.
                self.data.word(count - DATA).fetch_sub(1, Ordering::SeqCst);
                Some(site.start())
            }
            Some((call, _)) if address < call + SYSCALL + JUMP => Some(site.at + SYSCALL),
            _ => Some(site.start()),
        }
    }

    /// Tell what has been counted since the last time.
    pub(super) fn collect(&mut self, calls: &mut dyn Calls) {
        for (index, count) in self.counts.iter_mut().enumerate() {
            let now = self.data.word(8 * index as u64).load(Ordering::SeqCst);
            let more = now.saturating_sub(count.told);
            if more > 0 {
                count.told = now;
                calls.counted(&count.caller, &count.call, more);
            }
        }
    }
}

/// Behind the call in a record, where it stops.
const SLOW_END: u64 = SLOW + SYSCALL;

impl Site {
    /// Where the jump is.
    fn start(&self) -> u64 {
        match self.form {
            Form::Load(_) => self.at - 5,
            Form::Hop(_) => self.at,
        }
    }

    /// The bytes there.
    fn jump(&self) -> Option<Vec<u8>> {
        match self.form {
            Form::Load(_) => code::jump(self.start(), self.entry).map(Vec::from),
            Form::Hop(hop) => {
                let distance = i8::try_from(hop.wrapping_sub(self.at + SYSCALL).cast_signed()).ok()?;
                Some(vec![0xeb, distance.cast_unsigned()])
            }
        }
    }

    fn is_patched(&self, tid: i32) -> bool {
        let Some(jump) = self.jump() else { return false };
        let mut bytes = vec![0; jump.len()];
        memory::read_exact(tid, self.start(), &mut bytes).is_ok() && bytes == jump
    }

    /// Write the jump, while other threads may come by: the first byte traps until the others are written, so that
    /// none ever executes half of it. Who traps is sent on, see [`Image::signal`].
    fn patch(&self, tracee: &Tracee) -> Result<(), Error> {
        const TRAP: u8 = 0xcc;
        if let Form::Hop(hop) = self.form {
            let Some(jump) = code::jump(hop, self.entry) else { return Ok(()) };
            tracee.poke(hop, &jump)?;
        }
        let Some(jump) = self.jump() else { return Ok(()) };
        let at = self.start();
        tracee.poke(at, &[TRAP])?;
        tracee.poke(at + 1, jump.get(1..).unwrap_or_default())?;
        tracee.poke(at, jump.get(..1).unwrap_or_default())
    }
}

fn is_trap(tid: i32, at: u64) -> bool {
    let mut byte = [0];
    memory::read_exact(tid, at, &mut byte).is_ok_and(|()| byte == [0xcc])
}

/// Whether the thread stopped at an instruction that makes it again if it goes back by its length.
fn is_call(tracee: &Tracee, call: &SeccompData) -> bool {
    let mut bytes = [0; 2];
    memory::read_exact(tracee.tid(), call.ip.wrapping_sub(SYSCALL), &mut bytes)
        .is_ok_and(|()| bytes == [0x0f, 0x05])
}

/// `shmat(id, base, SHM_EXEC | SHM_RDONLY)` or `shmat(id, base, 0)`, in a stopped thread.
fn attach(tracee: &Tracee, id: i32, base: u64, executable: bool) -> Result<bool, Error> {
    const READ_ONLY: u64 = 0o10_000;
    const EXECUTABLE: u64 = 0o100_000;
    let Some(nr) = Syscall::from_name("shmat").and_then(|call| call.number(Arch::X86_64)) else {
        return Ok(false);
    };
    let flags = if executable { READ_ONLY | EXECUTABLE } else { 0 };
    let id = u64::try_from(id).unwrap_or(u64::MAX);
    Ok(inject::call(tracee, nr, [id, base, flags])? == base.cast_signed())
}
