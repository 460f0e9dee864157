//! Single-precision scores that stand in for similarities, and how far they can be trusted.
//!
//! A score grows with the similarity: for cosine it is the cosine, for euclidean -d^2 / 2, both
//! a product plus one bias per row. Rounding disturbs it; `floor` says by how much at most, so
//! that the search can tell when the true neighbors might hide among the rows left out.

use crate::distance::{Distance, Rows, dot};
use crate::matrix::Matrix;
use crate::products::Panels;

/// Half the distance from 1 to the next `f32`: the relative error of one rounding.
const UNIT: f64 = (f32::EPSILON / 2.0) as f64;

/// Shifts and shrinks the space, so that lengths are short and nothing overflows.
///
/// Distances do not change when all rows are shifted, but -d^2 / 2 = ab - a^2 / 2 - b^2 / 2
/// cancels less when the rows lie around zero. Shrinking by a power of two costs no precision.
pub struct Space {
    /// Column means; empty for cosine, where rows are divided by their norms instead.
    centre: Vec<f64>,
    shrink: f64,
}

impl Space {
    /// The space in which `distance` is measured best over rows like those of `matrix`.
    pub fn new(matrix: Matrix<'_>, distance: Distance) -> Self {
        if distance == Distance::Cosine {
            return Self { centre: Vec::new(), shrink: 1.0 };
        }
        let mut centre = vec![0.0; matrix.width()];
        for row in 0..matrix.height() {
            for (sum, &value) in centre.iter_mut().zip(matrix.row(row)) {
                *sum += f64::from(value);
            }
        }
        let count = matrix.height() as f64;
        for sum in &mut centre {
            *sum /= count;
        }
        // No row is further from the centre than twice the length that a row may have.
        let largest = matrix.values().iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        let reach = f64::from(largest) * 2.0 * (matrix.width() as f64).sqrt();
        let shrink = if reach > 0.0 { reach.log2().ceil().exp2().recip() } else { 1.0 };
        Self { centre, shrink }
    }

    /// Makes room for more rows.
    pub fn widen(self, other: &Self) -> Self {
        Self { shrink: self.shrink.min(other.shrink), ..self }
    }
}

/// Rows as they are seen in a space.
pub struct View<'a> {
    pub rows: &'a Rows<'a>,
    space: &'a Space,
    /// Lengths in the space; empty for cosine, where all are 1.
    lengths: Vec<f64>,
}

impl<'a> View<'a> {
    pub fn new(rows: &'a Rows<'a>, space: &'a Space) -> Self {
        let mut view = Self { rows, space, lengths: Vec::new() };
        if !space.centre.is_empty() {
            let mut seen = vec![0.0; rows.matrix.width()];
            let length = |row| {
                view.write(row, &mut seen);
                dot(&seen, &seen).sqrt()
            };
            view.lengths = (0..rows.matrix.height()).map(length).collect();
        }
        view
    }

    /// Packs the named rows for a kernel.
    pub fn pack(&self, ids: &[usize], size: usize) -> Panels {
        Panels::pack(ids.len(), self.rows.matrix.width(), size, |row, out| {
            self.write(ids[row], out);
            self.lengths.get(ids[row]).map_or(0.0, |&length| (-0.5 * length * length) as f32)
        })
    }

    fn write(&self, row: usize, out: &mut [f32]) {
        let values = self.rows.matrix.row(row);
        if self.space.centre.is_empty() {
            let factor = 1.0 / self.rows.norm(row);
            for (out, &value) in out.iter_mut().zip(values) {
                *out = (f64::from(value) * factor) as f32;
            }
        } else {
            for ((out, &value), centre) in out.iter_mut().zip(values).zip(&self.space.centre) {
                *out = ((f64::from(value) - centre) * self.space.shrink) as f32;
            }
        }
    }

    /// Rows of `similarity` or more to this row score at least this much.
    ///
    /// The bound is the textbook one for a sum of `width` products, |error| <= width u |a| |b|,
    /// with a little added for the other roundings.
    pub fn floor(&self, row: usize, similarity: f32) -> f32 {
        let width = self.rows.matrix.width() as f64;
        // The similarity is rounded itself: what lies just below may have been as good.
        let similarity = f64::from(similarity.next_down());
        let Some(&length) = self.lengths.get(row) else {
            return (similarity - (width + 16.0) * UNIT).next_down() as f32;
        };
        if similarity <= 0.0 {
            return f32::NEG_INFINITY;
        }
        let distance = (1.0 / similarity - 1.0) * self.space.shrink;
        // A row nearer than `distance` is no longer than this.
        let other = length + distance;
        let reach = distance + 4.0 * UNIT * (length + other);
        let error = (width + 8.0) * length * other + 4.0 * (length * length + other * other);
        let smallest = width * f64::from(f32::MIN_POSITIVE);
        let floor = -0.5 * reach * reach - 1.01 * UNIT * error - smallest;
        (floor as f32).next_down()
    }
}
