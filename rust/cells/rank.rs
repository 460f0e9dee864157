//! The neighbors in running lists, by their exact similarities.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::PoisonError;

use super::vectors::Vectors;
use crate::distance::Rows;
use crate::error::{Error, Result};
use crate::exact::Neighbors;
use crate::job::Job;
use crate::matrix::Matrix;
use crate::products::TopK;
use crate::turns::in_turns;

const CHUNK: usize = 1024;

/// The `k` best in the running lists of some rows of `asked`, by their similarity to these.
pub fn rank(
    vectors: &Vectors<'_>,
    asked: &Vectors<'_>,
    rows: Range<usize>,
    lists: &[u64],
    kept: usize,
    k: usize,
    job: &Job,
) -> Result<Neighbors> {
    if kept == 0 || lists.len() != rows.len() * kept || rows.end > asked.height() {
        return Err(Error::argument("the lists are not those of the rows"));
    }
    let found = Mutex::new(Neighbors::empty(rows.len(), k));
    let turns = rows.len().div_ceil(CHUNK);
    job.set_total(job.done() + turns);
    let work = |scratch: &mut Scratch, turn: usize| {
        for place in turn * CHUNK..((turn + 1) * CHUNK).min(rows.len()) {
            let list = &lists[place * kept..][..kept];
            let best = scratch.best(vectors, (asked, rows.start + place), list, k)?;
            found.lock().unwrap_or_else(PoisonError::into_inner).write(place, best);
        }
        job.advance(1);
        Ok(())
    };
    in_turns(job, turns, Scratch::default, work)?;
    Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// How far the `k`-th neighbor in each list is; infinite where there are fewer.
pub fn radii(lists: &[u64], kept: usize, k: usize) -> Vec<f32> {
    let radius = |list: &[u64]| {
        let mut keys = list.to_vec();
        TopK(&mut keys)
            .into_sorted()
            .nth(k - 1)
            .map_or(f32::INFINITY, |(_, score)| (-2.0 * score).max(0.0).sqrt())
    };
    lists.chunks_exact(kept).map(radius).collect()
}

#[derive(Default)]
struct Scratch {
    values: Vec<f32>,
    keys: Vec<u64>,
}

impl Scratch {
    fn best(
        &mut self,
        vectors: &Vectors<'_>,
        asked: (&Vectors<'_>, usize),
        list: &[u64],
        k: usize,
    ) -> Result<Vec<(u32, f32)>> {
        let width = vectors.width();
        let known = || list.iter().filter(|&&key| key != 0).map(|&key| !(key as u32));
        self.values.clear();
        self.values.resize((1 + known().count()) * width, 0.0);
        let (own, others) = self.values.split_at_mut(width);
        asked.0.stored.read(asked.1, own);
        for (id, out) in known().zip(others.chunks_exact_mut(width)) {
            vectors.stored.read(id as usize, out);
        }
        let rows = Rows::new(Matrix::new(&self.values, width)?, vectors.distance)?;
        self.keys.clear();
        self.keys.resize(k, 0);
        for (place, id) in known().enumerate() {
            TopK(&mut self.keys).push(rows.similarity(0, &rows, 1 + place), id);
        }
        Ok(TopK(&mut self.keys).into_sorted().collect())
    }
}
