//! Chores of the callgate workspace: `cargo xtask CHORE`.

mod apt;
mod bench;
mod binary;
mod book;
mod ci;
mod codegen;
mod completions;
mod conform;
mod crosscheck;
mod data;
mod dist;
mod executed;
mod files;
mod helper;
mod import;
mod libseccomp;
mod manual;
mod package;
mod suite;
mod tool;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask CHORE

  bench [--counts | --check | --rivals [--check] | --corpus | --goals | --inspect | --kernel | --learn | --notify | --start]
                       measure the compiler; --counts writes bench/counts.txt, --check only compares;
                       --goals holds counts against what they must reach;
                       --rivals fetches other compilers and writes bench/rivals.txt, --rivals --check compares;
                       without an option, time it; --kernel times its programs, --start the binary,
                       --notify calls that are answered by a supervisor (all four in a release build)
  binary               build the program, and check that it is static and below 8 MiB
  book                 docs/ as a book for the browser, in target/book
  ci                   everything that must hold before a change lands
  codegen [--check]    write crates/callgate-abi/src/tables from data/; --check only compares
  completions [--check | --to DIR]
                       the completions for shells, from the tool's definition; `completions --help` says how
  conform [--count N] [--seed S] [--library PATH] [--show]
                       compare generated policies with what an installed libseccomp makes of them;
                       exit code 3 if there is none
  conform --suite [...]
                       libseccomp's own tests on this project's library; `conform --suite --help` says how
  crosscheck           compare data/ with tables that others made
  dist [...]           this project's libseccomp.so.2 as it is installed; `dist --help` says how
  man [--to DIR]       the manual's pages, from the tool's definition and docs/; into target/man without --to
  package [--dev]      Debian packages and bills of materials, each tried; `package --help` says how
  suite [...]          the same as conform --suite
  import-kernel DIR [PART]
                       bring data/ up to the kernel source tree in DIR; only calls, signatures or constants
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["bench", options @ ..] => bench::run(options),
        ["binary"] => binary::run(),
        ["book", "--help"] => help(book::USAGE),
        ["book", rest @ ..] => book::run(rest),
        ["ci"] => ci::run(),
        ["codegen"] => codegen::write(),
        ["codegen", "--check"] => codegen::check(),
        ["completions", "--help"] => help(completions::USAGE),
        ["completions", rest @ ..] => completions::run(rest),
        ["man", "--help"] => help(manual::USAGE),
        ["man", rest @ ..] => manual::run(rest),
        ["conform", "--suite", "--help"] => help(suite::USAGE),
        ["conform", "--suite", rest @ ..] => suite::run(rest),
        ["conform", options @ ..] => match conform::run(options) {
            Ok(code) => return code,
            Err(message) => Err(message),
        },
        ["crosscheck"] => crosscheck::run(),
        ["import-kernel", tree] => import::kernel(tree, None),
        ["import-kernel", tree, part] => import::kernel(tree, Some(part)),
        ["dist", "--help"] => help(dist::USAGE),
        ["package", "--help"] => help(package::USAGE),
        ["package", rest @ ..] => package::run(rest),
        ["suite", "--help"] => help(suite::USAGE),
        ["dist", rest @ ..] => dist::run(rest),
        ["suite", rest @ ..] => suite::run(rest),
        ["help" | "--help" | "-h"] => help(USAGE),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn help(text: &str) -> files::Result<()> {
    print!("{text}");
    Ok(())
}
