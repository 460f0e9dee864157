//! Folders, models, and the way from files to rows.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use numpy::{IntoPyArray, PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::decode::{Code, Limits};
use crate::embed::{Device, ElementKind, Encoding, Layout, Model, Spec, Tokens};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::pipeline::{self, Settings, Stage, Table, View};
use crate::preprocess::{Fit, SIGNATURE_SIDE, Sizing, parse_filter};
use crate::python::inputs::{PyExchange, PyPictures};
use crate::python::pictures::parse_stretch;
use crate::python::to_python;
use crate::statistics::NAMES;
use crate::supervise::supervise;
use crate::walk::{Rules, walk as walk_folder};

/// A checked model with its sessions.
#[pyclass(frozen, name = "Model", module = "pixsieve._native")]
pub struct PyModel(Arc<Model>);

#[pymethods]
impl PyModel {
    #[getter]
    fn dim(&self) -> usize {
        self.0.dim()
    }

    #[getter]
    fn device(&self) -> &'static str {
        self.0.device().as_str()
    }

    #[getter]
    fn takes_any_size(&self) -> bool {
        self.0.takes_any_size()
    }
}

#[pyfunction]
#[pyo3(signature = (*, runtime, path, input_name, output_name, layout, channels, dtype, height, width, mean, std, padding, resize, filter_down, filter_up, pool, normalize, device, num_threads, batch_size))]
#[allow(clippy::too_many_arguments)]
pub fn load_model(
    py: Python<'_>,
    runtime: PathBuf,
    path: PathBuf,
    input_name: Option<String>,
    output_name: Option<String>,
    layout: &str,
    channels: &str,
    dtype: &str,
    height: u32,
    width: u32,
    mean: [f32; 3],
    std: [f32; 3],
    padding: u8,
    resize: &str,
    filter_down: &str,
    filter_up: &str,
    pool: Option<&str>,
    normalize: bool,
    device: &str,
    num_threads: usize,
    batch_size: usize,
) -> PyResult<PyModel> {
    let describe = || -> Result<(Spec, Device)> {
        let encoding = Encoding {
            layout: Layout::parse(layout)?,
            kind: ElementKind::parse(dtype)?,
            reversed: parse_channels(channels)?,
            mean,
            std,
            padding,
        };
        if encoding.layout == Layout::Patches
            && (encoding.kind != ElementKind::Uint8 || width % 2 + height % 2 > 0)
        {
            return Err(Error::argument("layout \"patches\" needs dtype uint8 and even sides"));
        }
        let sizing = Sizing {
            width,
            height,
            fit: Fit::parse(resize)?,
            filter_down: parse_filter(filter_down)?,
            filter_up: parse_filter(filter_up)?,
        };
        let pool = pool.map(Tokens::parse).transpose()?;
        let spec =
            Spec { path, input_name, output_name, encoding, sizing, pool, normalize, batch_size };
        Ok((spec, parse_device(device)?))
    };
    let (spec, device) = describe().map_err(to_python)?;
    let job = Job::new(0, num_threads);
    let model =
        supervise(py, None, &job, |job| Model::load(&runtime, spec, device, job.threads()))?;
    Ok(PyModel(Arc::new(model)))
}

fn parse_channels(name: &str) -> Result<bool> {
    match name {
        "RGB" => Ok(false),
        "BGR" => Ok(true),
        _ => Err(Error::argument(format!("channels {name:?}: use RGB or BGR"))),
    }
}

fn parse_device(name: &str) -> Result<Device> {
    match name {
        "cpu" => Ok(Device::Cpu),
        "cuda" => Ok(Device::Cuda),
        _ => Err(Error::argument(format!("device {name:?}: use cpu or cuda"))),
    }
}

#[pyfunction]
#[pyo3(signature = (*, root, extensions, hidden, exclude, progress))]
pub fn walk(
    py: Python<'_>,
    root: PathBuf,
    extensions: Vec<String>,
    hidden: bool,
    exclude: Option<PathBuf>,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<Py<PyDict>> {
    let extensions: HashSet<String> = extensions.into_iter().collect();
    let rules = Rules { extensions: &extensions, hidden, exclude: exclude.as_deref() };
    let job = Job::new(0, 1);
    let found = supervise(py, progress.as_ref(), &job, |job| walk_folder(&root, &rules, job))?;
    let sizes: Vec<u64> = found.entries.iter().map(|entry| entry.size).collect();
    let modified: Vec<i64> = found.entries.iter().map(|entry| entry.modified).collect();
    let paths: Vec<OsString> =
        found.entries.into_iter().map(|entry| entry.path.into_os_string()).collect();
    let denied: Vec<OsString> = found.denied.into_iter().map(PathBuf::into_os_string).collect();
    let result = PyDict::new(py);
    result.set_item("paths", paths)?;
    result.set_item("sizes", PyArray1::from_vec(py, sizes))?;
    result.set_item("modified", PyArray1::from_vec(py, modified))?;
    result.set_item("denied", denied)?;
    result.set_item("skipped_hidden", found.skipped_hidden)?;
    result.set_item("skipped_links", found.skipped_links)?;
    result.set_item("skipped_other", found.skipped_other)?;
    result.set_item("skipped_special", found.skipped_special)?;
    result.set_item("skipped_runs", found.skipped_runs)?;
    Ok(result.unbind())
}

#[pyfunction]
#[pyo3(signature = (*, pictures, exchange, model, views, min_file_size, min_width, min_height, max_side, max_pixels, stretch, thumbnails, thumbnail_side, num_threads, progress))]
#[allow(clippy::too_many_arguments)]
pub fn extract(
    py: Python<'_>,
    pictures: &Bound<'_, PyPictures>,
    exchange: &Bound<'_, PyExchange>,
    model: &Bound<'_, PyModel>,
    views: Vec<String>,
    min_file_size: u64,
    min_width: u32,
    min_height: u32,
    max_side: u32,
    max_pixels: u64,
    stretch: &str,
    thumbnails: Option<PathBuf>,
    thumbnail_side: u32,
    num_threads: usize,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<Py<PyDict>> {
    let views = views
        .iter()
        .map(|name| View::parse(name))
        .collect::<Result<Vec<_>>>()
        .map_err(to_python)?;
    let settings = Settings {
        model: &model.get().0,
        views,
        min_file_size,
        min_width,
        min_height,
        limits: Limits { max_side, max_pixels },
        stretch: parse_stretch(stretch)?,
        thumbnails: thumbnails.as_deref(),
        thumbnail_side,
    };
    let (inputs, exchange) = (&pictures.get().0, &exchange.get().0);
    let job = Job::new(inputs.images(), num_threads);
    let table = supervise(py, progress.as_ref(), &job, |job| {
        pipeline::extract(inputs, exchange, &settings, job)
    })?;
    to_dict(py, table, model.get().0.dim())
}

fn to_dict(py: Python<'_>, table: Table, dim: usize) -> PyResult<Py<PyDict>> {
    let rows = table.height();
    let side = SIGNATURE_SIDE as usize;
    let embedded = table.rows.len();
    let seconds = PyDict::new(py);
    for (stage, name) in Stage::ALL {
        seconds.set_item(name, table.seconds[stage as usize])?;
    }
    let formats: Vec<Option<&str>> = table.formats.iter().map(Option::as_deref).collect();
    let errors: Vec<Option<&str>> =
        table.errors.iter().map(|code| code.map(Code::as_str)).collect();
    let result = PyDict::new(py);
    result.set_item("digest", table.digests.into_pyarray(py).reshape([rows, 32])?)?;
    result.set_item("size", table.sizes.into_pyarray(py))?;
    result.set_item("width", table.widths.into_pyarray(py))?;
    result.set_item("height", table.heights.into_pyarray(py))?;
    result.set_item("source_width", table.source_widths.into_pyarray(py))?;
    result.set_item("source_height", table.source_heights.into_pyarray(py))?;
    result.set_item("format", formats)?;
    result.set_item("error", errors)?;
    result.set_item("detail", table.details)?;
    result
        .set_item("statistics", table.statistics.into_pyarray(py).reshape([rows, NAMES.len()])?)?;
    result
        .set_item("signatures", table.signatures.into_pyarray(py).reshape([rows, side, side])?)?;
    result.set_item("rows", table.rows.into_pyarray(py))?;
    result.set_item("embeddings", table.embeddings.into_pyarray(py).reshape([embedded, dim])?)?;
    result.set_item("seconds", seconds)?;
    Ok(result.unbind())
}
