//! The distances that neighbors are ranked by, and the exact similarity of two rows.

use std::str::FromStr;

use multiversion::multiversion;

use crate::error::{Error, Result};
use crate::logarithm::ln;
use crate::matrix::Matrix;

/// As `scipy.spatial.distance` defines them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distance {
    Cosine,
    Euclidean,
    L1,
    Linf,
    Canberra,
    BrayCurtis,
    JensenShannon,
}

impl Distance {
    pub const NAMES: [(&'static str, Self); 7] = [
        ("cosine", Self::Cosine),
        ("euclidean", Self::Euclidean),
        ("l1", Self::L1),
        ("linf", Self::Linf),
        ("canberra", Self::Canberra),
        ("braycurtis", Self::BrayCurtis),
        ("jensenshannon", Self::JensenShannon),
    ];
}

impl FromStr for Distance {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let known = Self::NAMES.iter().find(|(known, _)| *known == name);
        known.map(|(_, distance)| *distance).ok_or_else(|| {
            let names = Self::NAMES.map(|(name, _)| name).join(", ");
            Error::argument(format!("unknown distance {name:?}: choose one of {names}"))
        })
    }
}

/// Rows with what the similarity of a pair needs of each row alone, worked out once.
pub struct Rows<'a> {
    pub matrix: Matrix<'a>,
    distance: Distance,
    /// Cosine: the norm. Jensen-Shannon: the sum. Others: empty.
    scale: Vec<f64>,
    /// Jensen-Shannon: the negative entropy of the normalised row. Others: empty.
    entropy: Vec<f64>,
}

impl<'a> Rows<'a> {
    /// Fails on a row for which the distance is not defined, and names it.
    pub fn new(matrix: Matrix<'a>, distance: Distance) -> Result<Self> {
        matrix.require_finite()?;
        let rows = || (0..matrix.height()).map(|row| matrix.row(row));
        let (mut scale, mut entropy) = (Vec::new(), Vec::new());
        match distance {
            Distance::Cosine => {
                scale.extend(rows().map(|row| dot(row, row).sqrt()));
                refuse(&scale, |&norm| norm == 0.0, "is all zeros and has no direction (cosine)")?;
            }
            Distance::JensenShannon => {
                let negative = |row: &[f32]| row.iter().any(|&value| value < 0.0);
                scale.extend(rows().map(|row| if negative(row) { -1.0 } else { sum(row) }));
                refuse(
                    &scale,
                    |&sum| sum < 0.0,
                    "holds a negative value, for which jensenshannon is not defined: choose another distance",
                )?;
                refuse(&scale, |&sum| sum == 0.0, "sums to zero (jensenshannon)")?;
                entropy.extend(rows().zip(&scale).map(|(row, &sum)| negentropy(row, 1.0 / sum)));
            }
            _ => {}
        }
        Ok(Self { matrix, distance, scale, entropy })
    }

    /// How alike row `a` of `self` and row `b` of `other` are, worked out in double precision.
    ///
    /// Equal rows give exactly 1, and the order of the arguments does not matter.
    pub fn similarity(&self, a: usize, other: &Rows<'_>, b: usize) -> f32 {
        let (x, y) = (self.matrix.row(a), other.matrix.row(b));
        let distance = match self.distance {
            Distance::Cosine => {
                // The norms are multiplied first: their product does not depend on the order.
                let cosine = dot(x, y) / (self.scale[a] * other.scale[b]);
                return cosine.clamp(-1.0, 1.0) as f32;
            }
            Distance::Euclidean => squared(x, y).sqrt(),
            Distance::L1 => manhattan(x, y),
            Distance::Linf => f64::from(chebyshev(x, y)),
            Distance::Canberra => canberra(x, y),
            Distance::BrayCurtis => braycurtis(x, y),
            Distance::JensenShannon => {
                let mixed = mixture(x, 0.5 / self.scale[a], y, 0.5 / other.scale[b]);
                let divergence = f64::midpoint(self.entropy[a], other.entropy[b]) - mixed;
                divergence.max(0.0).sqrt()
            }
        };
        (1.0 / (1.0 + distance)) as f32
    }

    /// The norm of a row under cosine.
    pub fn norm(&self, row: usize) -> f64 {
        self.scale[row]
    }
}

fn refuse(values: &[f64], bad: impl Fn(&f64) -> bool, what: &str) -> Result<()> {
    match values.iter().position(bad) {
        None => Ok(()),
        Some(row) => Err(Error::argument(format!("row {row} of the embeddings {what}"))),
    }
}

/// Sums kept side by side: as many independent chains as the widest vector unit can fill.
const LANES: usize = 16;

/// Adds up `$term` over two rows in double precision, in `LANES` chains, so that the compiler
/// may use vectors without changing the order of the additions.
macro_rules! sum_pairs {
    ($a:expr, $b:expr, |$x:ident, $y:ident| $term:expr) => {{
        let mut lanes = [0.0_f64; LANES];
        let (a, a_rest) = $a.as_chunks::<LANES>();
        let (b, b_rest) = $b.as_chunks::<LANES>();
        for (a, b) in a.iter().zip(b) {
            for lane in 0..LANES {
                let ($x, $y) = (f64::from(a[lane]), f64::from(b[lane]));
                lanes[lane] += $term;
            }
        }
        for (lane, (&a, &b)) in a_rest.iter().zip(b_rest).enumerate() {
            let ($x, $y) = (f64::from(a), f64::from(b));
            lanes[lane] += $term;
        }
        // By halves: one addition after the other would make the processor wait.
        for half in [8, 4, 2, 1] {
            for lane in 0..half {
                lanes[lane] += lanes[lane + half];
            }
        }
        lanes[0]
    }};
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    sum_pairs!(a, b, |x, y| x * y)
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
pub fn squared(a: &[f32], b: &[f32]) -> f64 {
    sum_pairs!(a, b, |x, y| (x - y) * (x - y))
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn manhattan(a: &[f32], b: &[f32]) -> f64 {
    sum_pairs!(a, b, |x, y| (x - y).abs())
}

/// Subtracts in single precision, as the largest difference of two `f32` loses half an ulp only.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn chebyshev(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let larger = |difference: f32, most: f32| if difference > most { difference } else { most };
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] = larger((a[lane] - b[lane]).abs(), lanes[lane]);
        }
    }
    for (a, b) in a_rest.iter().zip(b_rest) {
        lanes[0] = larger((a - b).abs(), lanes[0]);
    }
    lanes.iter().fold(0.0, |largest, &lane| lane.max(largest))
}

/// A term of 0 / 0 counts as 0, as in `SciPy`.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn canberra(a: &[f32], b: &[f32]) -> f64 {
    sum_pairs!(a, b, |x, y| {
        let size = x.abs() + y.abs();
        (x - y).abs() / if size == 0.0 { 1.0 } else { size }
    })
}

/// Two rows of zeros are equal here (`SciPy`: NaN). Rows whose sum is zero, but which are not
/// equal, are infinitely far apart (as in `SciPy`), so that their similarity is 0.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn braycurtis(a: &[f32], b: &[f32]) -> f64 {
    let above = sum_pairs!(a, b, |x, y| (x - y).abs());
    let below = sum_pairs!(a, b, |x, y| (x + y).abs());
    if above == 0.0 { 0.0 } else { above / below }
}

fn sum(row: &[f32]) -> f64 {
    row.iter().map(|&value| f64::from(value)).sum()
}

/// The sum of m ln m over the mixture m of two rows, each times its factor.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn mixture(a: &[f32], a_factor: f64, b: &[f32], b_factor: f64) -> f64 {
    sum_pairs!(a, b, |x, y| {
        let mass = x * a_factor + y * b_factor;
        mass * ln(mass)
    })
}

/// The same sum of one row: by the same steps, so that equal rows differ by exactly zero.
fn negentropy(row: &[f32], factor: f64) -> f64 {
    mixture(row, factor * 0.5, row, factor * 0.5)
}
