//! The centroids of cells: k-means on a sample, with cells of like size.

use super::assign::nearest;
use super::tree::Tree;
use super::vectors::{Stored, Vectors};
use crate::distance::Distance;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::matrix::Matrix;

/// Rounds after which centroids hardly move any more.
const ROUNDS: usize = 10;
/// A cell of more than so many times the mean gives half of its rows away.
const LARGE: usize = 2;

/// `count` centroids (count x width) of the rows of `sample`, in the space of its vectors.
pub fn train(sample: &Vectors<'_>, count: usize, job: &Job) -> Result<Vec<f32>> {
    let (height, width) = (sample.height(), sample.width());
    if count == 0 || count > height {
        return Err(Error::argument(format!("{count} cells cannot be made of {height} rows")));
    }
    let mut rows = vec![0.0; height * width];
    for (row, out) in rows.chunks_exact_mut(width).enumerate() {
        sample.check(row, out)?;
        sample.write(row, out);
    }
    lloyd(&rows, width, count, ROUNDS, job).map(|(centroids, _)| centroids)
}

/// K-means: the centroids, and the one that each row belonged to in the last round.
///
/// Lloyd's algorithm from evenly spaced rows. In each round the centroids of the smallest cells
/// move to rows of cells that hold more than twice the mean, so that sizes stay alike.
pub fn lloyd(
    rows: &[f32],
    width: usize,
    count: usize,
    rounds: usize,
    job: &Job,
) -> Result<(Vec<f32>, Vec<u32>)> {
    let (height, nothing) = (rows.len() / width, vec![0.0; width]);
    let stored = Stored::Single(Matrix::new(rows, width)?);
    let vectors = Vectors::new(stored, Distance::Euclidean, &nothing)?;
    let mut centroids: Vec<f32> = (0..count)
        .flat_map(|cell| &rows[cell * height / count * width..][..width])
        .copied()
        .collect();
    let mut cells = Vec::new();
    for round in 0..rounds {
        let tree = Tree::new(std::mem::take(&mut centroids), width, job)?;
        cells = nearest(&vectors, &tree, 1, job)?.cells;
        centroids = tree.into_centroids();
        let sizes = means(rows, &cells, width, &mut centroids);
        if round + 1 < rounds {
            even_out(rows, &cells, sizes, width, &mut centroids);
        }
    }
    Ok((centroids, cells))
}

/// Moves each centroid to the mean of its rows, and gives their numbers.
fn means(rows: &[f32], cells: &[u32], width: usize, centroids: &mut [f32]) -> Vec<usize> {
    let count = centroids.len() / width;
    let (mut sums, mut sizes) = (vec![0.0_f64; centroids.len()], vec![0; count]);
    for (row, &cell) in rows.chunks_exact(width).zip(cells) {
        let cell = cell as usize;
        sizes[cell] += 1;
        for (sum, &value) in sums[cell * width..][..width].iter_mut().zip(row) {
            *sum += f64::from(value);
        }
    }
    let targets = centroids.chunks_exact_mut(width).zip(sums.chunks_exact(width)).zip(&sizes);
    for ((centroid, sum), &size) in targets.filter(|(_, size)| **size > 0) {
        for (value, sum) in centroid.iter_mut().zip(sum) {
            *value = (sum / size as f64) as f32;
        }
    }
    sizes
}

/// Moves the centroids of the smallest cells to rows of the largest.
fn even_out(
    rows: &[f32],
    cells: &[u32],
    mut sizes: Vec<usize>,
    width: usize,
    centroids: &mut [f32],
) {
    let count = sizes.len();
    let most = (LARGE * cells.len()).div_ceil(count);
    let mut members = vec![Vec::new(); count];
    for (row, &cell) in cells.iter().enumerate() {
        if sizes[cell as usize] > most {
            members[cell as usize].push(row);
        }
    }
    let mut order: Vec<_> = (0..count).collect();
    order.sort_by_key(|&cell| (sizes[cell], cell));
    let (mut small, mut taken) = (order.clone().into_iter(), 0);
    for &large in order.iter().rev() {
        while sizes[large] > most {
            let Some(cell) = small.next().filter(|&cell| 2 * sizes[cell] < most / LARGE) else {
                return;
            };
            // Any row of it: successive ones are not alike.
            let row = members[large][(taken * 7919) % members[large].len()];
            taken += 1;
            centroids[cell * width..][..width].copy_from_slice(&rows[row * width..][..width]);
            sizes[large] -= sizes[large] / 2;
        }
    }
}
