//! Sets of numbers as ranges, for programs that compare a word hundreds of times.

use crate::diagram::words::Test;

/// Ranges with both ends, ascending, apart from each other.
pub(super) type Ranges = Vec<(u32, u32)>;

/// Every number.
pub(super) fn all() -> Ranges {
    vec![(0, u32::MAX)]
}

/// The values of a word that pass a test under a mask, if they are few ranges.
pub(super) fn of_test(test: Test, mask: u32) -> Option<Ranges> {
    /// Below this bit a test cuts the line of numbers into more than 256 pieces.
    const LOWEST: u32 = 1 << 24;
    if mask == u32::MAX {
        match test {
            Test::Eq(k) => return Some(vec![(k, k)]),
            Test::Ge(k) => return Some(vec![(k, u32::MAX)]),
            Test::Gt(k) => return Some(k.checked_add(1).map_or(Vec::new(), |k| vec![(k, u32::MAX)])),
            Test::Set(_) => {}
        }
    }
    // One high bit: the x32 bit above all.
    let bit = match test {
        Test::Set(k) => k & mask,
        Test::Eq(_) | Test::Gt(_) | Test::Ge(_) => mask,
    };
    if !bit.is_power_of_two() || bit < LOWEST {
        return None;
    }
    let mut out = Ranges::new();
    for start in (0..=u32::MAX).step_by(bit as usize) {
        let value = start & mask;
        if test.holds(value) {
            push(&mut out, (start, start + (bit - 1)));
        }
    }
    Some(out)
}

/// Appends a range that begins behind the others.
fn push(out: &mut Ranges, range: (u32, u32)) {
    match out.last_mut() {
        Some(last) if last.1.checked_add(1).is_none_or(|next| range.0 <= next) => {
            last.1 = last.1.max(range.1)
        }
        _ => out.push(range),
    }
}

/// Numbers in one or the other.
pub(super) fn union(a: &Ranges, b: &Ranges) -> Ranges {
    let mut all: Ranges = a.iter().chain(b).copied().collect();
    all.sort_unstable();
    let mut out = Ranges::with_capacity(all.len());
    for range in all {
        push(&mut out, range);
    }
    out
}

/// Numbers in both.
pub(super) fn intersection(a: &Ranges, b: &Ranges) -> Ranges {
    let mut out = Ranges::with_capacity(a.len());
    let (mut i, mut j) = (0, 0);
    while let (Some(&(a_start, a_end)), Some(&(b_start, b_end))) = (a.get(i), b.get(j)) {
        let (start, end) = (a_start.max(b_start), a_end.min(b_end));
        if start <= end {
            out.push((start, end));
        }
        if a_end < b_end {
            i += 1;
        } else {
            j += 1;
        }
    }
    out
}

/// Numbers not in it.
pub(super) fn complement(a: &Ranges) -> Ranges {
    let mut out = Ranges::with_capacity(a.len() + 1);
    let mut next = Some(0u32);
    for &(start, end) in a {
        if let Some(next) = next.filter(|n| *n < start) {
            out.push((next, start - 1));
        }
        next = end.checked_add(1);
    }
    out.extend(next.map(|next| (next, u32::MAX)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets() {
        let a = vec![(2, 5), (9, u32::MAX)];
        assert_eq!(complement(&a), [(0, 1), (6, 8)]);
        assert_eq!(complement(&complement(&a)), a);
        assert_eq!(complement(&all()), []);
        assert_eq!(complement(&Vec::new()), all());
        assert_eq!(union(&a, &vec![(0, 1), (6, 7)]), [(0, 7), (9, u32::MAX)]);
        assert_eq!(intersection(&a, &vec![(4, 9), (11, 12)]), [(4, 5), (9, 9), (11, 12)]);
    }

    #[test]
    fn tests_as_ranges() {
        let x32 = vec![(0x4000_0000, 0x7fff_ffff), (0xc000_0000, u32::MAX)];
        assert_eq!(of_test(Test::Set(0x4000_0000), u32::MAX), Some(x32.clone()));
        assert_eq!(of_test(Test::Eq(0x4000_0000), 0x4000_0000), Some(x32));
        assert_eq!(of_test(Test::Eq(1), 0x4000_0000), Some(Vec::new()));
        assert_eq!(of_test(Test::Gt(u32::MAX), u32::MAX), Some(Vec::new()));
        assert_eq!(of_test(Test::Set(3), u32::MAX), None);
        assert_eq!(of_test(Test::Eq(3), 0xff), None);
    }
}
