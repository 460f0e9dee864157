//! Products of two panels, in the widest vectors that the processor has.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

/// One panel as a side of a product.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// Column by column, see `Panels`.
    pub values: &'a [f32],
    /// Added to every product of a row.
    pub bias: &'a [f32],
    /// What a score must reach to be of interest to a row.
    pub threshold: &'a [f32],
}

/// A score that reaches the threshold of its row or of its column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    pub row: u16,
    pub column: u16,
    pub score: f32,
}

impl Hit {
    /// The two rows, given the first rows of the two panels.
    #[inline]
    pub fn rows(self, row: usize, column: usize) -> (usize, usize) {
        (row + usize::from(self.row), column + usize::from(self.column))
    }
}

/// Compares all rows of two panels and appends the scores of interest to the hits.
type Compare = fn(rows: Side<'_>, columns: Side<'_>, hits: &mut Vec<Hit>);

#[derive(Clone, Copy)]
pub struct Kernel {
    /// Rows of a panel.
    pub panel: usize,
    pub compare: Compare,
}

impl Kernel {
    /// The fastest that runs here.
    pub fn best() -> Self {
        Self::available()[0]
    }

    /// All that run here, fastest first.
    pub fn available() -> Vec<Self> {
        let kernels = [
            #[cfg(target_arch = "x86_64")]
            avx512::kernel(),
            #[cfg(target_arch = "x86_64")]
            avx2::kernel(),
            #[cfg(target_arch = "aarch64")]
            neon::kernel(),
            Some(portable::kernel()),
        ];
        kernels.into_iter().flatten().collect()
    }
}

/// Appends the hits of one row from its finished scores.
///
/// Kernels come here only when one of the scores is of interest, so this need not be fast.
#[cold]
fn gather(row: usize, rows: Side<'_>, columns: Side<'_>, scores: &[f32], hits: &mut Vec<Hit>) {
    let threshold = rows.threshold[row];
    for (column, (&score, &wanted)) in scores.iter().zip(columns.threshold).enumerate() {
        if score >= threshold || score >= wanted {
            hits.push(Hit { row: row as u16, column: column as u16, score });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Hit, Kernel};
    use crate::matrix::Matrix;
    use crate::products::panels::Panels;
    use crate::testing::noise;

    fn hits(kernel: Kernel, values: &[f32], width: usize, wanted: f32) -> Vec<(usize, usize, f32)> {
        let matrix = Matrix::new(values, width).unwrap();
        let height = matrix.height();
        let panels = Panels::pack(height, width, kernel.panel, |row, out| {
            out.copy_from_slice(matrix.row(row));
            row as f32 * 0.01
        });
        let thresholds = vec![wanted; kernel.panel];
        let side = |panel| panels.side(panel, &thresholds);
        let count = panels.count();
        let mut found = Vec::new();
        for (a, b) in (0..count).flat_map(|a| (0..count).map(move |b| (a, b))) {
            let mut hits = Vec::new();
            (kernel.compare)(side(a), side(b), &mut hits);
            found.extend(hits.iter().map(|&Hit { row, column, score }| {
                let (row, column) = (usize::from(row), usize::from(column));
                (a * kernel.panel + row, b * kernel.panel + column, score)
            }));
        }
        found.sort_by_key(|&(row, column, _)| (row, column));
        found
    }

    #[test]
    fn every_kernel_finds_what_a_plain_loop_finds() {
        for (height, width) in [(1, 1), (3, 17), (53, 5), (97, 64)] {
            let values = noise(height * width, 7);
            let row = |row: usize| &values[row * width..][..width];
            let score = |a: usize, b: usize| {
                let product: f32 = row(a).iter().zip(row(b)).map(|(a, b)| a * b).sum();
                product + (a as f32 + b as f32) * 0.01
            };
            for kernel in Kernel::available() {
                let found = hits(kernel, &values, width, f32::NEG_INFINITY);
                assert_eq!(found.len(), height * height, "{}", kernel.panel);
                for (a, b, found) in found {
                    assert!((found - score(a, b)).abs() < 1e-4, "{} {a} {b}", kernel.panel);
                }
                let some = hits(kernel, &values, width, 0.5);
                assert!(some.iter().all(|hit| hit.2 >= 0.5));
                let count = (0..height * height)
                    .filter(|pair| score(pair / height, pair % height) >= 0.5)
                    .count();
                assert_eq!(some.len(), count, "{}", kernel.panel);
            }
        }
    }
}
