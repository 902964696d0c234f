//! The codes of what can be wrong with a policy's text. They are stable; `docs/policy-language.md`
//! explains each.

use crate::diagnostic::Code;

macro_rules! codes {
    ($($name:ident $number:literal $summary:literal;)*) => {
        $(#[doc = $summary] pub(crate) const $name: Code = Code($number);)*

        /// The codes of the policy language with what each says, ascending.
        pub const CODES: &[(Code, &str)] = &[$((Code($number), $summary),)*];
    };
}

codes! {
    EMPTY 1 "the text holds no statement";
    NOT_TEXT 2 "the file is not text";
    CHARACTER 3 "a character the language does not use";
    STRING 4 "a string that does not end on its line, or has an unknown escape";
    NUMBER 5 "a malformed or too large number";
    SYNTAX 6 "something else is expected here";
    STATEMENT 7 "a line that begins with no statement's word";
    DEPTH 8 "parentheses or operators nested too deeply";
    TOO_MANY 9 "too many errors, or a policy too large";
    ARCH 10 "unknown architecture";
    ARCH_UNLISTED 11 "an architecture the policy does not list";
    ARCH_TWICE 12 "an architecture listed twice";
    ACTION_DATA 13 "an action with missing, superfluous or too large data";
    ERRNO 14 "unknown error name";
    NO_DEFAULT 15 "the policy has no default";
    SETTING_TWICE 16 "a setting given twice";
    NO_NATIVE 17 "no `arch` line, and this machine's architecture is not known to seccomp";
    X32_LISTED 18 "an action for x32 numbers that nothing can reach";
    ERRNO_CLAMPED 19 "an error number above 4095";
    CALL 20 "unknown call";
    CALL_ABSENT 21 "a call that none of the rule's architectures has";
    GROUP 22 "unknown group";
    GROUP_TWICE 23 "a group defined twice, or named like a built-in one";
    GROUP_CYCLE 24 "a group that contains itself";
    RANGE 25 "a range whose end lies below its start";
    GROUP_ABSENT 26 "a group without a call on any of the rule's architectures";
    ARGUMENT 30 "unknown argument";
    WIDTH 31 "an argument whose width or place is not the same for all calls of the rule";
    ARGUMENT_UNUSED 32 "an argument the call does not have";
    CONSTANT 33 "unknown constant";
    CONSTANT_ABSENT 34 "a constant without a value on an architecture of the rule";
    CONSTANT_FOREIGN 35 "a constant that belongs to another argument";
    VALUE_WIDE 36 "a value that does not fit the argument";
    MASK 37 "a masked comparison that can never hold";
    CONTRADICTION 38 "a condition that can never hold";
    ALWAYS 39 "a comparison that always holds";
    OPERATOR 40 "an operator that cannot be used here";
    NARROW 41 "a comparison of more bits than the kernel looks at";
    INCLUDE 50 "an included file that cannot be read";
    INCLUDE_CYCLE 51 "a file that includes itself";
    INCLUDE_DEPTH 52 "includes nested too deeply";
    EXPECT 60 "an expectation about a call that cannot be made";
    ANSWER 70 "an `on` line without an answer, or with a malformed one";
    ANSWER_CALL 71 "an answer to calls that it cannot carry out";
    SUPERVISED 72 "`on` lines where nobody can answer";
    UNSUPERVISED 73 "an `if-lost` line without `on` lines";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascending_and_documented() {
        assert!(CODES.windows(2).all(|w| w[0].0 < w[1].0));
        let reference = crate::syntax::REFERENCE;
        for (code, summary) in CODES {
            assert!(reference.contains(&format!("`{code}`")), "{code} ({summary}) is not explained");
        }
    }
}
