//! Pictures and the exchange, as Python hands them over.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use numpy::{PyReadonlyArray1, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::crop::{Part, Rules};
use crate::decode::{Code, Failure};
use crate::error::{Error, Result};
use crate::pipeline::{Content, Exchange, Finished, Inputs, Place, Request};
use crate::python::pictures::picture;
use crate::python::to_python;

/// What a box may be besides upright and in pixels.
const RELATIVE: u8 = 1;
const ROTATED: u8 = 2;
/// The whole picture.
const WHOLE: u8 = 4;

/// Pictures, and the parts of them that are images.
#[pyclass(frozen, name = "Pictures", module = "pixsieve._native")]
pub struct PyPictures(pub Inputs);

#[pymethods]
impl PyPictures {
    #[new]
    #[pyo3(signature = (*, files, names, places, firsts, boxes, kinds, clip, margins))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        files: Vec<PathBuf>,
        names: Vec<String>,
        places: PyReadonlyArray2<'_, u64>,
        firsts: PyReadonlyArray1<'_, u64>,
        boxes: PyReadonlyArray2<'_, f64>,
        kinds: PyReadonlyArray1<'_, u8>,
        clip: bool,
        margins: [f64; 3],
    ) -> PyResult<Self> {
        let flat = |_| to_python(Error::argument("an array is not contiguous"));
        let (places, boxes) = (places.as_slice().map_err(flat)?, boxes.as_slice().map_err(flat)?);
        let kinds = kinds.as_slice().map_err(flat)?;
        let firsts = firsts.as_slice().map_err(flat)?.iter().map(|&first| first as usize).collect();
        let build = || -> Result<Inputs> {
            if places.len() != files.len() * 5 || boxes.len() != kinds.len() * 8 {
                return Err(Error::argument("places are rows of 5, boxes rows of 8 numbers"));
            }
            let places = places
                .chunks_exact(5)
                .map(|row| Place::parse(row.try_into().expect("5 numbers")))
                .collect::<Result<Vec<_>>>()?;
            let parts = boxes.chunks_exact(8).zip(kinds).map(|(corners, &kind)| {
                (kind & WHOLE == 0).then(|| Part {
                    corners: corners.try_into().expect("8 numbers"),
                    relative: kind & RELATIVE != 0,
                    rotated: kind & ROTATED != 0,
                })
            });
            let [horizontal, vertical, additive] = margins;
            let rules = Rules { clip, horizontal, vertical, additive };
            Inputs::new(files, names, places, firsts, parts.collect(), rules)
        };
        build().map(Self).map_err(to_python)
    }

    fn __len__(&self) -> usize {
        self.0.pictures()
    }

    #[getter]
    fn images(&self) -> usize {
        self.0.images()
    }
}

/// Where pictures are handed over during one job.
#[pyclass(frozen, name = "Exchange", module = "pixsieve._native")]
pub struct PyExchange(pub Arc<Exchange>);

type Asked = (usize, Cow<'static, [u8]>, Option<String>, Option<u32>);

#[pymethods]
impl PyExchange {
    #[new]
    fn new() -> Self {
        Self(Arc::new(Exchange::default()))
    }

    #[pyo3(signature = (*, picture, data))]
    fn put(&self, py: Python<'_>, picture: usize, data: &[u8]) -> bool {
        let bytes = data.to_vec();
        py.detach(|| self.0.put(picture, Ok(Content::Encoded(bytes)), 0.0))
    }

    #[pyo3(signature = (*, picture, pixels, codec))]
    fn put_pixels(
        &self,
        py: Python<'_>,
        picture: usize,
        pixels: PyReadonlyArray3<'_, u8>,
        codec: String,
    ) -> PyResult<bool> {
        let size = crate::python::pictures::size(&pixels)?;
        let content = finished(&pixels, codec, size, None)?;
        Ok(py.detach(|| self.0.put(picture, Ok(content), 0.0)))
    }

    #[pyo3(signature = (*, picture, code, detail))]
    fn put_failure(
        &self,
        py: Python<'_>,
        picture: usize,
        code: &str,
        detail: String,
    ) -> PyResult<bool> {
        let failure = failure(code, detail)?;
        Ok(py.detach(|| self.0.put(picture, Err(failure), 0.0)))
    }

    #[pyo3(signature = (*, seconds))]
    fn take(&self, py: Python<'_>, seconds: f64) -> Option<Asked> {
        let patience = Duration::from_secs_f64(seconds.clamp(0.0, 60.0));
        let request = py.detach(|| self.0.take(patience))?;
        let Request { picture, bytes, extension, short_side } = request;
        Some((picture, Cow::Owned(bytes), extension, short_side))
    }

    #[pyo3(signature = (*, picture, pixels, codec, width, height, damage, seconds))]
    #[allow(clippy::too_many_arguments)]
    fn answer(
        &self,
        picture: usize,
        pixels: PyReadonlyArray3<'_, u8>,
        codec: String,
        width: u32,
        height: u32,
        damage: Option<String>,
        seconds: f64,
    ) -> PyResult<()> {
        let content = finished(&pixels, codec, (width, height), damage)?;
        self.0.answer(picture, Ok(content), seconds);
        Ok(())
    }

    #[pyo3(signature = (*, picture, code, detail, seconds))]
    fn refuse(&self, picture: usize, code: &str, detail: String, seconds: f64) -> PyResult<()> {
        self.0.answer(picture, Err(failure(code, detail)?), seconds);
        Ok(())
    }

    fn close(&self) {
        self.0.close();
    }

    #[getter]
    fn closed(&self) -> bool {
        self.0.is_closed()
    }
}

fn finished(
    pixels: &PyReadonlyArray3<'_, u8>,
    format: String,
    (width, height): (u32, u32),
    damage: Option<String>,
) -> PyResult<Content> {
    Ok(Content::Decoded(Finished { picture: picture(pixels)?, width, height, format, damage }))
}

fn failure(code: &str, detail: String) -> PyResult<Failure> {
    let code = Code::parse(code)
        .ok_or_else(|| PyValueError::new_err(format!("there is no error code {code:?}")))?;
    Ok(Failure::new(code, detail))
}
