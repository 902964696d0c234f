//! Comments that allow findings: `# callgate: allow CG0103 we run no x32 kernel`.

use super::codes::{ALLOW_SYNTAX, ALLOW_UNUSED, CODES};
use super::finding::Finding;
use super::subject::Loaded;
use super::{Options, codes};
use crate::diagnostic::{Code, Diagnostic, Source, Span};
use crate::syntax::lexer::{self, Kind};

/// What such a comment begins with.
const MARK: &str = "callgate:";

/// A comment that allows findings.
struct Allow {
    codes: Vec<Code>,
    reason: String,
    /// The line it is about; `None` for the whole file.
    line: Option<usize>,
    span: Span,
    used: bool,
}

/// Marks the findings that comments allow, and reports comments that cannot be read or allow nothing.
pub(super) fn apply(findings: &mut Vec<Finding>, layers: &[Loaded<'_>], options: &Options) {
    let mut complaints = Vec::new();
    for source in layers.iter().filter_map(|l| l.parsed).flat_map(|p| &p.sources) {
        let mut allows = Vec::new();
        read(source, &mut allows, &mut complaints);
        for finding in findings.iter_mut().filter(|f| f.allowed.is_none()) {
            let code = finding.code();
            if let Some(allow) = allows.iter_mut().find(|a| a.codes.contains(&code) && covers(a, finding)) {
                allow.used = true;
                finding.allowed = Some(allow.reason.clone());
            }
        }
        // With other options the finding may be there.
        let whole = options.arches.is_empty() && options.kernel.is_none() && options.releases.is_empty();
        for allow in allows.iter().filter(|a| whole && !a.used && !a.codes.contains(&codes::RELEASE)) {
            let names: Vec<String> = allow.codes.iter().map(Code::to_string).collect();
            let message = format!("nothing to allow here: there is no {}", names.join(" or "));
            complaints.push(Diagnostic::warning(ALLOW_UNUSED, message).at(allow.span.clone()));
        }
    }
    findings.extend(complaints.into_iter().map(Finding::from));
}

fn covers(allow: &Allow, finding: &Finding) -> bool {
    let d = &finding.diagnostic;
    let Some(line) = allow.line else {
        return d.span.as_ref().is_none_or(|s| s.source == allow.span.source);
    };
    d.span.iter().chain(d.labels.iter().map(|l| &l.span)).any(|span| {
        let last = span.end.max(span.start + 1) - 1;
        let lines = span.source.position(span.start).0..=span.source.position(last).0;
        span.source == allow.span.source && lines.contains(&line)
    })
}

fn read(source: &Source, allows: &mut Vec<Allow>, complaints: &mut Vec<Diagnostic>) {
    let text = source.text();
    if !text.contains(MARK) || u32::try_from(text.len()).is_err() {
        return;
    }
    let tokens = lexer::lex(text);
    for (i, token) in tokens.iter().enumerate().filter(|t| t.1.kind == Kind::Comment) {
        let comment = token.loc.of(text).trim_start_matches('#').trim();
        let Some(rest) = comment.strip_prefix(MARK) else { continue };
        let span =
            Span { source: source.clone(), start: token.loc.start as usize, end: token.loc.end as usize };
        let (whole, codes, reason) = match parse(rest) {
            Ok(parsed) => parsed,
            Err(why) => {
                let help = "write `# callgate: allow CG0103 reason`, or `allow-file` for the whole file";
                complaints.push(Diagnostic::warning(ALLOW_SYNTAX, why).at(span).help(help));
                continue;
            }
        };
        let before = tokens[..i].iter().rev().take_while(|t| t.kind != Kind::Newline);
        let own_line = before.into_iter().all(|t| t.kind.is_trivia());
        let about = if own_line { tokens[i..].iter().find(|t| !t.kind.is_trivia()) } else { Some(token) };
        // A comment behind the last statement is about nothing.
        let line = about.map_or(usize::MAX, |t| source.position(t.loc.start as usize).0);
        allows.push(Allow { codes, reason, line: (!whole).then_some(line), span, used: false });
    }
}

/// What follows the mark: whether it is about the whole file, the codes, and the reason.
fn parse(text: &str) -> Result<(bool, Vec<Code>, String), String> {
    let text = text.trim();
    let (word, mut rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let whole = match word {
        "allow" => false,
        "allow-file" => true,
        _ => return Err(format!("`{word}` is no instruction to callgate")),
    };
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start();
        let word = rest.split(|c: char| c.is_whitespace() || c == ',').next().unwrap_or("");
        let Some(digits) = word.strip_prefix("CG") else { break };
        let code = digits.parse().ok().filter(|_| digits.len() == 4).map(Code);
        let known = |code: &Code| {
            CODES.iter().any(|i| i.code == *code) || crate::syntax::CODES.iter().any(|c| c.0 == *code)
        };
        found.push(code.filter(known).ok_or_else(|| format!("there is no code `{word}`"))?);
        rest = rest[word.len()..].trim_start();
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => break,
        }
    }
    if found.is_empty() {
        return Err("no code is named".into());
    }
    if rest.is_empty() {
        return Err("no reason is given".into());
    }
    Ok((whole, found, rest.to_string()))
}
