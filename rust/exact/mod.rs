//! The true nearest neighbors, by looking at all pairs.

mod screen;
mod search;
#[cfg(test)]
mod tests;

use screen::{Space, View};
use search::Search;

use crate::distance::{Distance, Rows};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::matrix::Matrix;
use crate::products::{Kernel, Layout, Lists, Scores, Similarities, against, among_themselves};

/// The `k` neighbors of each row, best first, ties by row number; row after row.
#[derive(Debug, PartialEq)]
pub struct Neighbors {
    pub k: usize,
    pub ids: Vec<u32>,
    pub similarities: Vec<f32>,
}

impl Neighbors {
    /// For neighbors that were not found.
    pub const NONE: u32 = u32::MAX;

    pub fn empty(height: usize, k: usize) -> Self {
        Self { k, ids: vec![Self::NONE; height * k], similarities: vec![f32::NAN; height * k] }
    }

    /// Sets the neighbors of a row; those that are missing stay as they are.
    pub fn write(&mut self, row: usize, found: impl IntoIterator<Item = (u32, f32)>) {
        let places = row * self.k..(row + 1) * self.k;
        let places = self.ids[places.clone()].iter_mut().zip(&mut self.similarities[places]);
        for ((id, similarity), found) in places.zip(found) {
            (*id, *similarity) = found;
        }
    }
}

/// Queries below this number are answered without packing the collection for products.
const FEW: usize = 64;

/// The neighbors of every row among the other rows.
pub fn exact_neighbors(
    vectors: Matrix<'_>,
    k: usize,
    distance: Distance,
    job: &Job,
) -> Result<Neighbors> {
    let rows = Rows::new(vectors, distance)?;
    let k = reduce(k, vectors.height().saturating_sub(1), vectors.height())?;
    if k == 0 {
        return Ok(Neighbors::empty(vectors.height(), 0));
    }
    if is_product(distance) {
        return products_among(&rows, k, distance, Kernel::best(), job);
    }
    let scores = Similarities { rows: &rows, columns: &rows };
    let lists = Lists::new(layout(vectors, &scores, job), k);
    among_themselves(&scores, &lists, job)?;
    Ok(collect(&lists, vectors.height(), k))
}

/// The neighbors of every query among the rows of `vectors`, none of which is left out.
pub fn query_neighbors(
    queries: Matrix<'_>,
    vectors: Matrix<'_>,
    k: usize,
    distance: Distance,
    job: &Job,
) -> Result<Neighbors> {
    if queries.width() != vectors.width() {
        return Err(Error::argument(format!(
            "queries have {} columns and the embeddings {}: they must come from one model",
            queries.width(),
            vectors.width()
        )));
    }
    let (asked, rows) = (Rows::new(queries, distance)?, Rows::new(vectors, distance)?);
    let k = reduce(k, vectors.height(), vectors.height().max(queries.height()))?;
    if k == 0 || queries.height() == 0 {
        return Ok(Neighbors::empty(queries.height(), k));
    }
    if is_product(distance) && queries.height() >= FEW {
        return products_against(&asked, &rows, k, distance, Kernel::best(), job);
    }
    similarities_against(&asked, &rows, k, job)
}

fn is_product(distance: Distance) -> bool {
    matches!(distance, Distance::Cosine | Distance::Euclidean)
}

/// The `k` that `available` neighbors allow, for as many rows as `u32` can count.
pub fn reduce(k: usize, available: usize, height: usize) -> Result<usize> {
    if k == 0 {
        return Err(Error::argument("k is 0: ask for at least one neighbor"));
    }
    if u32::try_from(height).is_err() {
        return Err(Error::argument(format!("{height} rows are more than row numbers can count")));
    }
    Ok(k.min(available))
}

fn layout(matrix: Matrix<'_>, scores: &impl Scores, job: &Job) -> Layout {
    Layout::new(matrix.height(), matrix.width(), scores.panel(), job.threads())
}

fn products_among(
    rows: &Rows<'_>,
    k: usize,
    distance: Distance,
    kernel: Kernel,
    job: &Job,
) -> Result<Neighbors> {
    let space = Space::new(rows.matrix, distance);
    Search { queries: None, collection: &View::new(rows, &space), k, kernel, job }.run()
}

fn products_against(
    queries: &Rows<'_>,
    rows: &Rows<'_>,
    k: usize,
    distance: Distance,
    kernel: Kernel,
    job: &Job,
) -> Result<Neighbors> {
    let space = Space::new(rows.matrix, distance).widen(&Space::new(queries.matrix, distance));
    let (asked, collection) = (View::new(queries, &space), View::new(rows, &space));
    Search { queries: Some(&asked), collection: &collection, k, kernel, job }.run()
}

/// Exact similarities of all queries and rows, without anything to prepare.
fn similarities_against(
    queries: &Rows<'_>,
    rows: &Rows<'_>,
    k: usize,
    job: &Job,
) -> Result<Neighbors> {
    let scores = Similarities { rows: queries, columns: rows };
    let lists = Lists::new(layout(queries.matrix, &scores, job), k);
    let chunks = layout(rows.matrix, &scores, job);
    against(&scores, &lists, chunks, None, job, &|own, query, score, row| {
        own.push(query, score, row);
    })?;
    Ok(collect(&lists, queries.matrix.height(), k))
}

fn collect(lists: &Lists, height: usize, k: usize) -> Neighbors {
    let mut found = Neighbors::empty(height, k);
    for block in 0..lists.layout.blocks() {
        let mut own = lists.own(block);
        for row in lists.layout.block_rows(block).take_while(|&row| row < height) {
            found.write(row, own.finish(row));
        }
    }
    found
}
