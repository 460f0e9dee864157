//! Which cells lie nearest to each vector.

use std::sync::{Mutex, PoisonError};

use super::best::Chunk;
use super::tree::Tree;
use super::vectors::Vectors;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::turns::in_turns;

/// Rows that a thread takes at a time.
const CHUNK: usize = 4096;

/// The nearest cells of each row, nearest first.
pub struct Nearest {
    pub cells: Vec<u32>,
    /// How far the row is from the border of its own cell, the first one, to this one.
    pub margins: Vec<f32>,
}

/// A row that visits a cell.
pub type Visit = (u32, u32);

/// The `probes` nearest cells of all rows.
pub fn nearest(vectors: &Vectors<'_>, tree: &Tree, probes: usize, job: &Job) -> Result<Nearest> {
    let height = vectors.height();
    let mut found =
        Nearest { cells: vec![0; height * probes], margins: vec![0.0; height * probes] };
    let parts: Vec<_> = found
        .cells
        .chunks_mut(CHUNK * probes.max(1))
        .zip(found.margins.chunks_mut(CHUNK * probes.max(1)))
        .map(Mutex::new)
        .collect();
    each(vectors, tree, probes, job, |row, cells, margins| {
        let mut part = parts[row / CHUNK].lock().unwrap_or_else(PoisonError::into_inner);
        let places = row % CHUNK * probes..(row % CHUNK + 1) * probes;
        part.0[places.clone()].copy_from_slice(cells);
        part.1[places].copy_from_slice(margins);
    })?;
    drop(parts);
    Ok(found)
}

/// The visits of all rows to those of their `probes` nearest cells whose borders are in reach.
///
/// They are sorted by row, then by nearness of the cell.
pub fn visits(
    vectors: &Vectors<'_>,
    tree: &Tree,
    reach: &[f32],
    probes: usize,
    job: &Job,
) -> Result<Vec<Visit>> {
    if reach.len() != vectors.height() {
        return Err(Error::argument("the reaches are not those of the rows"));
    }
    let parts: Vec<_> = (0..reach.len().div_ceil(CHUNK)).map(|_| Mutex::new(Vec::new())).collect();
    each(vectors, tree, probes, job, |row, cells, margins| {
        let near = cells.iter().zip(margins).skip(1).filter(|(_, margin)| **margin <= reach[row]);
        let mut part = parts[row / CHUNK].lock().unwrap_or_else(PoisonError::into_inner);
        part.extend(near.map(|(&cell, _)| (row as u32, cell)));
    })?;
    let parts =
        parts.into_iter().map(|part| part.into_inner().unwrap_or_else(PoisonError::into_inner));
    Ok(parts.flatten().collect())
}

/// Calls `found` with the cells and margins of every row, in order within each chunk.
fn each(
    vectors: &Vectors<'_>,
    tree: &Tree,
    probes: usize,
    job: &Job,
    found: impl Fn(usize, &[u32], &[f32]) + Sync,
) -> Result<()> {
    let (height, width) = (vectors.height(), vectors.width());
    if tree.width() != width || probes == 0 || probes > tree.cells() {
        return Err(Error::argument(format!(
            "{probes} of {} centroids of {} columns are asked for, for rows of {width}",
            tree.cells(),
            tree.width()
        )));
    }
    let turns = height.div_ceil(CHUNK);
    job.set_total(job.done() + turns);
    let work = |chunk: &mut Chunk, turn: usize| {
        let rows = turn * CHUNK..((turn + 1) * CHUNK).min(height);
        chunk.read(vectors, rows.clone())?;
        let mut best = tree.search(chunk, probes);
        let (mut cells, mut margins) = (Vec::new(), Vec::new());
        for (place, row) in rows.enumerate() {
            cells.clear();
            margins.clear();
            let mut own = None;
            for near in best.of(place) {
                let own = *own.get_or_insert(near);
                cells.push(near.0);
                margins.push(tree.margin(own, near));
            }
            // Groups of few cells may not have as many.
            cells.resize(probes, own.map_or(0, |own| own.0));
            margins.resize(probes, f32::INFINITY);
            found(row, &cells, &margins);
        }
        job.advance(1);
        Ok(())
    };
    in_turns(job, turns, Chunk::default, work)
}
