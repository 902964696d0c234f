//! The examples do what they say. Cargo builds them beside the tests.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};

const SIGSYS: i32 = 31;

fn run(name: &str, args: &[&str], input: &[u8]) -> Output {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(|deps| deps.parent()).unwrap().join("examples").join(name);
    let mut child = Command::new(&program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{}: {e}", program.display()));
    // A child that was killed leaves a closed pipe.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_fork_is_what_kills() {
    let free = run("first_filter", &["none"], b"hello\n");
    assert_eq!(free.status.code(), Some(0));
    assert!(text(&free.stdout).ends_with("Now for another process.\nIt ended: exit status: 0.\n"));

    let filtered = run("first_filter", &["filtered"], b"hello\n");
    assert_eq!(text(&filtered.stdout), "You said: hello\nNow for another process.\n");
    // A shell shows this as 159.
    assert_eq!(filtered.status.signal(), Some(SIGSYS));
}

#[test]
fn only_standard_output_is_written() {
    let output = run("stdout_only", &[], b"");
    assert_eq!(
        text(&output.stdout),
        "standard output works\nstandard error: Permission denied (os error 13)\n"
    );
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_read_of_a_hundred_bytes_is_fatal() {
    let input = [b'x'; 200];
    let output = run("read_100", &["99"], &input);
    assert_eq!((text(&output.stdout).as_str(), output.status.code()), ("read 99 bytes\n", Some(0)));
    assert_eq!(run("read_100", &["100"], &input).status.signal(), Some(SIGSYS));
    assert_eq!(run("read_100", &["101"], &input).status.code(), Some(0));
}

#[test]
fn the_strict_filter_is_lived_by() {
    let output = run("strict", &[], b"");
    let text = text(&output.stdout);
    assert!(text.starts_with("without the architecture check: 7 instructions"), "{text}");
    assert!(text.contains("with the architecture check: 9 instructions"), "{text}");
    assert!(text.ends_with("still here: writing is allowed\n"), "{text}");
    assert_eq!(output.status.signal(), Some(SIGSYS));
}

#[test]
fn files_arrive_over_a_socket_and_no_other_way() {
    let folder = std::env::temp_dir().join(format!("callgate-example-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a"), "content").unwrap();
    let folder_name = folder.to_str().unwrap();
    let output = run("files_over_a_socket", &[folder_name, "a", "../etc/passwd", "/etc/passwd", "none"], b"");
    std::fs::remove_dir_all(&folder).unwrap();
    let denied = "opening it myself: Permission denied (os error 13)";
    let mut wanted = format!("a: {denied}\na: from my parent: content\n");
    for name in ["../etc/passwd", "/etc/passwd", "none"] {
        wanted += &format!("{name}: {denied}\n{name}: my parent refuses\n");
    }
    assert_eq!(text(&output.stdout), wanted, "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn devices_and_mounts_are_made_for_who_may_not() {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    if !is_root {
        return println!("skipped: not root");
    }
    let folder = std::env::temp_dir().join(format!("callgate-mknod-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(&folder, open).unwrap();
    std::fs::create_dir(folder.join("closed")).unwrap();
    let script = "umask 0; cd \"$1\" && mknod null c 1 3 && echo x > null && echo null || echo failed; \
                  mknod disk b 8 0 2>/dev/null || echo no disk; mknod mem c 1 1 2>/dev/null || echo no mem; \
                  mknod closed/null c 1 3 2>/dev/null || echo not there";
    let nobody = ["setpriv", "--reuid", "65534", "--clear-groups", "sh", "-c", script, "sh"];
    let mut args = nobody.to_vec();
    args.push(folder.to_str().unwrap());
    let bare = Command::new(args[0]).args(&args[1..]).output();
    let Ok(bare) = bare else { return println!("skipped: no setpriv") };
    let output = run("emulate_mknod", &args, b"");
    // A mount by somebody who may not: what the program of that name refuses to try, a few lines of Python do.
    std::fs::create_dir(folder.join("mine")).unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(folder.join("mine"), open).unwrap();
    let mount = "import ctypes, os, sys\n\
                 libc, at = ctypes.CDLL(None, use_errno=True), sys.argv[1].encode()\n\
                 os.setuid(65534)\n\
                 def mount(kind, to): return libc.mount(b'x', to, kind, 0, None) and ctypes.get_errno()\n\
                 print(mount(b'proc', at + b'/mine'), mount(b'tmpfs', at + b'/closed'), mount(b'tmpfs', at + b'/mine'))\n\
                 print(os.statvfs(at + b'/mine').f_blocks * os.statvfs(at + b'/mine').f_frsize)\n";
    let mounted = run("emulate_mknod", &["python3", "-c", mount, folder.to_str().unwrap()], b"");
    let unmounted = Command::new("umount").arg(folder.join("mine")).output();
    let is_device = std::fs::symlink_metadata(folder.join("null"))
        .is_ok_and(|m| std::os::unix::fs::FileTypeExt::is_char_device(&m.file_type()));
    std::fs::remove_dir_all(&folder).unwrap();
    let refused = "no disk\nno mem\nnot there\n";
    assert_eq!(text(&bare.stdout), format!("failed\n{refused}"));
    assert_eq!(text(&output.stdout), format!("null\n{refused}"), "{}", text(&output.stderr));
    assert_eq!(text(&mounted.stdout), "1 13 0\n16777216\n", "{}", text(&mounted.stderr));
    assert!(unmounted.is_ok_and(|o| o.status.success()));
    assert!(is_device && text(&output.stderr).contains("supervisor: made null as 1:3"));
}
