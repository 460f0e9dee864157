//! The kernel for NEON: 4 rows by 16 columns in 16 of the 32 registers.

use std::arch::aarch64::{
    float32x4_t, vaddq_f32, vcgeq_f32, vdupq_n_f32, vfmaq_f32, vld1q_f32, vmaxvq_u32, vminq_f32,
    vst1q_f32,
};

use super::{Hit, Kernel, Side, gather};

const LANES: usize = 4;
const VECTORS: usize = 4;
const PANEL: usize = LANES * VECTORS;
const ROWS: usize = 4;
/// Columns worked on at a time: so many of two panels stay in the first-level cache.
const DEPTH: usize = 256;

pub fn kernel() -> Option<Kernel> {
    let kernel = Kernel { panel: PANEL, compare };
    std::arch::is_aarch64_feature_detected!("neon").then_some(kernel)
}

fn compare(rows: Side<'_>, columns: Side<'_>, hits: &mut Vec<Hit>) {
    // SAFETY: `kernel` hands this function out only after it has detected NEON.
    #[allow(unsafe_code)]
    unsafe {
        compare_panels(rows, columns, hits);
    }
}

#[target_feature(enable = "neon")]
fn compare_panels(rows: Side<'_>, columns: Side<'_>, hits: &mut Vec<Hit>) {
    let mut sums = [[vdupq_n_f32(0.0); VECTORS]; PANEL];
    let slices = rows.values.chunks(DEPTH * PANEL).zip(columns.values.chunks(DEPTH * PANEL));
    for (rows, columns) in slices {
        for (part, sums) in sums.as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
            *sums = add_products(*sums, rows, part, columns);
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        finish(row, sums, rows, columns, hits);
    }
}

/// Adds the products of some rows of one panel and all rows of the other, over a few columns.
#[target_feature(enable = "neon")]
#[inline]
fn add_products(
    mut sums: [[float32x4_t; VECTORS]; ROWS],
    rows: &[f32],
    part: usize,
    columns: &[f32],
) -> [[float32x4_t; VECTORS]; ROWS] {
    let a = rows.as_chunks::<ROWS>().0.iter().skip(part).step_by(PANEL / ROWS);
    let b = columns.as_chunks::<PANEL>().0;
    for (a, b) in a.zip(b) {
        let b = load_all(b);
        for row in 0..ROWS {
            let a = vdupq_n_f32(a[row]);
            for vector in 0..VECTORS {
                sums[row][vector] = vfmaq_f32(sums[row][vector], a, b[vector]);
            }
        }
    }
    sums
}

/// Adds the bias and hands the row on if a score reaches its own or its column's threshold.
#[target_feature(enable = "neon")]
#[inline]
fn finish(
    row: usize,
    sums: &[float32x4_t; VECTORS],
    rows: Side<'_>,
    columns: Side<'_>,
    hits: &mut Vec<Hit>,
) {
    let bias = vdupq_n_f32(rows.bias[row]);
    let threshold = vdupq_n_f32(rows.threshold[row]);
    let column_bias = load_all(panel(columns.bias));
    let column_threshold = load_all(panel(columns.threshold));
    let mut scores = *sums;
    let mut wanted = 0;
    for vector in 0..VECTORS {
        scores[vector] = vaddq_f32(sums[vector], vaddq_f32(bias, column_bias[vector]));
        let lower = vminq_f32(threshold, column_threshold[vector]);
        wanted |= vmaxvq_u32(vcgeq_f32(scores[vector], lower));
    }
    if wanted != 0 {
        gather(row, rows, columns, store_all(&scores).as_flattened(), hits);
    }
}

fn panel(values: &[f32]) -> &[f32; PANEL] {
    values.first_chunk().expect("a side has a value for every row of its panel")
}

#[target_feature(enable = "neon")]
#[inline]
fn load_all(values: &[f32; PANEL]) -> [float32x4_t; VECTORS] {
    let (vectors, _) = values.as_chunks::<LANES>();
    let mut loaded = [vdupq_n_f32(0.0); VECTORS];
    for (loaded, vector) in loaded.iter_mut().zip(vectors) {
        // SAFETY: `vector` is an array of exactly the 4 floats that are read.
        #[allow(unsafe_code)]
        let value = unsafe { vld1q_f32(vector.as_ptr()) };
        *loaded = value;
    }
    loaded
}

#[target_feature(enable = "neon")]
#[inline]
fn store_all(vectors: &[float32x4_t; VECTORS]) -> [[f32; LANES]; VECTORS] {
    let mut stored = [[0.0; LANES]; VECTORS];
    for (stored, &vector) in stored.iter_mut().zip(vectors) {
        // SAFETY: `stored` is an array of exactly the 4 floats that are written.
        #[allow(unsafe_code)]
        unsafe {
            vst1q_f32(stored.as_mut_ptr(), vector);
        }
    }
    stored
}
