//! A borrowed row-major matrix of `f32`: the one shape in which embeddings travel.

use crate::error::{Error, Result};

/// Rows of equal length in one contiguous slice.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    values: &'a [f32],
    width: usize,
}

impl<'a> Matrix<'a> {
    /// Fails when `values` is not a whole number of rows or `width` is zero.
    pub fn new(values: &'a [f32], width: usize) -> Result<Self> {
        if width == 0 || !values.len().is_multiple_of(width) {
            return Err(Error::argument(format!(
                "{} values do not form rows of {width}",
                values.len()
            )));
        }
        Ok(Self { values, width })
    }

    pub fn height(&self) -> usize {
        self.values.len() / self.width
    }

    pub fn width(&self) -> usize {
        self.width
    }

    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    pub fn row(&self, row: usize) -> &'a [f32] {
        &self.values[row * self.width..(row + 1) * self.width]
    }

    /// Fails with the first row that holds a NaN or an infinity.
    pub fn require_finite(&self) -> Result<()> {
        let bad = self.values.chunks_exact(self.width).position(|row| {
            // A sum is finite only if every term is; an overflowing one is looked at again.
            !row.iter().sum::<f32>().is_finite() && !row.iter().all(|value| value.is_finite())
        });
        match bad {
            None => Ok(()),
            Some(row) => Err(Error::argument(format!(
                "row {row} of the embeddings holds a value that is not finite (NaN or infinity)"
            ))),
        }
    }
}
