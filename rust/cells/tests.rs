//! Cells against looking at all pairs.

use super::{Cells, Nearest, Pass, Stored, Tree, Vectors, Visitors, nearest, rank, search, train};
use crate::distance::{Distance, squared};
use crate::exact::{Neighbors, exact_neighbors, query_neighbors};
use crate::job::Job;
use crate::matrix::Matrix;
use crate::testing::noise;

const WIDTH: usize = 24;

fn rows(height: usize) -> Vec<f32> {
    noise(height * WIDTH, 3)
}

fn sorted(values: &[f32], cells: &[u32], count: usize) -> (Vec<f32>, Vec<u64>, Vec<u32>) {
    let mut order: Vec<_> = (0..cells.len()).collect();
    order.sort_by_key(|&row| (cells[row], row));
    let rows = order.iter().flat_map(|&row| values[row * WIDTH..][..WIDTH].to_vec()).collect();
    let offsets = (0..=count)
        .map(|cell| cells.iter().filter(|&&own| (own as usize) < cell).count() as u64)
        .collect();
    (rows, offsets, order.iter().map(|&row| cells[row]).collect())
}

/// All rows are guests of all other cells.
fn everybody(cells: &[u32], count: usize) -> (Vec<u32>, Vec<u64>) {
    let (mut guests, mut offsets) = (Vec::new(), vec![0]);
    for cell in 0..count as u32 {
        guests.extend((0..cells.len() as u32).filter(|&row| cells[row as usize] != cell));
        offsets.push(guests.len() as u64);
    }
    (guests, offsets)
}

fn find(values: &[f32], distance: Distance, k: usize, threads: usize) -> (Neighbors, Neighbors) {
    let job = Job::new(0, threads);
    let centre = vec![0.01; WIDTH];
    let stored = Stored::Single(Matrix::new(values, WIDTH).unwrap());
    let vectors = Vectors::new(stored, distance, &centre).unwrap();
    let count = 7;
    let centroids = train(&vectors, count, &job).unwrap();
    let tree = Tree::new(centroids, WIDTH, &job).unwrap();
    let Nearest { cells, .. } = nearest(&vectors, &tree, 1, &job).unwrap();
    let (values, offsets, cells) = sorted(values, &cells, count);
    let matrix = Matrix::new(&values, WIDTH).unwrap();
    let vectors = Vectors::new(Stored::Single(matrix), distance, &centre).unwrap();
    let kept = k + 4;
    let mut lists = vec![0; vectors.height() * kept];
    let own = Cells { offsets: &offsets, pass: Pass::Own };
    search(&vectors, &own, 0..count, &mut lists, kept, &job).unwrap();
    let (guests, starts) = everybody(&cells, count);
    let guests = Visitors { rows: &guests, offsets: &starts };
    let all = Cells { offsets: &offsets, pass: Pass::Guests(guests) };
    search(&vectors, &all, 0..count, &mut lists, kept, &job).unwrap();
    let found = rank(&vectors, &vectors, 0..vectors.height(), &lists, kept, k, &job).unwrap();
    (found, exact_neighbors(matrix, k, distance, &job).unwrap())
}

#[test]
fn with_all_guests_all_neighbors_are_found() {
    for distance in [Distance::Cosine, Distance::Euclidean] {
        for (height, threads) in [(50, 1), (900, 2)] {
            let (found, truth) = find(&rows(height), distance, 5, threads);
            assert_eq!(found, truth);
        }
    }
}

#[test]
fn queries_find_what_is_in_the_cells_they_visit() {
    let (values, asked, job) = (rows(500), noise(40 * WIDTH, 9), Job::new(0, 2));
    let zero = vec![0.0; WIDTH];
    let matrix = Matrix::new(&values, WIDTH).unwrap();
    let vectors = Vectors::new(Stored::Single(matrix), Distance::Cosine, &zero).unwrap();
    let queries = Matrix::new(&asked, WIDTH).unwrap();
    let seen = Vectors::new(Stored::Single(queries), Distance::Cosine, &zero).unwrap();
    // Three cells; every query visits the first and the last.
    let offsets = [0, 200, 300, 500];
    let visits: Vec<_> = (0..40).chain(0..40).collect();
    let visitors = Visitors { rows: &visits, offsets: &[0, 40, 40, 80] };
    let cells = Cells { offsets: &offsets, pass: Pass::Queries(visitors, &seen) };
    let mut lists = vec![0; 40 * 9];
    search(&vectors, &cells, 0..3, &mut lists, 9, &job).unwrap();
    let truth = query_neighbors(queries, matrix, 500, Distance::Cosine, &job).unwrap();
    for (query, list) in lists.chunks_exact(9).enumerate() {
        let known = truth.ids[query * 500..][..500].iter();
        let wanted: Vec<_> = known.copied().filter(|id| !(200..300).contains(id)).take(9).collect();
        let mut keys = list.to_vec();
        keys.sort_unstable_by(|a, b| b.cmp(a));
        let found: Vec<_> = keys.iter().map(|&key| !(key as u32)).collect();
        assert_eq!(found, wanted);
    }
}

#[test]
fn twins_are_found() {
    let values: Vec<_> = (0..40).flat_map(|_| rows(5)).collect();
    let (found, truth) = find(&values, Distance::Cosine, 6, 2);
    assert_eq!(found.similarities, truth.similarities);
}

#[test]
fn the_nearest_cells_come_first_with_their_margins() {
    let (values, job) = (rows(300), Job::new(0, 2));
    let zero = vec![0.0; WIDTH];
    let stored = Stored::Single(Matrix::new(&values, WIDTH).unwrap());
    let vectors = Vectors::new(stored, Distance::Euclidean, &zero).unwrap();
    let tree = Tree::new(values[..20 * WIDTH].to_vec(), WIDTH, &job).unwrap();
    let found = nearest(&vectors, &tree, 3, &job).unwrap();
    for row in 0..300 {
        let own = &values[row * WIDTH..][..WIDTH];
        let mut all: Vec<_> =
            (0..20).map(|cell| (squared(own, &values[cell * WIDTH..][..WIDTH]), cell)).collect();
        all.sort_by(|a, b| a.partial_cmp(b).unwrap());
        let first = &values[all[0].1 * WIDTH..][..WIDTH];
        for (place, &(distance, cell)) in all[..3].iter().enumerate() {
            assert_eq!(found.cells[row * 3 + place], cell as u32);
            let apart = squared(first, &values[cell * WIDTH..][..WIDTH]).sqrt();
            let margin = if place > 0 { (distance - all[0].0) / (2.0 * apart) } else { 0.0 };
            assert!((f64::from(found.margins[row * 3 + place]) - margin).abs() < 1e-4);
        }
    }
}

#[test]
fn groups_of_cells_hide_hardly_any() {
    let (values, job) = (rows(4000), Job::new(0, 2));
    let zero = vec![0.0; WIDTH];
    let stored = Stored::Single(Matrix::new(&values, WIDTH).unwrap());
    let vectors = Vectors::new(stored, Distance::Euclidean, &zero).unwrap();
    let centroids = &values[..400 * WIDTH];
    let tree = Tree::new(centroids.to_vec(), WIDTH, &job).unwrap();
    let found = nearest(&vectors, &tree, 2, &job).unwrap();
    let queries = Matrix::new(&values, WIDTH).unwrap();
    let centroids = Matrix::new(centroids, WIDTH).unwrap();
    let truth = query_neighbors(queries, centroids, 1, Distance::Euclidean, &job).unwrap();
    let same = found.cells.iter().step_by(2).zip(&truth.ids).filter(|(a, b)| a == b).count();
    assert!(same > 3600, "{same} of 4000");
}

#[test]
fn one_huge_clump_is_shared_out() {
    // Nine rows in ten lie close together.
    let mut values = rows(2000);
    for (_, out) in values.chunks_exact_mut(WIDTH).enumerate().filter(|(row, _)| row % 10 > 0) {
        for value in out {
            *value = 3.0 + *value * 0.01;
        }
    }
    let zero = vec![0.0; WIDTH];
    let stored = Stored::Single(Matrix::new(&values, WIDTH).unwrap());
    let vectors = Vectors::new(stored, Distance::Euclidean, &zero).unwrap();
    let job = Job::new(0, 2);
    let centroids = train(&vectors, 20, &job).unwrap();
    let tree = Tree::new(centroids, WIDTH, &job).unwrap();
    let cells = nearest(&vectors, &tree, 1, &job).unwrap().cells;
    let largest = (0..20).map(|cell| cells.iter().filter(|&&own| own == cell).count()).max();
    assert!(largest.unwrap() <= 400, "{largest:?} rows in one cell");
}
