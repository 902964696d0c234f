//! Choosing among the policies of one file.

use crate::import::{Import, Named};
use crate::place::{Error, Place, Problem};
use crate::suggest;

impl Import {
    /// Adds the policies of another import, and what was said about them.
    pub fn append(&mut self, other: Import) {
        self.policies.extend(other.policies);
        self.losses.extend(other.losses);
        self.notes.extend(other.notes);
        self.flags = self.flags.or(other.flags);
        self.listener = self.listener.take().or(other.listener);
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
