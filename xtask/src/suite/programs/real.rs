//! Programs that filter themselves.

use super::loads::{self, Came, Work};
use crate::files::Result;
use crate::suite::Library;
use std::path::Path;

/// A program, the command with it, what that reads, and words that its output has when it has done its work.
pub(super) struct Real {
    pub(super) name: &'static str,
    command: &'static [&'static str],
    reads: &'static str,
    says: &'static str,
    /// Whether it loads a filter.
    filters: bool,
}

pub(super) const PROGRAMS: [Real; 12] = [
    Real { name: "file", command: &["file", "-b", "/bin/sh"], reads: "", says: "link", filters: false },
    Real { name: "man", command: &["man", "-P", "cat", "man"], reads: "", says: "MAN", filters: true },
    Real {
        name: "tor",
        command: &[
            "tor",
            "--verify-config",
            "--ignore-missing-torrc",
            "-f",
            "/nonexistent",
            "--Sandbox",
            "1",
        ],
        reads: "",
        says: "valid",
        filters: false,
    },
    // It runs until it is killed: the mask of signals that it sets is not the same every time, and may block every
    // other signal. Its filter names addresses of its own memory.
    Real {
        name: "tor",
        command: &[
            "timeout",
            "--foreground",
            "--signal=KILL",
            "4",
            "tor",
            "--ignore-missing-torrc",
            "-f",
            "/nonexistent",
            "--Sandbox",
            "1",
            "--DisableNetwork",
            "1",
            "--DataDirectory",
            "/run/tor",
        ],
        reads: "",
        says: "Bootstrapped 0%",
        filters: true,
    },
    Real {
        name: "chronyd",
        command: &["chronyd", "-Q", "-t", "2", "-F", "1", "server 127.0.0.1 iburst"],
        reads: "",
        says: "",
        filters: true,
    },
    Real {
        name: "qemu-system-x86_64",
        command: &[
            "qemu-system-x86_64",
            "-sandbox",
            "on",
            "-machine",
            "none",
            "-display",
            "none",
            "-monitor",
            "stdio",
        ],
        reads: "info version\nquit\n",
        says: "QEMU",
        filters: true,
    },
    Real {
        name: "systemd-analyze",
        command: &["systemd-analyze", "syscall-filter", "@clock"],
        reads: "",
        says: "@clock",
        filters: false,
    },
    Real {
        name: "ctags-universal",
        command: &["ctags-universal", "--_interactive=sandbox"],
        reads: "{\"command\":\"generate-tags\",\"filename\":\"t.c\",\"size\":25}\nint foo(void){return 0;}\n\n",
        says: "completed",
        filters: true,
    },
    Real {
        name: "arping",
        command: &["arping", "-z", "-c", "1", "-w", "1", "-i", "lo", "127.0.0.1"],
        reads: "",
        says: "1 packets transmitted",
        filters: true,
    },
    // A capture of one packet.
    Real {
        name: "sniffglue",
        command: &[
            "sh",
            "-c",
            "printf '\\324\\303\\262\\241\\2\\0\\4\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\1\\0\\1\\0\\0\\0\\1\\0\\0\\0\\0\\0\\0\\0\\4\\0\\0\\0\\4\\0\\0\\0abcd' \
             > /run/packet.pcap && exec sniffglue -v -n 1 -r /run/packet.pcap",
        ],
        reads: "",
        says: "Reading from file",
        filters: true,
    },
    Real {
        name: "swtpm",
        command: &[
            "timeout",
            "2",
            "swtpm",
            "socket",
            "--tpm2",
            "--tpmstate",
            "dir=/run",
            "--ctrl",
            "type=unixio,path=/run/tpm",
            "--seccomp",
            "action=kill",
        ],
        reads: "",
        says: "",
        filters: true,
    },
    Real {
        name: "slirp4netns",
        command: &[
            "sh",
            "-c",
            "unshare -n sleep 4 & sleep 1; exec timeout 1 slirp4netns --enable-seccomp -c $! tap0",
        ],
        reads: "",
        says: "received tapfd",
        filters: true,
    },
];

/// Runs a program with each library and compares what it said, how it ended and what it loaded.
pub(super) fn run(real: &Real, ours: &Library, place: &Path) -> Result<String> {
    if !super::installed(real.name) {
        return Ok("not installed".into());
    }
    let work = Work { command: real.command.to_vec(), reads: real.reads, before: "mount -t tmpfs none /run" };
    let (stock, own) = (loads::run(&work, None, place)?, loads::run(&work, Some(ours), place)?);
    if own.outcome != stock.outcome {
        return Err(format!("{:?}, with the stock library {:?}: {}", own.outcome, stock.outcome, own.errors));
    }
    if !(own.output.clone() + &own.errors).contains(real.says) {
        return Err(format!("did not say {:?}: {}{}", real.says, own.output, own.errors));
    }
    if real.filters && stock.filters.is_empty() {
        return Ok(format!("{:?}, but loads no filter with either library: {}", own.outcome, stock.errors));
    }
    if stock.filters.is_empty() && own.filters.is_empty() {
        return Ok(format!("{:?}, as with the stock library; loads no filter", own.outcome));
    }
    if !own.ours {
        return Ok(format!("{:?}, but its filters are not the library's", own.outcome));
    }
    if real.name == "tor" && stock.filters.len() == own.filters.len() {
        let lengths = |came: &Came| came.filters.iter().map(|f| f.1.len()).sum::<usize>();
        return Ok(format!(
            "{:?}, as with the stock library; filtered, not compared: its filter holds addresses of the process; \
             {} instructions, with the stock library {}",
            own.outcome,
            lengths(&own),
            lengths(&stock)
        ));
    }
    Ok(format!("{:?}, as with the stock library; {}", own.outcome, loads::compare(&stock, &own)?))
}
