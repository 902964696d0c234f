//! A program at a terminal of its own, made by script(1).

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The program, what it wrote, and what types to it.
pub(crate) struct Terminal {
    child: Child,
    keys: Option<ChildStdin>,
    shown: Arc<Mutex<String>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Terminal {
    /// Starts a command of the shell at a terminal of 80 columns and 24 lines.
    pub(crate) fn new(command: &str, set: impl FnOnce(&mut Command)) -> Terminal {
        let mut script = Command::new("script");
        let words = format!("stty cols 80 rows 24; {command}");
        script.args(["-qefc", &words, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        script.env("TERM", "xterm").env("LC_ALL", "C.UTF-8").env_remove("NO_COLOR");
        set(&mut script);
        let mut child = script.spawn().unwrap();
        let mut output = child.stdout.take().unwrap();
        let shown = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&shown);
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n) = output.read(&mut bytes) {
                if n == 0 {
                    break;
                }
                kept.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..n]));
            }
        });
        Terminal { keys: child.stdin.take(), child, shown, reader: Some(reader) }
    }

    /// Types.
    pub(crate) fn send(&mut self, keys: &str) {
        self.keys.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
        self.keys.as_mut().unwrap().flush().unwrap();
    }

    /// Everything written up to now.
    pub(crate) fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    /// Waits until something was written behind the first `from` bytes; how much there was then.
    #[track_caller]
    pub(crate) fn wait(&self, from: usize, what: &str) -> usize {
        let begin = Instant::now();
        loop {
            let shown = self.shown();
            if let Some(at) = shown.get(from..).and_then(|s| s.find(what)) {
                return from + at + what.len();
            }
            let behind = shown.get(from..).unwrap_or_default();
            assert!(begin.elapsed() < Duration::from_secs(20), "`{what}` is not shown: {behind}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for the end: everything that was written, and the exit status.
    pub(crate) fn end(mut self) -> (String, Option<i32>) {
        drop(self.keys.take());
        let status = self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        (self.shown(), status.code())
    }
}

impl Drop for Terminal {
    /// A test that fails leaves nothing behind: without its terminal the program is hung up.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
