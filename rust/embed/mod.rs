//! Pictures in, embeddings out, through ONNX Runtime.

mod input;
mod model;
mod output;
mod runtime;

pub use input::{Batch, ElementKind, Encoding, Layout};
pub use model::{Cancel, Device, Model, Spec, normalize};
pub use output::Tokens;
