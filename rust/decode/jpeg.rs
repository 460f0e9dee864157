//! JPEG through libjpeg-turbo, scaled down while decoding where the picture is much larger than
//! needed.

use image::metadata::Orientation;
use turbojpeg::{Colorspace, Decompressor, Error, Image, PixelFormat, ScalingFactor};

use super::{Code, Decoded, Failure, Format, Limits, Picture, budget, other};
use crate::job::Job;

/// Files with more scans than any encoder writes are built to waste time, and libjpeg-turbo cannot
/// be interrupted. Usual encoders write up to 10 scans, or 18 for four inks.
const SCANS: std::ops::RangeInclusive<u64> = 20..=500;
/// Pixels times scans; so many take about a second.
const WORK: u64 = 600_000_000;

pub struct JpegDecoder {
    turbo: Option<Decompressor>,
}

impl JpegDecoder {
    pub fn new() -> Self {
        Self { turbo: None }
    }

    pub fn decode(
        &mut self,
        bytes: &[u8],
        short_side: Option<u32>,
        limits: Limits,
        job: &Job,
    ) -> Result<Decoded, Failure> {
        let mut turbo = match self.turbo.take() {
            Some(turbo) => turbo,
            None => Decompressor::new().map_err(|error| failure(&error))?,
        };
        let decoded = decode(&mut turbo, bytes, short_side, limits, job);
        // After a failure libjpeg stands in the middle of the file, and the next one would be read
        // as its rest.
        if decoded.as_ref().is_ok_and(|decoded| decoded.damage.is_none()) {
            self.turbo = Some(turbo);
        }
        decoded
    }
}

fn decode(
    turbo: &mut Decompressor,
    bytes: &[u8],
    short_side: Option<u32>,
    limits: Limits,
    job: &Job,
) -> Result<Decoded, Failure> {
    let mended;
    let (header, bytes) = match turbo.read_header(bytes) {
        Ok(header) => (header, bytes),
        // Here a mere warning ends it, too; so what is warned of is taken out.
        Err(warning) if damage_of(&warning)?.is_none() => {
            mended = segments_only(bytes);
            (turbo.read_header(&mended).map_err(|error| failure(&error))?, mended.as_slice())
        }
        Err(error) => return Err(failure(&error)),
    };
    let (full_width, full_height) = (header.width as u32, header.height as u32);
    let factor = match short_side {
        Some(side) if !header.is_lossless => scaling(full_width.min(full_height), side),
        _ => ScalingFactor::ONE,
    };
    let scaled = header.scaled(factor);
    let cmyk = matches!(header.colorspace, Colorspace::CMYK | Colorspace::YCCK);
    let format = if cmyk { PixelFormat::CMYK } else { PixelFormat::RGB };
    let segments = Segments::read(bytes);
    let several_scans = header.is_progressive || segments.several_scans;
    let full_pixels = header.width as u64 * header.height as u64;
    let scaled_pixels = scaled.width as u64 * scaled.height as u64;
    // A file of several scans is held in memory as a whole, whatever the scale.
    let held_pixels = if several_scans { full_pixels } else { scaled_pixels };
    limits.check(full_width, full_height, held_pixels)?;
    let coefficients = if several_scans { full_pixels * segments.bytes_per_pixel } else { 0 };
    let held = coefficients + scaled_pixels * format.size() as u64;
    limits.check_bytes(full_width, full_height, held + bytes.len() as u64)?;
    let scans = (WORK / full_pixels).clamp(*SCANS.start(), *SCANS.end());
    turbo.set_scan_limit(scans as u32).map_err(|error| failure(&error))?;
    turbo.set_scaling_factor(factor).map_err(|error| failure(&error))?;
    let turn = budget::turn(held, job)?;

    let mut pixels = vec![0; scaled.width * scaled.height * format.size()];
    let output = Image {
        pixels: pixels.as_mut_slice(),
        width: scaled.width,
        pitch: scaled.width * format.size(),
        height: scaled.height,
        format,
    };
    let damage = match turbo.decompress(bytes, output) {
        Ok(()) => None,
        Err(error) if message(&error).contains("has more than") => {
            let detail = format!(
                "{full_width} x {full_height} pixels in more than {scans} scans: decoding \
                     would take too long"
            );
            return Err(Failure::new(Code::DecodeTimeout, detail));
        }
        Err(error) => damage_of(&error)?,
    };
    if cmyk {
        cmyk_to_rgb(&mut pixels, segments.adobe);
    }
    let picture = Picture { width: scaled.width as u32, height: scaled.height as u32, pixels };
    let orientation = segments.orientation.unwrap_or(Orientation::NoTransforms);
    let (width, height) = other::turned(full_width, full_height, orientation);
    let picture = other::upright(picture, orientation);
    Ok(Decoded { picture, width, height, format: Format::Jpeg, damage, turn })
}

/// The smallest of the scales that libjpeg-turbo computes with SIMD that keeps `wanted`.
fn scaling(short_side: u32, wanted: u32) -> ScalingFactor {
    [ScalingFactor::ONE_EIGHTH, ScalingFactor::ONE_QUARTER, ScalingFactor::ONE_HALF]
        .into_iter()
        .find(|factor| factor.scale(short_side as usize) >= wanted as usize)
        .unwrap_or(ScalingFactor::ONE)
}

fn message(error: &Error) -> String {
    match error {
        Error::TurboJpegError(message) => message
            .trim_start_matches("tj3Decompress8(): ")
            .trim_start_matches("tj3DecompressHeader(): ")
            .to_owned(),
        other => other.to_string(),
    }
}

fn failure(error: &Error) -> Failure {
    Failure::new(Code::Corrupt, message(error))
}

/// libjpeg reports warnings through the same door as errors; after a warning the picture is
/// there. The texts are part of libjpeg's message table and have not changed in decades.
fn damage_of(error: &Error) -> Result<Option<String>, Failure> {
    let text = message(error);
    let harmless = [
        "extraneous bytes before marker",
        "Unknown Adobe color transform code",
        "Warning: unknown JFIF revision",
    ];
    let partial = [
        "Premature end of JPEG file",
        "premature end of data segment",
        "bad Huffman code",
        "Corrupt JPEG data",
        "Inconsistent progression sequence",
    ];
    if harmless.iter().any(|known| text.contains(known)) {
        Ok(None)
    } else if partial.iter().any(|known| text.contains(known)) {
        Ok(Some(text))
    } else {
        Err(Failure::new(Code::Corrupt, text))
    }
}

/// In place: four bytes become three. Adobe's files store the inks inverted.
fn cmyk_to_rgb(pixels: &mut Vec<u8>, inverted: bool) {
    let count = pixels.len() / 4;
    for index in 0..count {
        let ink: [u8; 4] = pixels[index * 4..index * 4 + 4].try_into().expect("four bytes");
        let light = |value: u8| u32::from(if inverted { value } else { 255 - value });
        let key = light(ink[3]);
        for channel in 0..3 {
            pixels[index * 3 + channel] = ((light(ink[channel]) * key + 127) / 255) as u8;
        }
    }
    pixels.truncate(count * 3);
}

/// Without bytes between segments, and without the two segments whose odd values are warned of.
fn segments_only(bytes: &[u8]) -> Vec<u8> {
    let mut kept = vec![0xff, 0xd8];
    let mut rest = bytes.get(2..).unwrap_or_default();
    while let Some(at) =
        rest.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff))
    {
        rest = &rest[at..];
        let marker = rest[1];
        if marker == 0xda {
            break;
        }
        let length = rest
            .get(2..4)
            .map_or(0, |length| usize::from(u16::from_be_bytes([length[0], length[1]])));
        let (segment, after) = rest.split_at((2 + length).min(rest.len()));
        let jfif = marker == 0xe0;
        let odd_adobe = marker == 0xee && segment.get(15).is_some_and(|&transform| transform > 2);
        if !jfif && !odd_adobe {
            kept.extend_from_slice(segment);
        }
        rest = after;
    }
    kept.extend_from_slice(rest);
    kept
}

/// The facts that stand in the segments before the picture data.
struct Segments {
    orientation: Option<Orientation>,
    adobe: bool,
    /// The first scan lacks a channel, so that there are more.
    several_scans: bool,
    /// Of the coefficients, for all channels together.
    bytes_per_pixel: u64,
}

impl Segments {
    fn read(bytes: &[u8]) -> Self {
        let mut found =
            Self { orientation: None, adobe: false, several_scans: false, bytes_per_pixel: 8 };
        let mut channels = 1;
        let mut at = 2;
        while let Some(&[0xff, marker]) = bytes.get(at..at + 2) {
            if marker == 0xff {
                at += 1; // padding
                continue;
            }
            let Some(&[high, low]) = bytes.get(at + 2..at + 4) else { break };
            let length = usize::from(u16::from_be_bytes([high, low]));
            let Some(body) = bytes.get(at + 4..at + 2 + length.max(2)) else { break };
            match marker {
                0xda => {
                    found.several_scans = body.first().is_some_and(|&scanned| scanned < channels);
                    break;
                }
                0xd9 => break,
                // A frame: not the tables that stand among their numbers.
                0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                    channels = body.get(5).copied().unwrap_or(1);
                    found.bytes_per_pixel = coefficient_bytes(body.get(6..).unwrap_or_default());
                }
                0xe1 if found.orientation.is_none() => {
                    found.orientation =
                        body.strip_prefix(b"Exif\0\0").and_then(Orientation::from_exif_chunk);
                }
                0xee => found.adobe |= body.starts_with(b"Adobe"),
                _ => {}
            }
            at += 2 + length.max(2);
        }
        found
    }
}

/// Two bytes each, per pixel, rounded up; a channel is smaller where others are sampled more often.
fn coefficient_bytes(channels: &[u8]) -> u64 {
    let samplings = || {
        channels
            .chunks_exact(3)
            .map(|channel| (u64::from(channel[1] >> 4), u64::from(channel[1] & 15)))
    };
    let across = samplings().map(|(across, _)| across).max().unwrap_or(0).max(1);
    let down = samplings().map(|(_, down)| down).max().unwrap_or(0).max(1);
    let sum: u64 = samplings().map(|(across, down)| across * down).sum();
    (sum * 2).div_ceil(across * down)
}
