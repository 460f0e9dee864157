//! The one error type: what kind, which path or argument, and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

pub type Result<T> = std::result::Result<T, Error>;

/// Why a whole job failed. One bad image is never an `Error`: it is a row with an error code.
#[derive(Debug)]
pub enum Error {
    /// An argument or an array that the caller must change.
    Argument(String),
    /// The model or the runtime that executes it.
    Model(String),
    /// A file or folder of the job itself (not of one image) could not be read or written.
    Io { path: PathBuf, source: std::io::Error },
    /// The job was asked to stop; the caller knows why.
    Stopped,
}

impl Error {
    pub fn argument(message: impl Into<String>) -> Self {
        Self::Argument(message.into())
    }

    pub fn model(message: impl Into<String>) -> Self {
        Self::Model(message.into())
    }

    pub fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(message) | Self::Model(message) => f.write_str(message),
            Self::Io { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}

impl std::error::Error for Error {}
