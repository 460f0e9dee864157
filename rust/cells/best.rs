//! The nearest centroids of some rows.

use std::ops::Range;

use super::vectors::Vectors;
use crate::error::Result;
use crate::products::{Hit, Kernel, Panels, TopK};

/// Lists of equal length, one a row.
pub struct Best {
    length: usize,
    keys: Vec<u64>,
    thresholds: Vec<f32>,
}

impl Best {
    pub fn new(height: usize, length: usize) -> Self {
        let (keys, thresholds) = (vec![0; height * length], vec![f32::NEG_INFINITY; height]);
        Self { length, keys, thresholds }
    }

    fn push(&mut self, row: usize, score: f32, id: u32) {
        let mut list = TopK(&mut self.keys[row * self.length..][..self.length]);
        if list.push(score, id) {
            self.thresholds[row] = list.threshold();
        }
    }

    /// What was found for a row, nearest first, and the squared distances.
    pub fn of(&mut self, row: usize) -> impl Iterator<Item = (u32, f32)> {
        let list = TopK(&mut self.keys[row * self.length..][..self.length]);
        list.into_sorted().map(|(id, score)| (id, (-2.0 * score).max(0.0)))
    }
}

/// Some rows that a thread has read.
#[derive(Default)]
pub struct Chunk {
    width: usize,
    values: Vec<f32>,
    biases: Vec<f32>,
    hits: Vec<Hit>,
}

impl Chunk {
    /// Fails with the first row that has no place in the space.
    pub fn read(&mut self, vectors: &Vectors<'_>, rows: Range<usize>) -> Result<()> {
        self.width = vectors.width();
        self.values.resize(rows.len() * self.width, 0.0);
        self.biases.clear();
        for (row, out) in rows.zip(self.values.chunks_exact_mut(self.width)) {
            vectors.check(row, out)?;
            self.biases.push(vectors.write(row, out));
        }
        Ok(())
    }

    pub fn height(&self) -> usize {
        self.biases.len()
    }

    /// Compares some rows with all columns, which are called by their ids.
    pub fn compare(
        &mut self,
        rows: &[u32],
        columns: &Panels,
        ids: &[u32],
        kernel: Kernel,
        best: &mut Best,
    ) {
        let (panel, width) = (kernel.panel, self.width);
        let packed = Panels::pack(rows.len(), width, panel, |place, out| {
            let row = rows[place] as usize;
            out.copy_from_slice(&self.values[row * width..][..width]);
            self.biases[row]
        });
        let (nothing, mut wanted) = (vec![f32::INFINITY; panel], vec![f32::INFINITY; panel]);
        for (p, own) in rows.chunks(panel).enumerate() {
            for q in 0..columns.count() {
                for (wanted, &row) in wanted.iter_mut().zip(own) {
                    *wanted = best.thresholds[row as usize];
                }
                let sides = (packed.side(p, &wanted), columns.side(q, &nothing));
                (kernel.compare)(sides.0, sides.1, &mut self.hits);
                for hit in self.hits.drain(..) {
                    let (place, column) = hit.rows(0, q * panel);
                    best.push(own[place] as usize, hit.score, ids[column]);
                }
            }
        }
    }
}
