//! The lines in force, and the person who may be asked.

use super::event::Event;
use callgate::SeccompData;
use callgate::answer::OnLine;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, RwLock};

/// The `on` lines in force. A person's "always" and "never" are kept here for as long as it lives.
#[derive(Debug, Default)]
pub struct Table {
    lines: Vec<Arc<OnLine>>,
    /// What a person has allowed for good.
    always: RwLock<Vec<Arc<OnLine>>>,
    /// What a person has denied for good, as the lines that would have allowed it.
    never: RwLock<BTreeSet<String>>,
    /// One question at a time.
    asking: Mutex<()>,
}

/// Somebody who decides.
pub trait Person: Sync {
    /// Answers a question; called for one at a time.
    fn ask(&self, question: &Question<'_>) -> Verdict;
}

/// What a person is asked.
#[derive(Debug)]
pub struct Question<'a> {
    /// The call, which waits.
    pub event: &'a Event,
    /// The line that asks.
    pub line: &'a OnLine,
    /// The line that would do the same without asking, for this very path, address or port.
    pub narrow: &'a OnLine,
}

/// A person's decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// This time.
    Once,
    /// From now on.
    Always,
    /// Not this time.
    No,
    /// Not from now on.
    Never,
}

/// Nobody is there: every question is answered no.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Person for Nobody {
    fn ask(&self, _: &Question<'_>) -> Verdict {
        Verdict::No
    }
}

impl Table {
    /// A table of these lines, asked in this order.
    pub fn new(lines: Vec<OnLine>) -> Table {
        Table { lines: lines.into_iter().map(Arc::new).collect(), ..Table::default() }
    }

    /// The lines about a call, those a person added first.
    pub(super) fn about(&self, data: &SeccompData) -> Vec<Arc<OnLine>> {
        let always = self.always.read().map(|a| a.clone()).unwrap_or_default();
        always.into_iter().chain(self.lines.iter().cloned()).filter(|l| l.matches(data)).collect()
    }

    /// Whether a person says yes.
    pub(super) fn ask(&self, person: &dyn Person, line: &OnLine, narrow: OnLine, event: &Event) -> bool {
        let key = format!("{:?} {}", narrow.rule.calls, narrow.answer);
        let Ok(_one) = self.asking.lock() else { return false };
        // Somebody else may have asked the same meanwhile.
        if self.never.read().is_ok_and(|never| never.contains(&key)) {
            return false;
        }
        if self.always.read().is_ok_and(|always| always.iter().any(|a| **a == narrow)) {
            return true;
        }
        match person.ask(&Question { event, line, narrow: &narrow }) {
            Verdict::Once => true,
            Verdict::No => false,
            Verdict::Always => {
                if let Ok(mut always) = self.always.write() {
                    always.push(Arc::new(narrow));
                }
                true
            }
            Verdict::Never => {
                if let Ok(mut never) = self.never.write() {
                    never.insert(key);
                }
                false
            }
        }
    }
}
