//! Single pictures, thumbnails, and digests of pixels.

use std::borrow::Cow;
use std::path::PathBuf;

use numpy::{IntoPyArray, PyArray3, PyArrayMethods, PyReadonlyArray3, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::decode::{Decoder, Limits, Picture, Stretch};
use crate::error::Error;
use crate::job::Job;
use crate::pipeline::Decoding;
use crate::python::inputs::{PyExchange, PyPictures};
use crate::python::to_python;
use crate::supervise::supervise;
use crate::{pipeline, thumbnail};

#[pyfunction]
#[pyo3(signature = (*, pictures, exchange, max_side, max_pixels, stretch, num_threads, progress))]
#[allow(clippy::too_many_arguments)]
pub fn pixel_digests(
    py: Python<'_>,
    pictures: &Bound<'_, PyPictures>,
    exchange: &Bound<'_, PyExchange>,
    max_side: u32,
    max_pixels: u64,
    stretch: &str,
    num_threads: usize,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<Vec<Option<Cow<'static, [u8]>>>> {
    let decoding =
        Decoding { limits: Limits { max_side, max_pixels }, stretch: parse_stretch(stretch)? };
    let (inputs, exchange) = (&pictures.get().0, &exchange.get().0);
    let job = Job::new(inputs.images(), num_threads);
    let digests = supervise(py, progress.as_ref(), &job, |job| {
        pipeline::pixel_digests(inputs, exchange, decoding, job)
    })?;
    Ok(digests.into_iter().map(|digest| digest.map(|digest| Cow::Owned(digest.to_vec()))).collect())
}

#[pyfunction]
#[pyo3(signature = (*, pictures, exchange, targets, side, max_side, max_pixels, stretch, num_threads, progress))]
#[allow(clippy::too_many_arguments)]
pub fn write_thumbnails(
    py: Python<'_>,
    pictures: &Bound<'_, PyPictures>,
    exchange: &Bound<'_, PyExchange>,
    targets: Vec<PathBuf>,
    side: u32,
    max_side: u32,
    max_pixels: u64,
    stretch: &str,
    num_threads: usize,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<Vec<Option<String>>> {
    let (inputs, exchange) = (&pictures.get().0, &exchange.get().0);
    if inputs.images() != targets.len() {
        let message = format!("{} images, but {} targets", inputs.images(), targets.len());
        return Err(PyValueError::new_err(message));
    }
    let decoding =
        Decoding { limits: Limits { max_side, max_pixels }, stretch: parse_stretch(stretch)? };
    let job = Job::new(targets.len(), num_threads);
    supervise(py, progress.as_ref(), &job, |job| {
        pipeline::write_thumbnails(inputs, exchange, &targets, side, decoding, job)
    })
}

pub fn parse_stretch(name: &str) -> PyResult<Stretch> {
    Stretch::parse(name)
        .ok_or_else(|| PyValueError::new_err(format!("stretch {name:?}: use range or percentile")))
}

#[pyfunction]
#[pyo3(signature = (*, data, extension, max_side, max_pixels, stretch))]
pub fn decode<'py>(
    py: Python<'py>,
    data: &[u8],
    extension: Option<&str>,
    max_side: u32,
    max_pixels: u64,
    stretch: &str,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let job = Job::new(1, 1);
    let mut decoder = Decoder::new(Limits { max_side, max_pixels }, parse_stretch(stretch)?, &job);
    let decoded =
        py.detach(|| decoder.decode(data, extension, None).map(|decoded| decoded.picture));
    let picture = decoded.map_err(|failure| PyValueError::new_err(failure.to_string()))?;
    picture.pixels.into_pyarray(py).reshape([picture.height as usize, picture.width as usize, 3])
}

#[pyfunction]
#[pyo3(signature = (*, pixels, quality))]
pub fn encode_jpeg(
    py: Python<'_>,
    pixels: PyReadonlyArray3<'_, u8>,
    quality: i32,
) -> PyResult<Cow<'static, [u8]>> {
    let picture = picture(&pixels)?;
    let bytes = py.detach(|| thumbnail::encode_jpeg(&picture, quality)).map_err(to_python)?;
    Ok(Cow::Owned(bytes))
}

#[pyfunction]
#[pyo3(signature = (*, pixels))]
pub fn encode_png(
    py: Python<'_>,
    pixels: PyReadonlyArray3<'_, u8>,
) -> PyResult<Cow<'static, [u8]>> {
    let picture = picture(&pixels)?;
    let bytes = py.detach(|| thumbnail::encode_png(&picture)).map_err(to_python)?;
    Ok(Cow::Owned(bytes))
}

/// Width and height, where there are three channels.
pub fn size(pixels: &PyReadonlyArray3<'_, u8>) -> PyResult<(u32, u32)> {
    let &[height, width, channels] = pixels.shape() else {
        return Err(PyValueError::new_err("pixels must have three dimensions"));
    };
    if channels != 3 || height == 0 || width == 0 {
        let message =
            format!("pixels have shape ({height}, {width}, {channels}); needed is (h, w, 3)");
        return Err(PyValueError::new_err(message));
    }
    Ok((width as u32, height as u32))
}

pub fn picture(pixels: &PyReadonlyArray3<'_, u8>) -> PyResult<Picture> {
    let (width, height) = size(pixels)?;
    let contiguous = pixels.as_slice().map_err(|_| {
        to_python(Error::argument("pixels must be contiguous: use numpy.ascontiguousarray"))
    })?;
    Ok(Picture { width, height, pixels: contiguous.to_vec() })
}
