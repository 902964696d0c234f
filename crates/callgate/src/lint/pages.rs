//! The page of each code.

use crate::diagnostic::Code;

macro_rules! pages {
    ($($number:literal)*) => {
        /// By code. The folder is `docs/codes`.
        const PAGES: &[(&str, &str)] =
            &[$((concat!("CG", $number), include_str!(concat!("../../codes/CG", $number, ".md"))),)*];
    };
}

pages! {
    "0001" "0002" "0003" "0004" "0005" "0006" "0007" "0008" "0009" "0010" "0011" "0012" "0013" "0014"
    "0015" "0016" "0017" "0018" "0019" "0020" "0021" "0022" "0023" "0024" "0025" "0026" "0030" "0031"
    "0032" "0033" "0034" "0035" "0036" "0037" "0038" "0039" "0040" "0041" "0050" "0051" "0052" "0060"
    "0070" "0071" "0072" "0073"
    "0101" "0102" "0103" "0104" "0105" "0106" "0107" "0108" "0109" "0110" "0111" "0112" "0113" "0120"
    "0121" "0122" "0123" "0124" "0125" "0126" "0127" "0128" "0130" "0131" "0132" "0133" "0140" "0141"
    "0142" "0143" "0144" "0145" "0146" "0147" "0148" "0149" "0150" "0151" "0152" "0153" "0154" "0155"
    "0156" "0157" "0158" "0159" "0160" "0161" "0162" "0163" "0164" "0165" "0170" "0171" "0172" "0173"
    "0174" "0175" "0176" "0177" "0178" "0179" "0180" "0181" "0182" "0183" "0190" "0191"
}

/// The codes there are, ascending, each with what it means in a line.
pub fn codes() -> impl ExactSizeIterator<Item = (&'static str, &'static str)> + Clone {
    PAGES.iter().map(|(code, page)| {
        let title = page.lines().next().unwrap_or_default();
        (*code, title.split_once(": ").map_or(title, |t| t.1))
    })
}

/// The page of a code, in Markdown: what it means, why it matters, an example and what to do.
pub fn explain(code: Code) -> Option<&'static str> {
    let name = code.to_string();
    PAGES.iter().find(|p| p.0 == name).map(|p| p.1)
}
