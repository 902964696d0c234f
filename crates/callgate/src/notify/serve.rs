//! Several workers on one listener.

use super::{Call, Error, Listener};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Scope};

impl Listener {
    /// Answers calls with `answer` until the last task with the filter has exited. There is always a worker
    /// that waits for the next call, as long as fewer than `most` are busy: an answer that takes its time, a
    /// connection or a person's, keeps nobody else waiting. Starts with one worker; no worker ends before all.
    ///
    /// ```
    /// use callgate::{Policy, notify};
    ///
    /// let policy = Policy::parse("default allow\nnotify getppid\n")?;
    /// let spawned = notify::spawn(&policy, &["sh", "-c", "exit $PPID"], notify::Options::default())?;
    /// spawned.listener.serve(8, |call| {
    ///     let _ = call.return_value(7);
    /// })?;
    /// assert_eq!(spawned.child.wait()?.exit_code(), 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Listener::receive`], or `EAGAIN` when not even a single worker could be started.
    pub fn serve(&self, most: usize, answer: impl Fn(Call<'_>) + Sync) -> Result<(), Error> {
        let pool = Pool {
            listener: self,
            answer: &answer,
            most: most.max(1),
            busy: AtomicUsize::new(0),
            workers: AtomicUsize::new(1),
            failed: Mutex::new(None),
        };
        thread::scope(|scope| pool.work(scope));
        match pool.failed.into_inner() {
            Ok(Some(e)) => Err(e),
            Ok(None) | Err(_) => Ok(()),
        }
    }
}

struct Pool<'p, F> {
    listener: &'p Listener,
    answer: &'p F,
    most: usize,
    busy: AtomicUsize,
    workers: AtomicUsize,
    failed: Mutex<Option<Error>>,
}

impl<'p, F: Fn(Call<'_>) + Sync> Pool<'p, F> {
    fn work<'s>(&'s self, scope: &'s Scope<'s, '_>)
    where
        'p: 's,
    {
        loop {
            let call = match self.listener.receive() {
                Ok(Some(call)) => call,
                Ok(None) => return,
                Err(e) => {
                    if let Ok(mut failed) = self.failed.lock() {
                        failed.get_or_insert(e);
                    }
                    return;
                }
            };
            self.reinforce(scope);
            (self.answer)(call);
            self.busy.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// This worker is busy from now on: if that leaves nobody to receive, start one more.
    fn reinforce<'s>(&'s self, scope: &'s Scope<'s, '_>)
    where
        'p: 's,
    {
        let busy = self.busy.fetch_add(1, Ordering::AcqRel) + 1;
        let workers = self.workers.load(Ordering::Acquire);
        if busy < workers || workers >= self.most {
            return;
        }
        let one_more =
            self.workers.compare_exchange(workers, workers + 1, Ordering::AcqRel, Ordering::Acquire);
        if one_more.is_ok() && thread::Builder::new().spawn_scoped(scope, || self.work(scope)).is_err() {
            // No room for a thread: those there are go on.
            self.workers.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
