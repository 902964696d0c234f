//! What a report comes to so far, at the foot of the terminal while the command runs above it.
//!
//! The terminal's scrolling region ends above the foot, so that what is printed, by the command too, scrolls there. Each
//! change is one write, so that nothing gets in between.

use crate::screen::{self, fit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The foot has this many rows at most, its head included, and a third of the terminal at most.
const ROWS: usize = 8;
/// With fewer rows there is no foot.
const FEWEST: usize = 12;
const PAUSE: Duration = Duration::from_millis(100);

/// A call that is denied, and how often it was.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) count: u64,
    pub(super) text: String,
}

/// The foot of the terminal; gone when this is dropped.
pub(super) struct View {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    lines: Mutex<Vec<Line>>,
    done: AtomicBool,
}

impl View {
    /// Begins, where standard error is a terminal that can be drawn on and has the room.
    pub(super) fn begin() -> Option<View> {
        use std::io::IsTerminal;
        let stderr = std::io::stderr();
        if !stderr.is_terminal() {
            return None;
        }
        let tty = File::options().read(true).write(true).open("/dev/tty").ok()?;
        if !screen::Screen::suits(&tty) || screen::size(&tty)?.0 < FEWEST {
            return None;
        }
        // Whatever ends this process, the terminal is put in order before.
        let signal = Arc::new(AtomicUsize::new(0));
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            signal_hook::flag::register_usize(number, Arc::clone(&signal), number.unsigned_abs() as usize)
                .ok()?;
        }
        let shared = Arc::new(Shared { lines: Mutex::default(), done: AtomicBool::new(false) });
        let foot = Foot { tty, place: None };
        let thread = std::thread::Builder::new().name("view".into()).spawn({
            let shared = Arc::clone(&shared);
            move || foot.keep(&shared, &signal)
        });
        Some(View { shared, thread: Some(thread.ok()?) })
    }

    /// Counts a call: the one with this place in the order, from 1 on.
    pub(super) fn count(&self, order: u64, text: &str) {
        let mut lines = self.shared.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let at = usize::try_from(order).unwrap_or(usize::MAX).saturating_sub(1);
        match lines.get_mut(at) {
            Some(line) => line.count += 1,
            None => lines.push(Line { count: 1, text: text.to_owned() }),
        }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.shared.done.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// The rows at the terminal's end.
struct Foot {
    tty: File,
    /// The terminal's rows and columns when the region was set.
    place: Option<(usize, usize)>,
}

impl Foot {
    /// Shows what there is whenever it has changed, until the end.
    fn keep(mut self, shared: &Shared, signal: &AtomicUsize) {
        let mut shown = String::new();
        while !shared.done.load(Ordering::Acquire) {
            match signal.load(Ordering::Acquire) {
                0 => {}
                number => {
                    self.end();
                    let number = i32::try_from(number).unwrap_or(SIGTERM);
                    let _ = signal_hook::low_level::emulate_default_handler(number);
                }
            }
            let lines = shared.lines.lock().unwrap_or_else(PoisonError::into_inner).clone();
            self.show(&lines, &mut shown);
            std::thread::park_timeout(PAUSE);
        }
        self.end();
    }

    fn show(&mut self, lines: &[Line], shown: &mut String) {
        let Some((rows, columns)) = screen::size(&self.tty) else { return };
        // Nothing was denied yet, or the window has become too small.
        if lines.is_empty() || rows < FEWEST {
            self.end();
            shown.clear();
            return;
        }
        let height = ROWS.min(rows / 3);
        let mut out = String::new();
        if self.place != Some((rows, columns)) {
            out.push_str(&begin(rows, height));
            self.place = Some((rows, columns));
            shown.clear();
        }
        let text = rows_of(lines, height, columns).join("\r\n\x1b[K");
        if *shown == text {
            return;
        }
        // Writing to a string cannot fail.
        let _ = write!(out, "\x1b7\x1b[{};1H\x1b[K{text}\x1b8", rows - height + 1);
        let _ = self.tty.write_all(out.as_bytes());
        *shown = text;
    }

    /// Gives the rows back.
    fn end(&mut self) {
        if let Some((rows, _)) = self.place.take() {
            let height = ROWS.min(rows / 3);
            let out = format!("\x1b7\x1b[r\x1b[{};1H\x1b[J\x1b8", rows - height + 1);
            let _ = self.tty.write_all(out.as_bytes());
        }
    }
}

/// Makes room below the cursor, and lets only what is above it scroll. Setting the region moves the cursor.
fn begin(rows: usize, height: usize) -> String {
    format!("\x1b7\x1b[r\x1b8{}\x1b[{height}A\x1b7\x1b[1;{}r\x1b8", "\n".repeat(height), rows - height)
}

/// A head, and the calls that were denied most often.
fn rows_of(lines: &[Line], height: usize, columns: usize) -> Vec<String> {
    let all: u64 = lines.iter().map(|l| l.count).sum();
    let times = if all == 1 { "once".to_owned() } else { format!("{all} times") };
    let calls = if lines.len() == 1 { "call" } else { "calls" };
    let head = format!("-- {} {calls} denied, {times} ", lines.len());
    let mut sorted: Vec<&Line> = lines.iter().collect();
    sorted.sort_by_key(|line| std::cmp::Reverse(line.count));
    let rest =
        sorted.iter().take(height - 1).map(|line| fit(&format!("{:>7}  {}", line.count, line.text), columns));
    let mut rows = vec![fit(&format!("{head}{}", "-".repeat(columns.saturating_sub(head.len()))), columns)];
    rows.extend(rest);
    rows.resize(height, String::new());
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_come_first() {
        let line = |count, text: &str| Line { count, text: text.to_owned() };
        let lines = [line(1, "mkdir(~\"a\")"), line(12, "socket(AF_INET)"), line(1, "rmdir")];
        assert_eq!(
            rows_of(&lines, 3, 30),
            ["-- 3 calls denied, 14 times --", "     12  socket(AF_INET)", "      1  mkdir(~\"a\")"]
        );
        assert_eq!(rows_of(&lines[..1], 2, 12), ["-- 1 call d…", "      1  mk…"]);
        assert!(rows_of(&lines, 8, 40).len() == 8);
    }
}
