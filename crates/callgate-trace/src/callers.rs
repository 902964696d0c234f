//! Functions that called one another, for people.

/// What a person reads: a recording holds all.
const SHOWN: usize = 6;

/// `socket (libc.so.6) < probe (net.rs:88) < main (net.rs:12)`, the innermost first: of functions without a name only
/// the library, up to `main`, in front of which all programs are the same.
pub fn in_short(stack: &[String]) -> String {
    let mut shown: Vec<String> = Vec::new();
    for frame in stack {
        let unnamed = frame.rsplit_once("+0x").filter(|(_, offset)| !offset.contains(')'));
        let text = unnamed.map_or(&**frame, |(library, _)| library).escape_debug().to_string();
        if shown.last() != Some(&text) {
            shown.push(text);
        }
        if frame.starts_with("main (") {
            break;
        }
    }
    if shown.len() > SHOWN {
        shown.truncate(SHOWN);
        shown.push("…".to_owned());
    }
    shown.join(" < ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortened() {
        let short = |stack: &[&str]| in_short(&stack.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        let stack = ["write (libc)", "libc+0x1", "libc+0x2", "work (a.c:1)", "main (a.c:2)", "libc+0x3"];
        assert_eq!(short(&stack), "write (libc) < libc < work (a.c:1) < main (a.c:2)");
        assert_eq!(short(&["a", "b", "c", "d", "e", "f", "g"]), "a < b < c < d < e < f < …");
    }
}
