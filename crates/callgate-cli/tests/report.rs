//! `report`: one page that fetches nothing and shows everything as text.

mod common;

use common::{Folder, callgate, stderr, stdout};

const POLICY: &str = "arch x86_64, x32, aarch64\ndefault errno(EPERM)\nunknown errno(ENOSYS)\n\
                      allow read, write, exit_group\nallow socket if domain in {AF_INET, AF_UNIX}\nkill ptrace\n\
                      log getpid\n";

/// The page of these arguments.
fn page(args: &[&str]) -> String {
    let output = callgate(&[&["report"], args].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let page = stdout(&output);
    well_formed(&page);
    page
}

/// Every element that is opened is closed, in the right order, and nothing is fetched.
fn well_formed(page: &str) {
    assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
    let mut open: Vec<&str> = Vec::new();
    let (start, end) = (page.find("<body>").unwrap(), page.find("<script>").unwrap());
    let mut rest = &page[start..end];
    while let Some(at) = rest.find('<') {
        let close = at + rest[at..].find('>').expect("a tag ends");
        let tag = &rest[at + 1..close];
        rest = &rest[close + 1..];
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap();
        match tag {
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "</{name}>"),
            _ if tag.ends_with('/') || ["input", "meta", "br"].contains(&name) => {}
            _ => open.push(name),
        }
    }
    assert_eq!(open, ["body"]);
    // A drawing names its notation by an address that nobody fetches.
    let without = page.replace("http://www.w3.org/2000/svg", "");
    // Its arrows' heads are on the page itself.
    let without = without.replace("url(#", "");
    for fetched in ["http:", "https:", " src=\"", "url(", "@import", "<link"] {
        assert!(!without.contains(fetched), "{fetched}");
    }
    let mut ids: Vec<&str> =
        page.match_indices(" id=\"").map(|(at, _)| page[at + 5..].split('"').next().unwrap()).collect();
    for (at, _) in page.match_indices("href=\"#") {
        let target = page[at + 7..].split('"').next().unwrap();
        assert!(ids.contains(&target), "a link to {target}");
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "a name is given twice");
}

#[test]
fn a_policy() {
    let folder = Folder::new();
    let file = folder.file("web.cg", POLICY.as_bytes());
    let page = page(&[&file]);
    for part in [
        "<th scope=\"row\">socket</th>",
        "<code>domain in {AF_UNIX, AF_INET}</code>",
        "<span class=\"act act-deny\">kill</span>",
        "<span class=\"act act-other\">log</span>",
        "<td><span class=\"none\">no such call</span></td>",
        "id=\"x86_64-0\"",
        "<th scope=\"col\">aarch64</th>",
        "Its flow, drawn",
    ] {
        assert!(page.contains(part), "{part}");
    }
    // The program of the policy has the same meaning, and says so.
    let program = folder.path().join("web.bpf");
    let program = program.to_str().unwrap();
    let compiled = callgate(&["compile", &file, "-o", program]).output().unwrap();
    assert!(compiled.status.success());
    let of_program = self::page(&[program]);
    let matrix = |page: &str| {
        page[page.find("id=\"matrix\"").unwrap()..page.find("id=\"program\"").unwrap()].to_owned()
    };
    assert_eq!(matrix(&page), matrix(&of_program));
}

#[test]
fn a_difference_begins_with_what_changes() {
    let folder = Folder::new();
    let before = folder.file("a.cg", POLICY.as_bytes());
    let after = folder.file("b.cg", POLICY.replace("AF_INET,", "AF_INET, AF_INET6,").as_bytes());
    let page = page(&[&before, &after]);
    let first = page.find("<section").unwrap();
    assert!(page[first..].starts_with("<section id=\"changes\""));
    assert!(page.contains("newly allowed") && page.contains("<code>socket(AF_INET6, "), "{page}");
    assert!(self::page(&[&before, &before]).contains("Nothing: both do the same to every call."));
}

#[test]
fn a_recording_is_evidence() {
    let folder = Folder::new();
    let recording = folder.path().join("run.rec");
    let recording = recording.to_str().unwrap();
    let policy = folder.path().join("true.cg");
    let policy = policy.to_str().unwrap();
    let learned = callgate(&["learn", "--record", recording, "-o", policy, "--", "true"]).output().unwrap();
    assert!(learned.status.success(), "{}", stderr(&learned));
    for page in [page(&[recording]), page(&[policy, "--recording", recording])] {
        assert!(page.contains("<code>execve</code>") || page.contains("<code>exit_group</code>"), "{page}");
        assert!(page.contains("calls in 1 run."));
    }
    let output = callgate(&["report", policy, "--recording", policy]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("this is no recording"), "{}", stderr(&output));
}

#[test]
fn what_others_wrote_is_no_markup() {
    let folder = Folder::new();
    // A name, and a comment that a finding quotes.
    let text = "arch x86_64\ndefault allow\nerrno(EPERM) socket, connect # callgate: allow CG0101 <img src=x onerror=y>\n";
    let file = folder.file("<script>alert(1)<!--.cg", text.as_bytes());
    let page = page(&[&file]);
    assert!(page.contains("&lt;script&gt;alert(1)&lt;!--.cg"));
    assert!(!page.contains("<img") && !page.contains("<script>alert"));
}
