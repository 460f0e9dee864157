//! The kernel for AVX-512: 8 rows by 48 columns in 24 of the 32 registers.

use std::arch::x86_64::{
    __m512, _CMP_GE_OQ, _mm512_add_ps, _mm512_cmp_ps_mask, _mm512_fmadd_ps, _mm512_loadu_ps,
    _mm512_min_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};

use super::{Hit, Kernel, Side, gather};

const LANES: usize = 16;
const VECTORS: usize = 3;
const PANEL: usize = LANES * VECTORS;
const ROWS: usize = 8;
/// Columns worked on at a time: so many of two panels stay in the first-level cache.
const DEPTH: usize = 128;

pub fn kernel() -> Option<Kernel> {
    let kernel = Kernel { panel: PANEL, compare };
    is_x86_feature_detected!("avx512f").then_some(kernel)
}

fn compare(rows: Side<'_>, columns: Side<'_>, hits: &mut Vec<Hit>) {
    // SAFETY: `kernel` hands this function out only after it has detected AVX-512F.
    #[allow(unsafe_code)]
    unsafe {
        compare_panels(rows, columns, hits);
    }
}

#[target_feature(enable = "avx512f")]
fn compare_panels(rows: Side<'_>, columns: Side<'_>, hits: &mut Vec<Hit>) {
    let mut sums = [[_mm512_setzero_ps(); VECTORS]; PANEL];
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
#[target_feature(enable = "avx512f")]
#[inline]
fn add_products(
    mut sums: [[__m512; VECTORS]; ROWS],
    rows: &[f32],
    part: usize,
    columns: &[f32],
) -> [[__m512; VECTORS]; ROWS] {
    let a = rows.as_chunks::<ROWS>().0.iter().skip(part).step_by(PANEL / ROWS);
    let b = columns.as_chunks::<PANEL>().0;
    for (a, b) in a.zip(b) {
        let b = load_all(b);
        for row in 0..ROWS {
            let a = _mm512_set1_ps(a[row]);
            for vector in 0..VECTORS {
                sums[row][vector] = _mm512_fmadd_ps(a, b[vector], sums[row][vector]);
            }
        }
    }
    sums
}

/// Adds the bias and hands the row on if a score reaches its own or its column's threshold.
#[target_feature(enable = "avx512f")]
#[inline]
fn finish(
    row: usize,
    sums: &[__m512; VECTORS],
    rows: Side<'_>,
    columns: Side<'_>,
    hits: &mut Vec<Hit>,
) {
    let bias = _mm512_set1_ps(rows.bias[row]);
    let threshold = _mm512_set1_ps(rows.threshold[row]);
    let column_bias = load_all(panel(columns.bias));
    let column_threshold = load_all(panel(columns.threshold));
    let mut scores = *sums;
    let mut wanted = 0;
    for vector in 0..VECTORS {
        scores[vector] = _mm512_add_ps(sums[vector], _mm512_add_ps(bias, column_bias[vector]));
        let lower = _mm512_min_ps(threshold, column_threshold[vector]);
        wanted |= _mm512_cmp_ps_mask::<_CMP_GE_OQ>(scores[vector], lower);
    }
    if wanted != 0 {
        gather(row, rows, columns, store_all(&scores).as_flattened(), hits);
    }
}

fn panel(values: &[f32]) -> &[f32; PANEL] {
    values.first_chunk().expect("a side has a value for every row of its panel")
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load_all(values: &[f32; PANEL]) -> [__m512; VECTORS] {
    let (vectors, _) = values.as_chunks::<LANES>();
    let mut loaded = [_mm512_setzero_ps(); VECTORS];
    for (loaded, vector) in loaded.iter_mut().zip(vectors) {
        // SAFETY: `vector` is an array of exactly the 16 floats that are read.
        #[allow(unsafe_code)]
        let value = unsafe { _mm512_loadu_ps(vector.as_ptr()) };
        *loaded = value;
    }
    loaded
}

#[target_feature(enable = "avx512f")]
#[inline]
fn store_all(vectors: &[__m512; VECTORS]) -> [[f32; LANES]; VECTORS] {
    let mut stored = [[0.0; LANES]; VECTORS];
    for (stored, &vector) in stored.iter_mut().zip(vectors) {
        // SAFETY: `stored` is an array of exactly the 16 floats that are written.
        #[allow(unsafe_code)]
        unsafe {
            _mm512_storeu_ps(stored.as_mut_ptr(), vector);
        }
    }
    stored
}
