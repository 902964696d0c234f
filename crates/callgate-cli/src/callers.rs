//! Who made a call, function by function, where that can be found out.

#[cfg(all(feature = "stacks", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) use found::Callers;
#[cfg(not(all(feature = "stacks", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub(crate) use unknown::Callers;

#[cfg(all(feature = "stacks", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod found {
    use callgate_sys::bpf::FirstCall;
    use callgate_sys::ptrace::point;
    use callgate_trace::stack::Stacks;

    /// Those of threads that are traced by the calling thread and stopped.
    #[derive(Default)]
    pub(crate) struct Callers(Stacks);

    impl Callers {
        /// The innermost first; empty where nothing is known.
        pub(crate) fn of(&mut self, pid: i32, tid: i32) -> Vec<String> {
            point(tid).map_or_else(Vec::new, |point| self.0.of(pid, tid, point))
        }

        /// The same of a call that has been made since.
        pub(crate) fn of_first(&mut self, first: &FirstCall) -> Vec<String> {
            self.0.of_copy(first.caller.pid, first.point, &first.stack)
        }

        /// The process executes another program.
        pub(crate) fn forget(&mut self, pid: i32) {
            self.0.forget(pid);
        }
    }
}

#[cfg(not(all(feature = "stacks", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod unknown {
    /// Without the means to find them.
    #[derive(Default)]
    pub(crate) struct Callers;

    impl Callers {
        /// None.
        pub(crate) fn of(&mut self, _: i32, _: i32) -> Vec<String> {
            Vec::new()
        }

        pub(crate) fn of_first(&mut self, _: &callgate_sys::bpf::FirstCall) -> Vec<String> {
            Vec::new()
        }

        pub(crate) fn forget(&mut self, _: i32) {}
    }
}
