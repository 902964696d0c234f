//! "Did you mean": the one place that decides what is alike.

/// The name most like `word`, if any is alike enough: about a quarter of its letters may differ, a swap
/// of neighbours counting one and case nothing. The first of equals wins.
pub fn nearest<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    if word.len() > 64 {
        return None;
    }
    let limit = ((word.len() + 1) / 4).max(usize::from(word.len() > 1));
    let mut best: Option<(usize, &str)> = None;
    for name in names {
        if name.len().abs_diff(word.len()) > limit {
            continue;
        }
        let distance = distance(word, name);
        if distance <= limit && best.is_none_or(|(d, _)| distance < d) {
            best = Some((distance, name));
        }
    }
    best.map(|b| b.1)
}

/// Edit distance without regard to case, a swap of neighbouring letters counting one (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j - 1] + change).min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrections() {
        let names = ["open", "openat", "close", "O_CREAT"];
        let near = |w| nearest(w, names);
        assert_eq!(near("opne"), Some("open"));
        assert_eq!(near("opena"), Some("open"));
        assert_eq!(near("opeant"), Some("openat"));
        assert_eq!(near("o_creat"), Some("O_CREAT"));
        assert_eq!(near("frobnicate"), None);
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
