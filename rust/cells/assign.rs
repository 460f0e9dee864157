//! Which cells lie nearest to each vector.

use std::sync::{Mutex, PoisonError};

use super::vectors::Vectors;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::products::{Kernel, Panels, TopK};
use crate::turns::in_turns;

/// Rows that a thread takes at a time.
const CHUNK: usize = 2048;

/// The nearest cells of each row, nearest first, and the squared distances to their centroids.
pub struct Nearest {
    pub cells: Vec<u32>,
    pub squared: Vec<f32>,
}

/// The `probes` nearest of the centroids, which are in the same space as the vectors.
pub fn nearest(
    vectors: &Vectors<'_>,
    centroids: &Vectors<'_>,
    probes: usize,
    job: &Job,
) -> Result<Nearest> {
    let (height, width) = (vectors.height(), vectors.width());
    if centroids.width() != width || probes == 0 || probes > centroids.height() {
        return Err(Error::argument(format!(
            "{probes} of {} centroids of {} columns are asked for, for rows of {width}",
            centroids.height(),
            centroids.width()
        )));
    }
    let kernel = Kernel::best();
    let columns =
        Panels::pack(centroids.height(), width, kernel.panel, |row, out| centroids.write(row, out));
    let mut found =
        Nearest { cells: vec![0; height * probes], squared: vec![0.0; height * probes] };
    let parts: Vec<_> = found
        .cells
        .chunks_mut(CHUNK * probes)
        .zip(found.squared.chunks_mut(CHUNK * probes))
        .map(Mutex::new)
        .collect();
    let work = |search: &mut Search, turn: usize| {
        let mut part = parts[turn].lock().unwrap_or_else(PoisonError::into_inner);
        let (cells, squared) = &mut *part;
        search.run(vectors, turn * CHUNK, &columns, probes, (cells, squared))
    };
    in_turns(job, parts.len(), || Search::new(kernel), work)?;
    drop(parts);
    Ok(found)
}

struct Search {
    kernel: Kernel,
    keys: Vec<u64>,
    thresholds: Vec<f32>,
}

impl Search {
    fn new(kernel: Kernel) -> Self {
        Self { kernel, keys: Vec::new(), thresholds: Vec::new() }
    }

    fn run(
        &mut self,
        vectors: &Vectors<'_>,
        first: usize,
        columns: &Panels,
        probes: usize,
        out: (&mut [u32], &mut [f32]),
    ) -> Result<()> {
        let height = CHUNK.min(vectors.height() - first);
        let mut checked = vec![0.0; vectors.width()];
        for row in first..first + height {
            vectors.check(row, &mut checked)?;
        }
        let panel = self.kernel.panel;
        let rows = Panels::pack(height, vectors.width(), panel, |row, out| {
            vectors.write(first + row, out)
        });
        self.keys.clear();
        self.keys.resize(rows.count() * panel * probes, 0);
        self.thresholds.clear();
        self.thresholds.resize(rows.count() * panel, f32::NEG_INFINITY);
        let (nothing, mut hits) = (vec![f32::INFINITY; panel], Vec::new());
        for q in 0..columns.count() {
            for p in 0..rows.count() {
                let wanted = &self.thresholds[p * panel..][..panel];
                (self.kernel.compare)(rows.side(p, wanted), columns.side(q, &nothing), &mut hits);
                for hit in hits.drain(..) {
                    let (row, column) = hit.rows(p * panel, q * panel);
                    let mut list = TopK(&mut self.keys[row * probes..][..probes]);
                    if list.push(hit.score, column as u32) {
                        self.thresholds[row] = list.threshold();
                    }
                }
            }
        }
        let places = out.0.chunks_exact_mut(probes).zip(out.1.chunks_exact_mut(probes));
        for (list, (cells, squared)) in self.keys.chunks_exact_mut(probes).zip(places) {
            let places = cells.iter_mut().zip(squared);
            for ((cell, squared), found) in places.zip(TopK(list).into_sorted()) {
                (*cell, *squared) = (found.0, (-2.0 * found.1).max(0.0));
            }
        }
        Ok(())
    }
}
