//! Groups of horizontal bars on a logarithmic scale, as SVG.

use std::fmt::Write as _;

/// One bar.
pub(super) struct Bar {
    /// Whose it is; it picks the colour.
    pub(super) compiler: String,
    /// How long it is.
    pub(super) value: f64,
}

const WIDTH: f64 = 760.0;
const LEFT: f64 = 110.0;
const RIGHT: f64 = 60.0;
const TOP: f64 = 84.0;
const BAR: f64 = 11.0;
const GAP: f64 = 9.0;

/// Readable on white and on black.
const COLOURS: [&str; 4] = ["#1a9850", "#b35806", "#e08214", "#8073ac"];

/// Draws the groups, each under its name, in the order given.
pub(super) fn chart(title: &str, note: &str, groups: &[(String, Vec<Bar>)]) -> String {
    let most = groups.iter().flat_map(|(_, bars)| bars).map(|bar| bar.value).fold(1.0, f64::max);
    let rows: f64 = groups.iter().map(|(_, bars)| bars.len() as f64 * BAR + GAP).sum();
    let height = TOP + rows + 26.0;
    let scale = (WIDTH - LEFT - RIGHT) / most.log10();
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
         font-family=\"sans-serif\" font-size=\"11\" fill=\"#777\">\n<title>{title}</title>\n\
         <text x=\"8\" y=\"20\" font-size=\"14\">{title}</text>\n<text x=\"8\" y=\"38\">{note}</text>\n"
    );
    let mut compilers: Vec<&str> = Vec::new();
    for bar in groups.iter().flat_map(|(_, bars)| bars) {
        if !compilers.contains(&bar.compiler.as_str()) {
            compilers.push(&bar.compiler);
        }
    }
    let colour = |name: &str| COLOURS[compilers.iter().position(|c| *c == name).unwrap_or(0) % COLOURS.len()];
    for (i, name) in compilers.iter().enumerate() {
        let x = LEFT + i as f64 * 130.0;
        let _ =
            writeln!(out, "<rect x=\"{x}\" y=\"52\" width=\"10\" height=\"10\" fill=\"{}\"/>", colour(name));
        let _ = writeln!(out, "<text x=\"{}\" y=\"61\">{name}</text>", x + 15.0);
    }
    let mut tick = 1.0;
    while tick <= most {
        let x = LEFT + scale * f64::log10(tick);
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"{:.0}\" x2=\"{x:.1}\" y2=\"{:.0}\" stroke=\"#777\" stroke-opacity=\"0.3\"/>",
            TOP - 8.0,
            TOP + rows
        );
        let _ = writeln!(
            out,
            "<text x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{tick}</text>",
            height - 8.0
        );
        tick *= 10.0;
    }
    let mut y = TOP;
    for (name, bars) in groups {
        let middle = y + bars.len() as f64 * BAR / 2.0 + 4.0;
        let _ =
            writeln!(out, "<text x=\"{}\" y=\"{middle:.1}\" text-anchor=\"end\">{name}</text>", LEFT - 8.0);
        for bar in bars {
            let length = scale * bar.value.max(1.0).log10();
            let _ = writeln!(
                out,
                "<rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"{:.0}\" fill=\"{}\"/>",
                BAR - 2.0,
                colour(&bar.compiler)
            );
            let _ = writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"9\">{:.1}</text>",
                LEFT + length + 4.0,
                y + BAR - 3.0,
                bar.value
            );
            y += BAR;
        }
        y += GAP;
    }
    out.push_str("</svg>\n");
    out
}
