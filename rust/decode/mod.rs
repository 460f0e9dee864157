//! Bytes in, upright RGB out: formats, orientation, limits, and a guard against panics.

mod budget;
mod format;
mod guard;
mod jpeg;
mod other;
mod raw;
mod source;
mod tiff;

use std::fmt;

pub use budget::Turn;
pub use format::{Format, foreign};
pub use raw::Stretch;

use crate::job::Job;

/// What is refused before any memory is spent on it.
#[derive(Clone, Copy)]
pub struct Limits {
    /// No side may be longer.
    pub max_side: u32,
    /// No more pixels may be held in memory for one picture.
    pub max_pixels: u64,
}

/// Why an image is invalid; `as_str` gives the names that users see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    MissingFile,
    PermissionDenied,
    EmptyFile,
    UnknownFormat,
    Corrupt,
    /// Decoded, but data is missing: kept and flagged.
    Truncated,
    TooSmall,
    TooLarge,
    FileTooSmall,
    BadBoundingBox,
    DecodeTimeout,
}

impl Code {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingFile => "missing_file",
            Self::PermissionDenied => "permission_denied",
            Self::EmptyFile => "empty_file",
            Self::UnknownFormat => "unknown_format",
            Self::Corrupt => "corrupt",
            Self::Truncated => "truncated",
            Self::TooSmall => "too_small",
            Self::TooLarge => "too_large",
            Self::FileTooSmall => "file_too_small",
            Self::BadBoundingBox => "bad_bounding_box",
            Self::DecodeTimeout => "decode_timeout",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == name)
    }

    const ALL: [Self; 11] = [
        Self::MissingFile,
        Self::PermissionDenied,
        Self::EmptyFile,
        Self::UnknownFormat,
        Self::Corrupt,
        Self::Truncated,
        Self::TooSmall,
        Self::TooLarge,
        Self::FileTooSmall,
        Self::BadBoundingBox,
        Self::DecodeTimeout,
    ];
}

/// An image that gave no pixels.
#[derive(Debug)]
pub struct Failure {
    pub code: Code,
    pub detail: String,
}

impl Failure {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

/// Interleaved RGB, 8 bits each.
#[derive(Clone)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    pub pixels: Vec<u8>,
}

/// An upright picture and what is known of the file it came from.
pub struct Decoded {
    pub picture: Picture,
    /// Size of the upright picture before any scaling while decoding.
    pub width: u32,
    pub height: u32,
    pub format: Format,
    /// Set where pixels are missing or damaged but the rest could be read.
    pub damage: Option<String>,
    /// Held while the picture is in memory: its share of the bytes of all pictures.
    pub turn: Option<Turn>,
}

/// Decodes on one thread; keeps what is costly to set up. When the job is stopped, what is being
/// decoded fails soon.
pub struct Decoder<'a> {
    jpeg: jpeg::JpegDecoder,
    limits: Limits,
    stretch: Stretch,
    job: &'a Job,
}

impl<'a> Decoder<'a> {
    pub fn new(limits: Limits, stretch: Stretch, job: &'a Job) -> Self {
        Self { jpeg: jpeg::JpegDecoder::new(), limits, stretch, job }
    }

    /// Decodes the first frame. With `short_side`, a JPEG may come out smaller than it is, by a
    /// power of two, but its short side not below `short_side`. `extension` is consulted only for
    /// formats whose content does not name them.
    pub fn decode(
        &mut self,
        bytes: &[u8],
        extension: Option<&str>,
        short_side: Option<u32>,
    ) -> Result<Decoded, Failure> {
        if bytes.is_empty() {
            return Err(Failure::new(Code::EmptyFile, "the file has no bytes"));
        }
        let format = Format::guess(bytes, extension)?;
        let (limits, stretch, job) = (self.limits, self.stretch, self.job);
        let jpeg = &mut self.jpeg;
        guard::catch(|| match format {
            Format::Jpeg => jpeg.decode(bytes, short_side, limits, job),
            _ => other::decode(bytes, format, limits, stretch, job),
        })
    }
}

impl Limits {
    /// Of a picture of this size, of which so many pixels are held in memory.
    pub fn check(&self, width: u32, height: u32, held_pixels: u64) -> Result<(), Failure> {
        if width == 0 || height == 0 {
            return Err(Failure::new(Code::Corrupt, format!("{width} x {height} pixels")));
        }
        let side = width.max(height);
        if side > self.max_side {
            let detail =
                format!("{width} x {height}: a side is longer than {} pixels", self.max_side);
            return Err(Failure::new(Code::TooLarge, detail));
        }
        if held_pixels > self.max_pixels {
            let detail = format!("{width} x {height}: more than {} pixels", self.max_pixels);
            return Err(Failure::new(Code::TooLarge, detail));
        }
        Ok(())
    }

    /// Of the decoder's buffers and the file together.
    fn check_bytes(&self, width: u32, height: u32, bytes: u64) -> Result<(), Failure> {
        let most = self.most_bytes();
        if bytes > most {
            let detail =
                format!("{width} x {height}: decoding takes {bytes} bytes, more than {most}");
            return Err(Failure::new(Code::TooLarge, detail));
        }
        Ok(())
    }

    /// Memory for one file: with the default limits under 1 GB, with what the process needs besides.
    pub fn most_bytes(&self) -> u64 {
        self.max_pixels.saturating_mul(7)
    }
}

#[cfg(test)]
mod tests;
