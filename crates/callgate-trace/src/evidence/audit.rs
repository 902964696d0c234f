//! Audit records of what filters did (type 1326, `SECCOMP`), as `kernel/auditsc.c` writes them.
//!
//! They come in many wrappings: the audit daemon's log (`type=SECCOMP msg=audit(…):` or `type=1326`), the
//! kernel's log (`audit: type=1326 audit(…):`), the journal's text and export format (`MESSAGE=`) and its JSON
//! lines, and `ausearch -i`, with names in place of numbers. They hold no arguments.

use callgate::{Action, Arch, Syscall};

/// A record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The line of the text, from 1.
    pub line: usize,
    /// The process.
    pub pid: i32,
    /// The thread's name; empty where it is not told.
    pub comm: String,
    /// The program; empty where it is not told.
    pub exe: String,
    /// The signal it got; 0 for none.
    pub signal: i32,
    /// The audit token.
    pub arch: u32,
    /// The call's number.
    pub nr: u32,
    /// The instruction pointer.
    pub ip: u64,
    /// What the filter answered, without data; `None` where it is not told.
    pub action: Option<Action>,
}

/// Every record of a text; lines that are none are passed over.
///
/// # Errors
///
/// The line, and what a record in it lacks.
pub fn records(text: &str) -> Result<Vec<Record>, (usize, String)> {
    let mut records = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        let unwrapped = message(content);
        if let Some(fields) = fields(unwrapped.as_deref().unwrap_or(content)) {
            records.push(record(line, fields).map_err(|lacks| (line, lacks))?);
        }
    }
    Ok(records)
}

/// The message of a line of the journal's JSON: text, or a list of bytes.
fn message(line: &str) -> Option<String> {
    let json: serde_json::Value =
        serde_json::from_str(line.trim_start().starts_with('{').then_some(line)?).ok()?;
    match json.get("MESSAGE")? {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Array(bytes) => {
            let bytes: Option<Vec<u8>> = bytes.iter().map(|b| u8::try_from(b.as_u64()?).ok()).collect();
            Some(String::from_utf8_lossy(&bytes?).into_owned())
        }
        _ => None,
    }
}

/// What comes behind the record's type, if it is one of ours.
fn fields(line: &str) -> Option<&str> {
    let marks = ["type=1326 ", "type=SECCOMP ", "SECCOMP auid="];
    let (at, mark) = marks.iter().find_map(|mark| Some((line.find(mark)?, mark)))?;
    // The last is the journal's own wording, in which the type is a word.
    Some(&line[at + mark.find(' ').unwrap_or(0)..])
}

fn record(line: usize, fields: &str) -> Result<Record, String> {
    // What a program chooses (its name) is in quotes, without blanks or quotes in it, or in hexadecimal.
    let field =
        |name: &str| fields.split_ascii_whitespace().find_map(|w| w.strip_prefix(name)?.strip_prefix('='));
    let need = |name: &str| field(name).ok_or_else(|| format!("the record has no field {name}"));
    let bad = |name: &str, value: &str| format!("{name}={value} is not understood");
    let token = need("arch")?;
    let arch = u32::from_str_radix(token, 16)
        .ok()
        .or_else(|| Arch::from_name(token).map(Arch::token))
        .or_else(|| (token == "i386").then(|| Arch::X86.token()))
        .ok_or_else(|| bad("arch", token))?;
    let call = need("syscall")?;
    // Written as a signed number.
    let nr = match call.parse::<i64>() {
        Ok(nr) => u32::try_from(nr).or_else(|_| i32::try_from(nr).map(i32::cast_unsigned)).ok(),
        Err(_) => {
            let of = Arch::ALL.iter().find(|a| a.token() == arch);
            of.and_then(|arch| Syscall::from_name(call)?.number(*arch))
        }
    };
    let pid = need("pid")?;
    let hex = |text: &str| u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok();
    let signal = field("sig").unwrap_or("0");
    Ok(Record {
        line,
        pid: pid.parse().map_err(|_| bad("pid", pid))?,
        comm: name(field("comm").unwrap_or_default()),
        exe: name(field("exe").unwrap_or_default()),
        signal: if signal == "SIGSYS" { 31 } else { signal.parse().map_err(|_| bad("sig", signal))? },
        arch,
        nr: nr.ok_or_else(|| bad("syscall", call))?,
        ip: field("ip").and_then(hex).unwrap_or(0),
        action: field("code").and_then(hex).and_then(|c| u32::try_from(c).ok()).map(Action::from_ret),
    })
}

/// A name: in quotes, or in hexadecimal.
fn name(text: &str) -> String {
    if let Some(quoted) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
        return quoted.to_owned();
    }
    let bytes: Option<Vec<u8>> = (text.len().is_multiple_of(2) && text.is_ascii())
        .then(|| (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect())
        .flatten();
    bytes.map_or_else(|| text.to_owned(), |b| String::from_utf8_lossy(&b).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "auid=1000 uid=0 gid=0 ses=1 subj=unconfined pid=4211 comm=\"myapp\" exe=\"/usr/bin/myapp\" \
                        sig=31 arch=c000003e syscall=41 compat=0 ip=0x7f2c5a code=0x80000000";

    #[test]
    fn every_wrapping() {
        let expected = Record {
            line: 1,
            pid: 4211,
            comm: "myapp".into(),
            exe: "/usr/bin/myapp".into(),
            signal: 31,
            arch: 0xc000_003e,
            nr: 41,
            ip: 0x7f2c5a,
            action: Some(Action::KILL_PROCESS),
        };
        let message = serde_json::json!({ "_TRANSPORT": "audit", "MESSAGE": format!("SECCOMP {BODY}") });
        let bytes: Vec<u8> = format!("audit: type=1326 audit(1.2:3): {BODY}").into_bytes();
        for line in [
            format!("type=SECCOMP msg=audit(1700000000.123:456): {BODY}"),
            format!("type=1326 audit(1700000000.123:456): {BODY}"),
            format!("[   12.345678] audit: type=1326 audit(1700000000.123:456): {BODY}"),
            format!("Nov 28 03:22:15 host kernel: audit: type=1326 audit(1.2:3): {BODY}"),
            format!("MESSAGE=audit: type=1326 audit(1.2:3): {BODY}"),
            format!("MESSAGE=SECCOMP {BODY}"),
            message.to_string(),
            serde_json::json!({ "MESSAGE": bytes }).to_string(),
            format!("type=SECCOMP msg=audit(1.2:3): {BODY}")
                .replace("arch=c000003e", "arch=x86_64")
                .replace("syscall=41", "syscall=socket")
                .replace("sig=31", "sig=SIGSYS"),
            format!("type=1326 audit(1.2:3): {BODY}").replace("\"myapp\"", "6D79617070"),
        ] {
            assert_eq!(records(&line), Ok(vec![expected.clone()]), "{line}");
        }
        assert_eq!(records("kernel: usb 1-1: new device\n{\"MESSAGE\":null}\n"), Ok(Vec::new()));
        let (line, lacks) = records(&format!("x\ntype=1326 {}", BODY.replace("syscall", "sys"))).unwrap_err();
        assert_eq!((line, &*lacks), (2, "the record has no field syscall"));
        assert!(records(&format!("type=1326 {}", BODY.replace("=41", "=4x"))).is_err());
    }
}
