//! Which part of one picture, turned how, shows another picture: all parts at once, at low
//! resolution, as one matrix product.

use std::sync::LazyLock;

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

use super::orientation::Orientation;
use super::region::{Cuts, Region, SIDE, Sums, View, details, standardized, view_between};

/// Cells per side of a view.
const CELLS: usize = 8;
/// Of a look: the cells of the luminance, those of its details, and what its size speaks for it.
const LENGTH: usize = 2 * CELLS * CELLS + 1;
/// Factors of luminance and details in a look: their squares, 0.3 and 0.7, add up to one.
const LUMINANCE: f32 = 0.547_722_6;
const DETAILS: f32 = 0.836_66;
/// Pictures that are compared with all parts at once.
const LANES: usize = 16;
/// Parts that are compared at once.
const ROWS: usize = 8;
/// Sides of the parts that are looked at, and how many places along each side they are put to: no
/// two further apart than half a cell.
const PARTS: [(f32, usize); 6] = [(1.0, 1), (0.9, 3), (0.8, 4), (0.7, 5), (0.6, 6), (0.5, 7)];

/// The places along a side, of all parts of one size.
static AXES: LazyLock<Vec<Vec<Span>>> = LazyLock::new(|| {
    let of_one_size = |(side, places): (f32, usize)| {
        let at = move |place: usize| (1.0 - side) * place as f32 / (places.max(2) - 1) as f32;
        let span = move |place| Span {
            start: at(place),
            length: side,
            cuts: Cuts::of(CELLS, at(place), side),
        };
        (0..places).map(span).collect()
    };
    PARTS.into_iter().map(of_one_size).collect()
});

static REGIONS: LazyLock<Vec<Region>> = LazyLock::new(|| {
    let of_one_size = |axis: &'static Vec<Span>| {
        axis.iter().flat_map(|row| axis.iter().map(|column| column.across(row)))
    };
    AXES.iter().flat_map(of_one_size).collect()
});

/// For each cell where it comes from when a picture is turned in each way.
static SOURCES: LazyLock<Vec<[usize; 8]>> = LazyLock::new(|| {
    let of_cell = |place: usize| {
        Orientation::ALL.map(|way| {
            let (x, y) = way.inverse().source(place % CELLS, place / CELLS, CELLS);
            y * CELLS + x
        })
    };
    (0..CELLS * CELLS).map(of_cell).collect()
});

/// A part of one side.
struct Span {
    start: f32,
    length: f32,
    cuts: Cuts,
}

impl Span {
    /// The region with these columns and those rows.
    fn across(&self, rows: &Self) -> Region {
        Region { x: self.start, y: rows.start, width: self.length, height: rows.length }
    }
}

/// The smaller a part, the easier it looks like something; likewise one that may be turned.
const LARGE: f32 = 0.24;
const TURNED: f32 = 0.1;

/// Luminance and details of a view, of length one together: a product of two is a mean of their
/// two correlations, and of what the size of the part adds to it.
type Look = [f32; LENGTH];

#[inline(always)]
fn look(view: &View<CELLS>, bonus: f32) -> Look {
    let mut look = [bonus; LENGTH];
    let (luminance, detail) = look[..LENGTH - 1].split_at_mut(LENGTH / 2);
    for (target, value) in luminance.iter_mut().zip(standardized(view).as_flattened()) {
        *target = value * LUMINANCE;
    }
    for (target, value) in detail.iter_mut().zip(details(view).as_flattened()) {
        *target = value * DETAILS;
    }
    look
}

/// A picture that may hold another one: the looks of all its parts.
pub struct Container(Vec<Look>);

/// A picture that may be part of another one.
pub struct Content(Look);

/// A part and orientation that fit.
#[derive(Clone, Copy, Debug)]
pub struct Fit {
    pub region: Region,
    pub orientation: Orientation,
    /// A mean of the correlations of luminance and details, less what small parts and turns cost.
    pub score: f32,
}

/// What is seen in each of the parts.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn looks(sums: &Sums) -> Vec<Look> {
    let mut looks = Vec::with_capacity(REGIONS.len());
    for axis in AXES.iter() {
        for rows in axis {
            let lines = sums.lines::<CELLS>(&rows.cuts);
            for columns in axis {
                let region = columns.across(rows);
                let view = view_between(&lines, &columns.cuts, region);
                looks.push(look(&view, (region.area() - 1.0) * LARGE));
            }
        }
    }
    looks
}

impl Container {
    pub fn of(sums: &Sums) -> Self {
        Self(looks(sums))
    }

    /// The best fit of each orientation, for each of the pictures.
    pub fn fits(&self, contents: &[Content]) -> Vec<[Fit; 8]> {
        let mut fits = Vec::with_capacity(contents.len());
        for few in contents.chunks(LANES / 8) {
            let mut columns = [[0.0; LANES]; LENGTH];
            columns[LENGTH - 1] = [1.0; LANES];
            for (place, content) in few.iter().enumerate() {
                content.write(&mut columns, place * 8);
            }
            let best = best_rows(&self.0, &columns);
            fits.extend(best.chunks_exact(8).take(few.len()).map(|best| {
                std::array::from_fn(|way| Fit {
                    region: REGIONS[best[way].1 as usize],
                    orientation: Orientation::ALL[way],
                    score: best[way].0 - if way == 0 { 0.0 } else { TURNED },
                })
            }));
        }
        fits
    }
}

impl Content {
    pub fn of(pixels: &View<SIDE>) -> Self {
        const STEP: usize = SIDE / CELLS;
        let mut view = [[0.0; CELLS]; CELLS];
        for (y, row) in pixels.iter().enumerate() {
            for (cell, few) in view[y / STEP].iter_mut().zip(row.chunks_exact(STEP)) {
                *cell += few.iter().sum::<f32>() / (STEP * STEP) as f32;
            }
        }
        Self(look(&view, 1.0))
    }

    /// Writes the eight orientations into eight columns: for each what a container would show,
    /// were this picture turned so within it.
    fn write(&self, columns: &mut [[f32; LANES]; LENGTH], first: usize) {
        for (half, values) in self.0.chunks_exact(CELLS * CELLS).enumerate() {
            let rows = &mut columns[half * CELLS * CELLS..];
            for (row, sources) in rows.iter_mut().zip(SOURCES.iter()) {
                for (cell, source) in row[first..first + 8].iter_mut().zip(sources) {
                    *cell = values[*source];
                }
            }
        }
    }
}

/// For each column the largest product with a row, and that row; the first of equals.
#[multiversion(targets("x86_64+avx512f+avx512vl+fma", "x86_64+avx2+fma", "aarch64+neon"))]
fn best_rows(rows: &[Look], columns: &[[f32; LANES]; LENGTH]) -> [(f32, u32); LANES] {
    let mut best = [(f32::NEG_INFINITY, 0); LANES];
    for (number, few) in rows.chunks(ROWS).enumerate() {
        let mut sums = [[0.0_f32; LANES]; ROWS];
        // What the last chunk lacks is filled with its first row, and not looked at.
        let looks: [&Look; ROWS] = std::array::from_fn(|row| few.get(row).unwrap_or(&few[0]));
        for (place, column) in columns.iter().enumerate() {
            for (look, sums) in looks.iter().zip(&mut sums) {
                for (sum, value) in sums.iter_mut().zip(column) {
                    *sum = if target_cfg_f!(target_feature = "fma") {
                        look[place].mul_add(*value, *sum)
                    } else {
                        *sum + look[place] * value
                    };
                }
            }
        }
        for (row, sums) in sums.iter().enumerate().take(few.len()) {
            for (best, sum) in best.iter_mut().zip(sums) {
                if *sum > best.0 {
                    *best = (*sum, (number * ROWS + row) as u32);
                }
            }
        }
    }
    best
}
