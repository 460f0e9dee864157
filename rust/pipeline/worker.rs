//! One thread's way from bytes to rows.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crossbeam_channel::Receiver;

use super::reader::Loaded;
use super::table::{Record, Stage, Table};
use super::{PathsOf, Settings};
use crate::decode::{Code, Decoded, Decoder, Failure, Picture};
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

pub struct Worker<'a> {
    number: usize,
    settings: &'a Settings<'a>,
    table: &'a Mutex<Table>,
    cancel: &'a Cancel,
    decoder: Decoder<'a>,
    preprocessor: Preprocessor,
    /// One per view, all holding the same images.
    batches: Vec<Batch>,
    /// Row numbers of the images in the batches.
    waiting: Vec<usize>,
    seconds: [f64; Stage::ALL.len()],
}

impl<'a> Worker<'a> {
    pub fn new(
        number: usize,
        settings: &'a Settings<'a>,
        table: &'a Mutex<Table>,
        cancel: &'a Cancel,
        job: &'a Job,
    ) -> Self {
        let batches = settings.views.iter().map(|view| {
            let sizing = view.sizing(settings.model.sizing());
            settings.model.batch(sizing.width, sizing.height)
        });
        Self {
            number,
            settings,
            table,
            cancel,
            decoder: Decoder::new(settings.limits, job),
            preprocessor: Preprocessor::default(),
            batches: batches.collect(),
            waiting: Vec::new(),
            seconds: [0.0; Stage::ALL.len()],
        }
    }

    pub fn run(
        mut self,
        receiver: &Receiver<Loaded<'_>>,
        job: &Job,
        paths: PathsOf<'_>,
    ) -> Result<()> {
        for loaded in receiver {
            job.check()?;
            self.seconds[Stage::Read as usize] += loaded.seconds;
            let row = loaded.index;
            let record = self.image(row, loaded, paths)?;
            self.table().set(row, record);
            if self.waiting.len() == self.settings.model.batch_size() {
                self.embed(job, paths)?;
            } else if self.waiting.last() != Some(&row) {
                job.advance(1);
            }
        }
        job.check()?;
        self.embed(job, paths)?;
        let seconds = self.seconds;
        self.table().seconds.iter_mut().zip(seconds).for_each(|(sum, own)| *sum += own);
        Ok(())
    }

    fn table(&self) -> MutexGuard<'a, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` and books its time.
    fn timed<T>(&mut self, stage: Stage, work: impl FnOnce(&mut Self) -> T) -> T {
        let started = Instant::now();
        let result = work(self);
        self.seconds[stage as usize] += started.elapsed().as_secs_f64();
        result
    }

    fn image(&mut self, row: usize, loaded: Loaded<'_>, paths: PathsOf<'_>) -> Result<Record> {
        let mut record = Record::unread();
        let outcome = match &loaded.bytes {
            Err(failure) => Err(Failure::new(failure.code, failure.detail.clone())),
            Ok(bytes) => self.decoded(bytes, &paths[row], &mut record),
        };
        // The bytes, and their share of the budget, are free again.
        drop(loaded);
        match outcome {
            Ok(decoded) => self.describe(row, decoded, &mut record)?,
            Err(failure) => {
                record.error = Some(failure.code);
                record.detail = Some(failure.detail);
            }
        }
        Ok(record)
    }

    fn decoded(
        &mut self,
        bytes: &[u8],
        path: &Path,
        record: &mut Record,
    ) -> std::result::Result<Decoded, Failure> {
        record.size = bytes.len() as u64;
        record.digest = self.timed(Stage::Hash, |_| digest::of_bytes(bytes));
        if !bytes.is_empty() && record.size < self.settings.min_file_size {
            let detail =
                format!("{} bytes: fewer than {}", record.size, self.settings.min_file_size);
            return Err(Failure::new(Code::FileTooSmall, detail));
        }
        let extension =
            path.extension().and_then(|name| name.to_str()).map(str::to_ascii_lowercase);
        let decoded = self.timed(Stage::Decode, |worker| {
            worker.decoder.decode(bytes, extension.as_deref(), Some(WORKING_SIDE))
        })?;
        record.format = Some(decoded.format);
        record.width = decoded.width;
        record.height = decoded.height;
        let Settings { min_width, min_height, .. } = *self.settings;
        if decoded.width < min_width || decoded.height < min_height {
            let detail = format!(
                "{} x {} pixels: smaller than {min_width} x {min_height}",
                decoded.width, decoded.height
            );
            return Err(Failure::new(Code::TooSmall, detail));
        }
        Ok(decoded)
    }

    /// From the decoded picture to the row, and into the batches.
    fn describe(&mut self, row: usize, decoded: Decoded, record: &mut Record) -> Result<()> {
        if let Some(damage) = decoded.damage {
            record.error = Some(Code::Truncated);
            record.detail = Some(damage);
        }
        let size = (decoded.width, decoded.height);
        let working =
            self.timed(Stage::Resize, |worker| worker.preprocessor.working(decoded.picture));
        drop(decoded.turn);
        let statistics = self.timed(Stage::Statistics, |_| statistics::statistics(&working, size));
        record.statistics = statistics.values;
        self.timed(Stage::Resize, |worker| {
            let signature =
                worker.preprocessor.signature(&statistics.luminance, working.width, working.height);
            record.signature = Some(signature);
            worker.enqueue(&working);
        });
        self.waiting.push(row);
        self.thumbnail(&working, &record.digest)
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

    fn embed(&mut self, job: &Job, paths: PathsOf<'_>) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let embeddings = self.timed(Stage::Embed, Self::average)?;
        let dim = self.settings.model.dim();
        let mut table = self.table();
        for (&row, embedding) in self.waiting.iter().zip(embeddings.chunks_exact(dim)) {
            if embedding.iter().any(|value| !value.is_finite()) {
                return Err(Error::model(format!(
                    "the model gave an embedding that is not finite (NaN or infinity) for {}",
                    paths[row].display()
                )));
            }
            // A vector of zeros has no direction: such an image has no place in the graph.
            if embedding.iter().any(|&value| value != 0.0) {
                table.set_embedding(row, embedding);
            }
        }
        drop(table);
        job.advance(self.waiting.len());
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
