//! What the two libraries list, where the lists differ.

use std::collections::{BTreeMap, BTreeSet};

/// Why two lists of one program differ. `lost` says that a call has been refused or a transaction rejected, after
/// which theirs may have forgotten architectures and priorities, or kept some that they refused.
pub(super) fn texts(theirs: &str, ours: &str, lost: bool) -> String {
    let (Some(theirs), Some(ours)) = (blocks(theirs), blocks(ours)) else {
        return "wrong: an export of the text failed on one side".into();
    };
    let forgotten = theirs.iter().all(|(arch, calls)| ours.get(arch) == Some(calls));
    match lost && forgotten {
        true => "theirs list what a refused call has changed".into(),
        false => "wrong: the text differs".into(),
    }
}

/// The calls listed for each architecture, whatever their order and the priority that was asked for.
fn blocks(answer: &str) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let (hex, "0") = answer.split_once(' ')? else { return None };
    let digit = |i: usize| u8::from_str_radix(hex.get(i..i + 2)?, 16).ok();
    let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(digit).collect::<Option<_>>()?;
    let text = String::from_utf8(bytes).ok()?;
    let mut blocks: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (mut arch, mut call, mut inside) = (String::new(), String::new(), 0);
    let indent = |line: &str| line.len() - line.trim_start().len();
    for line in text.lines() {
        if line.starts_with("# ") {
            call = end(&mut blocks, &arch, call);
            arch = line.to_string();
            blocks.entry(arch.clone()).or_default();
        } else if line.trim_start().starts_with("# ") {
            call = end(&mut blocks, &arch, call);
            inside = indent(line);
            call.push_str(&without_priority(line.trim_start()));
        } else if !branches_by_number(line) {
            call.push('\n');
            call.push_str(line.get(inside.min(indent(line))..).unwrap_or_default());
        }
    }
    end(&mut blocks, &arch, call);
    Some(blocks)
}

fn end(blocks: &mut BTreeMap<String, BTreeSet<String>>, arch: &str, call: String) -> String {
    blocks.entry(arch.to_string()).or_default().insert(call);
    String::new()
}

/// The line that says which call follows, without the part of its priority that is asked for.
fn without_priority(line: &str) -> String {
    match line.split_once("[priority: ").and_then(|(head, rest)| Some((head, rest.strip_suffix(']')?))) {
        Some((head, number)) => format!("{head}{}", number.parse::<u32>().map_or(0, |n| n & 0xffff)),
        None => line.to_string(),
    }
}

/// Lines of the tree by numbers, which priorities without rules take part in.
fn branches_by_number(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("if ($syscall > ") || line.starts_with("else # ($syscall")
}
