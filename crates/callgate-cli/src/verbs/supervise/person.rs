//! `--ask`: the person at the terminal.

use super::tell::{plain, sentence};
use crate::failure::Failure;
use crate::say::Say;
use callgate::Policy;
use callgate::syntax::on_line_text;
use callgate_trace::supervise::{Person, Question, Verdict};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::Mutex;

/// The terminal this process was started from: the command has the standard streams.
pub(super) struct Terminal<'a> {
    policy: &'a Policy,
    say: &'a Say,
    file: Mutex<BufReader<File>>,
    /// For each file the lines written so far, by the number of the line that asked.
    written: Mutex<BTreeMap<String, Vec<u32>>>,
}

impl<'a> Terminal<'a> {
    pub(super) fn open(policy: &'a Policy, say: &'a Say) -> Result<Terminal<'a>, Failure> {
        let file = OpenOptions::new().read(true).write(true).open("/dev/tty");
        let file = file.map_err(|e| Failure::input(format!("--ask needs a terminal: /dev/tty: {e}")))?;
        Ok(Terminal { policy, say, file: Mutex::new(BufReader::new(file)), written: Mutex::default() })
    }

    /// Writes the line in front of the one that asked.
    fn write(&self, question: &Question<'_>) -> Result<String, String> {
        let line = on_line_text(self.policy, question.narrow);
        let origin = &question.line.rule.origin;
        let name = origin.file.as_deref().unwrap_or("<policy>");
        let text = std::fs::read_to_string(name).map_err(|e| format!("{name}: {e}"))?;
        let Ok(mut written) = self.written.lock() else { return Err("another question failed".to_owned()) };
        let all = written.entry(name.to_owned()).or_default();
        // What was written before it has moved it down.
        let at = origin.line as usize - 1 + all.iter().filter(|l| **l <= origin.line).count();
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        if lines.get(at).is_none_or(|l| !l.trim_start().starts_with("on ")) {
            return Err(format!("{name} was changed meanwhile"));
        }
        let new = format!("{line}\n");
        lines.insert(at, &new);
        replace(Path::new(name), &lines.concat()).map_err(|e| format!("{name}: {e}"))?;
        all.push(origin.line);
        Ok(format!("{name}:{}: {line}", at + 1))
    }
}

/// Writes a file so that whoever reads it sees the old or the new one, never half.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = std::fs::canonicalize(path)?;
    let mut beside = path.clone().into_os_string();
    beside.push(format!(".{}.new", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).open(&beside)?;
    let done = (|| {
        file.set_permissions(std::fs::metadata(&path)?.permissions())?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, &path)
    })();
    if done.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    done
}

impl Person for Terminal<'_> {
    fn ask(&self, question: &Question<'_>) -> Verdict {
        let Ok(mut terminal) = self.file.lock() else { return Verdict::No };
        let event = question.event;
        let said = sentence(event, None);
        // The decision is what is being asked for.
        let call = said.split(" = ").next().unwrap_or(&said);
        let narrow = on_line_text(self.policy, question.narrow);
        let text = format!(
            "callgate: {} ({}) asks: {call}\ncallgate: yes would be: {}\n",
            event.tid,
            plain(&event.comm),
            plain(&narrow)
        );
        let mut shown = terminal.get_mut().write_all(text.as_bytes());
        loop {
            shown = shown
                .and_then(|()| terminal.get_mut().write_all(b"callgate: [o]nce, [a]lways, [n]o, ne[v]er? "));
            let mut word = String::new();
            if shown.is_err() || terminal.read_line(&mut word).map_or(true, |n| n == 0) {
                return Verdict::No;
            }
            match word.trim().to_ascii_lowercase().as_str() {
                "o" | "once" | "y" | "yes" => return Verdict::Once,
                "n" | "no" => return Verdict::No,
                "v" | "never" => return Verdict::Never,
                "a" | "always" => {
                    match self.write(question) {
                        Ok(line) => self.say.error(&format!("written: {line}")),
                        Err(e) => self.say.error(&format!("not written, but kept while this runs: {e}")),
                    }
                    return Verdict::Always;
                }
                _ => shown = Ok(()),
            }
        }
    }
}
