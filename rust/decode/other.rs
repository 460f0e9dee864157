//! All formats but JPEG, through the `image` crate.

use std::borrow::Cow;
use std::io;

use image::error::{ImageError, ImageResult};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use super::raw::{Raw, Stretch};
use super::source::Source;
use super::{Code, Decoded, Failure, Format, Limits, Picture, budget, tiff};
use crate::job::Job;

const ENDS_EARLY: &str = "the file ends early";

pub fn decode(
    bytes: &[u8],
    format: Format,
    limits: Limits,
    stretch: Stretch,
    job: &Job,
) -> Result<Decoded, Failure> {
    let bytes =
        if format == Format::Tiff { tiff::in_usual_order(bytes) } else { Cow::Borrowed(bytes) };
    if format == Format::Tiff
        && let Some(outcome) = tiff::decode(&bytes, limits, job)
    {
        let (raw, orientation, turn) = outcome?;
        let (width, height) = turned(raw.width, raw.height, orientation);
        let picture = upright(raw.flatten(stretch), orientation);
        return Ok(Decoded { picture, width, height, format, damage: None, turn });
    }
    if format == Format::Ico
        && let Some(png) = png_in_icon(&bytes)
    {
        return Ok(Decoded { format, ..decode(png, Format::Png, limits, stretch, job)? });
    }
    let mut decoder =
        ImageReader::with_format(Source::new(bytes.as_ref(), job), crate_format(format))
            .into_decoder()
            .map_err(|error| failure(&error))?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    limits.check(width, height, pixels)?;
    let held = bytes_held(&decoder, format, pixels);
    limits.check_bytes(width, height, held.saturating_add(bytes.len() as u64))?;
    let turn = budget::turn(held, job)?;
    decoder.set_limits(allocation(limits)).map_err(|error| failure(&error))?;
    let orientation = orientation(&mut decoder);
    let (raw, damage) = pixels_of(decoder, format).map_err(|error| failure(&error))?;
    let picture = upright(raw.flatten(stretch), orientation);
    let (width, height) = turned(width, height, orientation);
    Ok(Decoded { picture, width, height, format, damage, turn })
}

/// The picture; and what is wrong where the file ends too early, but not before the first pixel.
/// What is missing is white.
fn pixels_of(decoder: impl ImageDecoder, format: Format) -> ImageResult<(Raw, Option<String>)> {
    let by_row = matches!(format, Format::Png | Format::Gif | Format::Bmp);
    let empty = if by_row { 255 } else { 0 };
    let ((width, height), color) = (decoder.dimensions(), decoder.color_type());
    let mut pixels = vec![empty; decoder.total_bytes() as usize];
    let damage = match decoder.read_image(&mut pixels) {
        Err(error)
            if by_row && is_end_of_file(&error) && pixels.iter().any(|&value| value != empty) =>
        {
            Some(ENDS_EARLY.to_owned())
        }
        outcome => outcome.map(|()| None)?,
    };
    Ok((Raw { width, height, color, pixels }, damage))
}

/// Bytes in memory at the worst moment of decoding and flattening.
fn bytes_held(decoder: &impl ImageDecoder, format: Format, pixels: u64) -> u64 {
    let of_decoder = match format {
        Format::Tiff => decoder.total_bytes(),
        Format::Webp => pixels.saturating_mul(4),
        _ => 0,
    };
    // Grey grows to three channels.
    let copy = if decoder.color_type().channel_count() < 3 { pixels.saturating_mul(3) } else { 0 };
    decoder.total_bytes().saturating_add(of_decoder.max(copy))
}

fn is_end_of_file(error: &ImageError) -> bool {
    match error {
        ImageError::IoError(error) => error.kind() == io::ErrorKind::UnexpectedEof,
        // The GIF decoder has an error of its own for it.
        ImageError::Decoding(error) => error.to_string().ends_with("Unexpected End of File"),
        _ => false,
    }
}

/// The largest picture of an icon, if it is a PNG: the crate takes only those of 32 bits.
fn png_in_icon(bytes: &[u8]) -> Option<&[u8]> {
    let number = |entry: &[u8], at: usize| {
        u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]) as usize
    };
    // 0 stands for 256.
    let side = |value: u8| u32::from(value.wrapping_sub(1)) + 1;
    let count = usize::from(u16::from_le_bytes([*bytes.get(4)?, *bytes.get(5)?]));
    let entries = bytes.get(6..)?.chunks_exact(16).take(count);
    let largest = entries.max_by_key(|entry| (side(entry[0]) * side(entry[1]), entry[6]))?;
    let start = number(largest, 12);
    let picture = bytes.get(start..start.checked_add(number(largest, 8))?)?;
    picture.starts_with(b"\x89PNG").then_some(picture)
}

/// Many WebP and PNG files repeat the prefix that EXIF has in a JPEG; the crate then sees nothing.
fn orientation(decoder: &mut impl ImageDecoder) -> Orientation {
    let exif = decoder.exif_metadata().ok().flatten();
    exif.as_deref()
        .and_then(|exif| exif.strip_prefix(b"Exif\0\0"))
        .and_then(Orientation::from_exif_chunk)
        .or_else(|| decoder.orientation().ok())
        .unwrap_or(Orientation::NoTransforms)
}

fn crate_format(format: Format) -> ImageFormat {
    match format {
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Png => ImageFormat::Png,
        Format::Gif => ImageFormat::Gif,
        Format::Webp => ImageFormat::WebP,
        Format::Bmp => ImageFormat::Bmp,
        Format::Tiff => ImageFormat::Tiff,
        Format::Pnm => ImageFormat::Pnm,
        Format::Tga => ImageFormat::Tga,
        Format::Qoi => ImageFormat::Qoi,
        Format::Ico => ImageFormat::Ico,
    }
}

fn allocation(limits: Limits) -> image::Limits {
    let mut allowed = image::Limits::default();
    allowed.max_image_width = Some(limits.max_side);
    allowed.max_image_height = Some(limits.max_side);
    // Up to four channels of 16 bits, and some room for the decoder's own tables.
    allowed.max_alloc = Some(limits.max_pixels.saturating_mul(8).saturating_add(64 << 20));
    allowed
}

fn failure(error: &ImageError) -> Failure {
    if is_end_of_file(error) {
        return Failure::new(Code::Corrupt, ENDS_EARLY);
    }
    let code = match error {
        ImageError::Unsupported(_) => Code::UnknownFormat,
        ImageError::Limits(_) => Code::TooLarge,
        ImageError::IoError(io) if io.kind() == io::ErrorKind::TimedOut => Code::DecodeTimeout,
        _ => Code::Corrupt,
    };
    Failure::new(code, error.to_string())
}

/// The size after `orientation` has been applied.
pub fn turned(width: u32, height: u32, orientation: Orientation) -> (u32, u32) {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    match orientation {
        Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH => (height, width),
        _ => (width, height),
    }
}

pub fn upright(picture: Picture, orientation: Orientation) -> Picture {
    if orientation == Orientation::NoTransforms {
        return picture;
    }
    let buffer = image::RgbImage::from_raw(picture.width, picture.height, picture.pixels)
        .expect("three bytes for each pixel");
    let mut image = DynamicImage::ImageRgb8(buffer);
    image.apply_orientation(orientation);
    Picture { width: image.width(), height: image.height(), pixels: image.into_bytes() }
}
