//! Names of architectures.

use super::Resolver;
use crate::diagnostic::{Diagnostic, Edit};
use crate::syntax::ast::Name;
use crate::syntax::codes;
use callgate_abi::Arch;

impl Resolver<'_> {
    /// The architectures of an `arch` line, unknown ones left out.
    pub(super) fn arch_line(&mut self, names: &[Name]) -> Vec<Arch> {
        let mut arches = Vec::new();
        for name in names {
            if name.optional {
                self.error(codes::SYNTAX, name.loc, "`?` has no meaning in an `arch` line");
            }
            match self.text(name.loc) {
                "none" if names.len() == 1 => {}
                "native" => match Arch::NATIVE {
                    Some(arch) => arches.push(arch),
                    None => {
                        self.error(codes::NO_NATIVE, name.loc, "this machine's architecture is unknown");
                    }
                },
                _ => {
                    let Some(arch) = self.arch(name) else { continue };
                    if arches.contains(&arch) {
                        let message = format!("`{}` is listed twice", arch.name());
                        self.say(Diagnostic::warning(codes::ARCH_TWICE, message), name.loc);
                    }
                    arches.push(arch);
                }
            }
        }
        arches
    }

    /// The architectures after `on`, as written. One that the policy does not list is an error unless
    /// a `?` follows it. `None` if anything is wrong.
    pub(super) fn on(&mut self, names: &[Name], numbers: bool) -> Option<Vec<Arch>> {
        let mut arches = Vec::with_capacity(names.len());
        for name in names {
            let arch = if self.text(name.loc) == "native" { Arch::NATIVE } else { None };
            let arch = arch.or_else(|| self.arch(name))?;
            // Raw numbers reach x32 through x86_64's token even where x32 is not listed.
            let reachable = numbers && arch == Arch::X32 && self.arches.contains(&Arch::X86_64);
            if !self.arches.contains(&arch) && !reachable && !name.optional {
                let d = Diagnostic::error(
                    codes::ARCH_UNLISTED,
                    format!("`{}` is none of the policy's architectures", arch.name()),
                );
                let text = arch.name();
                self.say(d.help(format!("list it in the `arch` line, or write `{text}?`")), name.loc);
                return None;
            }
            arches.push(arch);
        }
        Some(arches)
    }

    pub(super) fn arch(&mut self, name: &Name) -> Option<Arch> {
        let word = self.text(name.loc);
        if let Some(arch) = Arch::from_name(word) {
            return Some(arch);
        }
        let d = Diagnostic::error(codes::ARCH, format!("unknown architecture `{word}`"));
        let other = match word.to_ascii_lowercase().as_str() {
            "amd64" | "x64" => Some("x86_64"),
            "i386" | "i486" | "i586" | "i686" | "ia32" => Some("x86"),
            "arm64" => Some("aarch64"),
            "armhf" | "armel" | "armv7" | "armv7l" | "arm32" => Some("arm"),
            "loong64" => Some("loongarch64"),
            "ppc64el" | "powerpc64le" => Some("ppc64le"),
            "powerpc" => Some("ppc"),
            "powerpc64" => Some("ppc64"),
            "hppa" => Some("parisc"),
            "riscv" | "rv64" => Some("riscv64"),
            "sh4" => Some("sh"),
            _ => None,
        };
        match other {
            Some(other) => {
                let edit = Edit { span: self.span(name.loc), text: other.to_string() };
                let d = d.help(format!("it is called `{other}` here"));
                self.say(d.fix(format!("replace `{word}` by `{other}`"), vec![edit]), name.loc);
            }
            None => self.unknown(d, name.loc, Arch::ALL.iter().map(|a| a.name())),
        }
        None
    }
}
