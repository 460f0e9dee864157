//! Pictures in, one row per image out.
//!
//! Each worker takes a picture from its bytes to its place in a batch and runs its own session
//! when the batch is full, so that as many threads compute as were asked for and never more.

mod budget;
mod crew;
mod exchange;
mod inputs;
mod pictures;
mod reader;
mod table;
mod worker;
mod zip;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

pub use exchange::{Content, Exchange, Finished, Request};
pub use inputs::{Inputs, Place};
pub use pictures::{Decoding, pixel_digests, write_thumbnails};
pub use table::{Stage, Table};
pub use worker::View;

use crate::decode::{Limits, Stretch};
use crate::embed::{Cancel, Model};
use crate::error::Result;
use crate::job::Job;

/// What `extract` needs to know besides the pictures.
pub struct Settings<'a> {
    pub model: &'a Model,
    pub views: Vec<View>,
    pub min_file_size: u64,
    pub min_width: u32,
    pub min_height: u32,
    pub limits: Limits,
    pub stretch: Stretch,
    pub thumbnails: Option<&'a Path>,
    pub thumbnail_side: u32,
}

/// One row per image. Fails only when the model fails, a thumbnail cannot be written, or the job
/// is stopped.
pub fn extract(
    inputs: &Inputs,
    exchange: &Arc<Exchange>,
    settings: &Settings<'_>,
    job: &Job,
) -> Result<Table> {
    let cancel = Arc::new(Cancel::new()?);
    let (stopper, closer) = (Arc::clone(&cancel), Arc::clone(exchange));
    job.on_stop(move || {
        stopper.cancel();
        closer.close();
    });
    let table = Mutex::new(Table::new(inputs.images(), settings.model.dim()));
    let known = Mutex::new(HashMap::new());
    let shared = worker::Shared { inputs, exchange, settings, table: &table, known: &known, job };
    crew::work(inputs, exchange, settings.limits, job, |number| {
        worker::Worker::new(number, shared, &cancel)
    })?;
    job.check()?;
    Ok(table.into_inner().unwrap_or_else(PoisonError::into_inner).finish())
}
