//! The codes of findings, by family. They are stable; each has a page under `docs/codes`.

use super::Family;
use crate::diagnostic::{Code, Severity};

/// What a code stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Info {
    /// The code.
    pub code: Code,
    /// The family its rule belongs to.
    pub family: Family,
    /// How bad a finding usually is. Some are milder where the rest of the filter says so.
    pub severity: Severity,
    /// What is found, a fragment.
    pub summary: &'static str,
}

macro_rules! codes {
    ($($family:ident { $($name:ident $number:literal $severity:ident $summary:literal;)* })*) => {
        $($(#[doc = $summary] pub(super) const $name: Code = Code($number);)*)*

        /// The codes of the linter, ascending.
        pub const CODES: &[Info] = &[$($(Info {
            code: Code($number),
            family: Family::$family,
            severity: Severity::$severity,
            summary: $summary,
        },)*)*];
    };
}

codes! {
    Coverage {
        IO_URING 101 Error "io_uring does the work of calls that are denied";
    }
    Abi {
        NO_ARCH_CHECK 102 Error "the architecture is not checked";
        X32 103 Error "denied calls are open under their x32 numbers";
    }
    Coverage {
        TWIN 104 Error "another call does the work of one that is denied or restricted";
        MULTIPLEXER 105 Error "a multiplexing call does the work of one that is denied or restricted";
    }
    Abi {
        FOREIGN 106 Error "denied calls are open under an architecture the filter does not know";
        COMPAT 107 Warning "a call denied under one convention is open under another";
        X32_MINUS_ONE 108 Note "the guard against x32 numbers lets number 0xffffffff through";
        OTHER_NUMBERS 109 Error "numbers of one architecture are tested under another";
        WRONG_ARCH 110 Error "no call at all is permitted on an architecture the filter is meant for";
        BYTE_ORDER 111 Error "a program tests an architecture of the other byte order";
        ARGUMENT_MOVES 112 Warning "an argument's position means different things on a rule's architectures";
        NO_ARGUMENT 113 Warning "an argument is tested that the call does not have";
    }
    Width {
        HIGH_BITS_PASS 120 Error "bits the kernel ignores decide, and let a denied call pass";
        LOW_HALF 121 Warning "only the low half of a 64-bit argument is looked at";
        HIGH_BITS_DENY 122 Note "bits the kernel ignores decide, and keep a permitted call out";
        SIGNED_ORDER 123 Note "a signed argument is ordered as if it had no sign";
        NEVER 124 Warning "a rule's condition never holds";
        ALWAYS 125 Warning "a rule's condition always holds";
        FLAG_EQUALITY 126 Error "a further flag lets a denied call pass";
        FREE_BITS 127 Note "bits of a flags argument are not looked at";
        PERSONALITY 128 Note "personality may be set, but not asked for";
    }
    Pointer {
        POINTER_AS_DATA 130 Error "a pointer is compared as if it were what it points to";
        POINTER_CONSTANT 131 Warning "a pointer is compared with an address";
        INSTRUCTION_POINTER 132 Warning "the caller's address decides";
        DESCRIPTOR 133 Note "descriptor numbers decide, and descriptors can be renumbered";
    }
    Coverage {
        DENY_LIST 140 Note "calls that are not mentioned are permitted";
        EXECUTABLE_MEMORY 141 Warning "memory can be made executable although mprotect may not";
        RISKY 142 Warning "calls are permitted that deserve a reason";
        TERMINAL 143 Note "input can be faked on the terminal";
        READ_CHAIN 144 Note "files can be opened, read and written out";
        DROPPED 145 Warning "something of the source was left out when it was read";
        NEWER 146 Warning "calls newer than the policy are permitted";
        PTRACE 147 Error "ptrace is permitted on a kernel where it undoes the filter";
        ESSENTIAL 148 Warning "a call without which programs die in odd places is denied";
        RELEASE 149 Warning "a call that a release of a component makes is denied";
    }
    Action {
        UNKNOWN_ERRNO 150 Warning "calls newer than the filter get another error than ENOSYS";
        WANTS_ENOSYS 151 Warning "a call gets an error after which callers do not fall back";
        ERRNO_ZERO 152 Warning "a call that is not made reports success";
        ERRNO_LARGE 153 Warning "an error number above 4095";
        UNKNOWN_ACTION 154 Warning "an action the kernel does not know";
        KILL_THREAD 155 Warning "one thread of several is killed";
        TRACE 156 Note "calls are left to a tracer";
        NOTIFY 157 Note "calls are left to a supervisor";
        TRAP 158 Warning "a signal is sent that no handler can serve";
        LOG 159 Warning "calls are logged and made";
        ACTION_SINCE 160 Warning "an action the kernel does not have yet";
        ALLOW_DATA 161 Warning "a permitted call carries data and is never cached";
        ALL_PERMITTED 162 Warning "every call is permitted";
        HIDDEN_DATA 163 Note "a newer filter's data hides an older one's";
        IDLE_LAYER 164 Note "a filter of the stack changes nothing";
        VDSO 165 Note "a call is denied that programs need not make";
    }
    Structure {
        UNREACHABLE 170 Note "instructions that no call reaches";
        CONSTANT_BRANCH 171 Note "jumps that always go one way";
        DEAD_RULE 172 Warning "a rule never decides";
        REDUNDANT_RULE 173 Note "a rule that changes nothing";
        OVERLAP 174 Note "two conditions overlap, and their order decides";
        REFUSED 175 Error "the kernel would refuse the program";
        DIVISION 176 Warning "a division by zero kills";
        SHIFT 177 Note "a shift by a register";
        RETURN_A 178 Note "a computed return value";
        UNCACHED 179 Note "permitted calls that the kernel cannot cache";
        DEEP 180 Note "a frequent call runs many instructions";
        UNKNOWN_MEANING 181 Error "what the program means could not be determined";
        ON_UNREACHED 182 Warning "an `on` line about calls that no rule hands over";
        ON_UNCOVERED 183 Warning "a call that is handed over and that no `on` line answers";
    }
    Comment {
        ALLOW_SYNTAX 190 Warning "an allow comment that cannot be read";
        ALLOW_UNUSED 191 Warning "an allow comment for a finding that is not there";
    }
}

/// What a code of the linter stands for.
pub fn info(code: Code) -> Option<&'static Info> {
    CODES.binary_search_by_key(&code, |i| i.code).ok().map(|at| &CODES[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascending_and_apart_from_the_language() {
        assert!(CODES.windows(2).all(|w| w[0].code < w[1].code));
        let language = crate::syntax::CODES.last().unwrap().0;
        assert!(CODES.iter().all(|i| i.code > language && !i.summary.ends_with('.')));
        assert_eq!(info(X32).unwrap().family, Family::Abi);
        assert_eq!(info(Code(1)), None);
    }
}
