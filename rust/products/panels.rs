//! Rows regrouped for the kernels: panels of rows, each stored column by column.

use super::kernel::Side;

/// Floats per cache line.
const LINE: usize = 16;

/// `size` rows per panel; the value of row `r` in column `c` stands at `c * size + r`.
///
/// One layout serves both sides of a product: vectors are read along a column, single values
/// are spread from it.
pub struct Panels {
    values: Vec<f32>,
    /// Where the first cache line begins in `values`.
    start: usize,
    /// What is added to every product of a row; NaN for rows that only fill the last panel up.
    bias: Vec<f32>,
    size: usize,
    width: usize,
    height: usize,
}

impl Panels {
    /// Packs rows; `write(row, target)` gives the values of each, and returns its bias.
    pub fn pack(
        height: usize,
        width: usize,
        size: usize,
        mut write: impl FnMut(usize, &mut [f32]) -> f32,
    ) -> Self {
        let rows = height.next_multiple_of(size);
        let mut values = vec![0.0; rows * width + LINE];
        // Vectors that straddle two cache lines cost twice as much to read.
        let start = values.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
        let mut bias = vec![f32::NAN; rows];
        let mut row_values = vec![0.0; width];
        for (row, bias) in bias[..height].iter_mut().enumerate() {
            *bias = write(row, &mut row_values);
            let panel = start + row / size * size * width + row % size;
            for (place, &value) in values[panel..].iter_mut().step_by(size).zip(&row_values) {
                *place = value;
            }
        }
        Self { values, start, bias, size, width, height }
    }

    pub fn height(&self) -> usize {
        self.height
    }

    /// Rows per panel.
    pub fn size(&self) -> usize {
        self.size
    }

    pub fn count(&self) -> usize {
        self.height.div_ceil(self.size)
    }

    pub fn width(&self) -> usize {
        self.width
    }

    /// A panel as a side of a product, with what its rows want.
    pub fn side<'a>(&'a self, panel: usize, threshold: &'a [f32]) -> Side<'a> {
        let length = self.size * self.width;
        let values = &self.values[self.start + panel * length..][..length];
        Side { values, bias: &self.bias[panel * self.size..][..self.size], threshold }
    }
}
