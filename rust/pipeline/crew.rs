//! Readers → workers, joined by a bounded channel.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded, select};

use super::exchange::{Delivery, Exchange};
use super::inputs::Inputs;
use super::reader::{Queue, forward};
use crate::decode::Limits;
use crate::error::{Error, Result};
use crate::job::{self, Job};

/// Threads that only wait for the disk.
const READERS: usize = 2;
/// Files read ahead per worker.
const AHEAD: usize = 8;
const TICK: std::time::Duration = std::time::Duration::from_millis(20);

/// What a worker does, on a thread of its own.
pub trait Handler {
    type Output: Send;

    /// One picture; what it cannot decode it may give out through the exchange.
    fn picture(&mut self, delivery: Delivery) -> Result<()>;

    /// When all has been handled.
    fn end(self) -> Result<Self::Output>;
}

/// Brings every picture to one of the workers; what they end with, in no order.
pub fn work<H: Handler>(
    inputs: &Inputs,
    exchange: &Arc<Exchange>,
    limits: Limits,
    job: &Job,
    worker: impl Fn(usize) -> H + Sync,
) -> Result<Vec<H::Output>> {
    let workers = job.threads().min(inputs.pictures()).max(1);
    let (sender, receiver) = bounded(workers * AHEAD);
    let queue = Queue::new(inputs, exchange, limits);
    std::thread::scope(|scope| {
        let outcome = (|| {
            start_readers(scope, inputs, exchange, &queue, sender, job)?;
            let threads: Result<Vec<_>> = (0..workers)
                .map(|number| {
                    let (receiver, worker) = (receiver.clone(), &worker);
                    job::spawn(scope, move || {
                        let outcome = run(worker(number), &receiver, exchange, job);
                        if outcome.is_err() {
                            job.stop();
                            exchange.close();
                        }
                        outcome
                    })
                })
                .collect();
            // Without one who receives, the readers end.
            drop(receiver);
            let outcomes = threads?.into_iter().map(|thread| {
                thread.join().unwrap_or_else(|_| Err(Error::model("a worker thread panicked")))
            });
            all_or_cause(outcomes)
        })();
        if outcome.is_err() {
            job.stop();
        }
        exchange.close();
        outcome
    })
}

fn start_readers<'scope, 'env>(
    scope: &'scope std::thread::Scope<'scope, 'env>,
    inputs: &'env Inputs,
    exchange: &'env Exchange,
    queue: &'env Queue<'env>,
    sender: Sender<Delivery>,
    job: &'env Job,
) -> Result<()>
where
    'env: 'scope,
{
    let brought = inputs.brought();
    if brought < inputs.pictures() {
        for _ in 0..READERS {
            let sender = sender.clone();
            job::spawn(scope, move || queue.feed(&sender))?;
        }
    }
    if brought > 0 {
        job::spawn(scope, move || forward(inputs, exchange, &sender, job))?;
    }
    Ok(())
}

fn run<H: Handler>(
    mut handler: H,
    receiver: &Receiver<Delivery>,
    exchange: &Exchange,
    job: &Job,
) -> Result<H::Output> {
    while let Some(delivery) = next(receiver, exchange, job) {
        job.check()?;
        handler.picture(delivery)?;
    }
    job.check()?;
    handler.end()
}

/// What comes back goes first, or it would pile up.
fn next(receiver: &Receiver<Delivery>, exchange: &Exchange, job: &Job) -> Option<Delivery> {
    let answers = exchange.answers();
    let settled = |answer: Delivery| {
        exchange.settle();
        Some(answer)
    };
    if let Ok(answer) = answers.try_recv() {
        return settled(answer);
    }
    select! {
        recv(answers) -> answer => if let Ok(answer) = answer { return settled(answer) },
        recv(receiver) -> delivery => if let Ok(delivery) = delivery { return Some(delivery) },
    }
    // All has been read; something may still come back.
    while exchange.is_waiting() && !job.is_stopped() {
        if let Ok(answer) = answers.recv_timeout(TICK) {
            return settled(answer);
        }
    }
    None
}

/// The error that stopped the others, not their report of having been stopped.
fn all_or_cause<T>(outcomes: impl Iterator<Item = Result<T>>) -> Result<Vec<T>> {
    let (mut done, mut stopped) = (Vec::new(), false);
    let mut cause = None;
    for outcome in outcomes {
        match outcome {
            Ok(output) => done.push(output),
            Err(Error::Stopped) => stopped = true,
            Err(error) => cause = cause.or(Some(error)),
        }
    }
    match cause {
        Some(error) => Err(error),
        None if stopped => Err(Error::Stopped),
        None => Ok(done),
    }
}
