//! Bytes that may be read ahead.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// All files together; one larger file may pass alone.
const BUDGET: usize = 96 << 20;

#[derive(Default)]
pub struct Budget {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    held: usize,
    closed: bool,
}

/// A file's share, until it is dropped.
pub struct Permit {
    budget: Arc<Budget>,
    size: usize,
}

impl Budget {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody waits any more.
    pub fn close(&self) {
        self.lock().closed = true;
        self.freed.notify_all();
    }

    /// Waits until there is room for `size` bytes; `None` once it is closed.
    pub fn wait(self: &Arc<Self>, size: usize) -> Option<Permit> {
        let mut state = self.lock();
        while state.held > 0 && state.held + size > BUDGET && !state.closed {
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return None;
        }
        state.held += size;
        Some(Permit { budget: Arc::clone(self), size })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.budget.lock().held -= self.size;
        self.budget.freed.notify_all();
    }
}
