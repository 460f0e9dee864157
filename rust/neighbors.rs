//! The one door to the builders of the nearest-neighbor graph.

use crate::distance::Distance;
use crate::error::Result;
use crate::exact::{Neighbors, exact_neighbors};
use crate::hnsw::{Graph, hnsw_neighbors};
use crate::job::Job;
use crate::matrix::Matrix;

/// How the neighbors are found.
#[derive(Clone, Copy, Debug)]
pub enum Method {
    /// All pairs are looked at.
    Exact,
    /// A navigable graph: nearly all true neighbors.
    Hnsw(Graph),
}

/// The `k` nearest neighbors of every row among the other rows, best first.
pub fn neighbors(
    vectors: Matrix<'_>,
    k: usize,
    distance: Distance,
    method: Method,
    job: &Job,
) -> Result<Neighbors> {
    match method {
        Method::Exact => exact_neighbors(vectors, k, distance, job),
        Method::Hnsw(graph) => hnsw_neighbors(vectors, k, distance, graph, job),
    }
}
