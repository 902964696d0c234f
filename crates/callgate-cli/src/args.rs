//! What may be typed.

use crate::input::Reading;
use crate::output::Output;
use crate::say::Color;
use crate::tuning::Tuning;
use callgate::Arch;
use callgate::abi::Kernel;
use callgate::program::container::Container;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Write, compile, prove, run and read back Linux system-call filters
#[derive(Parser, Debug)]
#[command(name = "callgate", version, disable_help_subcommand = true, disable_help_flag = true)]
#[command(after_help = "Examples:\n  callgate run no-network -- python3 job.py\n  \
    callgate learn -o web.cg -- ./server\n  callgate explain filter.bpf\n  callgate help inputs\n\
    Exit codes: 0 ok, 1 findings or differences, 2 usage or bad input, 3 this kernel cannot.")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What every verb has.
#[derive(Args, Debug, Default)]
pub(crate) struct Shared {
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,
    /// Print help; `callgate help` lists topics
    #[arg(short, long, global = true, action = clap::ArgAction::HelpShort)]
    pub(crate) help: Option<bool>,
}

/// `run` alone, as [`Cli::parse_words`] tries it first.
#[derive(Parser, Debug)]
#[command(disable_help_flag = true)]
struct OnlyRun {
    #[command(flatten)]
    shared: Shared,
    #[command(flatten)]
    run: Run,
}

/// `learn` alone, the same.
#[derive(Parser, Debug)]
#[command(disable_help_flag = true)]
struct OnlyLearn {
    #[command(flatten)]
    shared: Shared,
    #[command(flatten)]
    learn: Learn,
}

impl Cli {
    /// Reads what was typed, the program's name first.
    ///
    /// `run` stands in front of another command and has to be out of its way soon, and to define every verb takes as
    /// long as to read a policy. So it is tried without any definition where no option is given, and then with its own
    /// alone; words which that does not understand are for the whole one, which has the message. So it is with `learn`,
    /// whose time is counted with the command's.
    ///
    /// # Errors
    ///
    /// What is wrong with the words, or the help they ask for.
    pub(crate) fn parse_words(words: &[std::ffi::OsString]) -> Result<Cli, clap::Error> {
        if let Some((_, words)) = words.split_first()
            && words.first().is_some_and(|verb| verb == "run")
        {
            if let Some(run) = Run::without_options(&words[1..]) {
                return Ok(Cli { shared: Shared::default(), verb: Verb::Run(run) });
            }
            if let Ok(OnlyRun { shared, run }) = OnlyRun::try_parse_from(words) {
                return Ok(Cli { shared, verb: Verb::Run(run) });
            }
        }
        if let Some((_, words)) = words.split_first()
            && words.first().is_some_and(|verb| verb == "learn")
            && let Ok(OnlyLearn { shared, learn }) = OnlyLearn::try_parse_from(words)
        {
            return Ok(Cli { shared, verb: Verb::Learn(learn) });
        }
        Cli::try_parse_from(words)
    }
}

#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Run a command under a policy
    Run(Run),
    /// Run a command and answer the calls its policy hands over
    Supervise(Supervise),
    /// Write the policy a command needs, from what it calls
    Learn(Learn),
    /// Say what is wrong with a policy or a filter
    Check(Check),
    /// Run the `expect` lines of a policy
    Test(Test),
    /// Compile a policy to a BPF program, proved equal to it
    Compile(Compile),
    /// Put a policy into the usual form
    Fmt(Fmt),
    /// Show a program's instructions, with names
    Disasm(Disasm),
    /// Assemble a program from text
    Asm(Asm),
    /// Say what a filter does with one call, and which rule decided
    Emu(Emu),
    /// Say what a filter means: every call, condition and action
    Explain(Explain),
    /// Say what changes from one filter to another
    Diff(Diff),
    /// Prove a sentence about a filter, or find a call that contradicts it
    Prove(Prove),
    /// Make a program shorter, proved equal
    Optimize(Optimize),
    /// Make one program of a stack of filters, proved equal
    Merge(Merge),
    /// Show the filters of a process, or those a command loads
    Dump(Dump),
    /// Look up system calls, constants and groups
    Syscalls(Syscalls),
    /// Say why a call is denied, and which line would allow it
    Why(Why),
    /// Find out what this kernel lets this process do
    Doctor(Doctor),
    /// Write a policy in another notation, lossless or loud
    Convert(Convert),
    /// Make a page for the browser of a filter, a recording or a difference
    Report(Report),
    /// Show help on a topic, a verb, a code or a format
    Help(Help),
    /// Print the completions for a shell
    Completions(Completions),
    /// Say what may stand at a place of a command line; the shells' completions ask
    #[command(hide = true)]
    Complete(Complete),
}

/// The verbs that are listed, each with what it does.
pub(crate) fn verbs() -> Vec<(&'static str, &'static str)> {
    static ABOUT: std::sync::LazyLock<Vec<(String, String)>> = std::sync::LazyLock::new(|| {
        let program = <Cli as clap::CommandFactory>::command();
        let listed = program.get_subcommands().filter(|v| !v.is_hide_set());
        let about = |v: &clap::Command| v.get_about().map(ToString::to_string).unwrap_or_default();
        listed.map(|v| (v.get_name().to_owned(), about(v))).collect()
    });
    ABOUT.iter().map(|(name, about)| (name.as_str(), about.as_str())).collect()
}

/// Parses an architecture's name in any spelling.
fn arch(name: &str) -> Result<Arch, String> {
    Arch::parse(name).ok_or_else(|| {
        let names: Vec<_> = Arch::ALL.iter().map(|a| a.name()).collect();
        let near = callgate::nearest(name, names.iter().copied());
        let near = near.map_or_else(String::new, |near| format!(", did you mean {near}?"));
        let there = if near.is_empty() { "; there are" } else { " There are" };
        format!("no such architecture{near}{there} {}", names.join(", "))
    })
}

/// Architectures, separated by commas.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Arches {
    /// The architectures to look at or compile for, separated by commas
    #[arg(long, short = 'a', value_name = "ARCH", value_delimiter = ',', value_parser = arch)]
    pub(crate) arch: Vec<Arch>,
}

#[derive(Args, Debug, Default)]
#[command(after_help = "Examples:\n  callgate run no-network -- python3 job.py")]
pub(crate) struct Run {
    /// The policy: a file in any format, or a built-in's name
    pub(crate) policy: String,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) tuning: Tuning,
    /// Log every call that is not plainly allowed (SECCOMP_FILTER_FLAG_LOG)
    #[arg(long)]
    pub(crate) log: bool,
    /// Say which calls, with their arguments, the command and its children are denied or killed for, by
    /// which rule, and the line that would allow them: watches them with ptrace, so that they cannot be
    /// debugged meanwhile
    #[arg(long, conflicts_with = "exec")]
    pub(crate) report: bool,
    /// The same report, but deny nothing: what the policy would deny is executed
    #[arg(long, conflicts_with_all = ["exec", "report"])]
    pub(crate) complain: bool,
    /// Name the call that the command is killed for, with its arguments and by whom: watches the command with
    /// ptrace, which stops it only for signals, new threads and its end. Done without being asked where the kernel's
    /// log does not tell (it takes root, or kernel.dmesg_restrict=0) and the policy can kill. The command itself cannot be
    /// debugged meanwhile (gdb -p, LeakSanitizer); its children can, and are not watched
    #[arg(long, conflicts_with_all = ["exec", "report", "complain", "agent"])]
    pub(crate) trace: bool,
    /// Do not watch the command with ptrace unasked; a kill may have no name then
    #[arg(long, conflicts_with_all = ["trace", "report", "complain"])]
    pub(crate) no_trace: bool,
    /// Report as JSON lines
    #[arg(long)]
    pub(crate) json: bool,
    /// Only lines, without the counts at the foot of the terminal
    #[arg(long)]
    pub(crate) plain: bool,
    /// Write the report to this descriptor, which callgate was started with, instead of standard error
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    pub(crate) report_fd: Option<i32>,
    /// Replace callgate by the command instead of waiting for it: nothing is said about a kill
    #[arg(long)]
    pub(crate) exec: bool,
    /// Hand the calls the policy notifies over to the agent that listens on this Unix socket
    #[arg(long, value_name = "SOCKET", conflicts_with_all = ["exec", "report", "complain"])]
    pub(crate) agent: Option<PathBuf>,
    /// What to tell the agent beside the process (OCI's listenerMetadata)
    #[arg(long, value_name = "TEXT", requires = "agent")]
    pub(crate) agent_metadata: Option<String>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<std::ffi::OsString>,
}

impl Run {
    /// What `POLICY -- CMD…` says; `None` if anything else was typed.
    fn without_options(words: &[std::ffi::OsString]) -> Option<Run> {
        let [policy, end, command @ ..] = words else { return None };
        let policy = policy.to_str().filter(|policy| !policy.starts_with('-'))?;
        if end != "--" || command.is_empty() {
            return None;
        }
        Some(Run { policy: policy.to_owned(), command: command.to_vec(), ..Run::default() })
    }
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  callgate supervise web.cg -- ./server\n  \
    callgate supervise --ask web.cg -- ./server\n  \
    callgate supervise web.cg --listen /run/agent.sock\n\
    The policy's `on` lines say what is answered: see `callgate help policy`, and docs/supervise.md on limits.\n\
    Exits with the command's own code, as `run` does.")]
pub(crate) struct Supervise {
    /// The policy, in callgate's language, with `on` lines
    pub(crate) policy: String,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Ask at the terminal where a line says `ask`: once, always (which writes a line), no, never
    #[arg(long)]
    pub(crate) ask: bool,
    /// Report only what is denied or fails, and what a `log` line names
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Report as JSON lines
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the report to this descriptor, which callgate was started with, instead of standard error
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    pub(crate) report_fd: Option<i32>,
    /// What becomes of the command should callgate be killed, in place of the policy's `if-lost` line; without
    /// either it is killed. Its children's calls fail with ENOSYS in any case
    #[arg(long, value_name = "FATE", value_enum, conflicts_with_all = ["listen", "listener_fd"])]
    pub(crate) if_lost: Option<IfLost>,
    /// Run nothing: answer for those that send their listener to this Unix socket, as container runtimes do
    /// (OCI's listenerPath)
    #[arg(long, value_name = "SOCKET", conflicts_with = "command")]
    pub(crate) listen: Option<PathBuf>,
    /// The socket is SOCK_SEQPACKET instead of SOCK_STREAM
    #[arg(long, requires = "listen")]
    pub(crate) seqpacket: bool,
    /// Run nothing: answer for the listener that callgate was started with as this descriptor
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    #[arg(conflicts_with_all = ["command", "listen"])]
    pub(crate) listener_fd: Option<i32>,
    /// The command and its arguments
    #[arg(last = true, required_unless_present_any = ["listen", "listener_fd"], value_name = "CMD")]
    pub(crate) command: Vec<std::ffi::OsString>,
}

/// What becomes of a supervised command without its supervisor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum IfLost {
    /// It is killed.
    Kill,
    /// It goes on, and what is handed over fails with ENOSYS.
    Enosys,
}

impl From<IfLost> for callgate::answer::IfLost {
    fn from(fate: IfLost) -> Self {
        match fate {
            IfLost::Kill => Self::Kill,
            IfLost::Enosys => Self::Enosys,
        }
    }
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  callgate learn -o web.cg -- ./server\n  \
    callgate learn --record one.jsonl -- ./server\n  \
    callgate learn --merge one.jsonl two.jsonl -o web.cg\n  \
    callgate learn --confirm web.cg -- ./server\n  \
    callgate learn --pid 811 --for 60 -o web.cg\n\
    Exits with the command's own code, as `run` does.")]
pub(crate) struct Learn {
    /// Write a recording to FILE; a policy too only if -o is given
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Run nothing: make one policy (or with --record one recording) of these recordings
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "command")]
    pub(crate) merge: Vec<PathBuf>,
    /// Hold this policy against the command: what it allows runs at full speed, and the rest is told and allowed
    /// all the same; with -o, write the policy that allows it too. Exits 1 if something was missing
    #[arg(long, value_name = "POLICY", conflicts_with_all = ["merge", "margin", "generalise", "format"])]
    pub(crate) confirm: Option<String>,
    /// What happens to calls that were not seen
    #[arg(long, value_name = "ACTION", default_value = "kill")]
    pub(crate) default: String,
    /// Permit other calls that do the same as those seen, and argument values C libraries have begun to use,
    /// for the next C library
    #[arg(long)]
    pub(crate) margin: bool,
    /// Permit whole groups of which at least half was seen; a comment says what was not
    #[arg(long, visible_alias = "generalize")]
    pub(crate) generalise: bool,
    /// Show every rule with its evidence at the terminal, and ask whether to keep it
    #[arg(long, conflicts_with_all = ["confirm", "format"])]
    pub(crate) review: bool,
    /// Write the policy in another notation, as `convert --to` does, if that permits no more and nothing less than
    /// was seen; what differs otherwise is told
    #[arg(long, value_name = "FORMAT", value_parser = crate::input::from)]
    pub(crate) format: Option<crate::input::From>,
    /// Watch this process and those it starts from now on, instead of a command (root)
    #[arg(long, value_name = "PID", conflicts_with_all = ["command", "merge", "confirm"],
        value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) pid: Option<i32>,
    /// Watch all processes of this control group, instead of a command: its folder in the cgroup2 hierarchy (root)
    #[arg(long, value_name = "DIR", conflicts_with_all = ["command", "merge", "confirm", "pid"])]
    pub(crate) cgroup: Option<PathBuf>,
    /// With --pid or --cgroup: stop after so many seconds
    #[arg(long = "for", value_name = "SECONDS", conflicts_with_all = ["command", "merge", "confirm"])]
    pub(crate) seconds: Option<u64>,
    /// How to watch the command
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub(crate) via: Via,
    /// With --via trace, which it implies: do not stop the command at places that have stopped it before for the
    /// same; its text in memory is changed for that, to count the call there (x86_64)
    #[arg(long, conflicts_with_all = ["merge", "confirm", "pid", "cgroup"])]
    pub(crate) fast: bool,
    /// Whose functions made each call first: looked for unless never, which saves some milliseconds for each program
    #[arg(long, value_enum, default_value_t, value_name = "WHEN", conflicts_with_all = ["merge", "confirm"])]
    pub(crate) stacks: Stacks,
    #[command(flatten)]
    pub(crate) output: Output,
    /// The command and its arguments
    #[arg(last = true, required_unless_present_any = ["merge", "pid", "cgroup"], value_name = "CMD")]
    pub(crate) command: Vec<std::ffi::OsString>,
}

/// When callers are looked for.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Stacks {
    #[default]
    Always,
    Never,
}

impl Learn {
    /// How long to watch what is running already.
    pub(crate) fn patience(&self) -> Option<std::time::Duration> {
        self.seconds.map(std::time::Duration::from_secs)
    }
}

/// How `learn` watches.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub(crate) enum Via {
    /// By eBPF where that is permitted; or else by tracing; where the command cannot be traced, by notifications
    #[default]
    Auto,
    /// Counted by the kernel at its tracepoint (root): nothing is stopped, and calls a filter denies are not seen
    Bpf,
    /// Seccomp and ptrace: no program inside can be traced by another
    Trace,
    /// Seccomp notifications: no filter with a listener can be loaded inside
    Notify,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  callgate check web.cg\n  \
    callgate check --fix web.cg\n  \
    callgate check --kernel 6.1 --libc glibc-2.41 policies/\n  \
    callgate check --explain CG0103\n\
    Exits 0 with nothing worse than notes, 1 with errors or warnings, 2 where an input cannot be read.")]
pub(crate) struct Check {
    /// Policies and filters, or directories of them; `-` is standard input
    #[arg(required_unless_present = "explain", value_name = "FILE")]
    pub(crate) inputs: Vec<String>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Only whether the text can be read
    #[arg(long)]
    pub(crate) syntax_only: bool,
    /// The inputs are one stack of filters, the oldest first
    #[arg(long)]
    pub(crate) stack: bool,
    /// A library or language whose calls must be permitted, such as glibc-2.41; may be given several times
    #[arg(long, value_name = "NAME-VERSION", value_parser = release)]
    pub(crate) libc: Vec<Release>,
    /// Notes as well
    #[arg(long, visible_alias = "all")]
    pub(crate) pedantic: bool,
    /// Change the policy where that settles a finding; with -o, write the result there
    #[arg(long, conflicts_with = "stack")]
    pub(crate) fix: bool,
    /// Print JSON
    #[arg(long, conflicts_with = "sarif")]
    pub(crate) json: bool,
    /// Print SARIF 2.1.0
    #[arg(long)]
    pub(crate) sarif: bool,
    /// Explain a code, such as CG0103
    #[arg(long, value_name = "CODE")]
    pub(crate) explain: Option<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// A release of a component.
pub(crate) type Release = (String, callgate::abi::breakage::Version);

/// Parses a component and its version.
fn release(text: &str) -> Result<Release, String> {
    use callgate::abi::breakage::{Version, components};
    let names = || components().collect::<Vec<_>>().join(", ");
    let (name, version) =
        text.rsplit_once('-').ok_or_else(|| "write a name and a version, as glibc-2.41".to_string())?;
    if !components().any(|c| c == name) {
        return Err(format!("no such component; there are {}", names()));
    }
    let version = Version::parse(version).ok_or_else(|| format!("{version} is no version"))?;
    Ok((name.to_string(), version))
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  callgate test web.cg")]
pub(crate) struct Test {
    /// Policies with `expect` lines
    #[arg(required = true, value_name = "POLICY")]
    pub(crate) policies: Vec<String>,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  callgate compile web.cg --arch x86_64,aarch64 -o web.bpf")]
pub(crate) struct Compile {
    /// The policy: a file in any format, or a built-in's name
    pub(crate) policy: String,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) tuning: Tuning,
    /// The form of the program: raw, c, rust, hex, asm, ddd, …
    #[arg(long, short = 't', value_name = "FORM", value_parser = container, default_value = "raw")]
    pub(crate) to: Container,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// A wrapping of a program, by name.
fn container(name: &str) -> Result<Container, String> {
    let alias = match name {
        "binary" | "bpf" => "raw",
        "tcpdump" => "ddd",
        name => name,
    };
    Container::from_name(alias).ok_or_else(|| {
        let names: Vec<_> = Container::ALL.iter().map(|c| c.name()).collect();
        format!("no such form; there are {}", names.join(", "))
    })
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  callgate fmt web.cg")]
pub(crate) struct Fmt {
    /// Policies in callgate's language; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// Change nothing; exit 1 if a file is not in the usual form
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  callgate disasm filter.bpf")]
pub(crate) struct Disasm {
    /// A program in any form, or a policy
    pub(crate) input: String,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Show each instruction's fields, too
    #[arg(long)]
    pub(crate) bytes: bool,
    /// Draw the flow, for Graphviz
    #[arg(long, conflicts_with_all = ["svg", "to"])]
    pub(crate) dot: bool,
    /// Draw the flow, as an image
    #[arg(long, conflicts_with = "to")]
    pub(crate) svg: bool,
    /// Print JSON
    #[arg(long, conflicts_with_all = ["dot", "svg", "to"])]
    pub(crate) json: bool,
    /// Another form than a listing: c, rust, hex, seccomp-tools, …
    #[arg(long, short = 't', value_name = "FORM", value_parser = container)]
    pub(crate) to: Option<Container>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  callgate asm filter.asm -o filter.bpf")]
pub(crate) struct Asm {
    /// The assembly, or a program in any other wrapping; `-` is standard input
    pub(crate) input: String,
    #[command(flatten)]
    pub(crate) arches: Arches,
    /// Write the program even if the kernel would refuse it
    #[arg(long)]
    pub(crate) force: bool,
    /// The form of the program: raw, c, rust, hex, asm, ddd, …
    #[arg(long, short = 't', value_name = "FORM", value_parser = container, default_value = "raw")]
    pub(crate) to: Container,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  callgate emu web.cg socket AF_NETLINK SOCK_RAW 0\n  \
    callgate emu filter.bpf 0x40000029\n  \
    printf 'openat AT_FDCWD 0 O_RDONLY\\nptrace\\n' | callgate emu filter.bpf -")]
pub(crate) struct Emu {
    /// A policy or a filter
    pub(crate) input: String,
    /// The call: a name or a number; `-` reads calls from standard input, one a line
    #[arg(allow_negative_numbers = true)]
    pub(crate) call: String,
    /// Its arguments: numbers, or names of constants joined by `|`
    #[arg(allow_negative_numbers = true)]
    pub(crate) args: Vec<String>,
    /// The caller's instruction pointer
    #[arg(long, value_name = "N", default_value = "0")]
    pub(crate) ip: String,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Print only the action
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Show every instruction executed
    #[arg(long)]
    pub(crate) trace: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  callgate help\n  callgate help policy\n  callgate help CG0103\n  \
    callgate help exit-codes")]
pub(crate) struct Help {
    /// A topic, a verb, a code such as CG0103, a format or a built-in policy; lists the topics, if none
    #[arg(num_args = 0..)]
    pub(crate) topic: Vec<String>,
}

/// A shell.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Shell {
    /// bash, with or without bash-completion.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
    /// nushell.
    #[value(alias = "nu")]
    Nushell,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  callgate completions bash\n  callgate completions zsh > _callgate\n\
    `callgate help shells` says where each shell looks for them.")]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Args, Debug)]
pub(crate) struct Complete {
    /// For which shell
    #[arg(long, value_enum)]
    pub(crate) shell: Shell,
    /// The line up to the cursor, as it was typed
    #[arg(long, value_name = "TEXT", conflicts_with = "words", allow_hyphen_values = true)]
    pub(crate) line: Option<String>,
    /// The words behind `callgate`; the last one is completed
    #[arg(last = true, value_name = "WORD")]
    pub(crate) words: Vec<std::ffi::OsString>,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  callgate explain filter.bpf\n  callgate explain docker.json socket clone"
)]
pub(crate) struct Explain {
    /// A policy or a filter
    pub(crate) input: String,
    /// Only these calls
    pub(crate) calls: Vec<String>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// List every call, however many there are
    #[arg(long)]
    pub(crate) all: bool,
    /// Write it as a policy instead, proved to mean the same
    #[arg(long = "as", value_name = "cg", value_parser = ["cg"])]
    pub(crate) as_policy: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  callgate report web.cg -o web.html\n  \
                  callgate report old.json new.json -o changes.html\n\
                  The page is one file and fetches nothing.")]
pub(crate) struct Report {
    /// A policy, a filter or a recording
    pub(crate) input: String,
    /// What the first one is changed to: the page begins with the difference
    pub(crate) after: Option<String>,
    /// What was recorded by `learn --record`, as evidence
    #[arg(long, value_name = "FILE")]
    pub(crate) recording: Option<String>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  callgate diff old.cg new.cg\nExits 1 where the two differ, 0 where they do not."
)]
pub(crate) struct Diff {
    /// The filter before
    pub(crate) a: String,
    /// The filter after
    pub(crate) b: String,
    /// Only this call; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) call: Vec<String>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Accepted for the habit: differences always exit 1
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  callgate prove a.bpf equal b.cg\n  \
    callgate prove new.cg no-weaker-than old.cg\n  \
    callgate prove web.cg never allow execve, execveat\n  \
    callgate prove web.cg always allows '{read, write}'\n\
    PROVED exits 0; NOT PROVED, with a call that shows why, and UNKNOWN exit 1.")]
pub(crate) struct Prove {
    /// A policy or a filter
    pub(crate) input: String,
    /// `equal`, `no-weaker-than`, `never` or `always`
    pub(crate) relation: String,
    /// The other input; or `allow CALLS` in the policy language
    pub(crate) operands: Vec<String>,
    /// About this call only; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) call: Vec<String>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  callgate optimize filter.bpf -o shorter.bpf")]
pub(crate) struct Optimize {
    /// A program, or a policy
    pub(crate) input: String,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) tuning: Tuning,
    /// The form of the result: raw, c, rust, hex, asm, ddd, …
    #[arg(long, short = 't', value_name = "FORM", value_parser = container, default_value = "raw")]
    pub(crate) to: Container,
    /// Print JSON about it; the program itself goes to where -o says
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  callgate merge oldest.bpf newer.bpf -o merged.bpf")]
pub(crate) struct Merge {
    /// The filters, in the order in which they would be loaded
    #[arg(required = true, value_name = "FILE")]
    pub(crate) inputs: Vec<String>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) tuning: Tuning,
    /// Write a policy in callgate's language instead of a program
    #[arg(long)]
    pub(crate) policy: bool,
    /// The form of the program: raw, c, rust, hex, asm, ddd, …
    #[arg(long, short = 't', value_name = "FORM", value_parser = container, default_value = "raw")]
    pub(crate) to: Container,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  callgate dump --pid 4711\n  \
    callgate dump -o app.bpf -- ./app --serve")]
pub(crate) struct Dump {
    /// The filters of this process, thread by thread
    #[arg(long, short, value_name = "PID")]
    pub(crate) pid: Option<i32>,
    /// Only this thread of it
    #[arg(long, value_name = "TID", requires = "pid")]
    pub(crate) tid: Option<i32>,
    /// Stop watching after this many filters
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), requires = "command")]
    pub(crate) limit: Option<u32>,
    /// Kill the process that loaded the last of them
    #[arg(long, requires = "limit")]
    pub(crate) kill: bool,
    /// As bytes; the usual form with -o
    #[arg(long)]
    pub(crate) raw: bool,
    /// As a listing; the usual form without -o
    #[arg(long)]
    pub(crate) disasm: bool,
    /// As a policy, proved to mean the same
    #[arg(long = "as", value_name = "cg", value_parser = ["cg"])]
    pub(crate) as_policy: Option<String>,
    /// As what it means
    #[arg(long)]
    pub(crate) explain: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The filters of a thread as one, as the kernel combines them
    #[arg(long)]
    pub(crate) combine: bool,
    /// Write the filters to FILE, FILE_1, FILE_2 …
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Run this command and catch what it and its children load
    #[arg(last = true, value_name = "CMD")]
    pub(crate) command: Vec<std::ffi::OsString>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  callgate syscalls openat\n  \
    callgate syscalls 'sched_*' 257 @sockets\n  \
    callgate syscalls --resolve -a x86 socket")]
pub(crate) struct Syscalls {
    /// Names, numbers, patterns (`sched_*`), groups (`@sockets`); everything, if none
    #[arg(allow_negative_numbers = true)]
    pub(crate) what: Vec<String>,
    #[command(flatten)]
    pub(crate) arches: Arches,
    /// Only calls this kernel has
    #[arg(long, value_name = "X.Y", value_parser = version)]
    pub(crate) kernel: Option<Kernel>,
    /// Only calls that came later than this kernel
    #[arg(long, value_name = "X.Y", value_parser = version)]
    pub(crate) after: Option<Kernel>,
    /// Print the number of a name, or the name of a number, and nothing else
    #[arg(long, short = 'r')]
    pub(crate) resolve: bool,
    /// With --resolve: a multiplexed call as the number of its multiplexer
    #[arg(long, short = 't', requires = "resolve")]
    pub(crate) translate: bool,
    /// The constants of a set; all sets, if none is named
    #[arg(long, value_name = "SET", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["resolve", "groups", "what"])]
    pub(crate) constants: Option<String>,
    /// The groups
    #[arg(long, conflicts_with = "resolve")]
    pub(crate) groups: bool,
    /// Print JSON
    #[arg(long, conflicts_with = "resolve")]
    pub(crate) json: bool,
}

fn version(text: &str) -> Result<Kernel, String> {
    text.parse().map_err(|_| "a kernel version is two numbers, as 6.1".into())
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  callgate why web.cg 'socket(AF_NETLINK, SOCK_RAW, 0)'\n  \
    journalctl -k -o json | callgate why web.cg --audit -\n  \
    callgate why web.cg --core core.4711 --apply\n\
    Exits 0 if the policy permits the call or --apply changed it so that it does, 1 if it is denied.")]
pub(crate) struct Why {
    /// The policy
    pub(crate) policy: String,
    /// A call, as in C or as strace prints it: `socket(AF_NETLINK, …)`
    #[arg(required_unless_present_any = ["audit", "core"], conflicts_with_all = ["audit", "core"])]
    pub(crate) call: Option<String>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Audit records (type=1326) in any wrapping: audit.log, dmesg, the journal's text, export or JSON lines
    #[arg(long, value_name = "FILE", conflicts_with = "core")]
    pub(crate) audit: Option<String>,
    /// The core dump of a process that died of SIGSYS
    #[arg(long, value_name = "FILE")]
    pub(crate) core: Option<PathBuf>,
    /// Add the line that allows the call to the policy, in its own notation, proved to change nothing else
    #[arg(long)]
    pub(crate) apply: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  callgate doctor --require run,learn")]
pub(crate) struct Doctor {
    /// Everything that was tried, one a line
    #[arg(long)]
    pub(crate) all: bool,
    /// Exit 3 unless all of these work: verbs (run, dump, learn, supervise), or features as --all names them
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub(crate) require: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = crate::verbs::convert::after_help())]
pub(crate) struct Convert {
    /// A policy or a filter
    pub(crate) input: String,
    /// The notation to write, from the list below
    #[arg(long, short = 't', value_name = "FORMAT", value_parser = crate::verbs::convert::target)]
    pub(crate) to: crate::verbs::convert::Target,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Accept losses that let no more calls through
    #[arg(long)]
    pub(crate) lossy: bool,
    /// Accept losses that let calls through which the policy refuses, too
    #[arg(long, visible_alias = "weaker")]
    pub(crate) allow_weaker: bool,
    /// The policy's name, in notations whose files hold several; the constant's, in C and Rust
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Print JSON: the losses, and the result unless -o says where it goes
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words that are read by the definition of `learn` alone mean what they mean to the whole one.
    #[test]
    fn learn_alone() {
        let shown = |typed: &str| {
            let words: Vec<std::ffi::OsString> = typed.split(' ').map(Into::into).collect();
            let alone = OnlyLearn::try_parse_from(&words[1..]).ok();
            let whole = Cli::try_parse_from(&words).ok();
            let alone =
                alone.map(|OnlyLearn { shared, learn }| format!("{shared:?} {:?}", Verb::Learn(learn)));
            (alone, whole.map(|Cli { shared, verb }| format!("{shared:?} {verb:?}")))
        };
        for typed in [
            "callgate learn -- true",
            "callgate learn --record r.jsonl --stacks never -- find / -name x",
            "callgate learn --color never -o p.cg --margin true --via bpf",
            "callgate learn --merge a b --format docker",
            "callgate learn --pid 7 --fast",
            "callgate learn",
            "callgate learn --help",
            "callgate learn -h -- true",
            "callgate learn --no-such-option -- true",
            "callgate learn --pid x",
        ] {
            let (alone, whole) = shown(typed);
            assert_eq!(alone, whole, "{typed}");
        }
        assert!(shown("callgate learn -- true").0.is_some());
    }

    /// Words that are read without the definition mean what the definition says.
    #[test]
    fn a_command_without_options() {
        let shown = |typed: &str| {
            let words: Vec<std::ffi::OsString> = typed.split(' ').map(Into::into).collect();
            let short =
                Run::without_options(&words[1..]).map(|run| format!("{run:?} {:?}", Shared::default()));
            let whole = OnlyRun::try_parse_from(words);
            (short, whole.map(|OnlyRun { run, shared }| format!("{run:?} {shared:?}")).ok())
        };
        for typed in
            ["run no-network -- true", "run a.cg#b -- sh -c x -- --log", "run p -- --", "run  -- true"]
        {
            let (short, whole) = shown(typed);
            assert!(short.is_some(), "{typed}");
            assert_eq!(short, whole, "{typed}");
        }
        for typed in
            ["run - -- true", "run --log p -- true", "run p --", "run p", "run p q -- true", "run p -- "]
        {
            let (short, whole) = shown(typed);
            assert!(short.is_none() || short == whole, "{typed}");
        }
    }
}
