//! Laying pictures over each other.

use numpy::{IntoPyArray, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::graph::flat;
use crate::error::Error;
use crate::job::Job;
use crate::python::to_python;
use crate::supervise::supervise;
use crate::verify::{self, NAMES, Registration};

#[pyfunction]
#[pyo3(signature = (*, signatures, pairs_from, pairs_to, num_threads, progress))]
pub fn register_pairs(
    py: Python<'_>,
    signatures: PyReadonlyArray2<'_, u8>,
    pairs_from: PyReadonlyArray1<'_, u32>,
    pairs_to: PyReadonlyArray1<'_, u32>,
    num_threads: usize,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<Py<PyDict>> {
    let values = signatures
        .as_slice()
        .map_err(|_| Error::argument("signatures must be contiguous: use numpy.ascontiguousarray"))
        .and_then(|values| match signatures.shape()[1] {
            verify::LENGTH => Ok(values),
            other => Err(Error::argument(format!(
                "a signature has {} values, not {other}",
                verify::LENGTH
            ))),
        })
        .map_err(to_python)?;
    let (from, to) = (flat(&pairs_from).map_err(to_python)?, flat(&pairs_to).map_err(to_python)?);
    let job = Job::new(from.len(), num_threads);
    let found =
        supervise(py, progress.as_ref(), &job, |job| verify::register(values, from, to, job))?;
    let floats = |of: fn(&Registration) -> f32| found.iter().map(of).collect::<Vec<f32>>();
    let result = PyDict::new(py);
    result.set_item("correlation", floats(|one| one.correlation).into_pyarray(py))?;
    result.set_item("detail", floats(|one| one.detail).into_pyarray(py))?;
    result.set_item("texture", floats(|one| one.texture).into_pyarray(py))?;
    result.set_item("tilt", floats(|one| one.tilt).into_pyarray(py))?;
    result.set_item("area", floats(|one| one.area).into_pyarray(py))?;
    let names = found.iter().map(|one| NAMES[usize::from(one.orientation.number())]);
    result.set_item("orientation", names.collect::<Vec<_>>())?;
    let grown: Vec<bool> = found.iter().map(|one| one.grown).collect();
    result.set_item("grown", grown.into_pyarray(py))?;
    Ok(result.unbind())
}
