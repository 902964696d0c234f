//! The policies of one file: choosing among them, or putting them together.

use crate::import::{Import, Named};
use crate::place::{Error, Place, Problem};
use crate::suggest;
use callgate::{Filter, LowerError};

impl Import {
    /// Adds the policies of another import, and what was said about them.
    pub fn append(&mut self, other: Import) {
        self.policies.extend(other.policies);
        self.losses.extend(other.losses);
        self.notes.extend(other.notes);
        self.flags = self.flags.or(other.flags);
        self.listener = self.listener.take().or(other.listener);
        self.beside.extend(other.beside);
    }

    /// The filter of the file: its one policy's, or of a stack what the kernel makes of it.
    ///
    /// # Errors
    /// A policy cannot be lowered, or the file holds alternatives and none was picked.
    pub fn filter(&self) -> Result<Filter, Error> {
        if self.policies.len() > 1 && !self.stack {
            let names: Vec<&str> = self.policies.iter().filter_map(|n| n.name.as_deref()).collect();
            let problem = Problem::new(Place::default(), "the file holds several policies");
            return Err(problem.help(format!("pick one of {}", names.join(", "))).into());
        }
        let fail = |e: &dyn std::fmt::Display| Error::new(Place::default(), e.to_string());
        let mut filters = self.policies.iter().map(|n| n.policy.lower());
        let first = filters.next().unwrap_or(Err(LowerError::NoArch)).map_err(|e| fail(&e))?;
        filters.try_fold(first, |below, above| {
            let above = above.map_err(|e| fail(&e))?;
            below.stack(&above).map_err(|e| fail(&e))
        })
    }

    /// The policy with this name.
    ///
    /// # Errors
    /// There is none; the error lists the names there are.
    pub fn pick(&self, name: &str) -> Result<&Named, Error> {
        if let Some(found) = self.policies.iter().find(|n| n.name.as_deref() == Some(name)) {
            return Ok(found);
        }
        let names: Vec<&str> = self.policies.iter().filter_map(|n| n.name.as_deref()).collect();
        let problem = Problem::new(Place::default(), format!("no policy is called {name}"));
        Err(match suggest::nearest(name, names.iter().copied()) {
            Some(near) => problem.help(format!("did you mean {near}?")),
            None if names.is_empty() => problem.help("the file holds one policy without a name"),
            None => problem.help(format!("there are {}", names.join(", "))),
        }
        .into())
    }
}
