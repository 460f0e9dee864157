//! One small job per picture, in parallel: thumbnails, and digests of pixels.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::reader::read;
use crate::decode::{Decoded, Decoder, Failure, Limits};
use crate::digest::{self, Digest};
use crate::error::Result;
use crate::job::{self, Job};
use crate::preprocess::Preprocessor;
use crate::thumbnail;

/// The digest of each upright, fully decoded picture; `None` where there is none.
pub fn pixel_digests(paths: &[PathBuf], limits: Limits, job: &Job) -> Result<Vec<Option<Digest>>> {
    for_each(paths, job, || {
        let mut decoder = Decoder::new(limits, job);
        move |row: usize| {
            let decoded = load(&mut decoder, &paths[row], limits, None).ok()?;
            Some(digest::of_pixels(&decoded.picture))
        }
    })
}

/// Writes a thumbnail to each target; gives the reason where that failed.
pub fn write_thumbnails(
    paths: &[PathBuf],
    targets: &[PathBuf],
    side: u32,
    limits: Limits,
    job: &Job,
) -> Result<Vec<Option<String>>> {
    for_each(paths, job, || {
        let (mut decoder, mut preprocessor) = (Decoder::new(limits, job), Preprocessor::default());
        move |row: usize| {
            let decoded = match load(&mut decoder, &paths[row], limits, Some(side)) {
                Ok(decoded) => decoded,
                Err(failure) => return Some(failure.to_string()),
            };
            let small = preprocessor.thumbnail(&decoded.picture, side);
            drop(decoded);
            thumbnail::encode_jpeg(&small, thumbnail::QUALITY)
                .and_then(|bytes| thumbnail::write(&targets[row], &bytes))
                .err()
                .map(|error| error.to_string())
        }
    })
}

fn load(
    decoder: &mut Decoder<'_>,
    path: &Path,
    limits: Limits,
    short_side: Option<u32>,
) -> std::result::Result<Decoded, Failure> {
    let bytes = read(path, limits)?;
    let extension = path.extension().and_then(|name| name.to_str()).map(str::to_ascii_lowercase);
    decoder.decode(&bytes, extension.as_deref(), short_side)
}

/// Calls a worker of each thread's own for every row; results in the order of the rows.
fn for_each<T: Send, W: FnMut(usize) -> T>(
    paths: &[PathBuf],
    job: &Job,
    worker: impl Fn() -> W + Sync,
) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let run = || {
        let mut work = worker();
        let mut results = Vec::new();
        while !job.is_stopped() {
            let row = next.fetch_add(1, Ordering::Relaxed);
            if row >= paths.len() {
                break;
            }
            results.push((row, work(row)));
            job.advance(1);
        }
        results
    };
    let mut results = std::thread::scope(|scope| -> Result<Vec<(usize, T)>> {
        let count = job.threads().min(paths.len());
        let threads: Result<Vec<_>> = (0..count).map(|_| job::spawn(scope, run)).collect();
        let threads = threads.inspect_err(|_| job.stop())?;
        let results = threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("decoders' panics are caught"));
        Ok(results.collect())
    })?;
    job.check()?;
    results.sort_unstable_by_key(|(row, _)| *row);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}
