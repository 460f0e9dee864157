//! One thread's way from bytes to rows.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Settings;
use super::crew::Handler;
use super::exchange::{Content, Delivery, Exchange, Finished, Request};
use super::inputs::Inputs;
use super::table::{Record, Stage, Table};
use crate::crop;
use crate::decode::{Code, Decoder, Failure, Picture, Turn, foreign};
use crate::digest::{self, Digest};
use crate::embed::{Batch, Cancel, normalize};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::preprocess::{self, Preprocessor, Sizing, WORKING_SIDE};
use crate::{statistics, thumbnail};

/// A way of looking at a picture, its uniform borders cut off; the embeddings of all views are
/// averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    Plain,
    Mirror,
    /// At one and a half times the model's input size.
    Large,
}

impl View {
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "plain" => Ok(Self::Plain),
            "mirror" => Ok(Self::Mirror),
            "large" => Ok(Self::Large),
            _ => Err(Error::argument(format!("view {name:?}: use plain, mirror or large"))),
        }
    }

    fn sizing(self, mut sizing: Sizing) -> Sizing {
        if self == Self::Large {
            // Even, as some layouts need it.
            sizing.width = sizing.width * 3 / 4 * 2;
            sizing.height = sizing.height * 3 / 4 * 2;
        }
        sizing
    }
}

/// What all workers of a job see.
#[derive(Clone, Copy)]
pub struct Shared<'a> {
    pub inputs: &'a Inputs,
    pub exchange: &'a Exchange,
    pub settings: &'a Settings<'a>,
    pub table: &'a Mutex<Table>,
    /// What is known of the pictures that are decoded elsewhere.
    pub known: &'a Mutex<HashMap<usize, Record>>,
    pub job: &'a Job,
}

pub struct Worker<'a> {
    number: usize,
    shared: Shared<'a>,
    settings: &'a Settings<'a>,
    cancel: &'a Cancel,
    decoder: Decoder<'a>,
    preprocessor: Preprocessor,
    /// One per view, all holding the same images.
    batches: Vec<Batch>,
    /// Images in the batches, and the pictures they are of.
    waiting: Vec<(usize, usize)>,
    seconds: [f64; Stage::ALL.len()],
}

/// An upright picture in memory.
struct Upright {
    picture: Picture,
    damage: Option<String>,
    turn: Option<Turn>,
}

impl Handler for Worker<'_> {
    fn picture(&mut self, delivery: Delivery) -> Result<()> {
        self.seconds[Stage::Read as usize] += delivery.seconds;
        let picture = delivery.picture;
        let mut record = self.lock_known().remove(&picture).unwrap_or_else(Record::unread);
        let outcome = match delivery.content {
            Err(failure) => Err(failure),
            Ok(Content::Decoded(finished)) => self.finished(finished, &mut record),
            Ok(Content::Encoded(bytes)) => {
                let checked = self.hashed(&bytes, &mut record);
                match checked {
                    Ok(()) if self.is_foreign(picture, &bytes) => {
                        return self.give_out(picture, bytes, record);
                    }
                    Ok(()) => self.decoded(picture, &bytes, &mut record),
                    Err(failure) => Err(failure),
                }
            }
        };
        // The bytes, and their share of the budget, are free again.
        drop(delivery.permit);
        match outcome {
            Ok(upright) => self.images(picture, upright, record),
            Err(failure) => {
                for row in self.shared.inputs.rows(picture) {
                    self.fail(row, record.clone(), &failure);
                }
                Ok(())
            }
        }
    }

    fn end(mut self) -> Result<()> {
        self.embed()?;
        let seconds = self.seconds;
        self.table().seconds.iter_mut().zip(seconds).for_each(|(sum, own)| *sum += own);
        Ok(())
    }
}

impl<'a> Worker<'a> {
    pub fn new(number: usize, shared: Shared<'a>, cancel: &'a Cancel) -> Self {
        let settings = shared.settings;
        let batches = settings.views.iter().map(|view| {
            let sizing = view.sizing(settings.model.sizing());
            settings.model.batch(sizing.width, sizing.height)
        });
        Self {
            number,
            shared,
            settings,
            cancel,
            decoder: Decoder::new(settings.limits, settings.stretch, shared.job),
            preprocessor: Preprocessor::default(),
            batches: batches.collect(),
            waiting: Vec::new(),
            seconds: [0.0; Stage::ALL.len()],
        }
    }

    fn table(&self) -> MutexGuard<'a, Table> {
        self.shared.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_known(&self) -> MutexGuard<'a, HashMap<usize, Record>> {
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` and books its time.
    fn timed<T>(&mut self, stage: Stage, work: impl FnOnce(&mut Self) -> T) -> T {
        let started = Instant::now();
        let result = work(self);
        self.seconds[stage as usize] += started.elapsed().as_secs_f64();
        result
    }

    fn hashed(&mut self, bytes: &[u8], record: &mut Record) -> std::result::Result<(), Failure> {
        record.size = bytes.len() as u64;
        record.digest = self.timed(Stage::Hash, |_| digest::of_bytes(bytes));
        if !bytes.is_empty() && record.size < self.settings.min_file_size {
            let detail =
                format!("{} bytes: fewer than {}", record.size, self.settings.min_file_size);
            return Err(Failure::new(Code::FileTooSmall, detail));
        }
        Ok(())
    }

    fn is_foreign(&self, picture: usize, bytes: &[u8]) -> bool {
        foreign(bytes, self.shared.inputs.extension(picture).as_deref())
    }

    /// A JPEG may be decoded at a smaller size, unless parts of it are wanted.
    fn short_side(&self, picture: usize) -> Option<u32> {
        (!self.shared.inputs.is_cut(picture)).then_some(WORKING_SIDE)
    }

    fn give_out(&mut self, picture: usize, bytes: Vec<u8>, record: Record) -> Result<()> {
        self.lock_known().insert(picture, record);
        let extension = self.shared.inputs.extension(picture);
        let request = Request { picture, bytes, extension, short_side: self.short_side(picture) };
        if self.shared.exchange.ask(request, self.shared.job) {
            Ok(())
        } else {
            Err(Error::Stopped)
        }
    }

    fn decoded(
        &mut self,
        picture: usize,
        bytes: &[u8],
        record: &mut Record,
    ) -> std::result::Result<Upright, Failure> {
        let extension = self.shared.inputs.extension(picture);
        let short_side = self.short_side(picture);
        let decoded = self.timed(Stage::Decode, |worker| {
            worker.decoder.decode(bytes, extension.as_deref(), short_side)
        })?;
        record.format = Some(Cow::Borrowed(decoded.format.as_str()));
        record.source_width = decoded.width;
        record.source_height = decoded.height;
        Ok(Upright { picture: decoded.picture, damage: decoded.damage, turn: decoded.turn })
    }

    /// What was decoded elsewhere; without bytes of its own, its pixels are what it is told by.
    fn finished(
        &mut self,
        finished: Finished,
        record: &mut Record,
    ) -> std::result::Result<Upright, Failure> {
        let Finished { picture, width, height, format, damage } = finished;
        record.format = Some(Cow::Owned(format));
        record.source_width = width;
        record.source_height = height;
        if record.size == 0 {
            record.digest = self.timed(Stage::Hash, |_| digest::of_pixels(&picture));
        }
        self.settings.limits.check(width, height, u64::from(width) * u64::from(height))?;
        Ok(Upright { picture, damage, turn: None })
    }

    /// The images of a picture: itself, or its parts.
    fn images(&mut self, picture: usize, upright: Upright, mut record: Record) -> Result<()> {
        let Upright { picture: pixels, damage, turn } = upright;
        if let Some(damage) = damage {
            record.error = Some(Code::Truncated);
            record.detail = Some(damage);
        }
        let inputs = self.shared.inputs;
        let rows = inputs.rows(picture);
        let mut whole = Vec::new();
        for row in rows {
            let Some(part) = inputs.part(row) else {
                whole.push(row);
                continue;
            };
            let cut = self.timed(Stage::Resize, |_| crop::cut(&pixels, part, inputs.rules));
            match cut {
                Ok(cut) => {
                    let mut own = record.clone();
                    own.digest = self.timed(Stage::Hash, |_| digest::of_pixels(&cut));
                    (own.width, own.height) = (cut.width, cut.height);
                    self.image(row, picture, cut, own, None)?;
                }
                Err(failure) => self.fail(row, record.clone(), &failure),
            }
        }
        record.width = record.source_width;
        record.height = record.source_height;
        if let Some((&last, others)) = whole.split_last() {
            for &row in others {
                self.image(row, picture, pixels.clone(), record.clone(), None)?;
            }
            self.image(last, picture, pixels, record, turn)?;
        }
        Ok(())
    }

    fn fail(&mut self, row: usize, mut record: Record, failure: &Failure) {
        record.error = Some(failure.code);
        record.detail = Some(failure.detail.clone());
        self.table().set(row, record);
        self.shared.job.advance(1);
    }

    /// From pixels to the row, and into the batches.
    fn image(
        &mut self,
        row: usize,
        picture: usize,
        pixels: Picture,
        mut record: Record,
        turn: Option<Turn>,
    ) -> Result<()> {
        let size = (record.width, record.height);
        let Settings { min_width, min_height, .. } = *self.settings;
        if size.0 < min_width || size.1 < min_height {
            let detail =
                format!("{} x {} pixels: smaller than {min_width} x {min_height}", size.0, size.1);
            self.fail(row, record, &Failure::new(Code::TooSmall, detail));
            return Ok(());
        }
        let working = self.timed(Stage::Resize, |worker| worker.preprocessor.working(pixels));
        drop(turn);
        let statistics = self.timed(Stage::Statistics, |_| statistics::statistics(&working, size));
        record.statistics = statistics.values;
        self.timed(Stage::Resize, |worker| {
            let signature =
                worker.preprocessor.signature(&statistics.luminance, working.width, working.height);
            record.signature = Some(signature);
            worker.enqueue(&working);
        });
        self.waiting.push((row, picture));
        self.thumbnail(&working, &record.digest)?;
        self.table().set(row, record);
        if self.waiting.len() == self.settings.model.batch_size() {
            self.embed()?;
        }
        Ok(())
    }

    fn enqueue(&mut self, working: &Picture) {
        let sizing = self.settings.model.sizing();
        let inside = preprocess::trimmed(working);
        let content = inside.as_ref().unwrap_or(working);
        for (view, batch) in self.settings.views.iter().zip(&mut self.batches) {
            let input = self.preprocessor.model_input(content, view.sizing(sizing));
            if *view == View::Mirror {
                batch.push(&preprocess::mirrored(&input));
            } else {
                batch.push(&input);
            }
        }
    }

    fn thumbnail(&mut self, working: &Picture, digest: &Digest) -> Result<()> {
        let Some(folder) = self.settings.thumbnails else { return Ok(()) };
        let target = folder.join(thumbnail::name(digest));
        if target.exists() {
            return Ok(());
        }
        let small = self.preprocessor.thumbnail(working, self.settings.thumbnail_side);
        thumbnail::write(&target, &thumbnail::encode_jpeg(&small, thumbnail::QUALITY)?)
    }

    fn embed(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let embeddings = self.timed(Stage::Embed, Self::average)?;
        let dim = self.settings.model.dim();
        let mut table = self.table();
        for (&(row, picture), embedding) in self.waiting.iter().zip(embeddings.chunks_exact(dim)) {
            if embedding.iter().any(|value| !value.is_finite()) {
                return Err(Error::model(format!(
                    "the model gave an embedding that is not finite (NaN or infinity) for {}",
                    self.shared.inputs.name(picture)
                )));
            }
            // A vector of zeros has no direction: such an image has no place in the graph.
            if embedding.iter().any(|&value| value != 0.0) {
                table.set_embedding(row, embedding);
            }
        }
        drop(table);
        self.shared.job.advance(self.waiting.len());
        self.waiting.clear();
        Ok(())
    }

    fn average(&mut self) -> Result<Vec<f32>> {
        let mut sum: Vec<f32> = Vec::new();
        for batch in &mut self.batches {
            let embeddings = self.settings.model.embed(self.number, batch, self.cancel)?;
            batch.clear();
            if sum.is_empty() {
                sum = embeddings;
            } else {
                sum.iter_mut().zip(embeddings).for_each(|(sum, value)| *sum += value);
            }
        }
        if self.batches.len() > 1 {
            sum.chunks_exact_mut(self.settings.model.dim()).for_each(normalize);
        }
        Ok(sum)
    }
}
