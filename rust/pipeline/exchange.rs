//! Where pictures are handed over that are not read or not decoded here.
//!
//! Others bring pictures; and what the workers cannot decode goes out through here, and comes back
//! as pixels. The workers never wait for room on the way back, so nobody waits for each other.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::budget::{Budget, Permit};
use crate::decode::{Failure, Picture};
use crate::job::Job;

/// Pictures that may wait to be decoded elsewhere.
const MOST_REQUESTS: usize = 8;
const TICK: Duration = Duration::from_millis(50);

/// A picture that was decoded elsewhere: upright.
pub struct Finished {
    pub picture: Picture,
    /// Its full size, where it was decoded at a smaller one.
    pub width: u32,
    pub height: u32,
    pub format: String,
    pub damage: Option<String>,
}

pub enum Content {
    Encoded(Vec<u8>),
    Decoded(Finished),
}

impl Content {
    fn bytes(&self) -> usize {
        match self {
            Self::Encoded(bytes) => bytes.len(),
            Self::Decoded(finished) => finished.picture.pixels.len(),
        }
    }
}

/// A picture, or why there is none.
pub struct Delivery {
    pub picture: usize,
    pub content: Result<Content, Failure>,
    pub permit: Option<Permit>,
    /// That it took to get it.
    pub seconds: f64,
}

/// A picture that is to be decoded elsewhere.
pub struct Request {
    pub picture: usize,
    pub bytes: Vec<u8>,
    pub extension: Option<String>,
    /// It may come back smaller, but its short side not below this.
    pub short_side: Option<u32>,
}

#[derive(Default)]
struct State {
    brought: VecDeque<Delivery>,
    requests: VecDeque<Request>,
    closed: bool,
}

/// One per job.
pub struct Exchange {
    state: Mutex<State>,
    changed: Condvar,
    budget: Arc<Budget>,
    answers: (Sender<Delivery>, Receiver<Delivery>),
    outstanding: AtomicUsize,
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            budget: Arc::new(Budget::default()),
            answers: unbounded(),
            outstanding: AtomicUsize::new(0),
        }
    }
}

impl Exchange {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What may be held of all pictures that wait.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// Nobody waits any more; what comes is let fall.
    pub fn close(&self) {
        self.lock().closed = true;
        self.budget.close();
        self.changed.notify_all();
    }

    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Hands over a picture when there is room for it; false once nobody wants any.
    pub fn put(&self, picture: usize, content: Result<Content, Failure>, seconds: f64) -> bool {
        let size = content.as_ref().map_or(0, Content::bytes);
        let Some(permit) = self.budget.wait(size) else { return false };
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        state.brought.push_back(Delivery { picture, content, permit: Some(permit), seconds });
        self.changed.notify_all();
        true
    }

    /// The next picture that was brought; `None` when the job is stopped.
    pub fn next(&self, job: &Job) -> Option<Delivery> {
        let mut state = self.lock();
        loop {
            if job.is_stopped() || state.closed {
                return None;
            }
            if let Some(delivery) = state.brought.pop_front() {
                return Some(delivery);
            }
            state =
                self.changed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Gives a picture out to be decoded; false when the job is stopped.
    pub fn ask(&self, request: Request, job: &Job) -> bool {
        let mut state = self.lock();
        while state.requests.len() >= MOST_REQUESTS && !state.closed && !job.is_stopped() {
            state =
                self.changed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.closed || job.is_stopped() {
            return false;
        }
        self.outstanding.fetch_add(1, Ordering::SeqCst);
        state.requests.push_back(request);
        self.changed.notify_all();
        true
    }

    /// A picture to decode, for one who does that elsewhere; `None` after `patience`.
    pub fn take(&self, patience: Duration) -> Option<Request> {
        let end = Instant::now() + patience;
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(request) = state.requests.pop_front() {
                self.changed.notify_all();
                return Some(request);
            }
            let rest = end.checked_duration_since(Instant::now())?;
            state =
                self.changed.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Brings back what was taken.
    pub fn answer(&self, picture: usize, content: Result<Content, Failure>, seconds: f64) {
        // It cannot fail: this object holds the receiver.
        let _ = self.answers.0.send(Delivery { picture, content, permit: None, seconds });
    }

    /// Pictures that come back.
    pub fn answers(&self) -> &Receiver<Delivery> {
        &self.answers.1
    }

    /// Says that an answer has been received.
    pub fn settle(&self) {
        self.outstanding.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether something is still to come back.
    pub fn is_waiting(&self) -> bool {
        self.outstanding.load(Ordering::SeqCst) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Code;

    fn encoded(length: usize) -> Content {
        Content::Encoded(vec![0; length])
    }

    fn request(picture: usize) -> Request {
        Request { picture, bytes: Vec::new(), extension: None, short_side: None }
    }

    #[test]
    fn who_brings_too_much_waits_until_it_is_consumed() {
        let exchange = Exchange::default();
        let job = Job::new(0, 1);
        assert!(exchange.put(0, Ok(encoded(60 << 20)), 0.0));
        std::thread::scope(|scope| {
            let second = scope.spawn(|| exchange.put(1, Ok(encoded(60 << 20)), 0.0));
            let first = exchange.next(&job).expect("the first");
            assert_eq!(first.picture, 0);
            assert!(!second.is_finished());
            drop(first);
            assert!(second.join().expect("no panic"));
        });
        assert_eq!(exchange.next(&job).expect("the second").picture, 1);
    }

    #[test]
    fn closing_lets_everybody_go() {
        let exchange = Exchange::default();
        let job = Job::new(0, 1);
        assert!(exchange.put(0, Ok(encoded(90 << 20)), 0.0));
        for picture in 0..MOST_REQUESTS {
            assert!(exchange.ask(request(picture), &job));
        }
        std::thread::scope(|scope| {
            let bringing = scope.spawn(|| exchange.put(1, Ok(encoded(90 << 20)), 0.0));
            let asking = scope.spawn(|| exchange.ask(request(99), &job));
            exchange.close();
            assert!(!bringing.join().expect("no panic"));
            assert!(!asking.join().expect("no panic"));
        });
        assert!(exchange.take(Duration::from_mins(1)).is_none());
        assert!(exchange.next(&job).is_none());
    }

    #[test]
    fn what_is_asked_for_comes_back() {
        let exchange = Exchange::default();
        let job = Job::new(0, 1);
        assert!(!exchange.is_waiting());
        assert!(exchange.ask(request(7), &job));
        assert!(exchange.is_waiting());
        let asked = exchange.take(Duration::ZERO).expect("the request");
        exchange.answer(asked.picture, Err(Failure::new(Code::Corrupt, "broken")), 0.5);
        let answer = exchange.answers().recv().expect("the answer");
        assert_eq!((answer.picture, answer.seconds), (7, 0.5));
        exchange.settle();
        assert!(!exchange.is_waiting());
        assert!(exchange.take(Duration::ZERO).is_none());
    }
}
