//! Rows of bars on a logarithmic scale that begins at one, in columns, as SVG.

use std::fmt::Write as _;

/// One bar in each column, where there is something to compare.
pub(super) struct Bars {
    /// Whose they are; it picks the colour.
    pub(super) compiler: String,
    /// How many times ours each column's figure is.
    pub(super) ratios: Vec<Option<f64>>,
}

const LEFT: f64 = 100.0;
const COLUMN: f64 = 200.0;
/// Between the end of the longest bar and the next column: its figure stands there.
const MARGIN: f64 = 56.0;
const TOP: f64 = 144.0;
const BAR: f64 = 12.0;
const GAP: f64 = 10.0;

/// Each readable on white and on black.
const COLOURS: [&str; 6] = ["#b35806", "#e08214", "#8073ac", "#35978f", "#c51b7d", "#4393c3"];

/// What text and lines look like on either ground.
const STYLE: &str = "<style>text{fill:#1f2328}.quiet{fill:#59636e}line{stroke:#59636e}.one{stroke:#1a7f37}\
    @media(prefers-color-scheme:dark){text{fill:#f0f6fc}.quiet{fill:#9198a1}line{stroke:#9198a1}.one{stroke:#3fb950}}\
    </style>";

/// Draws the rows, each under its name, in the order given, below two lines of notes.
pub(super) fn chart(
    title: &str,
    note: &[String; 2],
    columns: &[&str],
    rows: &[(String, Vec<Bars>)],
) -> String {
    let bars = || rows.iter().flat_map(|(_, bars)| bars);
    let most: Vec<f64> = (0..columns.len())
        .map(|i| bars().filter_map(|b| b.ratios.get(i).copied().flatten()).fold(10.0, f64::max))
        .collect();
    let tall: f64 = rows.iter().map(|(_, bars)| bars.len() as f64 * BAR + GAP).sum();
    let (width, height) = (LEFT + columns.len() as f64 * (COLUMN + MARGIN), TOP + tall + 22.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<title>{title}</title>\n{STYLE}\n\
         <text x=\"8\" y=\"22\" font-size=\"15\">{title}</text>\n<text class=\"quiet\" x=\"8\" y=\"40\">{}</text>\n\
         <text class=\"quiet\" x=\"8\" y=\"56\">{}</text>\n",
        note[0], note[1]
    );
    let mut compilers: Vec<&str> = Vec::new();
    for bar in bars() {
        if !compilers.contains(&bar.compiler.as_str()) {
            compilers.push(&bar.compiler);
        }
    }
    let colour = |name: &str| COLOURS[compilers.iter().position(|c| *c == name).unwrap_or(0) % COLOURS.len()];
    for (i, name) in compilers.iter().enumerate() {
        let x = LEFT + i as f64 * 124.0;
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"72\" width=\"10\" height=\"10\" fill=\"{}\"/><text x=\"{}\" y=\"81\">{name}</text>",
            colour(name),
            x + 15.0
        );
    }
    let left = |i: usize| LEFT + i as f64 * (COLUMN + MARGIN);
    let length = |i: usize, ratio: f64| COLUMN * ratio.log10() / most[i].log10();
    for (i, column) in columns.iter().enumerate() {
        let x = left(i);
        let _ = writeln!(out, "<text x=\"{x}\" y=\"124\" font-weight=\"bold\">{column}</text>");
        let mut tick = 1.0;
        while tick <= most[i] {
            let at = x + length(i, tick);
            let (class, opacity) = if tick == 1.0 { (" class=\"one\"", "1") } else { ("", "0.35") };
            let _ = writeln!(
                out,
                "<line{class} x1=\"{at:.1}\" y1=\"{:.0}\" x2=\"{at:.1}\" y2=\"{:.0}\" stroke-opacity=\"{opacity}\"/>\
                 <text class=\"quiet\" x=\"{at:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{tick}</text>",
                TOP - 8.0,
                TOP + tall - GAP + 2.0,
                height - 8.0
            );
            tick *= 10.0;
        }
    }
    let mut y = TOP;
    for (name, bars) in rows {
        let middle = y + bars.len() as f64 * BAR / 2.0 + 3.0;
        let _ =
            writeln!(out, "<text x=\"{}\" y=\"{middle:.1}\" text-anchor=\"end\">{name}</text>", LEFT - 8.0);
        for bar in bars {
            for (i, ratio) in bar.ratios.iter().enumerate() {
                let Some(ratio) = ratio else { continue };
                let (from, to) = (left(i) + length(i, ratio.min(1.0)), left(i) + length(i, ratio.max(1.0)));
                let _ = writeln!(
                    out,
                    "<rect x=\"{from:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.0}\" fill=\"{}\"/>\
                     <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"10\">× {ratio:.*}</text>",
                    to - from,
                    BAR - 2.0,
                    colour(&bar.compiler),
                    to + 4.0,
                    y + BAR - 3.0,
                    if *ratio < 10.0 { 1 } else { 0 },
                );
            }
            y += BAR;
        }
        y += GAP;
    }
    out.push_str("</svg>\n");
    out
}
