//! A file read in blocks: those who look for a word here and a name there need not ask the kernel for each.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Deref;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use object::ObjectSection;
use object::read::ReadCache;

/// A file to be read here and there, and as a source of whole sections; `None` for what is none.
pub(super) fn opened(path: &Path) -> Option<(ReadCache<Blocks>, Source)> {
    // What has been put in its place since must not keep us waiting.
    let found = std::fs::metadata(path).ok()?;
    let file = if found.is_file() { Arc::new(File::open(path).ok()?) } else { return None };
    let source = Source { file: file.clone(), len: found.len() };
    Some((ReadCache::new(Blocks::new(file, found.len())), source))
}

/// Bytes of a file.
#[derive(Clone, Default)]
pub(super) struct Bytes(Arc<Vec<u8>>);

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Bytes {
        Bytes(Arc::new(bytes))
    }
}

/// A file that sections are read of as they are.
pub(super) struct Source {
    file: Arc<File>,
    len: u64,
}

impl Source {
    /// The bytes of a section; none where the file holds none of it.
    pub(super) fn section<'d>(&self, section: &impl ObjectSection<'d>) -> Option<Bytes> {
        let (start, len) = section.file_range().unwrap_or((0, 0));
        if start.checked_add(len)? > self.len {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(len).ok()?];
        self.file.read_exact_at(&mut bytes, start).ok()?;
        Some(bytes.into())
    }
}

/// Bytes of a block. What is asked for that is longer is read as it is.
const BLOCK: usize = 4 << 10;

/// A file, a place in it, and the block that was read last.
pub(super) struct Blocks {
    file: Arc<File>,
    len: u64,
    at: u64,
    block: Vec<u8>,
    /// Where the block begins.
    start: u64,
}

impl Blocks {
    /// A file of this length.
    fn new(file: Arc<File>, len: u64) -> Blocks {
        Blocks { file, len, at: 0, block: Vec::new(), start: 0 }
    }

    /// What of the block is at the place.
    fn here(&self) -> &[u8] {
        let skipped = self.at.checked_sub(self.start).and_then(|n| usize::try_from(n).ok());
        skipped.and_then(|n| self.block.get(n..)).unwrap_or_default()
    }
}

impl Read for Blocks {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.here().is_empty() {
            if out.len() >= BLOCK {
                let read = self.file.read_at(out, self.at)?;
                self.at += read as u64;
                return Ok(read);
            }
            self.start = self.at - self.at % BLOCK as u64;
            self.block.resize(BLOCK, 0);
            let read = self.file.read_at(&mut self.block, self.start);
            self.block.truncate(*read.as_ref().unwrap_or(&0));
            read?;
        }
        let read = self.here().read(out)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Blocks {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(to) => Some(to),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = to.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_reads_as_it_stands() {
        let path = std::env::temp_dir().join(format!("callgate-blocks-{}", std::process::id()));
        let bytes: Vec<u8> = (0..50_000_u32).map(|i| (i * 7 + i / 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let mut blocks = Blocks::new(Arc::new(File::open(&path).unwrap()), bytes.len() as u64);
        std::fs::remove_file(&path).unwrap();
        let mut at = 1_usize;
        for round in 0..2_000 {
            at = (at * 7919 + round) % bytes.len();
            let len = (at * 31 % if round % 5 == 0 { 40_000 } else { 300 }).min(bytes.len() - at);
            blocks.seek(SeekFrom::Start(at as u64)).unwrap();
            let mut found = vec![0; len];
            blocks.read_exact(&mut found).unwrap();
            assert_eq!(found, bytes[at..at + len], "{len} from {at}");
        }
        assert_eq!(blocks.seek(SeekFrom::End(-3)).unwrap(), 49_997);
        let mut rest = Vec::new();
        blocks.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, bytes[49_997..]);
        assert!(blocks.seek(SeekFrom::Current(-50_001)).is_err());
    }
}
