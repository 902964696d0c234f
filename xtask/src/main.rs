//! Chores of the callgate workspace: `cargo xtask CHORE`.

mod codegen;
mod conform;
mod crosscheck;
mod data;
mod files;
mod import;
mod libseccomp;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask CHORE

  codegen [--check]    write crates/callgate-abi/src/tables from data/; --check only compares
  conform [--count N] [--seed S] [--library PATH] [--show]
                       compare generated policies with what an installed libseccomp makes of them;
                       exit code 3 if there is none
  crosscheck           compare data/ with tables that others made
  import-kernel DIR [PART]
                       bring data/ up to the kernel source tree in DIR; only calls, signatures or constants
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["codegen"] => codegen::write().map(|()| ExitCode::SUCCESS),
        ["codegen", "--check"] => codegen::check().map(|()| ExitCode::SUCCESS),
        ["conform", options @ ..] => conform::run(options),
        ["crosscheck"] => crosscheck::run().map(|()| ExitCode::SUCCESS),
        ["import-kernel", tree] => import::kernel(tree, None).map(|()| ExitCode::SUCCESS),
        ["import-kernel", tree, part] => import::kernel(tree, Some(part)).map(|()| ExitCode::SUCCESS),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(code) => code,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
