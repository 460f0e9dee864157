//! The best rows found so far for every row, in blocks that threads take turns to own.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard};

use super::topk::TopK;

/// Bytes of packed rows per block: two blocks and their lists fit into the second-level cache.
const BLOCK_BYTES: usize = 384 << 10;

/// How rows are grouped into panels, and panels into blocks.
#[derive(Clone, Copy)]
pub struct Layout {
    panel: usize,
    panels: usize,
    panels_per_block: usize,
}

impl Layout {
    /// Blocks as large as the cache allows, but enough of them to keep all threads busy.
    pub fn new(height: usize, width: usize, panel: usize, threads: usize) -> Self {
        let panels = height.div_ceil(panel);
        let fitting = BLOCK_BYTES / (panel * width * size_of::<f32>());
        let panels_per_block = fitting.min(panels / (4 * threads)).max(1);
        Self { panel, panels, panels_per_block }
    }

    pub fn blocks(&self) -> usize {
        self.panels.div_ceil(self.panels_per_block)
    }

    /// The panels of a block.
    pub fn panels(&self, block: usize) -> Range<usize> {
        let first = block * self.panels_per_block;
        first..(first + self.panels_per_block).min(self.panels)
    }

    /// The rows of a panel; the last one may reach beyond the last row.
    pub fn rows(&self, panel: usize) -> Range<usize> {
        panel * self.panel..(panel + 1) * self.panel
    }

    /// The rows of a block, with those that only fill its last panel up.
    pub fn block_rows(&self, block: usize) -> Range<usize> {
        let panels = self.panels(block);
        panels.start * self.panel..panels.end * self.panel
    }
}

/// The lists of the rows of one block.
pub struct Block {
    first: usize,
    k: usize,
    keys: Vec<u64>,
    thresholds: Vec<f32>,
}

impl Block {
    fn new(rows: Range<usize>, k: usize) -> Self {
        let (keys, thresholds) = (vec![0; rows.len() * k], vec![f32::NEG_INFINITY; rows.len()]);
        Self { first: rows.start, k, keys, thresholds }
    }

    #[inline]
    pub fn push(&mut self, row: usize, score: f32, id: usize) {
        let mut list = self.list(row);
        if list.push(score, id as u32) {
            let threshold = list.threshold();
            self.thresholds[row - self.first] = threshold;
        }
    }

    pub fn thresholds(&self, rows: Range<usize>) -> &[f32] {
        &self.thresholds[rows.start - self.first..rows.end - self.first]
    }

    /// Whether a row of this score would get into the list.
    pub fn wants(&mut self, row: usize, score: f32, id: usize) -> bool {
        self.list(row).wants(score, id as u32)
    }

    /// The best rows and their scores, best first. Nothing can be pushed afterwards.
    pub fn finish(&mut self, row: usize) -> impl Iterator<Item = (u32, f32)> {
        self.list(row).into_sorted()
    }

    fn list(&mut self, row: usize) -> TopK<'_> {
        TopK(&mut self.keys[(row - self.first) * self.k..][..self.k])
    }
}

pub struct Lists {
    pub layout: Layout,
    blocks: Vec<Mutex<Block>>,
}

impl Lists {
    /// Empty lists of `k` for all rows of the layout.
    pub fn new(layout: Layout, k: usize) -> Self {
        let block = |block| Mutex::new(Block::new(layout.block_rows(block), k));
        Self { layout, blocks: (0..layout.blocks()).map(block).collect() }
    }

    /// Waits for a block; a thread that wants two takes the smaller one first.
    pub fn own(&self, block: usize) -> MutexGuard<'_, Block> {
        self.blocks[block].lock().expect("a thread that panicked has ended the job")
    }
}
