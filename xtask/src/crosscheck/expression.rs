//! The sums that headers and bindings write for numbers: `(4000 + 5)`, `0x0f0000+1`.

/// The value of a sum of numbers; parentheses may be anywhere, a sum does not care. `None` for anything else.
pub(crate) fn value(text: &str) -> Option<u64> {
    let flat: String = text.chars().filter(|c| !matches!(c, '(' | ')') && !c.is_whitespace()).collect();
    flat.split('+').try_fold(0u64, |sum, word| {
        let word = word.trim_end_matches(['u', 'U', 'l', 'L']);
        let number = match word.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok()?,
            None => word.parse().ok()?,
        };
        sum.checked_add(number)
    })
}

#[cfg(test)]
mod tests {
    use super::value;

    #[test]
    fn sums() {
        assert_eq!(value("(4000 + 5)"), Some(4005));
        assert_eq!(value("((0+0x0f0000)+1)"), Some(0xf0001));
        assert_eq!(value("0x40000000 + 512"), Some(0x4000_0200));
        for bad in ["", "x", "1 - 1", "1 2x", "+"] {
            assert_eq!(value(bad), None, "{bad}");
        }
    }
}
