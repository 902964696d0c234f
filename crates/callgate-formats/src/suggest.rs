//! "Did you mean": the nearest known word.

/// The candidate nearest to `word` by edit distance (insert, delete, replace, swap neighbours), if
/// it is near enough to be a slip of the hand. Ties go to the earlier candidate.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(64).flat_map(char::to_lowercase).collect();
    let limit = match word.len() {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        _ => 3,
    };
    let mut best = None;
    let mut best_distance = limit + 1;
    for candidate in candidates {
        if candidate.len().abs_diff(word.len()) > limit {
            continue;
        }
        let distance = distance(&word, candidate);
        if distance < best_distance {
            best = Some(candidate);
            best_distance = distance;
        }
    }
    best
}

/// The names of constants that are worth suggesting.
pub(crate) fn constants() -> impl Iterator<Item = &'static str> {
    callgate::abi::constant::names().chain((0..4096).filter_map(|n| callgate::Errno(n).name()))
}

/// Optimal string alignment distance, ignoring case.
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().flat_map(char::to_lowercase).collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_and_nothing_else() {
        let known = ["open", "openat", "openat2", "read", "SCMP_ACT_ERRNO"];
        assert_eq!(nearest("opnat", known), Some("openat"));
        assert_eq!(nearest("raed", known), Some("read"));
        assert_eq!(nearest("scmp_act_errno", known), Some("SCMP_ACT_ERRNO"));
        assert_eq!(nearest("xyzzy", known), None);
        assert_eq!(nearest("", known), None);
    }
}
