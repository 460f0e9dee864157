//! All formats but JPEG, through the `image` crate.

use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use image::error::ImageError;
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use super::{Code, Decoded, Failure, Format, Limits, Picture};

/// No honest picture within the limits takes longer.
const DEADLINE: Duration = Duration::from_secs(20);

pub fn decode(bytes: &[u8], format: Format, limits: Limits) -> Result<Decoded, Failure> {
    let source = Timed { inner: Cursor::new(bytes), started: Instant::now() };
    let mut decoder = ImageReader::with_format(source, crate_format(format))
        .into_decoder()
        .map_err(|error| failure(&error))?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    limits.check(width, height, pixels)?;
    let turn = super::turn(pixels);
    decoder.set_limits(allocation(limits)).map_err(|error| failure(&error))?;
    let orientation = orientation(&mut decoder);
    let image = DynamicImage::from_decoder(decoder).map_err(|error| failure(&error))?;
    let picture = upright(flatten(image), orientation);
    let (width, height) = turned(width, height, orientation);
    Ok(Decoded { picture, width, height, format, damage: None, turn })
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
    let code = match error {
        ImageError::Unsupported(_) => Code::UnknownFormat,
        ImageError::Limits(_) => Code::TooLarge,
        ImageError::IoError(io) if io.kind() == io::ErrorKind::TimedOut => Code::DecodeTimeout,
        _ => Code::Corrupt,
    };
    Failure::new(code, error.to_string())
}

/// Eight bits, three channels, alpha on white; without a second copy of a large picture.
fn flatten(image: DynamicImage) -> Picture {
    let (width, height) = (image.width(), image.height());
    let pixels = if image.color().has_alpha() {
        let mut pixels = match image.color() {
            ColorType::Rgba8 => image.into_bytes(),
            _ => image.into_rgba8().into_raw(),
        };
        on_white(&mut pixels);
        pixels
    } else {
        match image.color() {
            ColorType::Rgb8 => image.into_bytes(),
            _ => image.into_rgb8().into_raw(),
        }
    };
    Picture { width, height, pixels }
}

fn on_white(pixels: &mut Vec<u8>) {
    let count = pixels.len() / 4;
    for index in 0..count {
        let alpha = u32::from(pixels[index * 4 + 3]);
        for channel in 0..3 {
            let value = u32::from(pixels[index * 4 + channel]);
            pixels[index * 3 + channel] = ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        }
    }
    pixels.truncate(count * 3);
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

/// Ends a decoder that would read for ever: past the deadline every read fails.
struct Timed<R> {
    inner: R,
    started: Instant,
}

impl<R> Timed<R> {
    fn check(&self) -> io::Result<()> {
        if self.started.elapsed() > DEADLINE {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "decoding took over 20 s"));
        }
        Ok(())
    }
}

impl<R: Read> Read for Timed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        self.inner.read(buffer)
    }
}

impl<R: BufRead> BufRead for Timed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.check()?;
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
    }
}

impl<R: Seek> Seek for Timed<R> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.check()?;
        self.inner.seek(position)
    }
}
