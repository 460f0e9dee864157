//! The steps of the graph of millions.

use std::str::FromStr;

use half::f16;
use numpy::{
    IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyReadwriteArray2, PyUntypedArrayMethods,
};
use pyo3::prelude::*;

use crate::cells::{self, Cells, Pass, Stored, Tree, Vectors, Visitors};
use crate::distance::Distance;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::matrix::Matrix;
use crate::python::graph::{Arrays, arrays, matrix};
use crate::python::to_python;
use crate::supervise::supervise;

/// Two columns of numbers.
type Pairs<'py> = (Bound<'py, PyArray1<u32>>, Bound<'py, PyArray1<u32>>);

/// Vectors in single or half precision.
#[derive(FromPyObject)]
pub enum Array<'py> {
    Single(PyReadonlyArray2<'py, f32>),
    Half(PyReadonlyArray2<'py, f16>),
}

impl Array<'_> {
    fn stored(&self) -> Result<Stored<'_>> {
        let bent = |_| {
            Error::argument(
                "embeddings must be contiguous, row after row: use numpy.ascontiguousarray",
            )
        };
        match self {
            Self::Single(array) => {
                let values = array.as_slice().map_err(bent)?;
                Matrix::new(values, array.shape()[1]).map(Stored::Single)
            }
            Self::Half(array) => match array.shape()[1] {
                0 => Err(Error::argument("embeddings have no columns")),
                width => Ok(Stored::Half(array.as_slice().map_err(bent)?, width)),
            },
        }
    }
}

/// The vectors of a space, held while a job runs.
#[derive(FromPyObject)]
pub struct Space<'py> {
    vectors: Array<'py>,
    distance: String,
    centre: PyReadonlyArray1<'py, f32>,
}

impl Space<'_> {
    fn seen(&self) -> PyResult<Vectors<'_>> {
        let make = || {
            let distance = Distance::from_str(&self.distance)?;
            Vectors::new(self.vectors.stored()?, distance, slice(&self.centre, "the centre")?)
        };
        make().map_err(to_python)
    }
}

fn slice<'a, T: numpy::Element>(array: &'a PyReadonlyArray1<'_, T>, what: &str) -> Result<&'a [T]> {
    array.as_slice().map_err(|_| {
        Error::argument(format!("{what} must be contiguous: use numpy.ascontiguousarray"))
    })
}

#[pyfunction]
#[pyo3(signature = (*, sample, count, num_threads, progress))]
pub fn train_cells<'py>(
    py: Python<'py>,
    sample: Space<'py>,
    count: usize,
    num_threads: usize,
    progress: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let rows = sample.seen()?;
    let job = Job::new(0, num_threads);
    let found = supervise(py, progress.as_ref(), &job, |job| cells::train(&rows, count, job))?;
    found.into_pyarray(py).reshape([count, rows.width()])
}

/// The centroids of cells, ready to be searched.
#[pyclass(name = "Tree", frozen)]
pub struct PyTree(Tree);

#[pymethods]
impl PyTree {
    #[new]
    #[pyo3(signature = (*, centroids, num_threads))]
    fn new(
        py: Python<'_>,
        centroids: PyReadonlyArray2<'_, f32>,
        num_threads: usize,
    ) -> PyResult<Self> {
        let own = matrix(&centroids).map_err(to_python)?;
        let job = Job::new(0, num_threads);
        let made =
            supervise(py, None, &job, |job| Tree::new(own.values().to_vec(), own.width(), job))?;
        Ok(Self(made))
    }

    #[pyo3(signature = (*, rows, probes, num_threads, progress))]
    fn nearest<'py>(
        &self,
        py: Python<'py>,
        rows: Space<'py>,
        probes: usize,
        num_threads: usize,
        progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Arrays<'py>> {
        let rows = rows.seen()?;
        let job = Job::new(0, num_threads);
        let found = supervise(py, progress.as_ref(), &job, |job| {
            cells::nearest(&rows, &self.0, probes, job)
        })?;
        let shape = [rows.height(), probes];
        let (cells, margins) = (found.cells.into_pyarray(py), found.margins.into_pyarray(py));
        Ok((cells.reshape(shape)?, margins.reshape(shape)?))
    }

    #[pyo3(signature = (*, rows, reach, probes, num_threads, progress))]
    fn visits<'py>(
        &self,
        py: Python<'py>,
        rows: Space<'py>,
        reach: PyReadonlyArray1<'py, f32>,
        probes: usize,
        num_threads: usize,
        progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Pairs<'py>> {
        let rows = rows.seen()?;
        let reach = slice(&reach, "reach").map_err(to_python)?;
        let job = Job::new(0, num_threads);
        let found = supervise(py, progress.as_ref(), &job, |job| {
            cells::visits(&rows, &self.0, reach, probes, job)
        })?;
        let (rows, cells): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        Ok((rows.into_pyarray(py), cells.into_pyarray(py)))
    }
}

#[pyfunction]
#[pyo3(signature = (*, rows, offsets, queries, visitors, visitor_offsets, lists, first, last, num_threads, progress))]
#[allow(clippy::too_many_arguments)]
pub fn search_cells<'py>(
    py: Python<'py>,
    rows: Space<'py>,
    offsets: PyReadonlyArray1<'py, u64>,
    queries: Option<Space<'py>>,
    visitors: Option<PyReadonlyArray1<'py, u32>>,
    visitor_offsets: Option<PyReadonlyArray1<'py, u64>>,
    mut lists: PyReadwriteArray2<'py, u64>,
    first: usize,
    last: usize,
    num_threads: usize,
    progress: Option<Bound<'py, PyAny>>,
) -> PyResult<()> {
    let rows = rows.seen()?;
    let queries = queries.as_ref().map(Space::seen).transpose()?;
    let visitors = match (&visitors, &visitor_offsets) {
        (Some(visitors), Some(offsets)) => Some(Visitors {
            rows: slice(visitors, "visitors").map_err(to_python)?,
            offsets: slice(offsets, "offsets").map_err(to_python)?,
        }),
        _ => None,
    };
    let pass = match (visitors, &queries) {
        (None, _) => Pass::Own,
        (Some(visitors), None) => Pass::Guests(visitors),
        (Some(visitors), Some(queries)) => Pass::Queries(visitors, queries),
    };
    let cells = Cells { offsets: slice(&offsets, "offsets").map_err(to_python)?, pass };
    let kept = lists.shape()[1];
    let keys = lists
        .as_slice_mut()
        .map_err(|_| to_python(Error::argument("lists must be contiguous, row after row")))?;
    let job = Job::new(0, num_threads);
    supervise(py, progress.as_ref(), &job, |job| {
        cells::search(&rows, &cells, first..last, keys, kept, job)
    })
}

#[pyfunction]
#[pyo3(signature = (*, rows, queries, first, lists, k, num_threads, progress))]
#[allow(clippy::too_many_arguments)]
pub fn rank_cells<'py>(
    py: Python<'py>,
    rows: Space<'py>,
    queries: Option<Space<'py>>,
    first: usize,
    lists: PyReadonlyArray2<'py, u64>,
    k: usize,
    num_threads: usize,
    progress: Option<Bound<'py, PyAny>>,
) -> PyResult<Arrays<'py>> {
    let rows = rows.seen()?;
    let queries = queries.as_ref().map(Space::seen).transpose()?;
    let asked = queries.as_ref().unwrap_or(&rows);
    let (height, kept) = (lists.shape()[0], lists.shape()[1]);
    let keys = lists
        .as_slice()
        .map_err(|_| to_python(Error::argument("lists must be contiguous, row after row")))?;
    let job = Job::new(0, num_threads);
    let found = supervise(py, progress.as_ref(), &job, |job| {
        cells::rank(&rows, asked, first..first + height, keys, kept, k, job)
    })?;
    arrays(py, found, height)
}

#[pyfunction]
#[pyo3(signature = (*, lists, k))]
pub fn cell_radii<'py>(
    py: Python<'py>,
    lists: PyReadonlyArray2<'py, u64>,
    k: usize,
) -> PyResult<Bound<'py, PyArray1<f32>>> {
    let kept = lists.shape()[1];
    let keys = lists
        .as_slice()
        .map_err(|_| to_python(Error::argument("lists must be contiguous, row after row")))?;
    Ok(py.detach(|| cells::radii(keys, kept, k)).into_pyarray(py))
}
