//! One small job per image, in parallel: thumbnails, and digests of pixels.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::crew::{self, Handler};
use super::exchange::{Content, Delivery, Exchange, Request};
use super::inputs::Inputs;
use crate::crop;
use crate::decode::{Decoder, Failure, Limits, Picture, Stretch, foreign};
use crate::digest::{self, Digest};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::preprocess::Preprocessor;
use crate::thumbnail;

/// How pictures are decoded.
#[derive(Clone, Copy)]
pub struct Decoding {
    pub limits: Limits,
    pub stretch: Stretch,
}

/// The digest of each upright, fully decoded image; `None` where there is none.
pub fn pixel_digests(
    inputs: &Inputs,
    exchange: &Arc<Exchange>,
    decoding: Decoding,
    job: &Job,
) -> Result<Vec<Option<Digest>>> {
    for_each(inputs, exchange, decoding, None, job, || {
        |_, picture: std::result::Result<&Picture, Failure>| picture.ok().map(digest::of_pixels)
    })
}

/// Writes a thumbnail to the target of each image; gives the reason where that failed.
pub fn write_thumbnails(
    inputs: &Inputs,
    exchange: &Arc<Exchange>,
    targets: &[PathBuf],
    side: u32,
    decoding: Decoding,
    job: &Job,
) -> Result<Vec<Option<String>>> {
    for_each(inputs, exchange, decoding, Some(side), job, || {
        let mut preprocessor = Preprocessor::default();
        move |row: usize, picture: std::result::Result<&Picture, Failure>| {
            let small = match picture {
                Ok(picture) => preprocessor.thumbnail(picture, side),
                Err(failure) => return Some(failure.to_string()),
            };
            thumbnail::encode_jpeg(&small, thumbnail::QUALITY)
                .and_then(|bytes| thumbnail::write(&targets[row], &bytes))
                .err()
                .map(|error| error.to_string())
        }
    })
}

/// Calls a function of each thread's own for every image; results in the order of the images.
fn for_each<T: Send + Default, W>(
    inputs: &Inputs,
    exchange: &Arc<Exchange>,
    decoding: Decoding,
    short_side: Option<u32>,
    job: &Job,
    function: impl Fn() -> W + Sync,
) -> Result<Vec<T>>
where
    W: FnMut(usize, std::result::Result<&Picture, Failure>) -> T,
{
    let closer = Arc::clone(exchange);
    job.on_stop(move || closer.close());
    let results = Mutex::new(Vec::new());
    results.lock().unwrap_or_else(PoisonError::into_inner).resize_with(inputs.images(), T::default);
    crew::work(inputs, exchange, decoding.limits, job, |_| Each {
        decoder: Decoder::new(decoding.limits, decoding.stretch, job),
        function: function(),
        results: &results,
        inputs,
        exchange,
        short_side,
        job,
    })?;
    job.check()?;
    Ok(results.into_inner().unwrap_or_else(PoisonError::into_inner))
}

struct Each<'a, T, W> {
    decoder: Decoder<'a>,
    function: W,
    results: &'a Mutex<Vec<T>>,
    inputs: &'a Inputs,
    exchange: &'a Exchange,
    short_side: Option<u32>,
    job: &'a Job,
}

impl<T, W> Handler for Each<'_, T, W>
where
    T: Send,
    W: FnMut(usize, std::result::Result<&Picture, Failure>) -> T,
{
    fn picture(&mut self, delivery: Delivery) -> Result<()> {
        let picture = delivery.picture;
        let short_side = if self.inputs.is_cut(picture) { None } else { self.short_side };
        let pixels = match delivery.content {
            Err(failure) => Err(failure),
            Ok(Content::Decoded(finished)) => Ok((finished.picture, None)),
            Ok(Content::Encoded(bytes)) => {
                let extension = self.inputs.extension(picture);
                if foreign(&bytes, extension.as_deref()) {
                    let request = Request { picture, bytes, extension, short_side };
                    let asked = self.exchange.ask(request, self.job);
                    return if asked { Ok(()) } else { Err(Error::Stopped) };
                }
                self.decoder
                    .decode(&bytes, extension.as_deref(), short_side)
                    .map(|decoded| (decoded.picture, decoded.turn))
            }
        };
        drop(delivery.permit);
        for row in self.inputs.rows(picture) {
            let result = match (&pixels, self.inputs.part(row)) {
                (Err(failure), _) => {
                    (self.function)(row, Err(Failure::new(failure.code, failure.detail.clone())))
                }
                (Ok((whole, _)), None) => (self.function)(row, Ok(whole)),
                (Ok((whole, _)), Some(part)) => {
                    let cut = crop::cut(whole, part, self.inputs.rules);
                    match cut {
                        Ok(cut) => (self.function)(row, Ok(&cut)),
                        Err(failure) => (self.function)(row, Err(failure)),
                    }
                }
            };
            self.results.lock().unwrap_or_else(PoisonError::into_inner)[row] = result;
            self.job.advance(1);
        }
        Ok(())
    }

    fn end(self) -> Result<()> {
        Ok(())
    }
}
