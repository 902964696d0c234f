//! Where pointers lead.

/// A program's memory.
pub trait Memory {
    /// Reads from `address` until `buffer` is full or the mapping ends; how many bytes were read, 0 where
    /// nothing is mapped.
    fn read(&self, address: u64, buffer: &mut [u8]) -> usize;
}

/// No memory at all: registers are all there is.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl Memory for Nothing {
    fn read(&self, _: u64, _: &mut [u8]) -> usize {
        0
    }
}

/// The memory of a live thread, which needs the right to trace it.
#[derive(Clone, Copy, Debug)]
pub struct Live(
    /// The thread.
    pub i32,
);

impl Memory for Live {
    fn read(&self, address: u64, buffer: &mut [u8]) -> usize {
        // A page at a time: one that is missing does not hide those before it.
        const PAGE: u64 = 4096;
        let mut done = 0;
        while done < buffer.len() {
            let Some(at) = address.checked_add(done as u64) else { break };
            let len = (buffer.len() - done).min((PAGE - at % PAGE) as usize);
            match callgate_sys::memory::read(self.0, at, &mut buffer[done..done + len]) {
                Ok(n) if n == len => done += n,
                Ok(n) => return done + n,
                Err(_) => break,
            }
        }
        done
    }
}
