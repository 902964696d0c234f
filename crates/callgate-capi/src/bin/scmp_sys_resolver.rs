//! `scmp_sys_resolver`: call names to numbers and back, as the library resolves them.
#![expect(unsafe_code, reason = "the library's interface is C's")]

use seccomp::api;
use std::ffi::CString;
use std::io::Write;
use std::process::ExitCode;

const USAGE: &str = "usage: scmp_sys_resolver [-h] [-a ARCH] [-t] NAME|NUMBER\n";

fn main() -> ExitCode {
    match answer(std::env::args().skip(1)) {
        Ok(line) => match std::io::stdout().write_all(line.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(message) => {
            // Nothing can be done about an error that cannot be told.
            let _ = std::io::stderr().write_all(message.as_bytes());
            ExitCode::from(2)
        }
    }
}

fn answer(mut args: impl Iterator<Item = String>) -> Result<String, String> {
    let (mut arch, mut rewrite, mut asked) = (api::seccomp_arch_native(), false, None);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-h" => return Ok(USAGE.into()),
            "-t" => rewrite = true,
            "-a" => {
                let name = args.next().ok_or(USAGE)?;
                let c_name = CString::new(name.as_str()).map_err(|_| USAGE)?;
                // SAFETY: a C string.
                arch = unsafe { api::seccomp_arch_resolve_name(c_name.as_ptr()) };
                if arch == 0 {
                    return Err(format!("scmp_sys_resolver: unknown architecture {name}\n"));
                }
            }
            _ if asked.is_none() && (!arg.starts_with('-') || arg.parse::<i32>().is_ok()) => {
                asked = Some(arg)
            }
            _ => return Err(USAGE.into()),
        }
    }
    let asked = asked.ok_or(USAGE)?;
    if let Ok(number) = asked.parse() {
        let name = api::seccomp_syscall_resolve_num_arch(arch, number);
        if name.is_null() {
            return Ok("UNKNOWN\n".into());
        }
        // SAFETY: a C string that is ours now.
        let text = unsafe { std::ffi::CStr::from_ptr(name) }.to_string_lossy().into_owned();
        // SAFETY: it came from C's allocator and is not used again.
        unsafe { libc::free(name.cast()) };
        return Ok(text + "\n");
    }
    let name = CString::new(asked).map_err(|_| USAGE)?;
    // SAFETY: a C string.
    let number = unsafe {
        if rewrite {
            api::seccomp_syscall_resolve_name_rewrite(arch, name.as_ptr())
        } else {
            api::seccomp_syscall_resolve_name_arch(arch, name.as_ptr())
        }
    };
    Ok(format!("{number}\n"))
}
