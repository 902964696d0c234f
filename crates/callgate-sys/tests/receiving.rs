//! Every order of events between callers, signals, kills, the kernel's listener and several workers, tried
//! against the receiver's own decisions.

use callgate_sys::receiving::{Ask, Next, Receiving, Said};
use std::collections::HashSet;

/// What a receiver does with what the kernel says: the real one, and ones with the usual mistakes.
type Decide = fn(&mut Receiving, Said<Id>) -> Next<Id>;

/// A notification: whose, and which of its calls.
type Id = (usize, u8);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Caller {
    /// Between calls; so many are left to make.
    Runs {
        left: u8,
    },
    /// In a call, `received` or not.
    Waits {
        left: u8,
        received: bool,
    },
    Gone,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Worker {
    Receives(Receiving),
    Answers(Id),
    Ended,
}

/// The whole world. What the kernel keeps follows `kernel/seccomp.c`: a count of requests that is not taken
/// back when a caller goes, so that a receiver may be woken for nothing.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct World {
    callers: Vec<Caller>,
    /// The names of their calls: each call's own, never reused.
    calls: Vec<u8>,
    requests: u8,
    workers: Vec<Worker>,
    signals: u8,
    kills: u8,
    killable: bool,
}

impl World {
    fn new(callers: usize, calls: u8, workers: usize, killable: bool) -> World {
        World {
            callers: vec![Caller::Runs { left: calls }; callers],
            calls: vec![0; callers],
            requests: 0,
            workers: vec![Worker::Receives(Receiving::default()); workers],
            signals: 2,
            kills: 1,
            killable,
        }
    }

    fn ended(&self) -> bool {
        self.callers.iter().all(|c| *c == Caller::Gone)
    }

    fn first_waiting(&self) -> Option<usize> {
        self.callers.iter().position(|c| matches!(c, Caller::Waits { received: false, .. }))
    }

    /// All worlds that may come next.
    fn next(&self, decide: Decide) -> Vec<World> {
        let mut all = Vec::new();
        for (i, caller) in self.callers.iter().enumerate() {
            let with = |caller: Caller| {
                let mut world = self.clone();
                world.callers[i] = caller;
                world
            };
            match *caller {
                Caller::Gone => continue,
                Caller::Runs { left: 0 } => all.push(with(Caller::Gone)),
                Caller::Runs { left } => {
                    let mut world = with(Caller::Waits { left: left - 1, received: false });
                    world.calls[i] += 1;
                    world.requests += 1;
                    all.push(world);
                }
                // A handled signal: the call is made again, under another name, or not.
                Caller::Waits { left, received } if self.signals > 0 && !(received && self.killable) => {
                    for left in [left, left + 1] {
                        let mut world = with(Caller::Runs { left });
                        world.signals -= 1;
                        all.push(world);
                    }
                }
                Caller::Waits { .. } => {}
            }
            if self.kills > 0 {
                let mut world = with(Caller::Gone);
                world.kills -= 1;
                all.push(world);
            }
        }
        for (i, worker) in self.workers.iter().enumerate() {
            match worker {
                Worker::Ended => {}
                Worker::Answers((caller, call)) => {
                    let mut world = self.clone();
                    world.workers[i] = Worker::Receives(Receiving::default());
                    if self.calls[*caller] == *call
                        && let Caller::Waits { left, received } = self.callers[*caller]
                    {
                        assert!(received, "answered before it was received");
                        world.callers[*caller] = Caller::Runs { left };
                    }
                    all.push(world);
                }
                Worker::Receives(receiving) => {
                    for (said, mut world) in self.ask(receiving.ask()) {
                        let mut receiving = *receiving;
                        world.workers[i] = match decide(&mut receiving, said) {
                            Next::Ask(_) => Worker::Receives(receiving),
                            Next::Call(id) => Worker::Answers(id),
                            Next::Ended => Worker::Ended,
                        };
                        all.push(world);
                    }
                }
            }
        }
        all
    }

    /// What the kernel may say; nothing while it lets the receiver wait.
    fn ask(&self, ask: Ask) -> Vec<(Said<Id>, World)> {
        let mut all = Vec::new();
        match ask {
            Ask::Look if self.ended() => all.push((Said::Ended, self.clone())),
            Ask::Look => all.push((Said::NotEnded, self.clone())),
            Ask::Receive => {
                if self.signals > 0 {
                    let mut world = self.clone();
                    world.signals -= 1;
                    all.push((Said::Interrupted, world));
                }
                if self.requests > 0 {
                    let mut world = self.clone();
                    world.requests -= 1;
                    let said = match self.first_waiting() {
                        None => Said::Missing,
                        Some(caller) => {
                            if let Caller::Waits { received, .. } = &mut world.callers[caller] {
                                *received = true;
                            }
                            Said::Call((caller, self.calls[caller]))
                        }
                    };
                    all.push((said, world));
                } else if self.ended() {
                    all.push((Said::Missing, self.clone()));
                }
            }
        }
        all
    }

    /// What is wrong with a world in which nothing can happen any more, or with this very one.
    fn complaint(&self, last: bool) -> Option<&'static str> {
        let left = self.workers.iter().all(|w| *w == Worker::Ended);
        if left && !self.ended() {
            return Some("all workers left while callers live");
        }
        (last && !(left && self.ended())).then_some("nothing can happen any more, and somebody waits")
    }
}

/// How many worlds there are, or the first bad one.
fn explore(start: World, decide: Decide) -> Result<usize, (&'static str, World)> {
    let mut seen = HashSet::from([start.clone()]);
    let mut open = vec![start];
    while let Some(world) = open.pop() {
        let next = world.next(decide);
        if let Some(complaint) = world.complaint(next.is_empty()) {
            return Err((complaint, world));
        }
        open.extend(next.into_iter().filter(|w| seen.insert(w.clone())));
    }
    Ok(seen.len())
}

fn real(receiving: &mut Receiving, said: Said<Id>) -> Next<Id> {
    receiving.said(said)
}

#[test]
fn no_order_of_events_loses_an_answer_or_a_worker() {
    for killable in [false, true] {
        for (callers, calls, workers) in [(1, 2, 1), (2, 2, 1), (2, 2, 2), (3, 1, 2), (2, 1, 3)] {
            let worlds = explore(World::new(callers, calls, workers, killable), real);
            let worlds = worlds.unwrap_or_else(|(complaint, world)| panic!("{complaint}: {world:?}"));
            assert!(worlds > 50, "{worlds}");
        }
    }
}

#[test]
fn the_usual_mistakes_are_found() {
    let gives_up_when_missing: Decide = |receiving, said| match said {
        Said::Missing => Next::Ended,
        said => receiving.said(said),
    };
    let gives_up_when_interrupted: Decide = |receiving, said| match said {
        Said::Interrupted => Next::Ended,
        said => receiving.said(said),
    };
    let never_looks: Decide = |receiving, said| match said {
        Said::Missing => receiving.said(Said::Interrupted),
        said => receiving.said(said),
    };
    let two = || World::new(2, 2, 1, false);
    assert_eq!(explore(two(), gives_up_when_missing).unwrap_err().0, "all workers left while callers live");
    assert_eq!(
        explore(two(), gives_up_when_interrupted).unwrap_err().0,
        "all workers left while callers live"
    );
    // It spins for ever: no world is the last one, but no way leads to the end either.
    let stuck = explore(World::new(1, 1, 1, false), never_looks).unwrap();
    let ends = |decide| {
        let mut seen = HashSet::new();
        let mut open = vec![World::new(1, 1, 1, false)];
        let mut found = false;
        while let Some(world) = open.pop() {
            found |= world.workers.iter().all(|w| *w == Worker::Ended);
            open.extend(world.next(decide).into_iter().filter(|w| seen.insert(w.clone())));
        }
        found
    };
    assert!(stuck > 10 && !ends(never_looks) && ends(real));
}
