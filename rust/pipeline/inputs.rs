//! The pictures of a job: where each lies, and which parts of it are images.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::crop::{Part, Rules};
use crate::error::{Error, Result};

/// How a picture is come by.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// A whole file.
    File,
    /// `stored` bytes of a file.
    Member { offset: u64, stored: u64 },
    /// A member of a zip, whose local header is at `offset`.
    Zipped { offset: u64, stored: u64, size: u64, check: u32 },
    /// Somebody brings it.
    Brought,
}

impl Place {
    /// From a row of the array that Python gives: kind, offset, stored, size, check.
    pub fn parse(row: [u64; 5]) -> Result<Self> {
        let [kind, offset, stored, size, check] = row;
        match kind {
            0 => Ok(Self::File),
            1 => Ok(Self::Member { offset, stored }),
            2 => Ok(Self::Zipped { offset, stored, size, check: check as u32 }),
            3 => Ok(Self::Brought),
            _ => Err(Error::argument(format!("there is no place of kind {kind}"))),
        }
    }
}

/// Pictures, and the images that are made of them.
pub struct Inputs {
    files: Vec<PathBuf>,
    names: Vec<String>,
    places: Vec<Place>,
    /// The images of picture `i` are those from the i-th to the next.
    firsts: Vec<usize>,
    /// One per image; `None` for the whole picture.
    parts: Vec<Option<Part>>,
    pub rules: Rules,
}

impl Inputs {
    /// `files` are opened, `names` are what users call the pictures; `firsts` has one entry more.
    pub fn new(
        files: Vec<PathBuf>,
        names: Vec<String>,
        places: Vec<Place>,
        firsts: Vec<usize>,
        parts: Vec<Option<Part>>,
        rules: Rules,
    ) -> Result<Self> {
        let pictures = files.len();
        let ordered = firsts.first() == Some(&0)
            && firsts.last() == Some(&parts.len())
            && firsts.is_sorted_by(|a, b| a <= b);
        if names.len() != pictures || places.len() != pictures || firsts.len() != pictures + 1 {
            return Err(Error::argument("files, names, places and firsts differ in their length"));
        }
        if !ordered {
            return Err(Error::argument("firsts must rise from 0 to the number of images"));
        }
        Ok(Self { files, names, places, firsts, parts, rules })
    }

    pub fn pictures(&self) -> usize {
        self.files.len()
    }

    pub fn images(&self) -> usize {
        self.parts.len()
    }

    pub fn file(&self, picture: usize) -> &Path {
        &self.files[picture]
    }

    pub fn name(&self, picture: usize) -> &str {
        &self.names[picture]
    }

    pub fn place(&self, picture: usize) -> Place {
        self.places[picture]
    }

    pub fn rows(&self, picture: usize) -> Range<usize> {
        self.firsts[picture]..self.firsts[picture + 1]
    }

    pub fn part(&self, image: usize) -> Option<&Part> {
        self.parts[image].as_ref()
    }

    /// Whether parts of it are wanted: it is needed at its full size then.
    pub fn is_cut(&self, picture: usize) -> bool {
        self.rows(picture).any(|image| self.parts[image].is_some())
    }

    /// The extension of its name, in lower case.
    pub fn extension(&self, picture: usize) -> Option<String> {
        let extension = Path::new(self.name(picture)).extension()?;
        Some(extension.to_str()?.to_ascii_lowercase())
    }

    /// How many somebody brings.
    pub fn brought(&self) -> usize {
        self.places.iter().filter(|place| matches!(place, Place::Brought)).count()
    }
}
