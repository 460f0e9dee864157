//! Which part of one picture, turned how, shows another picture: all parts at once, at low
//! resolution, as one matrix product.

use multiversion::multiversion;

use super::orientation::Orientation;
use super::region::{Region, Sums, standardize};

/// Cells per side of a view.
const CELLS: usize = 8;
const LENGTH: usize = CELLS * CELLS;
/// Sides of the parts that are looked at, and how many places along each side they are put to: no
/// two further apart than half a cell.
const PARTS: [(f32, usize); 6] = [(1.0, 1), (0.9, 3), (0.8, 4), (0.7, 6), (0.6, 7), (0.5, 9)];

/// A picture that may hold another one: the views of all its parts, each of length one.
pub struct Container {
    regions: Vec<Region>,
    views: Vec<f32>,
}

/// A picture that may be part of another one, in its eight orientations.
pub struct Content {
    /// Element after element, the eight orientations side by side.
    views: Vec<[f32; 8]>,
}

/// The part and orientation that fit best.
#[derive(Clone, Copy, Debug)]
pub struct Fit {
    pub region: Region,
    pub orientation: Orientation,
    pub correlation: f32,
}

impl Container {
    pub fn of(sums: &Sums) -> Self {
        let regions: Vec<Region> = PARTS
            .into_iter()
            .flat_map(|(side, places)| {
                let at = move |place: usize| {
                    (1.0 - side) * place as f32 / places.saturating_sub(1).max(1) as f32
                };
                (0..places * places).map(move |place| Region {
                    x: at(place % places),
                    y: at(place / places),
                    width: side,
                    height: side,
                })
            })
            .collect();
        let mut views = vec![0.0; regions.len() * LENGTH];
        for (region, view) in regions.iter().zip(views.chunks_exact_mut(LENGTH)) {
            sums.view(*region, CELLS, view);
            standardize(view);
        }
        Self { regions, views }
    }

    /// The best fit of each orientation.
    pub fn fits(&self, content: &Content) -> [Fit; 8] {
        let best = best_rows(&self.views, &content.views);
        std::array::from_fn(|way| Fit {
            region: self.regions[best[way].1],
            orientation: Orientation::ALL[way],
            correlation: best[way].0,
        })
    }
}

impl Content {
    pub fn of(sums: &Sums) -> Self {
        let mut views = vec![[0.0; 8]; LENGTH];
        let mut plain = sums.whole(CELLS);
        standardize(&mut plain);
        for (way, orientation) in Orientation::ALL.into_iter().enumerate() {
            // What the container would show, were this picture turned so within it.
            let turned = orientation.inverse().turned(&plain, CELLS);
            for (element, value) in views.iter_mut().zip(turned) {
                element[way] = value;
            }
        }
        Self { views }
    }
}

/// For each of eight columns the row of the largest product.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn best_rows(rows: &[f32], columns: &[[f32; 8]]) -> [(f32, usize); 8] {
    let mut best = [(f32::NEG_INFINITY, 0); 8];
    for (number, four) in rows.chunks(4 * LENGTH).enumerate() {
        let mut sums = [[0.0_f32; 8]; 4];
        for (row, sums) in four.chunks_exact(LENGTH).zip(&mut sums) {
            for (value, column) in row.iter().zip(columns) {
                for way in 0..8 {
                    sums[way] += value * column[way];
                }
            }
        }
        for (row, sums) in sums.iter().enumerate().take(four.len() / LENGTH) {
            for way in 0..8 {
                if sums[way] > best[way].0 {
                    best[way] = (sums[way], number * 4 + row);
                }
            }
        }
    }
    best
}
