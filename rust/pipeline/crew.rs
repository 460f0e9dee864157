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
    /// One picture; what it cannot decode it may give out through the exchange.
    fn picture(&mut self, delivery: Delivery) -> Result<()>;

    /// When all has been handled.
    fn end(self) -> Result<()>;
}

/// Brings every picture to one of the workers; fails if the exchange is closed before that.
pub fn work<H: Handler>(
    inputs: &Inputs,
    exchange: &Arc<Exchange>,
    limits: Limits,
    job: &Job,
    worker: impl Fn(usize) -> H + Sync,
) -> Result<()> {
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
            cause_of(outcomes)
        })();
        if outcome.is_err() {
            job.stop();
        }
        let complete = !exchange.is_closed();
        exchange.close();
        outcome.and(if complete { Ok(()) } else { Err(Error::Stopped) })
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
) -> Result<()> {
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
    while exchange.is_waiting() && !exchange.is_closed() && !job.is_stopped() {
        if let Ok(answer) = answers.recv_timeout(TICK) {
            return settled(answer);
        }
    }
    None
}

/// The error that stopped the others, not their report of having been stopped.
fn cause_of(outcomes: impl Iterator<Item = Result<()>>) -> Result<()> {
    let mut known = Ok(());
    for outcome in outcomes {
        if matches!(known, Ok(()) | Err(Error::Stopped)) && outcome.is_err() {
            known = outcome;
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::crop::Rules;
    use crate::decode::{Code, Failure};
    use crate::pipeline::exchange::{Content, Request};
    use crate::pipeline::inputs::Place;

    const LIMITS: Limits = Limits { max_side: 1000, max_pixels: 100_000 };
    const PATIENCE: Duration = Duration::from_secs(10);

    /// Every second picture is brought, the others are files that are not there.
    fn inputs(count: usize) -> Inputs {
        let place = |number| if number % 2 == 0 { Place::Brought } else { Place::File };
        Inputs::new(
            vec![PathBuf::from("/nowhere"); count],
            vec![String::new(); count],
            (0..count).map(place).collect(),
            (0..=count).collect(),
            vec![None; count],
            Rules::default(),
        )
        .expect("good")
    }

    /// Gives out all that has bytes, and notes the rest.
    struct Notes<'a> {
        exchange: &'a Exchange,
        job: &'a Job,
        seen: &'a Mutex<Vec<usize>>,
    }

    impl Handler for Notes<'_> {
        fn picture(&mut self, delivery: Delivery) -> Result<()> {
            let picture = delivery.picture;
            if let Ok(Content::Encoded(bytes)) = delivery.content {
                let request = Request { picture, bytes, extension: None, short_side: None };
                return if self.exchange.ask(request, self.job) {
                    Ok(())
                } else {
                    Err(Error::Stopped)
                };
            }
            self.seen.lock().expect("no panic").push(picture);
            Ok(())
        }

        fn end(self) -> Result<()> {
            Ok(())
        }
    }

    fn bring(exchange: &Exchange, count: usize) {
        for picture in (0..count).step_by(2) {
            assert!(exchange.put(picture, Ok(Content::Encoded(vec![0])), 0.0));
        }
    }

    #[test]
    fn every_picture_comes_once_however_it_comes() {
        const COUNT: usize = 301;
        let (inputs, job) = (inputs(COUNT), Job::new(COUNT, 3));
        let (exchange, seen) = (Arc::new(Exchange::default()), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            scope.spawn(|| bring(&exchange, COUNT));
            for _ in 0..2 {
                scope.spawn(|| {
                    while let Some(Request { picture, .. }) = exchange.take(PATIENCE) {
                        exchange.answer(picture, Err(Failure::new(Code::Corrupt, "")), 0.0);
                    }
                });
            }
            work(&inputs, &exchange, LIMITS, &job, |_| Notes {
                exchange: &exchange,
                job: &job,
                seen: &seen,
            })
            .expect("all was brought");
        });
        let mut seen = seen.into_inner().expect("no panic");
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..COUNT));
    }

    #[test]
    fn what_is_closed_while_something_is_to_come_back_ends_as_stopped() {
        let (inputs, job) = (inputs(2), Job::new(2, 2));
        let (exchange, seen) = (Arc::new(Exchange::default()), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                bring(&exchange, 2);
                assert!(exchange.take(PATIENCE).is_some());
                exchange.close();
            });
            let outcome = work(&inputs, &exchange, LIMITS, &job, |_| Notes {
                exchange: &exchange,
                job: &job,
                seen: &seen,
            });
            assert!(matches!(outcome, Err(Error::Stopped)));
        });
    }

    #[test]
    fn the_error_that_stopped_the_others_is_told() {
        let outcomes = [Ok(()), Err(Error::Stopped), Err(Error::model("it")), Err(Error::Stopped)];
        assert!(matches!(cause_of(outcomes.into_iter()), Err(Error::Model(_))));
        assert!(matches!(cause_of([Ok(()), Err(Error::Stopped)].into_iter()), Err(Error::Stopped)));
        assert!(cause_of([Ok(()), Ok(())].into_iter()).is_ok());
    }
}
