//! Vectors as they lie in files, and as they are seen where neighbors are looked for.

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::tree::bias;
use crate::distance::{Distance, dot};
use crate::error::{Error, Result};
use crate::matrix::Matrix;

/// Rows of one width, in single or half precision.
#[derive(Clone, Copy)]
pub enum Stored<'a> {
    Single(Matrix<'a>),
    Half(&'a [f16], usize),
}

impl Stored<'_> {
    pub fn height(&self) -> usize {
        match self {
            Self::Single(matrix) => matrix.height(),
            Self::Half(values, width) => values.len() / width,
        }
    }

    pub fn width(&self) -> usize {
        match self {
            Self::Single(matrix) => matrix.width(),
            Self::Half(_, width) => *width,
        }
    }

    pub fn read(&self, row: usize, out: &mut [f32]) {
        match self {
            Self::Single(matrix) => out.copy_from_slice(matrix.row(row)),
            Self::Half(values, width) => {
                values[row * width..][..*width].convert_to_f32_slice(out);
            }
        }
    }
}

/// Vectors in a space in which the nearest neighbors are those at the smallest distance.
///
/// For `cosine` vectors have length 1 there; for `euclidean` their mean lies at zero, which costs
/// the least precision. Half the squared distance of two rows is, but for its sign, their product
/// and the bias of both.
pub struct Vectors<'a> {
    pub stored: Stored<'a>,
    pub distance: Distance,
    centre: &'a [f32],
}

impl<'a> Vectors<'a> {
    /// Fails for distances that are no products.
    pub fn new(stored: Stored<'a>, distance: Distance, centre: &'a [f32]) -> Result<Self> {
        if !matches!(distance, Distance::Cosine | Distance::Euclidean) {
            return Err(Error::argument("cells are for the distances cosine and euclidean"));
        }
        if centre.len() != stored.width() {
            return Err(Error::argument(format!(
                "the centre has {} values and the embeddings {}",
                centre.len(),
                stored.width()
            )));
        }
        Ok(Self { stored, distance, centre })
    }

    pub fn height(&self) -> usize {
        self.stored.height()
    }

    pub fn width(&self) -> usize {
        self.stored.width()
    }

    /// Writes a row, and gives its bias.
    pub fn write(&self, row: usize, out: &mut [f32]) -> f32 {
        self.stored.read(row, out);
        if self.distance == Distance::Cosine {
            let norm = dot(out, out).sqrt();
            let factor = if norm > 0.0 { 1.0 / norm } else { 0.0 };
            for value in out.iter_mut() {
                *value = (f64::from(*value) * factor) as f32;
            }
        } else {
            for (value, centre) in out.iter_mut().zip(self.centre) {
                *value -= centre;
            }
        }
        bias(out)
    }

    /// Fails with the first row that has no place in the space.
    pub fn check(&self, row: usize, out: &mut [f32]) -> Result<()> {
        self.stored.read(row, out);
        let what = if out.iter().any(|value| !value.is_finite()) {
            "holds a value that is not finite (NaN or infinity)"
        } else if self.distance == Distance::Cosine && out.iter().all(|&value| value == 0.0) {
            "is all zeros and has no direction (cosine)"
        } else {
            return Ok(());
        };
        Err(Error::argument(format!("row {row} of the embeddings {what}")))
    }
}
