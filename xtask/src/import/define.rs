//! `#define` lines of C headers.

/// Every object-like macro with a value: name and text, comments gone.
pub(crate) fn all(header: &str) -> Vec<(String, String)> {
    let joined = header.replace("\\\n", " ");
    let define = |line: &str| {
        let rest = line.trim_start().strip_prefix('#')?.trim_start().strip_prefix("define")?;
        let (name, value) = rest.trim().split_once(char::is_whitespace)?;
        let value = value.split("/*").next().unwrap_or_default().trim();
        let usable = !value.is_empty() && !name.contains('(');
        usable.then(|| (name.to_owned(), value.to_owned()))
    };
    joined.lines().filter_map(define).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn defines() {
        let got = super::all("#define A 1 /* x */\n# define B (A|\\\n 2)\n#define F(x) x\n#define G\n");
        assert_eq!(got, [("A".into(), "1".into()), ("B".into(), "(A|  2)".into())]);
    }
}
