//! What a long job shares with whoever watches it: a stop flag and a counter.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, Scope, ScopedJoinHandle};

use crate::error::{Error, Result};

/// A running job, shared by its worker threads and the thread that supervises them.
pub struct Job {
    stop: AtomicBool,
    done: AtomicUsize,
    total: AtomicUsize,
    threads: usize,
    on_stop: Mutex<Option<OnStop>>,
}

type OnStop = Box<dyn Fn() + Send>;

/// More threads than any machine has cores only cost memory.
const MOST_THREADS: usize = 1024;

/// A thread of a job; an error, and no panic, where the system gives no more of them.
pub fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>> {
    Builder::new().spawn_scoped(scope, work).map_err(|error| {
        Error::argument(format!("num_threads: no more threads can be started ({error}); use fewer"))
    })
}

impl Job {
    /// A job of `total` steps on `threads` worker threads (1 to 1024).
    pub fn new(total: usize, threads: usize) -> Self {
        Self {
            stop: AtomicBool::new(false),
            done: AtomicUsize::new(0),
            total: AtomicUsize::new(total),
            threads: threads.clamp(1, MOST_THREADS),
            on_stop: Mutex::new(None),
        }
    }

    pub fn threads(&self) -> usize {
        self.threads
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(act) = self.on_stop.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            act();
        }
    }

    /// `act` ends what cannot look at the flag, such as a running inference.
    pub fn on_stop(&self, act: impl Fn() + Send + 'static) {
        *self.on_stop.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(act));
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Workers call this between images or tiles.
    pub fn check(&self) -> Result<()> {
        if self.is_stopped() { Err(Error::Stopped) } else { Ok(()) }
    }

    pub fn advance(&self, steps: usize) {
        self.done.fetch_add(steps, Ordering::Relaxed);
    }

    pub fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    pub fn total(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    /// For jobs that learn their size only when they have started.
    pub fn set_total(&self, total: usize) {
        self.total.store(total, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_numbers_of_threads_are_bounded() {
        assert_eq!(Job::new(0, 1_000_000).threads(), MOST_THREADS);
        assert_eq!(Job::new(0, 0).threads(), 1);
    }
}
