//! The rows of `data/signatures.txt`: `NAME [ARCH,ARCH…]: TYPE NAME, TYPE NAME…`, or `?` for a call whose
//! parameters nobody defined.

use crate::data::{self, Row};
use crate::files::Result;

/// One signature: what the arguments of a call are, on every architecture that has no row of its own.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    /// The call, or an entry point in the hand-written file.
    pub(crate) name: String,
    /// The architectures, canonical names; empty for all others.
    pub(crate) arches: Vec<String>,
    /// `None` where nothing is known.
    pub(crate) params: Option<Vec<Declared>>,
}

/// A parameter as the kernel declares it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Declared {
    /// The C type, `struct stat *`.
    pub(crate) ctype: String,
    /// The kernel's name.
    pub(crate) name: String,
}

/// Reads a file of signatures, each with its row for later errors.
pub(crate) fn read(path: &str) -> Result<Vec<(Row, Signature)>> {
    let rows = data::rows(path)?.into_iter().map(|row| parse(&row).map(|signature| (row, signature)));
    rows.collect()
}

fn parse(row: &Row) -> Result<Signature> {
    let (head, params) = row.text.split_once(':').ok_or(row.error("expected NAME [ARCHES]: PARAMETERS"))?;
    let (name, arches) = match head.split_whitespace().collect::<Vec<_>>()[..] {
        [name] => (name, Vec::new()),
        [name, arches] => (name, arches.split(',').map(str::to_owned).collect()),
        _ => return Err(row.error("expected NAME [ARCHES] before the colon")),
    };
    let params = match params.trim() {
        "?" => None,
        "" => Some(Vec::new()),
        list => Some(list.split(',').map(|p| declared(row, p)).collect::<Result<Vec<_>>>()?),
    };
    // Seven where o32 MIPS aligns a pair of registers; the last then lies on the stack.
    if params.as_ref().is_some_and(|p| p.len() > 7) {
        return Err(row.error("more than seven parameters"));
    }
    Ok(Signature { name: name.to_owned(), arches, params })
}

fn declared(row: &Row, text: &str) -> Result<Declared> {
    let (ctype, name) =
        text.trim().rsplit_once(' ').ok_or(row.error(format_args!("'{}' is not TYPE NAME", text.trim())))?;
    Ok(Declared { ctype: ctype.trim().to_owned(), name: name.to_owned() })
}

/// One parameter list as a row writes it.
pub(crate) fn print_params(params: Option<&[Declared]>) -> String {
    let Some(params) = params else { return "?".to_owned() };
    params.iter().map(|p| format!("{} {}", p.ctype, p.name)).collect::<Vec<_>>().join(", ")
}
