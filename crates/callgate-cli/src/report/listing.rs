//! A program's listing, in colour where that is wanted.

use callgate::Arch;
use callgate::program::{Code, disasm};

/// The listing; `arch` is whose names are used where the program does not say.
pub(crate) fn listing(code: &Code, arch: Option<Arch>, bytes: bool, color: bool) -> String {
    let listing = disasm::disasm(code, &disasm::Options { arch, bytes });
    if color { listing.styled(paint) } else { listing.to_string() }
}

fn paint(mark: disasm::Mark, text: &str) -> String {
    use disasm::Mark;
    let style = match mark {
        Mark::Plain | Mark::Number => return text.to_owned(),
        Mark::Label | Mark::Bytes | Mark::Comment => "2",
        Mark::Keyword => "34",
        Mark::Register => "33",
        Mark::Field => "36",
        Mark::Name => "35",
        Mark::Permit => "32",
        Mark::Ask => "33",
        Mark::Refuse | Mark::Error => "31",
        _ => return text.to_owned(),
    };
    format!("\x1b[{style}m{text}\x1b[0m")
}
