//! `report`'s pages in a browser: nothing is fetched, nothing goes wrong, everything is reached by keyboard and has a name,
//! and there is something to see in light, in dark and on paper. Skipped, with a word, where no chromium is.
//!
//! The screenshots are left in the folder that is printed, to be looked at.

#[path = "browser/mod.rs"]
mod browser;
mod common;

use browser::Browser;
use common::{Folder, callgate, installed, stderr};
use serde_json::{Value, json};
use std::path::Path;

const BEFORE: &str = "arch x86_64, aarch64\ndefault errno(EPERM)\nunknown errno(ENOSYS)\n\
                      allow read, write, exit_group, execve, brk\nallow socket if domain in {AF_INET, AF_UNIX}\n\
                      kill ptrace\nlog getpid\n";

#[test]
fn pages_in_a_browser() {
    if !installed("chromium") {
        return;
    }
    let folder = Folder::new();
    let policy = folder.file("web.cg", BEFORE.as_bytes());
    let open = folder.file("open.cg", b"arch x86_64\ndefault allow\nerrno(EPERM) socket, connect, ptrace\n");
    let other = folder.file("next.cg", BEFORE.replace("AF_INET,", "AF_INET, AF_INET6,").as_bytes());
    let [program, recording] =
        ["web.bpf", "run.jsonl"].map(|name| folder.path().join(name).to_str().unwrap().to_owned());
    run(&["compile", &policy, "-a", "x86_64", "-o", &program]);
    run(&["learn", "--record", &recording, "--", "true"]);
    let shots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    std::fs::create_dir_all(&shots).unwrap();
    println!("screenshots: {}", shots.display());

    let mut browser = Browser::start(folder.path());
    for (name, inputs) in [
        ("policy", vec![&*policy]),
        ("findings", vec![&*open]),
        ("program", vec![&*program]),
        ("recording", vec![&*recording]),
        ("difference", vec![&*policy, &*other]),
    ] {
        let page = folder.path().join(format!("{name}.html"));
        let page = page.to_str().unwrap();
        run(&[&["report", "-o", page], &*inputs].concat());
        let events = browser.open(page);
        quiet(name, &events, page);
        structure(name, &mut browser);
        keyboard(name, &mut browser);
        names(name, &mut browser);
        if name != "recording" && name != "difference" {
            search(name, &mut browser);
        }
        seen(name, &mut browser, &shots);
        printed(name, &mut browser);
        let events = browser.happened();
        quiet(name, &events, page);
    }
}

fn run(args: &[&str]) {
    let output = callgate(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
}

/// Nothing was said on the console, nothing thrown, and nothing asked for but the page itself.
fn quiet(name: &str, events: &[Value], page: &str) {
    for event in events {
        match event["method"].as_str().unwrap_or_default() {
            "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded" => {
                panic!("{name}: {event}")
            }
            "Network.requestWillBeSent" => {
                let url = event["params"]["request"]["url"].as_str().unwrap();
                assert_eq!(url, format!("file://{page}"), "{name}");
            }
            _ => {}
        }
    }
}

/// One main heading, no level left out, tables with captions, a language, ids given once.
fn structure(name: &str, browser: &mut Browser) {
    let levels = browser.value("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])");
    let levels: Vec<u64> = levels.as_array().unwrap().iter().map(|l| l.as_u64().unwrap()).collect();
    assert_eq!(levels.iter().filter(|l| **l == 1).count(), 1, "{name}: {levels:?}");
    assert!(levels.windows(2).all(|w| w[1] <= w[0] + 1), "{name}: {levels:?}");
    assert_eq!(browser.value("document.documentElement.lang"), "en");
    let bare = "[...document.querySelectorAll('table')].filter(t => !t.caption || !t.tHead).length";
    assert_eq!(browser.value(bare), 0, "{name}");
}

/// Tab goes through everything that can be reached, in the order in which it is read, and shows where it is.
fn keyboard(name: &str, browser: &mut Browser) {
    let count = "globalThis.reach = [...document.querySelectorAll('a[href], input, select, summary, [tabindex]')]\
                 .filter(e => e.checkVisibility()); document.body.focus(); scrollTo(0, 0); reach.length";
    let count = browser.value(count).as_u64().unwrap();
    assert!(count > 3, "{name}: {count}");
    for at in 0..count.min(60) {
        browser.press("Tab", 9, "");
        let now = browser.value(
            "(() => { const e = document.activeElement, s = getComputedStyle(e); \
             return { at: reach.indexOf(e), outline: s.outlineStyle, width: parseFloat(s.outlineWidth), \
             html: e.outerHTML.slice(0, 120) } })()",
        );
        assert_eq!(now["at"], at, "{name}: {now}");
        assert!(now["outline"] != "none" && now["width"].as_f64() > Some(0.0), "{name}: {now}");
    }
    // What is folded opens by Enter.
    if browser.value("(globalThis.fold = document.querySelector('summary')) !== null") == true {
        browser.value("fold.focus()");
        let before = browser.value("fold.parentElement.open");
        browser.press("Enter", 13, "\r");
        assert_ne!(browser.value("fold.parentElement.open"), before, "{name}");
    }
}

/// Whatever takes the focus has a name for those who do not see it.
fn names(name: &str, browser: &mut Browser) {
    let tree = browser.ask("Accessibility.getFullAXTree", json!({}));
    let mut named = 0;
    for node in tree["nodes"].as_array().unwrap() {
        let focusable = node["properties"]
            .as_array()
            .is_some_and(|p| p.iter().any(|p| p["name"] == "focusable" && p["value"]["value"] == true));
        let role = node["role"]["value"].as_str().unwrap_or_default();
        // A box of text that scrolls is read by its text; the page as a whole by its title.
        if focusable && !node["ignored"].as_bool().unwrap_or(false) && !["pre", "generic"].contains(&role) {
            assert!(node["name"]["value"].as_str().is_some_and(|n| !n.trim().is_empty()), "{name}: {node}");
            named += 1;
        }
    }
    assert!(named > 3, "{name}: {named}");
}

/// The matrix is searched by name.
fn search(name: &str, browser: &mut Browser) {
    browser.value("document.querySelector('[data-matrix] input').focus()");
    for letter in ["s", "o", "c", "k", "e", "t"] {
        browser.ask("Input.insertText", json!({ "text": letter }));
    }
    let rows = "[...document.querySelectorAll('[data-matrix] tbody tr')].filter(r => !r.hidden)\
                .map(r => r.cells[0].textContent)";
    let rows = browser.value(rows);
    let rows: Vec<&str> = rows.as_array().unwrap().iter().map(|r| r.as_str().unwrap()).collect();
    assert!(rows.contains(&"socket") && rows.iter().all(|r| r.contains("socket")), "{name}: {rows:?}");
    browser.value(
        "(() => { const i = document.querySelector('[data-matrix] input'); i.value = ''; \
         i.dispatchEvent(new Event('input')); })()",
    );
}

/// In every light there is something to see, and it can be read.
fn seen(name: &str, browser: &mut Browser, shots: &Path) {
    browser.value("scrollTo(0, 0)");
    for (media, scheme) in [("screen", "light"), ("screen", "dark"), ("print", "light")] {
        let shot = browser.screenshot(media, scheme);
        std::fs::write(shots.join(format!("{name}-{media}-{scheme}.png")), &shot).unwrap();
        let (light, colours, other) = look(&shot);
        let told =
            format!("{name}, {media}, {scheme}: brightness {light:.0}, {colours} colours, {other:.3} drawn");
        assert!(if scheme == "dark" { light < 80.0 } else { light > 180.0 }, "{told}");
        assert!(colours > 20 && other > 0.01, "{told}");
        assert_eq!(browser.value(FAINT), json!([]), "{told}");
        // Wide things scroll in boxes of their own, and on paper nothing is cut off.
        let wide = "[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll *, pre *, .drawing *, .skip') \
                    && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)\
                    .map(e => e.tagName + '.' + e.className)";
        assert_eq!(browser.value(wide), json!([]), "{told}");
        if media == "print" {
            assert_eq!(
                browser.value("document.documentElement.scrollWidth - innerWidth <= 1"),
                true,
                "{told}"
            );
        }
    }
    browser.screenshot("screen", "light");
}

/// Texts whose contrast with what is behind them is less than 4.5 (WCAG 2.1, level AA).
const FAINT: &str = "(() => {
    const parts = c => (c.match(/[\\d.]+/g) || []).map(Number);
    const lum = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
        .reduce((s, v, i) => s + v * [.2126, .7152, .0722][i], 0);
    const behind = e => {
        for (; e; e = e.parentElement) {
            const c = parts(getComputedStyle(e).backgroundColor);
            if (c.length === 3 || c[3] > 0) return c;
        }
        return [255, 255, 255];
    };
    const faint = new Set();
    for (const e of document.querySelectorAll('body *')) {
        if (e.closest('svg, script') || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
        const [a, b] = [lum(parts(getComputedStyle(e).color)), lum(behind(e))].sort((x, y) => y - x);
        if ((a + .05) / (b + .05) < 4.5) faint.add(e.tagName + '.' + e.className);
    }
    return [...faint];
})()";

/// The mean brightness of a picture, from 0 to 255, how many colours it has, and which part of it is not in its commonest.
fn look(bytes: &[u8]) -> (f64, usize, f64) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(info.bit_depth, png::BitDepth::Eight);
    let samples = info.color_type.samples();
    let mut counts = std::collections::BTreeMap::new();
    let mut sum = 0_u64;
    let mut all = 0_u64;
    for pixel in pixels[..info.buffer_size()].chunks_exact(samples) {
        *counts.entry(&pixel[..3]).or_insert(0_u64) += 1;
        sum += pixel[..3].iter().map(|v| u64::from(*v)).sum::<u64>();
        all += 1;
    }
    let most = counts.values().max().copied().unwrap_or(0);
    (sum as f64 / 3.0 / all as f64, counts.len(), 1.0 - most as f64 / all as f64)
}

/// On paper nothing is folded away.
fn printed(name: &str, browser: &mut Browser) {
    let pdf = browser.ask("Page.printToPDF", json!({}));
    assert!(pdf["data"].as_str().unwrap().len() > 10_000, "{name}");
    let folded = "[...document.querySelectorAll('details')].filter(d => !d.open).length";
    assert_eq!(browser.value(folded), 0, "{name}");
}
