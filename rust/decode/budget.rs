//! The bytes that all decoders together may hold: very large pictures wait for each other.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Code, Failure};
use crate::job::Job;

/// One picture that needs more may pass alone.
const BUDGET: u64 = 512 << 20;
/// Pictures up to this size need no permit: their number is that of the threads.
const SMALL: u64 = 16 << 20;
/// How often one who waits looks whether the job was stopped.
const TICK: Duration = Duration::from_millis(20);

static SHARED: Budget = Budget::new();

struct Budget {
    state: Mutex<State>,
    freed: Condvar,
}

struct State {
    held: u64,
    /// Those who wait for more than half of the budget; nobody overtakes them.
    large_waiting: usize,
}

/// A picture's share of the budget, until it is dropped.
pub struct Turn {
    budget: &'static Budget,
    bytes: u64,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.budget.lock().held -= self.bytes;
        self.budget.freed.notify_all();
    }
}

/// Waits until `bytes` may be held; gives up when the job is stopped.
pub fn turn(bytes: u64, job: &Job) -> Result<Option<Turn>, Failure> {
    if job.is_stopped() {
        return Err(stopped());
    }
    if bytes <= SMALL { Ok(None) } else { SHARED.wait(bytes, job).map(Some) }
}

/// Nobody sees it: the job ends without a table.
fn stopped() -> Failure {
    Failure::new(Code::DecodeTimeout, "the job was stopped")
}

impl Budget {
    const fn new() -> Self {
        Self { state: Mutex::new(State { held: 0, large_waiting: 0 }), freed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&'static self, bytes: u64, job: &Job) -> Result<Turn, Failure> {
        let large = bytes > BUDGET / 2;
        let mut state = self.lock();
        state.large_waiting += usize::from(large);
        while !job.is_stopped() && !state.has_room(bytes, large) {
            let waited = self.freed.wait_timeout(state, TICK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.large_waiting -= usize::from(large);
        if job.is_stopped() {
            return Err(stopped());
        }
        state.held += bytes;
        Ok(Turn { budget: self, bytes })
    }
}

impl State {
    fn has_room(&self, bytes: u64, large: bool) -> bool {
        (large || self.large_waiting == 0) && (self.held == 0 || self.held + bytes <= BUDGET)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn one_larger_than_the_budget_passes_alone_and_before_later_ones() {
        static BUDGET_OF_TEST: Budget = Budget::new();
        let job = Job::new(0, 1);
        let first = BUDGET_OF_TEST.wait(100, &job).expect("room");
        std::thread::scope(|scope| {
            let huge = scope.spawn(|| BUDGET_OF_TEST.wait(BUDGET * 2, &job).expect("room"));
            while BUDGET_OF_TEST.lock().large_waiting == 0 {
                std::thread::yield_now();
            }
            assert!(!BUDGET_OF_TEST.lock().has_room(100, false));
            drop(first);
            let huge = huge.join().expect("no panic");
            assert_eq!(BUDGET_OF_TEST.lock().held, BUDGET * 2);
            assert!(!BUDGET_OF_TEST.lock().has_room(100, false));
            drop(huge);
        });
        assert!(BUDGET_OF_TEST.lock().has_room(BUDGET, true));
    }

    #[test]
    fn who_waits_gives_up_when_the_job_is_stopped() {
        static BUDGET_OF_TEST: Budget = Budget::new();
        let job = Job::new(0, 1);
        let _held = BUDGET_OF_TEST.wait(BUDGET, &job).expect("room");
        let started = Instant::now();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| BUDGET_OF_TEST.wait(BUDGET, &job).is_err());
            job.stop();
            assert!(waiting.join().expect("no panic"));
        });
        assert!(started.elapsed() < Duration::from_millis(500));
        assert_eq!(BUDGET_OF_TEST.lock().large_waiting, 0);
    }
}
