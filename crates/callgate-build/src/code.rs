//! The program as Rust.

use callgate::Program;
use std::fmt::Write as _;
use std::path::Path;

/// The name of a `static`: capitals, other characters as `_`; `None` if that is no identifier.
pub(crate) fn constant(name: &str) -> Option<String> {
    let usual = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let constant: String = name.chars().map(usual).collect();
    let first = constant.chars().next()?;
    let named = !first.is_ascii_digit() && constant.chars().any(|c| c != '_');
    (named && !name.contains('/')).then_some(constant)
}

/// The program as a `static` array.
pub(crate) fn array(constant: &str, policy: &Path, element: &str, program: &Program) -> String {
    let mut out = format!(
        "/// The program of `{}`, proved to do what the policy says.\npub static {constant}: [{element}; {}] = [\n",
        policy.display(),
        program.len()
    );
    for insn in program.insns() {
        let _ = writeln!(
            out,
            "    {element} {{ code: {:#06x}, jt: {}, jf: {}, k: {:#010x} }},",
            insn.code, insn.jt, insn.jf, insn.k
        );
    }
    out.push_str("];\n");
    out
}
