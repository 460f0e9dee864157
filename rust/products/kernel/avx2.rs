//! The kernel for AVX2: 6 rows by 16 columns in 12 of the 16 registers.
//!
//! A panel is three times as wide, so that its parts are whole cache lines. With 4 rows by 24
//! columns no register would be left over, and the compiler would spill one in the loop.

use std::arch::x86_64::{
    __m256, _CMP_GE_OQ, _mm256_add_ps, _mm256_cmp_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_min_ps, _mm256_movemask_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
};

use super::{Hit, Kernel, Side, gather};

const LANES: usize = 8;
const VECTORS: usize = 6;
const PANEL: usize = LANES * VECTORS;
const ROWS: usize = 6;
/// Vectors of a panel that are worked on at a time.
const GROUP: usize = 2;
/// Columns worked on at a time: so many of two panels stay in the first-level cache.
const DEPTH: usize = 128;

pub fn kernel() -> Option<Kernel> {
    let kernel = Kernel { panel: PANEL, compare };
    let runs = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    runs.then_some(kernel)
}

fn compare(rows: Side<'_>, columns: Side<'_>, hits: &mut Vec<Hit>) {
    // SAFETY: `kernel` hands this function out only after it has detected AVX2 and FMA.
    #[allow(unsafe_code)]
    unsafe {
        compare_panels(rows, columns, hits);
    }
}

#[target_feature(enable = "avx2,fma")]
fn compare_panels(rows: Side<'_>, columns: Side<'_>, hits: &mut Vec<Hit>) {
    let mut sums = [[_mm256_setzero_ps(); VECTORS]; PANEL];
    let slices = rows.values.chunks(DEPTH * PANEL).zip(columns.values.chunks(DEPTH * PANEL));
    for (rows, columns) in slices {
        for (part, sums) in sums.as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
            for group in 0..VECTORS / GROUP {
                add_products(sums, rows, part, columns, group);
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        finish(row, sums, rows, columns, hits);
    }
}

/// Adds the products of some rows of one panel and a group of the other, over a few columns.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn add_products(
    all: &mut [[__m256; VECTORS]; ROWS],
    rows: &[f32],
    part: usize,
    columns: &[f32],
    group: usize,
) {
    // The sums of one group: a copy of their own keeps them in registers.
    let mut sums = [[_mm256_setzero_ps(); GROUP]; ROWS];
    for (sums, all) in sums.iter_mut().zip(&*all) {
        *sums = all.as_chunks().0[group];
    }
    let a = rows.as_chunks::<ROWS>().0.iter().skip(part).step_by(PANEL / ROWS);
    let b = columns.as_chunks().0.iter().skip(group).step_by(VECTORS / GROUP);
    for (a, b) in a.zip(b) {
        let b: [__m256; GROUP] = load_all::<{ GROUP * LANES }, GROUP>(b);
        for row in 0..ROWS {
            let a = _mm256_set1_ps(a[row]);
            for vector in 0..GROUP {
                sums[row][vector] = _mm256_fmadd_ps(a, b[vector], sums[row][vector]);
            }
        }
    }
    for (all, sums) in all.iter_mut().zip(sums) {
        all.as_chunks_mut().0[group] = sums;
    }
}

/// Adds the bias and hands the row on if a score reaches its own or its column's threshold.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn finish(
    row: usize,
    sums: &[__m256; VECTORS],
    rows: Side<'_>,
    columns: Side<'_>,
    hits: &mut Vec<Hit>,
) {
    let bias = _mm256_set1_ps(rows.bias[row]);
    let threshold = _mm256_set1_ps(rows.threshold[row]);
    let column_bias: [_; VECTORS] = load_all(panel(columns.bias));
    let column_threshold: [_; VECTORS] = load_all(panel(columns.threshold));
    let mut scores = *sums;
    let mut wanted = 0;
    for vector in 0..VECTORS {
        scores[vector] = _mm256_add_ps(sums[vector], _mm256_add_ps(bias, column_bias[vector]));
        let lower = _mm256_min_ps(threshold, column_threshold[vector]);
        wanted |= _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GE_OQ>(scores[vector], lower));
    }
    if wanted != 0 {
        gather(row, rows, columns, store_all(&scores).as_flattened(), hits);
    }
}

fn panel(values: &[f32]) -> &[f32; PANEL] {
    values.first_chunk().expect("a side has a value for every row of its panel")
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn load_all<const FLOATS: usize, const COUNT: usize>(values: &[f32; FLOATS]) -> [__m256; COUNT] {
    let (vectors, _) = values.as_chunks::<LANES>();
    let mut loaded = [_mm256_setzero_ps(); COUNT];
    for (loaded, vector) in loaded.iter_mut().zip(vectors) {
        // SAFETY: `vector` is an array of exactly the 8 floats that are read.
        #[allow(unsafe_code)]
        let value = unsafe { _mm256_loadu_ps(vector.as_ptr()) };
        *loaded = value;
    }
    loaded
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn store_all(vectors: &[__m256; VECTORS]) -> [[f32; LANES]; VECTORS] {
    let mut stored = [[0.0; LANES]; VECTORS];
    for (stored, &vector) in stored.iter_mut().zip(vectors) {
        // SAFETY: `stored` is an array of exactly the 8 floats that are written.
        #[allow(unsafe_code)]
        unsafe {
            _mm256_storeu_ps(stored.as_mut_ptr(), vector);
        }
    }
    stored
}
