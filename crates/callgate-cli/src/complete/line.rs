//! A command line in one piece, taken apart as shells do.

/// The words of a line up to the cursor; the last one is what is being typed, and empty behind a blank. Quotes and
/// backslashes are taken away, also where they are not closed yet.
pub(crate) fn split(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    // Whether the word has begun, be it with empty quotes.
    let mut begun = false;
    let mut letters = line.chars();
    while let Some(c) = letters.next() {
        let word = words.last_mut().expect("there is always one");
        match (c, quote) {
            ('\\', None | Some('"')) => {
                begun = true;
                word.extend(letters.next());
            }
            ('\'' | '"', None) => {
                quote = Some(c);
                begun = true;
            }
            (c, Some(q)) if c == q => quote = None,
            (c, None) if c.is_whitespace() => {
                if begun {
                    words.push(String::new());
                    begun = false;
                }
            }
            (c, _) => {
                begun = true;
                word.push(c);
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn words() {
        assert_eq!(split("callgate  emu a\\ b 'O_RDWR|O_C"), ["callgate", "emu", "a b", "O_RDWR|O_C"]);
        assert_eq!(split("callgate emu \"a 'b\" "), ["callgate", "emu", "a 'b", ""]);
        assert_eq!(split(""), [""]);
        assert_eq!(split("a '' b"), ["a", "", "b"]);
        assert_eq!(split("a\\"), ["a"]);
    }
}
