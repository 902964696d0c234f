//! Who made a call, function by function, where that can be found out.

#[cfg(all(feature = "stacks", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) use found::{Callers, Captured, Spaces, traces_itself};
#[cfg(not(all(feature = "stacks", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub(crate) use unknown::{Callers, Captured, Spaces, traces_itself};

#[cfg(all(feature = "stacks", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod found {
    use callgate_sys::bpf::FirstCall;
    use callgate_sys::ptrace::{point, point_in_call};
    use callgate_trace::stack::{Followed, Space, Stacks};
    use std::collections::HashMap;
    use std::collections::hash_map::Entry;
    use std::path::PathBuf;
    use std::sync::Arc;

    pub(crate) use callgate_trace::stack::traces_itself;

    /// A call that was made, and what its process executed then.
    pub(crate) struct Captured {
        pub(crate) first: FirstCall,
        space: Option<Arc<Space>>,
    }

    /// What processes execute, as it was seen last.
    #[derive(Default)]
    pub(crate) struct Spaces(HashMap<i32, (Option<PathBuf>, Followed)>);

    /// How many processes are remembered at once.
    const PROCESSES: usize = 256;

    impl Spaces {
        /// Looks at the process, which may be about to end, at once; for names there is time.
        pub(crate) fn capture(&mut self, first: FirstCall) -> Captured {
            let (pid, program) = (first.caller.pid, &first.caller.program);
            // Of another program, which it executed before, or of another process of its number.
            if self.0.get(&pid).is_some_and(|(of, _)| of != program) {
                self.0.remove(&pid);
            }
            if self.0.len() > PROCESSES {
                self.0.clear();
            }
            if let Entry::Vacant(place) = self.0.entry(pid)
                && let Some(process) = Followed::new(pid)
            {
                place.insert((program.clone(), process));
            }
            let space = self.0.get_mut(&pid);
            let space = space.map(|(_, process)| process.space(pid, first.point.ip, &first.stack));
            Captured { first, space }
        }
    }

    /// Those of threads that are traced by the calling thread and stopped.
    #[derive(Default)]
    pub(crate) struct Callers(Stacks);

    impl Callers {
        /// The innermost first; empty where nothing is known.
        pub(crate) fn of(&mut self, pid: i32, tid: i32) -> Vec<String> {
            point(tid).map_or_else(Vec::new, |point| self.0.of(pid, tid, point))
        }

        /// The same of a thread that nobody traces and that waits in a call. Frames that only the frame pointer leads to
        /// are not found.
        pub(crate) fn of_waiting(&mut self, pid: i32, tid: i32) -> Vec<String> {
            point_in_call(tid).map_or_else(Vec::new, |point| self.0.of(pid, tid, point))
        }

        /// The same of a call that has been made since.
        pub(crate) fn of_captured(&mut self, captured: &Captured) -> Vec<String> {
            let Captured { first, space } = captured;
            space.as_ref().map_or_else(Vec::new, |space| self.0.of_copy(space, first.point, &first.stack))
        }

        /// The process executes another program.
        pub(crate) fn forget(&mut self, pid: i32) {
            self.0.forget(pid);
        }
    }
}

#[cfg(not(all(feature = "stacks", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod unknown {
    use callgate_sys::bpf::FirstCall;

    /// Nobody can tell.
    pub(crate) fn traces_itself(_: i32) -> bool {
        true
    }

    /// Without the means to find them.
    #[derive(Default)]
    pub(crate) struct Callers;

    /// A call that was made.
    pub(crate) struct Captured {
        pub(crate) first: FirstCall,
    }

    /// Nothing is looked at.
    #[derive(Default)]
    pub(crate) struct Spaces;

    impl Spaces {
        pub(crate) fn capture(&mut self, first: FirstCall) -> Captured {
            Captured { first }
        }
    }

    impl Callers {
        /// None.
        pub(crate) fn of(&mut self, _: i32, _: i32) -> Vec<String> {
            Vec::new()
        }

        pub(crate) fn of_waiting(&mut self, _: i32, _: i32) -> Vec<String> {
            Vec::new()
        }

        pub(crate) fn of_captured(&mut self, _: &Captured) -> Vec<String> {
            Vec::new()
        }

        pub(crate) fn forget(&mut self, _: i32) {}
    }
}
