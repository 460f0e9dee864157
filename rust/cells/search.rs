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

/// Where the rows of each cell lie, and who comes to look at them.
pub struct Cells<'a> {
    /// The rows of cell c are from `offsets[c]` to `offsets[c + 1]`.
    pub offsets: &'a [u64],
    pub pass: Pass<'a>,
}

/// Who is compared with the rows of a cell, and whose lists grow.
#[derive(Clone, Copy)]
pub enum Pass<'a> {
    /// They themselves.
    Own,
    /// Rows of other cells; the lists of both grow.
    Guests(Visitors<'a>),
    /// Others, which alone have lists.
    Queries(Visitors<'a>, &'a Vectors<'a>),
}

/// Those who visit a cell.
#[derive(Clone, Copy)]
pub struct Visitors<'a> {
    /// One cell after the other.
    pub rows: &'a [u32],
    /// Where those of each cell begin, and the last ones end.
    pub offsets: &'a [u64],
}

impl<'a> Pass<'a> {
    fn visitors(&self) -> Option<Visitors<'a>> {
        match self {
            Self::Own => None,
            Self::Guests(visitors) | Self::Queries(visitors, _) => Some(*visitors),
        }
    }
}

impl Cells<'_> {
    /// How many rows have lists.
    fn listed(&self, vectors: &Vectors<'_>) -> usize {
        match self.pass {
            Pass::Queries(_, queries) => queries.height(),
            _ => vectors.height(),
        }
    }

    fn check(&self, vectors: &Vectors<'_>) -> Result<()> {
        let bad = |what: &str| Err(Error::argument(format!("{what} of cells are no ranges")));
        let ranges = |offsets: &[u64], most: usize| {
            offsets.is_sorted() && offsets.last().is_some_and(|&last| last <= most as u64)
        };
        if !ranges(self.offsets, vectors.height()) {
            return bad("offsets");
        }
        let Some(visitors) = self.pass.visitors() else { return Ok(()) };
        let fits = visitors.offsets.len() == self.offsets.len();
        if !fits || !ranges(visitors.offsets, visitors.rows.len()) {
            return bad("visitors' offsets");
        }
        let most = self.listed(vectors);
        if visitors.rows.iter().any(|&row| row as usize >= most) {
            return Err(Error::argument("a visitor of a cell is no row"));
        }
        if let Pass::Queries(_, queries) = self.pass
            && queries.width() != vectors.width()
        {
            return Err(Error::argument("queries and rows are of different widths"));
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

/// Adds what the cells in `numbers` know of neighbors to the running lists of `kept` keys a row.
pub fn search(
    vectors: &Vectors<'_>,
    cells: &Cells<'_>,
    numbers: Range<usize>,
    lists: &mut [u64],
    kept: usize,
    job: &Job,
) -> Result<()> {
    cells.check(vectors)?;
    let fits = lists.len() == cells.listed(vectors) * kept && numbers.end < cells.offsets.len();
    if kept == 0 || !fits {
        return Err(Error::argument(
            "the lists, or the cells asked for, are not those of the rows",
        ));
    }
    let shared = Shared::new(lists, kept);
    let kernel = Kernel::best();
    job.set_total(job.done() + numbers.len());
    let work = |worker: &mut Worker, turn: usize| {
        worker.run(vectors, cells, numbers.start + turn, &shared, job)?;
        job.advance(1);
        Ok(())
    };
    in_turns(job, numbers.len(), || Worker::new(kernel, kept), work)
}

/// For places that only fill a panel up, and rows without a list.
const NOBODY: u32 = u32::MAX;

/// What a thread needs for a cell; places are those of its rows in panels.
struct Worker {
    kernel: Kernel,
    kept: usize,
    /// What each place is called in the lists of others.
    ids: Vec<u32>,
    /// Which list each place has.
    lists: Vec<u32>,
    keys: Vec<u64>,
    thresholds: Vec<f32>,
    hits: Vec<Hit>,
}

impl Worker {
    fn new(kernel: Kernel, kept: usize) -> Self {
        Self {
            kernel,
            kept,
            ids: Vec::new(),
            lists: Vec::new(),
            keys: Vec::new(),
            thresholds: Vec::new(),
            hits: Vec::new(),
        }
    }

    fn run(
        &mut self,
        vectors: &Vectors<'_>,
        cells: &Cells<'_>,
        cell: usize,
        shared: &Shared<'_>,
        job: &Job,
    ) -> Result<()> {
        let own = range(cells.offsets, cell);
        let visitors = cells.pass.visitors().map(|all| &all.rows[range(all.offsets, cell)]);
        if own.is_empty() || visitors.is_some_and(<[u32]>::is_empty) {
            return Ok(());
        }
        let panel = self.kernel.panel;
        let split = self.place(own, visitors, matches!(cells.pass, Pass::Queries(..)));
        self.load(shared);
        let others = if let Pass::Queries(_, queries) = cells.pass { queries } else { vectors };
        let (ids, first) = (&self.ids, split * panel);
        let panels = Panels::pack(ids.len(), vectors.width(), panel, |place, out| {
            let rows = if place < first { vectors } else { others };
            if ids[place] == NOBODY { f32::NAN } else { rows.write(ids[place] as usize, out) }
        });
        let size = (BLOCK_BYTES / (panel * vectors.width() * size_of::<f32>())).max(1);
        let blocks = |panels: Range<usize>| {
            let end = panels.end;
            panels.step_by(size).map(move |first| first..(first + size).min(end))
        };
        for a in blocks(0..split) {
            let others = if visitors.is_some() { split..panels.count() } else { a.start..split };
            for b in blocks(others) {
                job.check()?;
                self.compare(&panels, &a, &b);
            }
        }
        self.store(shared);
        Ok(())
    }

    /// Gives everybody a place; the visitors' begin with the panel that is returned.
    fn place(&mut self, own: Range<usize>, visitors: Option<&[u32]>, queries: bool) -> usize {
        self.ids.clear();
        self.ids.extend(own.map(|row| row as u32));
        let full = self.ids.len().next_multiple_of(self.kernel.panel);
        self.ids.resize(full, NOBODY);
        self.lists.clone_from(&self.ids);
        if queries {
            self.lists.fill(NOBODY);
        }
        self.ids.extend(visitors.into_iter().flatten());
        self.lists.extend(visitors.into_iter().flatten());
        full / self.kernel.panel
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
        for (place, &list) in self.lists.iter().enumerate().filter(|(_, list)| **list != NOBODY) {
            let keys = &mut self.keys[place * self.kept..][..self.kept];
            shared.with(list as usize, |known| keys.copy_from_slice(known));
            self.thresholds[place] = TopK(keys).threshold();
        }
    }

    /// Others may have added to the lists meanwhile.
    fn store(&self, shared: &Shared<'_>) {
        for (place, &list) in self.lists.iter().enumerate().filter(|(_, list)| **list != NOBODY) {
            let keys = &self.keys[place * self.kept..][..self.kept];
            shared.with(list as usize, |known| {
                for &key in keys {
                    TopK(known).push_new(key);
                }
            });
        }
    }
}
