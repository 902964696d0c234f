//! The page of each code.

use crate::diagnostic::Code;

macro_rules! pages {
    ($($number:literal)*) => {
        /// By code. The folder is `docs/codes`.
        const PAGES: &[(&str, &str)] =
            &[$((concat!("CG", $number), include_str!(concat!("../../codes/CG", $number, ".md"))),)*];
    };
}

pages! {}

/// The page of a code, in Markdown: what it means, why it matters, an example and what to do.
pub fn explain(code: Code) -> Option<&'static str> {
    let name = code.to_string();
    PAGES.iter().find(|p| p.0 == name).map(|p| p.1)
}
