//! A checked model: one session per worker on the CPU, opened when the worker first needs it, and
//! one for all on a GPU.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use half::f16;
use ort::environment::Environment;
use ort::ep;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{RunOptions, Session, SessionInputValue};
use ort::value::{TensorElementType, TensorRef, ValueType};

use super::input::{Batch, ElementKind, Elements, Encoding};
use super::output::{Pooling, Tokens};
use super::runtime;
use crate::decode::Picture;
use crate::error::{Error, Result};
use crate::preprocess::Sizing;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    Cpu,
    Cuda,
}

impl Device {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }
}

/// What the model's card, or the user, says of it.
pub struct Spec {
    pub path: PathBuf,
    pub input_name: Option<String>,
    pub output_name: Option<String>,
    pub encoding: Encoding,
    pub sizing: Sizing,
    /// For an output of tokens.
    pub pool: Option<Tokens>,
    pub normalize: bool,
    pub batch_size: usize,
}

pub struct Model {
    environment: Environment,
    sessions: Vec<OnceLock<Mutex<Session>>>,
    spec: Spec,
    input: String,
    output: String,
    pooling: Pooling,
    device: Device,
    /// Set where the model takes batches of one size only.
    fixed_batch: Option<usize>,
    /// The model takes pictures of any size.
    any_size: bool,
}

/// Stops a running inference from another thread.
pub struct Cancel {
    options: RunOptions,
    cancelled: AtomicBool,
}

impl Cancel {
    pub fn new() -> Result<Self> {
        let options = RunOptions::new().map_err(|error| Error::model(error.to_string()))?;
        Ok(Self { options, cancelled: AtomicBool::new(false) })
    }

    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        // The one way to fail is a run that has ended meanwhile, which is what is wanted.
        let _ = self.options.terminate();
    }

    /// Why a run failed: an inference that was cancelled fails too, and is not the cause.
    fn cause(&self, error: &ort::Error) -> Error {
        if self.cancelled.load(Ordering::SeqCst) { Error::Stopped } else { failed(error) }
    }
}

impl Model {
    /// Loads the model for up to `sessions` workers, and runs it once to see that it does what
    /// `spec` says.
    pub fn load(runtime: &Path, spec: Spec, device: Device, sessions: usize) -> Result<Self> {
        let environment = runtime::environment(runtime)?;
        let first = open(&environment, &spec, device)?;
        let (input, shape) = input_of(&first, &spec)?;
        let output = output_of(&first, &spec)?;
        let fixed_batch = check_shape(&shape, &spec)?;
        let any_size = shape
            .get(spec.encoding.layout.spatial())
            .is_some_and(|sides| sides.iter().all(|&side| side < 0));
        let pooling = Pooling::None { dim: 1 };
        let count = if device == Device::Cuda { 1 } else { sessions.max(1) };
        let mut sessions = vec![OnceLock::from(Mutex::new(first))];
        sessions.resize_with(count, OnceLock::new);
        let mut model = Self {
            environment,
            sessions,
            spec,
            input,
            output,
            pooling,
            device,
            fixed_batch,
            any_size,
        };
        model.probe()?;
        Ok(model)
    }

    pub fn dim(&self) -> usize {
        self.pooling.dim()
    }

    pub fn device(&self) -> Device {
        self.device
    }

    pub fn batch_size(&self) -> usize {
        self.fixed_batch.unwrap_or(self.spec.batch_size).max(1)
    }

    pub fn sizing(&self) -> Sizing {
        self.spec.sizing
    }

    pub fn takes_any_size(&self) -> bool {
        self.any_size
    }

    pub fn batch(&self, width: u32, height: u32) -> Batch {
        Batch::new(self.spec.encoding, width, height)
    }

    /// Embeds the batch on the session of `worker`; `(len, dim)` values, of length one where the
    /// card asks for it. A picture whose embedding is zero keeps zeros.
    pub fn embed(&self, worker: usize, batch: &mut Batch, cancel: &Cancel) -> Result<Vec<f32>> {
        let count = batch.count();
        if let Some(fixed) = self.fixed_batch {
            batch.pad_to(fixed);
        }
        let mut session = self.session(worker)?;
        let (shape, values) = run(&mut session, &self.input, &self.output, batch, cancel)?;
        drop(session);
        let pooling = Pooling::of(&shape, self.spec.encoding.layout, self.spec.pool)?;
        if pooling.dim() != self.dim() || values.len() < count * pooling.stride() {
            return Err(Error::model(format!("the model's output changed its shape to {shape:?}")));
        }
        let mut embeddings = Vec::with_capacity(count * self.dim());
        for picture in values.chunks_exact(pooling.stride()).take(count) {
            pooling.append(picture, &mut embeddings);
        }
        if self.spec.normalize {
            embeddings.chunks_exact_mut(self.dim()).for_each(normalize);
        }
        Ok(embeddings)
    }

    fn session(&self, worker: usize) -> Result<MutexGuard<'_, Session>> {
        let place = &self.sessions[worker % self.sessions.len()];
        if place.get().is_none() {
            let opened = open(&self.environment, &self.spec, self.device)?;
            // Another run of this model may have been quicker: then this session is dropped.
            let _ = place.set(Mutex::new(opened));
        }
        let session = place.get().expect("it has just been set");
        // A panic while running leaves nothing half-written in a session.
        Ok(session.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A real run on a picture with some structure, before any file is read.
    fn probe(&mut self) -> Result<()> {
        let Sizing { width, height, .. } = self.spec.sizing;
        let pixels =
            (0..width * height * 3).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8);
        let picture = Picture { width, height, pixels: pixels.collect() };
        let mut batch = self.batch(width, height);
        for _ in 0..self.fixed_batch.unwrap_or(2) {
            batch.push(&picture);
        }
        let count = batch.count();
        let mut session = self.session(0)?;
        let (shape, values) =
            run(&mut session, &self.input, &self.output, &batch, &Cancel::new()?)?;
        drop(session);
        self.pooling = Pooling::of(&shape, self.spec.encoding.layout, self.spec.pool)?;
        if shape[0] != count as i64 {
            return Err(Error::model(format!(
                "{}: {count} pictures in, but the output {:?} has shape {shape:?}",
                self.spec.path.display(),
                self.output
            )));
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Err(Error::model(format!(
                "{}: the model gives values that are not finite (NaN or infinity) for a test \
                 picture; check mean, std and dtype",
                self.spec.path.display()
            )));
        }
        if values.iter().all(|&value| value == 0.0) {
            return Err(Error::model(format!(
                "{}: the model gives nothing but zeros for a test picture; check mean, std and \
                 the output",
                self.spec.path.display()
            )));
        }
        Ok(())
    }
}

fn open(environment: &Environment, spec: &Spec, device: Device) -> Result<Session> {
    let build = || -> ort::Result<Session> {
        let mut builder = Session::builder(environment)?
            .with_optimization_level(GraphOptimizationLevel::Level3)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?;
        if device == Device::Cuda {
            builder = builder
                .with_execution_providers([ep::CUDA::default().build().error_on_failure()])?;
        }
        builder.commit_from_file(&spec.path)
    };
    build().map_err(|error| match device {
        Device::Cuda => Error::model(format!(
            "device=\"cuda\": {}. Install onnxruntime-gpu in place of onnxruntime, and a driver",
            error.to_string().trim_end_matches('.')
        )),
        Device::Cpu => Error::model(format!(
            "{}: ONNX Runtime cannot load this model: {error}",
            spec.path.display()
        )),
    })
}

fn input_of(session: &Session, spec: &Spec) -> Result<(String, Vec<i64>)> {
    let inputs = session.inputs();
    let names: Vec<&str> = inputs.iter().map(ort::value::Outlet::name).collect();
    let chosen = match &spec.input_name {
        Some(name) => inputs.iter().find(|input| input.name() == name),
        None if inputs.len() == 1 => inputs.first(),
        None => None,
    };
    let Some(chosen) = chosen else {
        return Err(Error::model(format!(
            "{}: give the picture's input as `name` in the card's input: the model has {names:?}",
            spec.path.display()
        )));
    };
    let ValueType::Tensor { ty, shape, .. } = chosen.dtype() else {
        return Err(Error::model(format!("input {:?} is not a tensor", chosen.name())));
    };
    let kind = spec.encoding.kind;
    let fits = matches!(
        (ty, kind),
        (TensorElementType::Float32, ElementKind::Float32)
            | (TensorElementType::Float16, ElementKind::Float16)
            | (TensorElementType::Uint8, ElementKind::Uint8)
    );
    if !fits {
        return Err(Error::model(format!(
            "{}: the model's input {:?} takes {ty:?}, but its card says {}",
            spec.path.display(),
            chosen.name(),
            kind.as_str()
        )));
    }
    Ok((chosen.name().to_owned(), shape.iter().copied().collect()))
}

fn output_of(session: &Session, spec: &Spec) -> Result<String> {
    let outputs = session.outputs();
    let chosen = match &spec.output_name {
        Some(name) => outputs.iter().find(|output| output.name() == name),
        None => outputs.first(),
    };
    chosen.map(|output| output.name().to_owned()).ok_or_else(|| {
        let names: Vec<&str> = outputs.iter().map(ort::value::Outlet::name).collect();
        Error::model(format!(
            "{}: no output {:?}: the model has {names:?}",
            spec.path.display(),
            spec.output_name.as_deref().unwrap_or_default()
        ))
    })
}

/// Compares the declared input shape with the card; returns the batch size if it is fixed.
fn check_shape(shape: &[i64], spec: &Spec) -> Result<Option<usize>> {
    let wanted = spec.encoding.layout.sides(spec.sizing.height, spec.sizing.width);
    let fits = shape.len() == 4
        && shape[1..]
            .iter()
            .zip(wanted)
            .all(|(&declared, wanted)| declared < 0 || declared == wanted as i64);
    if !fits {
        return Err(Error::model(format!(
            "{}: the model's input has shape {shape:?}, but its card says (n, {}, {}, {})",
            spec.path.display(),
            wanted[0],
            wanted[1],
            wanted[2]
        )));
    }
    Ok(usize::try_from(shape[0]).ok().filter(|&batch| batch > 0))
}

fn run(
    session: &mut Session,
    input: &str,
    output: &str,
    batch: &Batch,
    cancel: &Cancel,
) -> Result<(Vec<i64>, Vec<f32>)> {
    let shape = batch.shape();
    let tensor: SessionInputValue<'_> = match &batch.elements {
        Elements::Float32(values) => TensorRef::from_array_view((shape, values.as_slice()))
            .map_err(|error| failed(&error))?
            .into(),
        Elements::Float16(values) => TensorRef::from_array_view((shape, values.as_slice()))
            .map_err(|error| failed(&error))?
            .into(),
        Elements::Uint8(values) => TensorRef::from_array_view((shape, values.as_slice()))
            .map_err(|error| failed(&error))?
            .into(),
    };
    let outputs = session
        .run_with_options(ort::inputs![input => tensor], &cancel.options)
        .map_err(|error| cancel.cause(&error))?;
    let value = &outputs[output];
    if let Ok((shape, values)) = value.try_extract_tensor::<f32>() {
        return Ok((shape.to_vec(), values.to_vec()));
    }
    let (shape, values) = value
        .try_extract_tensor::<f16>()
        .map_err(|_| Error::model(format!("output {output:?} is neither float32 nor float16")))?;
    Ok((shape.to_vec(), values.iter().map(|value| value.to_f32()).collect()))
}

fn failed(error: &ort::Error) -> Error {
    Error::model(format!("the model failed: {error}"))
}

/// To length one; a row of zeros stays.
pub fn normalize(row: &mut [f32]) {
    let norm = row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    if norm > 0.0 && norm.is_finite() {
        let factor = (1.0 / norm) as f32;
        for value in row {
            *value *= factor;
        }
    }
}
