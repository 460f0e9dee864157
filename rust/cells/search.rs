//! Neighbors within cells, and of the guests of cells.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::vectors::Vectors;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::products::{Hit, Kernel, Panels, TopK, key};
use crate::turns::in_turns;

/// Bytes of packed rows that are compared at a time with as many others: two such blocks fit
/// into the second-level cache.
const BLOCK_BYTES: usize = 384 << 10;
/// Rows whose lists have a lock together.
const STRIPE: usize = 256;

/// Where the rows of each cell lie, and the rows of other cells that are its guests.
pub struct Cells<'a> {
    /// The rows of cell c are from `offsets[c]` to `offsets[c + 1]`.
    pub offsets: &'a [u64],
    /// The guests of all cells, and where those of each begin; None: rows look at their own cell.
    pub guests: Option<(&'a [u32], &'a [u64])>,
}

impl Cells<'_> {
    fn check(&self, rows: usize) -> Result<()> {
        let bad = |what: &str| Err(Error::argument(format!("{what} of cells are no ranges")));
        let ranges = |offsets: &[u64], most: usize| {
            offsets.is_sorted() && offsets.last().is_some_and(|&last| last <= most as u64)
        };
        if !ranges(self.offsets, rows) {
            return bad("offsets");
        }
        let Some((guests, offsets)) = self.guests else { return Ok(()) };
        if !ranges(offsets, guests.len()) || offsets.len() != self.offsets.len() {
            return bad("guests' offsets");
        }
        if guests.iter().any(|&row| row as usize >= rows) {
            return Err(Error::argument("a guest of a cell is no row"));
        }
        Ok(())
    }
}

fn range(offsets: &[u64], cell: usize) -> Range<usize> {
    offsets[cell] as usize..offsets[cell + 1] as usize
}

/// The running lists of all rows, `kept` keys each, which threads share.
struct Shared<'a> {
    stripes: Vec<Mutex<&'a mut [u64]>>,
    kept: usize,
}

impl<'a> Shared<'a> {
    fn new(lists: &'a mut [u64], kept: usize) -> Self {
        Self { stripes: lists.chunks_mut(STRIPE * kept).map(Mutex::new).collect(), kept }
    }

    fn with(&self, row: usize, act: impl FnOnce(&mut [u64])) {
        let mut stripe = self.stripes[row / STRIPE].lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut stripe[row % STRIPE * self.kept..][..self.kept]);
    }
}

/// Adds what the cells in `range` know of neighbors to the running lists of `kept` keys a row.
///
/// Rows of a cell are compared with each other, or, where there are guests, these with those.
pub fn search(
    vectors: &Vectors<'_>,
    cells: &Cells<'_>,
    numbers: Range<usize>,
    lists: &mut [u64],
    kept: usize,
    job: &Job,
) -> Result<()> {
    cells.check(vectors.height())?;
    if kept == 0 || lists.len() != vectors.height() * kept || numbers.end >= cells.offsets.len() {
        return Err(Error::argument(
            "the lists, or the cells asked for, are not those of the rows",
        ));
    }
    let shared = Shared::new(lists, kept);
    let kernel = Kernel::best();
    job.set_total(job.done() + numbers.len());
    let work = |worker: &mut Worker, turn: usize| {
        let cell = numbers.start + turn;
        let own = range(cells.offsets, cell);
        let guests = cells.guests.map(|(rows, offsets)| &rows[range(offsets, cell)]);
        worker.run(vectors, own, guests, &shared, job)?;
        job.advance(1);
        Ok(())
    };
    in_turns(job, numbers.len(), || Worker::new(kernel, kept), work)
}

/// What a thread needs for a cell; places are those of its rows in panels.
struct Worker {
    kernel: Kernel,
    kept: usize,
    ids: Vec<u32>,
    keys: Vec<u64>,
    thresholds: Vec<f32>,
    hits: Vec<Hit>,
}

impl Worker {
    fn new(kernel: Kernel, kept: usize) -> Self {
        let (ids, keys, thresholds) = (Vec::new(), Vec::new(), Vec::new());
        Self { kernel, kept, ids, keys, thresholds, hits: Vec::new() }
    }

    fn run(
        &mut self,
        vectors: &Vectors<'_>,
        own: Range<usize>,
        guests: Option<&[u32]>,
        shared: &Shared<'_>,
        job: &Job,
    ) -> Result<()> {
        if own.is_empty() || guests.is_some_and(<[u32]>::is_empty) {
            return Ok(());
        }
        let panel = self.kernel.panel;
        self.ids.clear();
        self.ids.extend(own.map(|row| row as u32));
        self.ids.resize(self.ids.len().next_multiple_of(panel), u32::MAX);
        let split = self.ids.len() / panel;
        self.ids.extend(guests.into_iter().flatten());
        self.load(shared);
        let ids = &self.ids;
        let panels = Panels::pack(ids.len(), vectors.width(), panel, |place, out| {
            let id = ids[place];
            if id == u32::MAX { f32::NAN } else { vectors.write(id as usize, out) }
        });
        let size = (BLOCK_BYTES / (panel * vectors.width() * size_of::<f32>())).max(1);
        let blocks = |panels: Range<usize>| {
            let end = panels.end;
            panels.step_by(size).map(move |first| first..(first + size).min(end))
        };
        for a in blocks(0..split) {
            let others = if guests.is_some() { split..panels.count() } else { a.start..split };
            for b in blocks(others) {
                job.check()?;
                self.compare(&panels, &a, &b);
            }
        }
        self.store(shared);
        Ok(())
    }

    fn compare(&mut self, panels: &Panels, a: &Range<usize>, b: &Range<usize>) {
        let panel = self.kernel.panel;
        for p in a.clone() {
            for q in b.clone().skip_while(|&q| q < p) {
                let wanted = |side: usize| &self.thresholds[side * panel..][..panel];
                let sides = (panels.side(p, wanted(p)), panels.side(q, wanted(q)));
                (self.kernel.compare)(sides.0, sides.1, &mut self.hits);
                let mut hits = std::mem::take(&mut self.hits);
                for hit in hits.drain(..) {
                    let (row, column) = hit.rows(p * panel, q * panel);
                    // A panel against itself yields each pair twice, and each row with itself.
                    if row < column {
                        self.push(row, hit.score, column);
                        self.push(column, hit.score, row);
                    }
                }
                self.hits = hits;
            }
        }
    }

    fn push(&mut self, place: usize, score: f32, other: usize) {
        if score < self.thresholds[place] {
            return;
        }
        let mut list = TopK(&mut self.keys[place * self.kept..][..self.kept]);
        if list.push_new(key(score, self.ids[other])) {
            self.thresholds[place] = list.threshold();
        }
    }

    /// Begins with what is known already.
    fn load(&mut self, shared: &Shared<'_>) {
        let places = self.ids.len().next_multiple_of(self.kernel.panel);
        self.keys.clear();
        self.keys.resize(places * self.kept, 0);
        self.thresholds.clear();
        self.thresholds.resize(places, f32::INFINITY);
        for (place, &id) in self.ids.iter().enumerate().filter(|(_, id)| **id != u32::MAX) {
            let keys = &mut self.keys[place * self.kept..][..self.kept];
            shared.with(id as usize, |list| keys.copy_from_slice(list));
            self.thresholds[place] = TopK(keys).threshold();
        }
    }

    /// Others may have added to the lists meanwhile.
    fn store(&self, shared: &Shared<'_>) {
        for (place, &id) in self.ids.iter().enumerate().filter(|(_, id)| **id != u32::MAX) {
            let keys = &self.keys[place * self.kept..][..self.kept];
            shared.with(id as usize, |list| {
                for &key in keys {
                    TopK(list).push_new(key);
                }
            });
        }
    }
}
