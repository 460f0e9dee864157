//! Readers → workers, joined by a bounded channel: paths in, one row per path out.
//!
//! Each worker takes a picture from its bytes to its place in a batch and runs its own session
//! when the batch is full, so that as many threads compute as were asked for and never more.

mod pictures;
mod reader;
mod table;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub use pictures::{pixel_digests, write_thumbnails};
pub use table::{Stage, Table};
pub use worker::View;

use crate::decode::Limits;
use crate::embed::{Cancel, Model};
use crate::error::{Error, Result};
use crate::job::{self, Job};

/// What `extract` needs to know besides the paths.
pub struct Settings<'a> {
    pub model: &'a Model,
    pub views: Vec<View>,
    pub min_file_size: u64,
    pub min_width: u32,
    pub min_height: u32,
    pub limits: Limits,
    pub thumbnails: Option<&'a Path>,
    pub thumbnail_side: u32,
}

type PathsOf<'a> = &'a [PathBuf];

/// Threads that only wait for the disk.
const READERS: usize = 2;
/// Files read ahead per worker.
const AHEAD: usize = 8;

/// One row per path. Fails only when the model fails, a thumbnail cannot be written, or the job
/// is stopped.
pub fn extract(paths: &[PathBuf], settings: &Settings<'_>, job: &Job) -> Result<Table> {
    let cancel = Arc::new(Cancel::new()?);
    let stopper = Arc::clone(&cancel);
    job.on_stop(move || stopper.cancel());
    let workers = job.threads().min(paths.len()).max(1);
    let table = Mutex::new(Table::new(paths.len(), settings.model.dim()));
    let (sender, receiver) = crossbeam_channel::bounded(workers * AHEAD);
    let queue = reader::Queue::new(paths, settings.limits);

    std::thread::scope(|scope| {
        for _ in 0..READERS {
            let (sender, queue) = (sender.clone(), &queue);
            job::spawn(scope, move || queue.feed(&sender, job)).inspect_err(|_| job.stop())?;
        }
        drop(sender);
        let threads: Result<Vec<_>> = (0..workers)
            .map(|number| {
                let (receiver, table, cancel) = (receiver.clone(), &table, &cancel);
                job::spawn(scope, move || {
                    let outcome = worker::Worker::new(number, settings, table, cancel, job)
                        .run(&receiver, job, paths)
                        // To stop is to cancel what others compute: how that fails is no cause.
                        .map_err(|error| if job.is_stopped() { Error::Stopped } else { error });
                    if outcome.is_err() {
                        job.stop();
                    }
                    outcome
                })
            })
            .collect();
        // Without one who receives, the readers end.
        drop(receiver);
        let threads = threads.inspect_err(|_| job.stop())?;
        let outcomes = threads.into_iter().map(|thread| {
            thread.join().unwrap_or_else(|_| Err(Error::model("a worker thread panicked")))
        });
        first_cause(outcomes)
    })?;
    job.check()?;
    Ok(table.into_inner().unwrap_or_else(PoisonError::into_inner).finish())
}

/// The error that stopped the others, not their report of having been stopped.
fn first_cause(outcomes: impl Iterator<Item = Result<()>>) -> Result<()> {
    let errors: Vec<Error> = outcomes.filter_map(Result::err).collect();
    let mut stopped = Ok(());
    for error in errors {
        match error {
            Error::Stopped => stopped = Err(Error::Stopped),
            cause => return Err(cause),
        }
    }
    stopped
}
