//! A recording that is written while it is made, so that the end of the writer costs no more than the tail.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use super::lines;
use super::recording::{Event, Key, Recording};

/// A recording of one run and, if wanted, where its lines go. The line of a call is written when the call is
/// first seen. How often it was made is written by [`Journal::checkpoint`], in further lines of the same call:
/// of several, the largest count is read.
#[derive(Debug)]
pub struct Journal<W> {
    run: String,
    recording: Recording,
    out: Option<W>,
    /// The counts as last written.
    written: BTreeMap<Key, u64>,
    /// Those whose stacks are written.
    told: BTreeSet<Key>,
    lines: usize,
    /// Lines that are written together.
    held: Option<String>,
}

impl<W: Write> Journal<W> {
    /// A recording of run `run`, whose name no other has.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written to, here and below.
    pub fn new(run: &str, mut out: Option<W>) -> io::Result<Journal<W>> {
        let recording = Recording::new(run);
        if let Some(out) = &mut out {
            out.write_all(lines::first(&recording.runs).as_bytes())?;
        }
        Ok(Journal {
            run: run.to_owned(),
            recording,
            out,
            written: BTreeMap::new(),
            told: BTreeSet::new(),
            lines: 0,
            held: None,
        })
    }

    /// Count calls. `false` for those of an unknown architecture, which are not counted.
    ///
    /// # Errors
    ///
    /// As [`Journal::new`]; they are counted all the same.
    pub fn count(&mut self, event: &Event<'_>) -> io::Result<bool> {
        match self.recording.note(&self.run, event) {
            Some((key, true)) => self.write(key, event.times).map(|()| true),
            Some((_, false)) => Ok(true),
            None => Ok(false),
        }
    }

    /// Keep lines back until [`Journal::release`]: they come together, and there are many.
    pub fn hold(&mut self) {
        self.held.get_or_insert_default();
    }

    /// Write what was kept back.
    ///
    /// # Errors
    ///
    /// As [`Journal::new`].
    pub fn release(&mut self) -> io::Result<()> {
        match (self.held.take(), &mut self.out) {
            (Some(lines), Some(out)) if !lines.is_empty() => out.write_all(lines.as_bytes()),
            _ => Ok(()),
        }
    }

    /// Write the counts that have changed since they were written.
    ///
    /// # Errors
    ///
    /// As [`Journal::new`].
    pub fn checkpoint(&mut self) -> io::Result<()> {
        if self.out.is_none() {
            return Ok(());
        }
        let count = |counts: &BTreeMap<String, u64>| counts.get(&self.run).copied().unwrap_or(0);
        let all = self.recording.calls().map(|(key, counts)| (key, count(counts)));
        let changed = all.filter(|(key, n)| self.written.get(*key) != Some(n));
        let changed: Vec<(Key, u64)> = changed.map(|(key, n)| (key.clone(), n)).collect();
        changed.into_iter().try_for_each(|(key, n)| self.write(key, n))
    }

    /// Close the recording.
    ///
    /// # Errors
    ///
    /// As [`Journal::new`].
    pub fn finish(&mut self) -> io::Result<()> {
        self.checkpoint()?;
        self.release()?;
        self.out.as_mut().map_or(Ok(()), |out| {
            out.write_all(lines::last(self.lines).as_bytes())?;
            out.flush()
        })
    }

    /// What has been recorded.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// A whole line, in one write, if lines are not kept back.
    fn write(&mut self, key: Key, count: u64) -> io::Result<()> {
        let Some(out) = &mut self.out else { return Ok(()) };
        // Who made it is told once, as soon as it is known.
        let stack = if self.told.contains(&key) { &[] } else { self.recording.stack(&key) };
        if !stack.is_empty() {
            self.told.insert(key.clone());
        }
        let line = lines::call(&key, &BTreeMap::from([(self.run.clone(), count)]), stack);
        match &mut self.held {
            Some(held) => held.push_str(&line),
            None => out.write_all(line.as_bytes())?,
        }
        self.lines += 1;
        self.written.insert(key, count);
        Ok(())
    }
}
