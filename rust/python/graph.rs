//! The neighbor graph and what is read off it.

use std::str::FromStr;

use numpy::{
    IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;

use crate::components;
use crate::distance::Distance;
use crate::error::{Error, Result};
use crate::exact::{self, Neighbors};
use crate::hnsw::Graph;
use crate::job::Job;
use crate::matrix::Matrix;
use crate::neighbors::{Method, neighbors};
use crate::python::to_python;
use crate::supervise::supervise;

pub type Arrays<'py> = (Bound<'py, PyArray2<u32>>, Bound<'py, PyArray2<f32>>);

#[pyfunction]
#[pyo3(signature = (*, vectors, k, distance, num_threads, progress))]
pub fn exact_neighbors<'py>(
    py: Python<'py>,
    vectors: PyReadonlyArray2<'py, f32>,
    k: usize,
    distance: &str,
    num_threads: usize,
    progress: Option<Bound<'py, PyAny>>,
) -> PyResult<Arrays<'py>> {
    build(py, &vectors, k, distance, Method::Exact, num_threads, progress.as_ref())
}

#[pyfunction]
#[pyo3(signature = (*, vectors, k, distance, seed, ef_construction, ef_search, num_threads, progress))]
#[allow(clippy::too_many_arguments)]
pub fn hnsw_neighbors<'py>(
    py: Python<'py>,
    vectors: PyReadonlyArray2<'py, f32>,
    k: usize,
    distance: &str,
    seed: u64,
    ef_construction: usize,
    ef_search: usize,
    num_threads: usize,
    progress: Option<Bound<'py, PyAny>>,
) -> PyResult<Arrays<'py>> {
    let method = Method::Hnsw(Graph { seed, ef_construction, ef_search });
    build(py, &vectors, k, distance, method, num_threads, progress.as_ref())
}

#[pyfunction]
#[pyo3(signature = (*, queries, vectors, k, distance, num_threads, progress))]
pub fn query_neighbors<'py>(
    py: Python<'py>,
    queries: PyReadonlyArray2<'py, f32>,
    vectors: PyReadonlyArray2<'py, f32>,
    k: usize,
    distance: &str,
    num_threads: usize,
    progress: Option<Bound<'py, PyAny>>,
) -> PyResult<Arrays<'py>> {
    let (asked, rows) =
        (matrix(&queries).map_err(to_python)?, matrix(&vectors).map_err(to_python)?);
    let distance = Distance::from_str(distance).map_err(to_python)?;
    let job = Job::new(0, num_threads);
    let found = supervise(py, progress.as_ref(), &job, |job| {
        exact::query_neighbors(asked, rows, k, distance, job)
    })?;
    arrays(py, found, asked.height())
}

fn build<'py>(
    py: Python<'py>,
    vectors: &PyReadonlyArray2<'py, f32>,
    k: usize,
    distance: &str,
    method: Method,
    num_threads: usize,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<Arrays<'py>> {
    let rows = matrix(vectors).map_err(to_python)?;
    let distance = Distance::from_str(distance).map_err(to_python)?;
    let job = Job::new(0, num_threads);
    let found = supervise(py, progress, &job, |job| neighbors(rows, k, distance, method, job))?;
    arrays(py, found, rows.height())
}

pub fn matrix<'a>(array: &'a PyReadonlyArray2<'_, f32>) -> Result<Matrix<'a>> {
    let values = array.as_slice().map_err(|_| {
        Error::argument("embeddings must be contiguous, row after row: use numpy.ascontiguousarray")
    })?;
    Matrix::new(values, array.shape()[1])
}

pub fn arrays(py: Python<'_>, found: Neighbors, height: usize) -> PyResult<Arrays<'_>> {
    let shape = [height, found.k];
    let ids = found.ids.into_pyarray(py).reshape(shape)?;
    let similarities = found.similarities.into_pyarray(py).reshape(shape)?;
    Ok((ids, similarities))
}

#[pyfunction]
#[pyo3(signature = (*, size, edges_from, edges_to))]
pub fn connected_components<'py>(
    py: Python<'py>,
    size: usize,
    edges_from: PyReadonlyArray1<'py, u32>,
    edges_to: PyReadonlyArray1<'py, u32>,
) -> PyResult<Bound<'py, PyArray1<u32>>> {
    let (from, to) = (flat(&edges_from).map_err(to_python)?, flat(&edges_to).map_err(to_python)?);
    let labels =
        py.detach(|| components::connected_components(size, from, to)).map_err(to_python)?;
    Ok(labels.into_pyarray(py))
}

#[pyfunction]
#[pyo3(signature = (*, priority, edges_from, edges_to))]
pub fn star_groups<'py>(
    py: Python<'py>,
    priority: PyReadonlyArray1<'py, u32>,
    edges_from: PyReadonlyArray1<'py, u32>,
    edges_to: PyReadonlyArray1<'py, u32>,
) -> PyResult<Bound<'py, PyArray1<u32>>> {
    let order = flat(&priority).map_err(to_python)?;
    let (from, to) = (flat(&edges_from).map_err(to_python)?, flat(&edges_to).map_err(to_python)?);
    let groups = py.detach(|| components::star_groups(order, from, to)).map_err(to_python)?;
    Ok(groups.into_pyarray(py))
}

pub fn flat<'a>(array: &'a PyReadonlyArray1<'_, u32>) -> Result<&'a [u32]> {
    array
        .as_slice()
        .map_err(|_| Error::argument("row numbers must be contiguous: use numpy.ascontiguousarray"))
}
