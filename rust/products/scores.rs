//! Where the scores of pairs come from: fast products, or exact similarities one by one.

use super::kernel::{Hit, Kernel};
use super::panels::Panels;
use crate::distance::Rows;

/// Scores of the rows of one panel with the rows of another.
pub trait Scores: Sync {
    /// Rows per panel.
    fn panel(&self) -> usize;

    /// Appends the scores that reach the wish of their row or of their column.
    fn compare(&self, pair: (usize, usize), wanted: (&[f32], &[f32]), hits: &mut Vec<Hit>);
}

/// Products of packed rows.
pub struct Products<'a> {
    pub kernel: Kernel,
    pub rows: &'a Panels,
    pub columns: &'a Panels,
}

impl Scores for Products<'_> {
    fn panel(&self) -> usize {
        self.kernel.panel
    }

    fn compare(&self, pair: (usize, usize), wanted: (&[f32], &[f32]), hits: &mut Vec<Hit>) {
        let rows = self.rows.side(pair.0, wanted.0);
        (self.kernel.compare)(rows, self.columns.side(pair.1, wanted.1), hits);
    }
}

/// Similarities in double precision, for distances that are no products.
pub struct Similarities<'a> {
    pub rows: &'a Rows<'a>,
    pub columns: &'a Rows<'a>,
}

impl Scores for Similarities<'_> {
    fn panel(&self) -> usize {
        16
    }

    fn compare(&self, pair: (usize, usize), wanted: (&[f32], &[f32]), hits: &mut Vec<Hit>) {
        let (first_row, first_column) = (pair.0 * self.panel(), pair.1 * self.panel());
        let rows = first_row..(first_row + self.panel()).min(self.rows.matrix.height());
        for (row, &row_wants) in rows.zip(wanted.0) {
            let columns =
                first_column..(first_column + self.panel()).min(self.columns.matrix.height());
            for (column, &column_wants) in columns.zip(wanted.1) {
                let score = self.rows.similarity(row, self.columns, column);
                if score >= row_wants.min(column_wants) {
                    let (row, column) = ((row - first_row) as u16, (column - first_column) as u16);
                    hits.push(Hit { row, column, score });
                }
            }
        }
    }
}
