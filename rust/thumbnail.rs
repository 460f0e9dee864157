//! Small JPEGs for people to look at, and the encoders.

use std::ffi::OsString;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

use crate::decode::Picture;
use crate::digest::Digest;
use crate::error::{Error, Result};

pub const QUALITY: i32 = 82;

/// Baseline JPEG, 4:2:0.
pub fn encode_jpeg(picture: &Picture, quality: i32) -> Result<Vec<u8>> {
    let encode = || -> turbojpeg::Result<Vec<u8>> {
        let mut compressor = Compressor::new()?;
        compressor.set_quality(quality)?;
        compressor.set_subsamp(Subsamp::Sub2x2)?;
        compressor.compress_to_vec(Image {
            pixels: picture.pixels.as_slice(),
            width: picture.width as usize,
            pitch: picture.width as usize * 3,
            height: picture.height as usize,
            format: PixelFormat::RGB,
        })
    };
    encode().map_err(|error| Error::argument(format!("JPEG cannot hold this picture: {error}")))
}

pub fn encode_png(picture: &Picture) -> Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    PngEncoder::new(&mut bytes)
        .write_image(&picture.pixels, picture.width, picture.height, ExtendedColorType::Rgb8)
        .map_err(|error| Error::argument(format!("PNG cannot hold this picture: {error}")))?;
    Ok(bytes.into_inner())
}

/// Where the thumbnail of a file with this digest lies in its folder.
pub fn name(digest: &Digest) -> PathBuf {
    let hex: String =
        digest.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(hex_digit).collect();
    PathBuf::from(&hex[..2]).join(format!("{hex}.jpg"))
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).expect("four bits are a hexadecimal digit")
}

/// Writes under a temporary name beside `target` and renames, so that a half-written file is
/// never seen under the final name.
pub fn write(target: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).map_err(|source| Error::io(folder, source))?;
    }
    let temporary = temporary_name(target);
    let written = fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&temporary, target));
    written.map_err(|source| {
        // What is left of a failed attempt is of no use; if it cannot go either, the first error
        // is the one to report.
        let _ = fs::remove_file(&temporary);
        Error::io(target, source)
    })
}

/// Two threads may make the thumbnail of the same picture at once.
fn temporary_name(target: &Path) -> PathBuf {
    let mut name = OsString::from(target);
    name.push(format!(".{}.{:?}.tmp", std::process::id(), std::thread::current().id()));
    PathBuf::from(name)
}
