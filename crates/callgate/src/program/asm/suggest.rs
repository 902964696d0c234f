//! "Did you mean".

/// The candidate nearest to what was written, if one is near enough.
pub(super) fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (written.chars().count() / 3).max(1);
    let scored = candidates.into_iter().filter_map(|c| Some((distance(written, c, limit)?, c)));
    scored.min().map(|(_, c)| c)
}

/// How many letters must be changed, put in, left out or swapped with their neighbour, up to a limit.
fn distance(a: &str, b: &str, limit: usize) -> Option<usize> {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > limit || a.len() > 64 {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().filter(|d| *d <= limit)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_wins() {
        let names = ["open", "openat", "openat2", "close"];
        assert_eq!(nearest("opnat", names), Some("openat"));
        assert_eq!(nearest("opne", names), Some("open"));
        assert_eq!(nearest("fork", names), None);
    }
}
