//! Centroids in groups, so that a row is compared with those of near groups only.

use super::best::{Best, Chunk};
use super::train::lloyd;
use crate::distance::{dot, squared};
use crate::error::Result;
use crate::job::Job;
use crate::products::{Kernel, Panels};

/// Fewer centroids than this are one group.
const FEW: usize = 128;
/// Of how many groups the centroids are looked at, at least.
const GROUPS: usize = 8;
/// And so many times more centroids than are asked for.
const SPARE: usize = 3;
const ROUNDS: usize = 5;

/// The centroids of cells.
pub struct Tree {
    kernel: Kernel,
    width: usize,
    centroids: Vec<f32>,
    /// The means of the groups; None where there is one.
    means: Option<Panels>,
    groups: Vec<Group>,
}

struct Group {
    panels: Panels,
    cells: Vec<u32>,
}

impl Tree {
    pub fn new(centroids: Vec<f32>, width: usize, job: &Job) -> Result<Self> {
        let kernel = Kernel::best();
        let mut tree = Self { kernel, width, centroids, means: None, groups: Vec::new() };
        let count = tree.cells();
        if count < FEW {
            tree.groups = vec![tree.group((0..count as u32).collect())];
            return Ok(tree);
        }
        let groups = count.isqrt();
        let (means, of) = lloyd(&tree.centroids, width, groups, ROUNDS, job)?;
        let mut members = vec![Vec::new(); groups];
        for (cell, &group) in of.iter().enumerate() {
            members[group as usize].push(cell as u32);
        }
        tree.groups = members.into_iter().map(|cells| tree.group(cells)).collect();
        tree.means = Some(tree.pack(&means, 0..groups));
        Ok(tree)
    }

    pub fn cells(&self) -> usize {
        self.centroids.len() / self.width
    }

    pub fn width(&self) -> usize {
        self.width
    }

    pub fn into_centroids(self) -> Vec<f32> {
        self.centroids
    }

    fn group(&self, cells: Vec<u32>) -> Group {
        let panels = self.pack(&self.centroids, cells.iter().map(|&cell| cell as usize));
        Group { panels, cells }
    }

    fn pack(&self, values: &[f32], rows: impl ExactSizeIterator<Item = usize>) -> Panels {
        let (height, mut rows) = (rows.len(), rows);
        Panels::pack(height, self.width, self.kernel.panel, |_, out| {
            // Rows are packed one after the other.
            let row = rows.next().unwrap_or_default();
            out.copy_from_slice(&values[row * self.width..][..self.width]);
            bias(out)
        })
    }

    fn centroid(&self, cell: u32) -> &[f32] {
        &self.centroids[cell as usize * self.width..][..self.width]
    }

    /// The `probes` nearest cells of each row of a chunk, or nearly.
    pub fn search(&self, chunk: &mut Chunk, probes: usize) -> Best {
        let mut best = Best::new(chunk.height(), probes);
        let mut rows = vec![Vec::new(); self.groups.len()];
        let all: Vec<_> = (0..chunk.height() as u32).collect();
        match &self.means {
            None => rows = vec![all],
            Some(means) => {
                let ids: Vec<_> = (0..self.groups.len() as u32).collect();
                let near = GROUPS.max(SPARE * probes * ids.len() / self.cells()).min(ids.len());
                let mut nearest = Best::new(chunk.height(), near);
                chunk.compare(&all, means, &ids, self.kernel, &mut nearest);
                for &row in &all {
                    for (group, _) in nearest.of(row as usize) {
                        rows[group as usize].push(row);
                    }
                }
            }
        }
        for (rows, group) in rows.iter().zip(&self.groups) {
            chunk.compare(rows, &group.panels, &group.cells, self.kernel, &mut best);
        }
        best
    }

    /// How far a row is from the border between its own cell and another.
    ///
    /// It is the plane in the middle between their centroids, of which squared distances of the
    /// row are given.
    pub fn margin(&self, own: (u32, f32), other: (u32, f32)) -> f32 {
        let apart = squared(self.centroid(own.0), self.centroid(other.0)).sqrt() as f32;
        if apart > 0.0 { (other.1 - own.1) / (2.0 * apart) } else { 0.0 }
    }
}

/// Half the squared length of a row, negative.
pub fn bias(row: &[f32]) -> f32 {
    (-0.5 * dot(row, row)) as f32
}
