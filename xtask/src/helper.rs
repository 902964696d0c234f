//! Small C programs that answer a line for a line, compiled when they are needed.

use crate::files::{self, Result};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

/// A running helper; it ends with this value.
pub(crate) struct Helper {
    name: String,
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Drop for Helper {
    fn drop(&mut self) {
        // Nothing is lost if the helper has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Helper {
    /// Compiles and starts a helper; `Ok(None)` without a C compiler, after saying so on standard error.
    pub(crate) fn start(name: &str, source: &str, args: &[&str]) -> Result<Option<Helper>> {
        let Some(program) = compile(name, source)? else { return Ok(None) };
        Helper::run(name, Command::new(&program).args(args)).map(Some)
    }

    /// Starts a program that answers in the same way.
    pub(crate) fn run(name: &str, command: &mut Command) -> Result<Helper> {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.map_err(|e| format!("{}: {e}", command.get_program().display()))?;
        let stdin = child.stdin.take().ok_or("no pipe to the helper")?;
        let stdout = BufReader::new(child.stdout.take().ok_or("no pipe from the helper")?);
        Ok(Helper { name: name.to_string(), child, stdin, stdout })
    }

    /// The next line, without its end; empty when there is none.
    pub(crate) fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).map_err(|e| format!("{}: {e}", self.name))?;
        line.truncate(line.trim_end().len());
        Ok(line)
    }

    /// Sends a request, whole lines, and reads the answer.
    pub(crate) fn ask(&mut self, request: &str) -> Result<String> {
        let sent = self.stdin.write_all(request.as_bytes()).and_then(|()| self.stdin.flush());
        sent.map_err(|e| format!("{}: {e}", self.name))?;
        self.line()
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self) -> Result<ExitStatus> {
        self.child.wait().map_err(|e| format!("{}: {e}", self.name))
    }
}

/// Compiles a program; `Ok(None)` without a C compiler, after saying so on standard error.
pub(crate) fn compile(name: &str, source: &str) -> Result<Option<PathBuf>> {
    let folder = files::root().join("target/helpers");
    let (file, program) = (folder.join(format!("{name}.c")), folder.join(name));
    files::write(&file, source)?;
    let mut cc = Command::new("cc");
    match cc.args(["-O1", "-Wall", "-pthread", "-o"]).arg(&program).arg(&file).arg("-ldl").status() {
        Ok(status) if status.success() => Ok(Some(program)),
        Ok(status) => Err(format!("cc {}: {status}", file.display())),
        Err(e) => {
            eprintln!("no C compiler for {}: cc: {e}", file.display());
            Ok(None)
        }
    }
}

/// Bytes as the helpers read them.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
