//! The kernel for every processor: plain loops that the compiler may turn into short vectors.

use super::{Hit, Kernel, Side, gather};

/// Two vectors of four floats: all that 16 registers hold beside the operands.
const PANEL: usize = 8;
const ROWS: usize = 4;

pub fn kernel() -> Kernel {
    Kernel { panel: PANEL, compare }
}

fn compare(rows: Side<'_>, columns: Side<'_>, hits: &mut Vec<Hit>) {
    for part in 0..PANEL / ROWS {
        let mut sums = [[0.0; PANEL]; ROWS];
        let (a, _) = rows.values.as_chunks::<PANEL>();
        let (b, _) = columns.values.as_chunks::<PANEL>();
        for (a, b) in a.iter().zip(b) {
            for (sums, &a) in sums.iter_mut().zip(&a[part * ROWS..][..ROWS]) {
                for (sum, &b) in sums.iter_mut().zip(b) {
                    *sum += a * b;
                }
            }
        }
        for (row, mut scores) in (part * ROWS..).zip(sums) {
            for (score, &bias) in scores.iter_mut().zip(columns.bias) {
                *score += bias + rows.bias[row];
            }
            let row_threshold = rows.threshold[row];
            let wanted = |(&score, &threshold): (&f32, &f32)| score >= threshold.min(row_threshold);
            if scores.iter().zip(columns.threshold).any(wanted) {
                gather(row, rows, columns, &scores, hits);
            }
        }
    }
}
