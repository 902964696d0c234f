//! The attributes of a collection.

use crate::kernel::{Feature, Kernel};
use crate::known;
use callgate::Action;
use libc::{EACCES, EINVAL, ENOSYS, EOPNOTSUPP, c_int};

/// What `seccomp_attr_set` sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Attributes {
    /// The action where no rule matches.
    pub(crate) default: u32,
    /// The action under an architecture that is not in the collection.
    pub(crate) bad_arch: u32,
    /// Set `no_new_privs` before loading.
    pub(crate) no_new_privs: bool,
    /// Load for all threads.
    pub(crate) tsync: bool,
    /// Rules may name number -1, which a tracer uses to skip a call.
    pub(crate) skip: bool,
    /// Log every action but allow.
    pub(crate) log: bool,
    /// Leave the speculative-store-bypass mitigation off.
    pub(crate) spec_allow: bool,
    /// 1 or 2; asked of us and answered, but the program is our best either way.
    pub(crate) optimize: u32,
    /// Return the kernel's own error codes.
    pub(crate) raw_errors: bool,
    /// Only fatal signals interrupt a call a supervisor has received.
    pub(crate) wait_killable: bool,
    /// The action for calls that `newest` does not have and no rule matches.
    pub(crate) unknown: u32,
    /// The newest kernel whose calls the rules are about, as `enum scmp_kver` counts; [`known::ANY`] for all calls.
    pub(crate) newest: u32,
}

impl Attributes {
    pub(crate) fn new(default: u32) -> Attributes {
        Attributes {
            default,
            bad_arch: Action::KILL_THREAD.to_ret(),
            no_new_privs: true,
            tsync: false,
            skip: false,
            log: false,
            spec_allow: false,
            optimize: 1,
            raw_errors: false,
            wait_killable: false,
            unknown: Action::Errno(callgate::Errno(ENOSYS as u16)).to_ret(),
            newest: known::ANY,
        }
    }

    /// The value of attribute number `which` of `enum scmp_filter_attr`.
    pub(crate) fn get(&self, which: u32) -> Result<u32, c_int> {
        Ok(match which {
            1 => self.default,
            2 => self.bad_arch,
            3 => self.no_new_privs.into(),
            4 => self.tsync.into(),
            5 => self.skip.into(),
            6 => self.log.into(),
            7 => self.spec_allow.into(),
            8 => self.optimize,
            9 => self.raw_errors.into(),
            10 => self.wait_killable.into(),
            11 => self.unknown,
            12 => self.newest,
            _ => return Err(EINVAL),
        })
    }

    /// Sets attribute number `which`; `notifies` says whether notification is in use. Whether the program
    /// changes with it is the answer.
    pub(crate) fn set(&mut self, which: u32, value: u32, notifies: bool) -> Result<bool, c_int> {
        let on = value != 0;
        let supported = |feature| if Kernel::has(feature) { Ok(()) } else { Err(EOPNOTSUPP) };
        match which {
            1 => return Err(EACCES),
            2 => {
                if !is_action(value) {
                    return Err(EINVAL);
                }
                self.bad_arch = value;
            }
            3 => self.no_new_privs = on,
            4 => {
                supported(Feature::Tsync)?;
                if on && notifies && !Kernel::has(Feature::TsyncEsrch) {
                    return Err(EINVAL);
                }
                self.tsync = on;
            }
            5 => self.skip = on,
            6 => {
                supported(Feature::LogFlag)?;
                self.log = on;
            }
            7 => {
                supported(Feature::SpecAllow)?;
                self.spec_allow = on;
            }
            8 if matches!(value, 1 | 2) => self.optimize = value,
            8 => return Err(EOPNOTSUPP),
            9 => self.raw_errors = on,
            10 => self.wait_killable = on,
            // Once calls are told apart by kernel, what the others get is fixed.
            11 if self.newest != known::ANY || !is_action(value) => return Err(EINVAL),
            11 if is_notify(value) && self.tsync && !Kernel::has(Feature::TsyncEsrch) => return Err(EINVAL),
            11 => self.unknown = value,
            12 if known::kernel(value).is_none() => return Err(EINVAL),
            12 => self.newest = value,
            _ => return Err(EINVAL),
        }
        Ok(matches!(which, 2 | 5 | 8 | 11 | 12))
    }
}

/// Whether this action hands calls to a supervisor.
pub(crate) fn is_notify(action: u32) -> bool {
    matches!(Action::from_ret(action), Action::Notify(_))
}

/// Whether this is an action the interface knows and the kernel supports: data only where it means
/// something, and no error number the kernel would clamp.
pub(crate) fn is_action(raw: u32) -> bool {
    let data = raw & 0xffff;
    match Action::from_ret(raw) {
        Action::KillProcess(_) => data == 0 && Kernel::has(Feature::KillProcess),
        Action::KillThread(_) | Action::Allow(_) => data == 0,
        // A trap's number is of the interface after 2.6 (`SCMP_ACT_TRAPX`).
        Action::Trap(_) => true,
        Action::Errno(_) => data < 4095,
        Action::Notify(_) => data == 0 && Kernel::has(Feature::Notify),
        Action::Trace(_) => true,
        Action::Log(_) => data == 0 && Kernel::has(Feature::LogAction),
        Action::Unknown(_) => false,
    }
}
