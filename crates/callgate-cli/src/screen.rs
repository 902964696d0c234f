//! A terminal as a screen that is drawn and keys that are read one by one.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGQUIT, SIGTERM};
use signal_hook::{flag, low_level};
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Key {
    /// One that stands for a letter, digit or sign.
    Letter(char),
    Enter,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    /// Ctrl-C, Ctrl-D, or the terminal is gone.
    Stop,
    /// No key: some time went by, or the window has another size.
    Nothing,
}

/// A terminal that is drawn on. It is as it was when this is dropped, be it by a panic, and before a signal ends us.
pub(crate) struct Screen {
    file: File,
    before: Termios,
    /// Keys that were read, and not asked for yet.
    read: Vec<u8>,
    /// The signal that is to end us, or 0; and whether signals do that by themselves again.
    signal: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
}

/// The fewest rows and columns that something can be shown in.
const SMALLEST: (usize, usize) = (6, 20);

/// How long a key is waited for before the window is looked at again.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

impl Screen {
    /// Takes the terminal over: another screen than the one with what was printed, keys as they are pressed.
    ///
    /// # Errors
    ///
    /// When this is no terminal.
    pub(crate) fn open(file: File) -> io::Result<Screen> {
        let before = tcgetattr(&file)?;
        let mut raw = before.clone();
        raw.make_raw();
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&file, OptionalActions::Now, &raw)?;
        let mut screen =
            Screen { file, before, read: Vec::new(), signal: Arc::default(), over: Arc::default() };
        for signal in [SIGHUP, SIGQUIT, SIGTERM] {
            flag::register_conditional_default(signal, Arc::clone(&screen.over))?;
            flag::register_usize(signal, Arc::clone(&screen.signal), signal.unsigned_abs() as usize)?;
        }
        screen.file.write_all(b"\x1b[?1049h\x1b[?25l")?;
        Ok(screen)
    }

    /// Whether a terminal can be drawn on: it understands the sequences, and has some room.
    pub(crate) fn suits(file: &File) -> bool {
        let smart = std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
        smart && tcgetattr(file).is_ok() && size(file).is_some_and(|s| s.0 >= SMALLEST.0 && s.1 >= SMALLEST.1)
    }

    /// Rows and columns; the smallest there can be where the terminal does not say.
    pub(crate) fn size(&self) -> (usize, usize) {
        let (rows, columns) = size(&self.file).unwrap_or(SMALLEST);
        (rows.max(SMALLEST.0), columns.max(SMALLEST.1))
    }

    /// Shows these lines from the top on, and nothing else. None may be wider than the screen.
    pub(crate) fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let mut out = String::from("\x1b[H");
        for (at, line) in lines.iter().enumerate() {
            if at > 0 {
                out.push_str("\r\n");
            }
            out.push_str(line);
            // What stood behind it.
            out.push_str("\x1b[K");
        }
        out.push_str("\x1b[J");
        self.file.write_all(out.as_bytes())?;
        self.file.flush()
    }

    /// The next key, or that there is none for now.
    pub(crate) fn key(&mut self) -> io::Result<Key> {
        self.end_if_told();
        if self.read.is_empty() {
            let mut fds = [PollFd::new(&self.file, PollFlags::IN)];
            match poll(&mut fds, Some(&PATIENCE)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(Key::Nothing),
                Ok(_) => {}
                Err(e) => return Err(e.into()),
            }
            let mut bytes = [0; 64];
            match self.file.read(&mut bytes)? {
                0 => return Ok(Key::Stop),
                n => self.read.extend_from_slice(&bytes[..n]),
            }
        }
        let (key, length) = decode(&self.read);
        self.read.drain(..length);
        Ok(key)
    }
}

impl Screen {
    fn give_back(&mut self) {
        let _ = self.file.write_all(b"\x1b[?25h\x1b[?1049l");
        let _ = tcsetattr(&self.file, OptionalActions::Now, &self.before);
    }

    /// Ends this process where a signal was to end it.
    fn end_if_told(&mut self) {
        if let Ok(signal @ 1..) = i32::try_from(self.signal.load(Ordering::Acquire)) {
            self.give_back();
            let _ = low_level::emulate_default_handler(signal);
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.end_if_told();
        self.give_back();
        self.over.store(true, Ordering::Release);
    }
}

/// Rows and columns, where the terminal says.
pub(crate) fn size(file: &File) -> Option<(usize, usize)> {
    let size = tcgetwinsize(file).ok()?;
    Some((usize::from(size.ws_row), usize::from(size.ws_col))).filter(|s| s.0 > 0 && s.1 > 0)
}

/// The key that the first of these bytes are, and how many they are. There is at least one.
fn decode(bytes: &[u8]) -> (Key, usize) {
    const SEQUENCES: &[(&[u8], Key)] = &[
        (b"\x1b[A", Key::Up),
        (b"\x1bOA", Key::Up),
        (b"\x1b[B", Key::Down),
        (b"\x1bOB", Key::Down),
        (b"\x1b[5~", Key::PageUp),
        (b"\x1b[6~", Key::PageDown),
        (b"\x1b[H", Key::Home),
        (b"\x1b[1~", Key::Home),
        (b"\x1b[F", Key::End),
        (b"\x1b[4~", Key::End),
    ];
    if let Some((sequence, key)) = SEQUENCES.iter().find(|s| bytes.starts_with(s.0)) {
        return (*key, sequence.len());
    }
    match bytes {
        [3 | 4, ..] => (Key::Stop, 1),
        [b'\r' | b'\n', ..] => (Key::Enter, 1),
        // A sequence that means nothing here: up to the letter that ends it.
        [0x1b, b'[' | b'O', rest @ ..] => {
            let end = rest.iter().position(|b| (0x40..0x7f).contains(b));
            (Key::Nothing, end.map_or(bytes.len(), |at| at + 3))
        }
        [byte, ..] if byte.is_ascii() && !byte.is_ascii_control() => (Key::Letter(char::from(*byte)), 1),
        _ => (Key::Nothing, 1),
    }
}

/// The text cut so that it is not wider than this, control characters made visible.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    let plain = text.chars().map(|c| if c.is_control() { '?' } else { c });
    if text.chars().count() <= columns {
        return plain.collect();
    }
    plain.take(columns.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        assert_eq!(decode(b"a\x1b[A"), (Key::Letter('a'), 1));
        assert_eq!(decode(b"\x1b[Aa"), (Key::Up, 3));
        assert_eq!(decode(b"\x1b[6~"), (Key::PageDown, 4));
        assert_eq!(decode(b"\x1b[15;2~x"), (Key::Nothing, 7));
        assert_eq!(decode(b"\x1b["), (Key::Nothing, 2));
        assert_eq!(decode(b"\x03"), (Key::Stop, 1));
        assert_eq!(decode(b"\r"), (Key::Enter, 1));
        assert_eq!(decode("ä".as_bytes()), (Key::Nothing, 1));
    }

    #[test]
    fn lines_fit() {
        assert_eq!(fit("allow read", 10), "allow read");
        assert_eq!(fit("allow read", 8), "allow r…");
        assert_eq!(fit("a\x1b[2Jb", 20), "a?[2Jb");
    }
}
