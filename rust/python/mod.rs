//! The boundary: take owned inputs, run, convert. `_native.pyi` is its reference.

mod cells;
mod extract;
mod graph;
mod inputs;
mod pictures;
mod verify;

use std::io;

use pyo3::exceptions::{
    PyFileNotFoundError, PyOSError, PyPermissionError, PyRuntimeError, PyValueError,
};
use pyo3::prelude::*;

use crate::error::Error;

pyo3::create_exception!(
    pixsieve,
    ModelError,
    PyRuntimeError,
    "The model, or the runtime that executes it, cannot do what was asked."
);

/// Builtin exceptions by meaning.
pub fn to_python(error: Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::Argument(_) => PyValueError::new_err(message),
        Error::Model(_) => ModelError::new_err(message),
        Error::Io { source, .. } => match source.kind() {
            io::ErrorKind::NotFound => PyFileNotFoundError::new_err(message),
            io::ErrorKind::PermissionDenied => PyPermissionError::new_err(message),
            _ => match source.raw_os_error() {
                Some(number) => PyOSError::new_err((number, message)),
                None => PyOSError::new_err(message),
            },
        },
        Error::Stopped => PyRuntimeError::new_err("the job was stopped"),
    }
}

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::ModelError;
    #[pymodule_export]
    use super::cells::{PyTree, cell_radii, rank_cells, search_cells, train_cells};
    #[pymodule_export]
    use super::extract::{PyModel, extract, load_model, walk};
    #[pymodule_export]
    use super::graph::{
        connected_components, exact_neighbors, hnsw_neighbors, query_neighbors, star_groups,
    };
    #[pymodule_export]
    use super::inputs::{PyExchange, PyPictures};
    #[pymodule_export]
    use super::pictures::{decode, encode_jpeg, encode_png, pixel_digests, write_thumbnails};
    #[pymodule_export]
    use super::verify::register_pairs;
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("STATISTICS", crate::statistics::NAMES.to_vec())?;
        module.add("DEBUG_BUILD", cfg!(debug_assertions))
    }
}
