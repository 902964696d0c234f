//! The profile that ships, read while this crate is compiled: whoever runs a command is not to wait for it.

use callgate_abi::Syscall;

/// The file, in the form that [`Profile::parse`](super::Profile::parse) reads, without arguments.
const TEXT: &[u8] = include_bytes!("default.txt");

/// How often each call is made, by [`Syscall::index`].
pub(super) static WEIGHTS: [u64; Syscall::COUNT] = weights();

const fn weights() -> [u64; Syscall::COUNT] {
    let mut weights = [0; Syscall::COUNT];
    let mut at = 0;
    while at < TEXT.len() {
        let end = until(b'\n', at);
        if end > at && TEXT[at] != b'#' {
            let colon = until(b':', at);
            assert!(colon + 2 < end && TEXT[colon + 1] == b' ', "expected `NAME: COUNT`");
            weights[position(at, colon)] += number(colon + 2, end);
        }
        at = end + 1;
    }
    weights
}

/// Where this byte comes first from `at` on, or the end.
const fn until(byte: u8, mut at: usize) -> usize {
    while at < TEXT.len() && TEXT[at] != byte {
        at += 1;
    }
    at
}

const fn number(mut at: usize, end: usize) -> u64 {
    let mut number = 0;
    while at < end {
        assert!(TEXT[at].is_ascii_digit(), "a count is a decimal number");
        number = number * 10 + (TEXT[at] - b'0') as u64;
        at += 1;
    }
    number
}

/// The position of the call with the name that stands there: all are sorted by it.
const fn position(start: usize, end: usize) -> usize {
    let (mut low, mut high) = (0, Syscall::COUNT);
    while low < high {
        let middle = (low + high) / 2;
        match compare(Syscall::from_position(middle).expect("below the count").name().as_bytes(), start, end)
        {
            Order::Before => low = middle + 1,
            Order::Same => return middle,
            Order::Behind => high = middle,
        }
    }
    panic!("no system call has this name")
}

/// How a name stands to the one in the text.
enum Order {
    Before,
    Same,
    Behind,
}

const fn compare(name: &[u8], start: usize, end: usize) -> Order {
    let mut i = 0;
    while i < name.len() && start + i < end {
        match (name[i], TEXT[start + i]) {
            (a, b) if a < b => return Order::Before,
            (a, b) if a > b => return Order::Behind,
            _ => i += 1,
        }
    }
    match (name.len(), end - start) {
        (a, b) if a < b => Order::Before,
        (a, b) if a > b => Order::Behind,
        _ => Order::Same,
    }
}

#[cfg(test)]
mod tests {
    use crate::emit::Profile;

    #[test]
    fn it_is_what_the_file_says() {
        assert_eq!(Profile::parse(include_str!("default.txt")).as_ref(), Ok(Profile::shipped()));
    }
}
