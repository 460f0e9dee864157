//! The kinds of TIFF that the `image` crate leaves out: palettes, grey of 2 and 4 bits, grey with
//! alpha, and bytes whose bits stand in reverse.

use std::borrow::Cow;
use std::io;

use image::ColorType;
use image::metadata::Orientation;
use tiff::TiffError;
use tiff::decoder::{Decoder, DecodingResult};

use super::raw::Raw;
use super::source::Source;
use super::{Code, Failure, Limits, Turn, budget};
use crate::job::Job;

mod tag {
    pub const BITS: u16 = 258;
    pub const COMPRESSION: u16 = 259;
    pub const PHOTOMETRIC: u16 = 262;
    pub const FILL_ORDER: u16 = 266;
    pub const ORIENTATION: u16 = 274;
    pub const SAMPLES: u16 = 277;
    pub const COLOUR_MAP: u16 = 320;
    pub const SAMPLE_FORMAT: u16 = 339;
    /// Where the picture data is, and how long: in strips, or in tiles.
    pub const DATA: [(u16, u16); 2] = [(273, 279), (324, 325)];
}

const GREY: u16 = 1;
const PALETTE: u32 = 3;
const JPEG: u32 = 7;
const FLOAT: u32 = 3;

type Page = (Raw, Orientation, Option<Turn>);

/// The picture, if it is of a kind that only this module reads.
pub fn decode(bytes: &[u8], limits: Limits, job: &Job) -> Option<Result<Page, Failure>> {
    let directory = Directory::read(bytes)?;
    let bits = directory.number(tag::BITS).unwrap_or(1);
    let samples = directory.number(tag::SAMPLES).unwrap_or(1);
    let palette = directory.number(tag::PHOTOMETRIC)? == PALETTE;
    let kind = match (palette, samples, bits) {
        (true, 1, 1 | 2 | 4 | 8) => Kind::Palette(bits, directory.colours(bits)),
        (false, 1, 2 | 4) => Kind::Grey(bits),
        (false, 1, 32) if directory.number(tag::SAMPLE_FORMAT) == Some(FLOAT) => Kind::GreyFloat,
        (false, 2, 8) if directory.number(tag::COMPRESSION) != Some(JPEG) => Kind::GreyAlpha,
        _ => return None,
    };
    let orientation =
        directory.number(tag::ORIENTATION).and_then(|value| Orientation::from_exif(value as u8));
    let orientation = orientation.unwrap_or(Orientation::NoTransforms);
    Some(read(&directory, kind, limits, job).map(|(raw, turn)| (raw, orientation, turn)))
}

fn failure(error: &TiffError) -> Failure {
    let code = match error {
        TiffError::UnsupportedError(_) => Code::UnknownFormat,
        TiffError::LimitsExceeded => Code::TooLarge,
        TiffError::IoError(io) if io.kind() == io::ErrorKind::TimedOut => Code::DecodeTimeout,
        _ => Code::Corrupt,
    };
    Failure::new(code, error.to_string())
}

enum Kind {
    Palette(u32, Vec<[u8; 3]>),
    Grey(u32),
    GreyFloat,
    GreyAlpha,
}

fn read(
    directory: &Directory<'_>,
    kind: Kind,
    limits: Limits,
    job: &Job,
) -> Result<(Raw, Option<Turn>), Failure> {
    // `tiff` refuses palettes, but the indices are stored as grey values are.
    let bytes = match kind {
        Kind::Palette(..) => directory.as_grey(),
        _ => directory.bytes.to_vec(),
    };
    let mut decoder = Decoder::new(Source::new(bytes, job)).map_err(|error| failure(&error))?;
    let (width, height) = decoder.dimensions().map_err(|error| failure(&error))?;
    let pixels = u64::from(width) * u64::from(height);
    limits.check(width, height, pixels)?;
    // Bytes from the file, and of the picture; the file twice.
    let held = pixels.saturating_mul(if matches!(kind, Kind::GreyFloat) { 4 + 12 } else { 2 + 3 });
    let files = directory.bytes.len() as u64 * 2;
    limits.check_bytes(width, height, held.saturating_add(files))?;
    let turn = budget::turn(held, job)?;
    let data = match decoder.read_image().map_err(|error| failure(&error))? {
        DecodingResult::U8(data) => data,
        DecodingResult::F32(values) if matches!(kind, Kind::GreyFloat) => {
            return Ok((coloured(width, height, &values)?, turn));
        }
        _ => return Err(Failure::new(Code::UnknownFormat, "a TIFF of an unknown kind")),
    };
    // Where a tag stands twice, `tiff` may have read the other one.
    let bits = match kind {
        Kind::GreyFloat => 32,
        Kind::GreyAlpha => 16,
        Kind::Grey(bits) | Kind::Palette(bits, _) => u64::from(bits),
    };
    if data.len() as u64 != (u64::from(width) * bits).div_ceil(8) * u64::from(height) {
        return Err(misfit());
    }
    let (color, pixels) = match kind {
        Kind::GreyAlpha => (ColorType::La8, data),
        // Bytes are no floats.
        Kind::GreyFloat => return Err(misfit()),
        Kind::Grey(bits) => {
            let scale = 255 / ((1 << bits) - 1) as u8;
            (ColorType::L8, unpack(&data, width, bits).map(|value| value * scale).collect())
        }
        Kind::Palette(bits, colours) => {
            let colour = |index: u8| colours.get(usize::from(index)).copied().unwrap_or_default();
            // `collect` would not know how many there are, and hold up to twice as much.
            let mut rgb = Vec::with_capacity(pixels as usize * 3);
            rgb.extend(unpack(&data, width, bits).flat_map(colour));
            (ColorType::Rgb8, rgb)
        }
    };
    Ok((Raw { width, height, color, pixels }, turn))
}

/// Grey floats as colours: `image` has no name for them.
fn coloured(width: u32, height: u32, values: &[f32]) -> Result<Raw, Failure> {
    if values.len() as u64 != u64::from(width) * u64::from(height) {
        return Err(misfit());
    }
    let mut pixels = Vec::with_capacity(values.len() * 12);
    for value in values {
        let bytes = value.to_ne_bytes();
        (0..3).for_each(|_| pixels.extend_from_slice(&bytes));
    }
    Ok(Raw { width, height, color: ColorType::Rgb32F, pixels })
}

fn misfit() -> Failure {
    Failure::new(Code::Corrupt, "the TIFF's data does not fit its size")
}

/// Rows begin on a byte.
fn unpack(data: &[u8], width: u32, bits: u32) -> impl Iterator<Item = u8> {
    let (width, bits) = (width as usize, bits as usize);
    data.chunks_exact((width * bits).div_ceil(8)).flat_map(move |row| {
        (0..width).map(move |x| {
            let bit = x * bits;
            let mask = ((1_u16 << bits) - 1) as u8;
            (row[bit / 8] >> (8 - bits - bit % 8)) & mask
        })
    })
}

/// The file with its bits in the usual order, as some fax machines do not write them.
pub fn in_usual_order(bytes: &[u8]) -> Cow<'_, [u8]> {
    let Some(directory) =
        Directory::read(bytes).filter(|found| found.number(tag::FILL_ORDER) == Some(2))
    else {
        return Cow::Borrowed(bytes);
    };
    let mut turned = bytes.to_vec();
    // A hostile table may name the same bytes thousands of times.
    let mut left = bytes.len();
    for (starts, lengths) in tag::DATA {
        let pieces = directory.numbers(starts).into_iter().zip(directory.numbers(lengths));
        for (start, length) in pieces {
            let start = (start as usize).min(turned.len());
            let end = start.saturating_add(left.min(length as usize)).min(turned.len());
            left -= end - start;
            turned[start..end].iter_mut().for_each(|byte| *byte = byte.reverse_bits());
        }
    }
    Cow::Owned(turned)
}

/// The first picture's tags; no more of the format than is needed here.
struct Directory<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    /// Tag, type, count, and where the value or its offset stands.
    entries: Vec<(u16, u16, u32, usize)>,
}

impl<'a> Directory<'a> {
    /// `None` where the file is broken, or a `BigTIFF`.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let big_endian = bytes.starts_with(b"MM\0\x2a");
        if !big_endian && !bytes.starts_with(b"II\x2a\0") {
            return None;
        }
        let mut directory = Self { bytes, big_endian, entries: Vec::new() };
        let start = directory.long(4)? as usize;
        for number in 0..usize::from(directory.short(start)?) {
            let at = start + 2 + number * 12;
            let (tag, kind) = (directory.short(at)?, directory.short(at + 2)?);
            directory.entries.push((tag, kind, directory.long(at + 4)?, at + 8));
        }
        Some(directory)
    }

    fn short(&self, at: usize) -> Option<u16> {
        let pair = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
    }

    fn long(&self, at: usize) -> Option<u32> {
        let four = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
    }

    /// All values of a tag, as far as they are in the file.
    fn numbers(&self, wanted: u16) -> Vec<u32> {
        let Some(&(_, kind, count, place)) = self.entries.iter().find(|entry| entry.0 == wanted)
        else {
            return Vec::new();
        };
        let size = match kind {
            1 => 1,
            3 => 2,
            4 => 4,
            _ => return Vec::new(),
        };
        let inside = count as usize * size <= 4;
        let Some(start) =
            (if inside { Some(place) } else { self.long(place).map(|start| start as usize) })
        else {
            return Vec::new();
        };
        (0..count as usize)
            .map_while(|number| match kind {
                1 => self.bytes.get(start + number).copied().map(u32::from),
                3 => self.short(start + number * size).map(u32::from),
                _ => self.long(start + number * size),
            })
            .collect()
    }

    fn number(&self, wanted: u16) -> Option<u32> {
        self.numbers(wanted).first().copied()
    }

    /// All reds, then all greens, then all blues, of 16 bits.
    fn colours(&self, bits: u32) -> Vec<[u8; 3]> {
        let count = 1 << bits;
        let map = self.numbers(tag::COLOUR_MAP);
        let value = |index: usize| map.get(index).map_or(0, |value| (value >> 8) as u8);
        (0..count)
            .map(|index| [value(index), value(count + index), value(2 * count + index)])
            .collect()
    }

    fn as_grey(&self) -> Vec<u8> {
        let mut bytes = self.bytes.to_vec();
        let grey = if self.big_endian { GREY.to_be_bytes() } else { GREY.to_le_bytes() };
        for &(_, _, _, place) in self.entries.iter().filter(|entry| entry.0 == tag::PHOTOMETRIC) {
            bytes[place..place + 2].copy_from_slice(&grey);
        }
        bytes
    }
}
