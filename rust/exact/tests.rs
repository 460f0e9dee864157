//! The fast search against a slow and readable one.

use super::{Neighbors, exact_neighbors, products_against, products_among, query_neighbors};
use crate::distance::{Distance, Rows};
use crate::error::Error;
use crate::job::Job;
use crate::matrix::Matrix;
use crate::products::Kernel;
use crate::testing::noise;

const PRODUCTS: [Distance; 2] = [Distance::Cosine, Distance::Euclidean];

/// All similarities of one row, sorted: what every search must return.
fn oracle(queries: &Rows<'_>, rows: &Rows<'_>, k: usize, without_self: bool) -> Neighbors {
    let mut all = Neighbors::empty(queries.matrix.height(), k);
    for query in 0..queries.matrix.height() {
        let others = (0..rows.matrix.height()).filter(|&row| !(without_self && row == query));
        let mut found: Vec<_> =
            others.map(|row| (row as u32, queries.similarity(query, rows, row))).collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        all.write(query, found);
    }
    all
}

/// Checks all kernels and thread numbers on one collection.
fn check(values: &[f32], width: usize, k: usize) {
    let matrix = Matrix::new(values, width).unwrap();
    for distance in PRODUCTS {
        let rows = Rows::new(matrix, distance).unwrap();
        let k = k.min(matrix.height() - 1);
        let truth = oracle(&rows, &rows, k, true);
        for (kernel, threads) in Kernel::available().into_iter().zip([1, 4, 2]) {
            let found = products_among(&rows, k, distance, kernel, &Job::new(0, threads)).unwrap();
            assert_eq!(found, truth, "{distance:?} {} {}x{width}", kernel.panel, matrix.height());
        }
    }
}

#[test]
fn agrees_with_the_oracle_at_odd_sizes() {
    for (height, width) in [(2, 1), (3, 3), (17, 17), (200, 256), (1000, 17), (301, 3)] {
        check(&noise(height * width, 1), width, 5);
    }
    check(&noise(40 * 7, 2), 7, 100);
}

#[test]
fn ties_go_by_row_number() {
    // Few different values: many rows are equal, and many more equally far from each other.
    let values: Vec<_> = noise(600 * 3, 4).iter().map(|value| value.round() + 2.0).collect();
    check(&values, 3, 10);
}

#[test]
fn equal_rows_have_similarity_one() {
    let values = noise(19, 8).repeat(130);
    check(&values, 19, 4);
    let matrix = Matrix::new(&values, 19).unwrap();
    for (_, distance) in Distance::NAMES.iter().take(6) {
        let found = exact_neighbors(matrix, 2, *distance, &Job::new(0, 2)).unwrap();
        assert!(
            found.similarities.iter().all(|&similarity| similarity.to_bits() == 1.0_f32.to_bits())
        );
        assert_eq!(found.ids[..6], [1, 2, 0, 2, 0, 1]);
    }
}

#[test]
fn rows_nearer_than_single_precision_can_tell_are_told_apart() {
    // A tight crowd around one point, far away from zero: products alone see one distance.
    let mut values = noise(300 * 32, 6);
    values.chunks_mut(32).for_each(|row| row.iter_mut().for_each(|v| *v = *v * 1e-4 + 1.0));
    check(&values, 32, 8);
    let mut values: Vec<_> = values.iter().map(|value| value * 1e18).collect();
    check(&values, 32, 8);
    values[..32].fill(1e30);
    check(&values, 32, 8);
}

#[test]
fn queries_keep_their_own_row() {
    let (values, width) = (noise(500 * 24, 3), 24);
    let matrix = Matrix::new(&values, width).unwrap();
    for height in [1, 5, 64, 130, 500] {
        let queries = Matrix::new(&values[..height * width], width).unwrap();
        for distance in PRODUCTS {
            let (asked, rows) =
                (Rows::new(queries, distance).unwrap(), Rows::new(matrix, distance).unwrap());
            let truth = oracle(&asked, &rows, 7, false);
            let job = Job::new(0, 3);
            assert_eq!(query_neighbors(queries, matrix, 7, distance, &job).unwrap(), truth);
            assert_eq!(job.done(), job.total());
            for kernel in Kernel::available() {
                let found = products_against(&asked, &rows, 7, distance, kernel, &job).unwrap();
                assert_eq!(found, truth, "{distance:?} {} {height}", kernel.panel);
            }
        }
    }
}

#[test]
fn the_other_distances_agree_with_the_oracle_on_any_threads() {
    let values: Vec<_> = noise(150 * 20, 5).iter().map(|value| value.abs()).collect();
    let matrix = Matrix::new(&values, 20).unwrap();
    for (_, distance) in Distance::NAMES {
        let rows = Rows::new(matrix, distance).unwrap();
        let truth = oracle(&rows, &rows, 6, true);
        for threads in [1, 4] {
            let job = Job::new(0, threads);
            assert_eq!(exact_neighbors(matrix, 6, distance, &job).unwrap(), truth);
            assert_eq!(job.done(), job.total());
        }
        let found = query_neighbors(matrix, matrix, 6, distance, &Job::new(0, 2)).unwrap();
        assert_eq!(found, oracle(&rows, &rows, 6, false));
    }
}

#[test]
fn small_collections_have_no_neighbors() {
    for values in [&[][..], &[1.0, 2.0]] {
        let matrix = Matrix::new(values, 2).unwrap();
        let found = exact_neighbors(matrix, 3, Distance::Cosine, &Job::new(0, 2)).unwrap();
        assert_eq!((found.k, found.ids.len()), (0, 0));
    }
}

#[test]
fn wrong_arguments_are_named() {
    let refused = |values: &[f32], k, distance| {
        let matrix = Matrix::new(values, 2).unwrap();
        match exact_neighbors(matrix, k, distance, &Job::new(0, 1)) {
            Err(Error::Argument(message)) => message,
            other => panic!("{other:?}"),
        }
    };
    assert!(refused(&[1.0, 2.0], 0, Distance::L1).contains("k is 0"));
    assert!(refused(&[1.0, 2.0, 0.0, 0.0], 1, Distance::Cosine).contains("row 1"));
    assert!(refused(&[1.0, 2.0, 0.0, f32::NAN], 1, Distance::L1).contains("row 1"));
    assert!(refused(&[1.0, -2.0], 1, Distance::JensenShannon).contains("negative"));
    assert!(refused(&[1.0, 2.0, 0.0, 0.0], 1, Distance::JensenShannon).contains("row 1"));
    assert!("manhattan".parse::<Distance>().unwrap_err().to_string().contains("l1"));
}

#[test]
fn a_stopped_job_ends_with_an_error() {
    let (values, job) = (noise(100 * 4, 1), Job::new(0, 2));
    job.stop();
    let matrix = Matrix::new(&values, 4).unwrap();
    for (_, distance) in Distance::NAMES.iter().take(4) {
        let result = exact_neighbors(matrix, 3, *distance, &job);
        assert!(matches!(result, Err(Error::Stopped)));
    }
}
