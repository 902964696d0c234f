//! What the values of options and arguments are.

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Nothing that could be listed.
    Free,
    Files,
    Folders,
    /// A policy or a filter: a file, a built-in policy, `pid:N`.
    Input,
    /// A policy: a file or a built-in one.
    Policy,
    Processes,
    Architectures,
    Actions,
    Calls,
    /// Calls and groups of them.
    CallsAndGroups,
    /// An argument of the call that stands before it.
    Argument,
    ConstantSets,
    /// Notations, and forms of programs, that are read.
    Formats,
    /// Those that are written.
    Targets,
    /// Forms of programs.
    Forms,
    Capabilities,
    Runtimes,
    /// What a program is to be fast on.
    Machines,
    /// C libraries and languages.
    Components,
    Codes,
    /// Verbs and features of the kernel.
    Features,
    /// What `prove` can prove.
    Relations,
    /// What that is proved about.
    Operands,
    Topics,
}

impl Kind {
    /// What parts several of them in one word, where the definition does not say.
    pub(super) fn delimiter(self) -> Option<char> {
        match self {
            Kind::Capabilities => Some(','),
            Kind::Argument => Some('|'),
            _ => None,
        }
    }
}

/// What the value of an option or argument of a verb is; `None` where this table lacks it.
pub(crate) fn of(verb: &str, id: &str) -> Option<Kind> {
    Some(match (verb, id) {
        ("syscalls", "after") => Kind::Free,
        ("why" | "emu", "call") | ("explain", "calls") | ("diff" | "prove", "call") => Kind::Calls,
        ("convert", "to") => Kind::Targets,
        ("learn", "format") => Kind::Targets,
        (_, "policy" | "policies" | "confirm") => Kind::Policy,
        (_, "input" | "inputs" | "a" | "b" | "after") => Kind::Input,
        (
            _,
            "agent" | "listen" | "record" | "merge" | "output" | "files" | "recording" | "base" | "profile",
        )
        | ("why", "audit" | "core") => Kind::Files,
        (_, "cgroup") => Kind::Folders,
        (_, "pid") => Kind::Processes,
        (_, "arch") => Kind::Architectures,
        ("learn", "default") => Kind::Actions,
        ("syscalls", "what") => Kind::CallsAndGroups,
        ("syscalls", "constants") => Kind::ConstantSets,
        ("emu", "args") => Kind::Argument,
        (_, "from") => Kind::Formats,
        (_, "to") => Kind::Forms,
        (_, "caps") => Kind::Capabilities,
        (_, "as_runtime") => Kind::Runtimes,
        (_, "target") => Kind::Machines,
        ("check", "libc") => Kind::Components,
        ("check", "explain") => Kind::Codes,
        ("doctor", "require") => Kind::Features,
        ("prove", "relation") => Kind::Relations,
        ("prove", "operands") => Kind::Operands,
        ("help", "topic") => Kind::Topics,
        (
            _,
            "report_fd" | "listener_fd" | "agent_metadata" | "seconds" | "tid" | "limit" | "ip" | "kernel",
        )
        | ("convert", "name") => Kind::Free,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_value_is_something() {
        let program = crate::command();
        for verb in program.get_subcommands().filter(|v| !v.is_hide_set()) {
            for arg in verb.get_arguments() {
                let asked = super::super::place::takes_values(arg)
                    && arg.get_possible_values().is_empty()
                    && !arg.is_last_set();
                let known = super::of(verb.get_name(), arg.get_id().as_str()).is_some();
                assert!(!asked || known, "{} {}: what is it?", verb.get_name(), arg.get_id());
            }
        }
    }
}
