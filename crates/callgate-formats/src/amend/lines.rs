//! Notations of a line a call.

use super::place::{end, lines};
use super::{Candidate, Equality, equalities};
use callgate::ArgCmp;

/// `socket: arg0 == 0x10`; behind the conditions of a line that is there for the call.
pub(super) fn minijail(text: &str, name: &str, compared: &[ArgCmp]) -> Vec<Candidate> {
    let Some(equalities) = equalities(compared) else { return Vec::new() };
    let test = |e: &Equality| format!("arg{} == {:#x}", e.index, e.value);
    let when = equalities.iter().map(test).collect::<Vec<_>>().join(" && ");
    let mut all = Vec::new();
    let own = lines(text).rfind(|(_, line)| {
        line.trim_start().strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with(':'))
    });
    if let Some((start, line)) = own {
        let colon = line.find(':').map_or(line.len(), |i| i + 1);
        // What is returned where no condition holds stands behind a semicolon, and a comment behind that.
        let behind = line[colon..].find([';', '#']).map_or(line.len(), |i| colon + i);
        let written = line[..behind].trim_end().len();
        match when.is_empty() {
            true => {
                let comment = line.find('#').map_or(String::new(), |at| format!(" {}", &line[at..]));
                let (head, tail) = (&text[..start + colon], &text[start + line.len()..]);
                let added = vec![(start, format!("{name}: 1"))];
                all.push(Candidate { text: [head, " 1", &comment, tail].concat(), added });
            }
            false => {
                let changed = Candidate::insert(text, start + written, " || ", &when, "");
                let line = format!("{} || {when}", line[..written].trim_start());
                all.push(Candidate { added: vec![(start, line)], ..changed });
            }
        }
    }
    let (at, before) = end(text);
    let right = if when.is_empty() { "1" } else { &when };
    all.push(Candidate::insert(text, at, before, &format!("{name}: {right}"), "\n"));
    all
}

/// `socket allow [0,16,SCMP_CMP_EQ]`; lists of permitted calls need no `allow`.
pub(super) fn lxc(text: &str, name: &str, compared: &[ArgCmp]) -> Vec<Candidate> {
    let Some(equalities) = equalities(compared) else { return Vec::new() };
    let test = |e: &Equality| match e.masked {
        true => format!(" [{},{:#x},SCMP_CMP_MASKED_EQ,0xffffffff]", e.index, e.value),
        false => format!(" [{},{},SCMP_CMP_EQ]", e.index, e.value),
    };
    let tests: String = equalities.iter().map(test).collect();
    let (at, before) = end(text);
    let plain = tests.is_empty().then(|| name.to_owned());
    let written = plain.into_iter().chain([format!("{name} allow{tests}")]);
    written.map(|line| Candidate::insert(text, at, before, &line, "\n")).collect()
}

/// `socket 16`, a `-` for every argument that is not compared.
pub(super) fn snapd(text: &str, name: &str, compared: &[ArgCmp]) -> Vec<Candidate> {
    let Some(equalities) = equalities(compared) else { return Vec::new() };
    let words = equalities.iter().map(|e| usize::from(e.index) + 1).max().unwrap_or(0);
    let mut line = name.to_owned();
    for index in 0..words {
        line.push(' ');
        match equalities.iter().find(|e| usize::from(e.index) == index) {
            Some(e) => line.push_str(&e.value.to_string()),
            None => line.push('-'),
        }
    }
    let (at, before) = end(text);
    vec![Candidate::insert(text, at, before, &line, "\n")]
}

/// A name more in `seccomp.keep`.
pub(super) fn firejail(text: &str, name: &str, compared: &[ArgCmp]) -> Vec<Candidate> {
    if !compared.is_empty() {
        return Vec::new();
    }
    let keeps = lines(text).filter(|(_, line)| line.starts_with("seccomp.keep "));
    let kept = |(start, line): (usize, &str)| {
        let longer = Candidate::insert(text, start + line.trim_end().len(), ",", name, "");
        Candidate { added: vec![(start, format!("seccomp.keep …,{name}"))], ..longer }
    };
    keeps.map(kept).collect()
}
