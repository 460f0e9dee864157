//! From a decoded picture to the working image, the signature and the model's input.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3};
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::decode::Picture;
use crate::error::{Error, Result};

/// Statistics and all that follows see a picture whose short side is at most this.
pub const WORKING_SIDE: u32 = 256;
/// Side of the square luminance picture that later verifies duplicates.
pub const SIGNATURE_SIDE: u32 = 32;
/// Rows or columns whose values all lie this close to the corner's colour are border.
const BORDER_TOLERANCE: u8 = 12;
/// Behind a border a few more belong to it that are less even: in a JPEG the block that holds its
/// edge rings.
const RINGING_TOLERANCE: u8 = 40;
const MOST_RINGING: usize = 8;

/// How a picture is brought to the model's input size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Aspect ignored.
    Stretch,
    /// The largest centred part of the right aspect.
    Crop,
}

impl Fit {
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "stretch" => Ok(Self::Stretch),
            "crop" => Ok(Self::Crop),
            _ => Err(Error::argument(format!("resize rule {name:?}: use stretch or crop"))),
        }
    }
}

/// Names of filters as model cards use them.
pub fn parse_filter(name: &str) -> Result<FilterType> {
    match name {
        "box" => Ok(FilterType::Box),
        "triangle-antialiased" | "bilinear" => Ok(FilterType::Bilinear),
        "bicubic" => Ok(FilterType::CatmullRom),
        "lanczos" => Ok(FilterType::Lanczos3),
        _ => Err(Error::argument(format!(
            "filter {name:?}: use box, triangle-antialiased, bicubic or lanczos"
        ))),
    }
}

/// The rule of one model.
#[derive(Clone, Copy)]
pub struct Sizing {
    pub width: u32,
    pub height: u32,
    pub fit: Fit,
    pub filter_down: FilterType,
    pub filter_up: FilterType,
}

/// Resizes on one thread; keeps its buffers.
pub struct Preprocessor {
    resizer: Resizer,
}

impl Default for Preprocessor {
    fn default() -> Self {
        Self { resizer: Resizer::new() }
    }
}

impl Preprocessor {
    /// The picture reduced by area averaging to `WORKING_SIDE`, or as it is when it is smaller.
    pub fn working(&mut self, picture: Picture) -> Picture {
        let short = picture.width.min(picture.height);
        if short <= WORKING_SIDE {
            return picture;
        }
        let scaled = |side: u32| {
            let side = (u64::from(side) * u64::from(WORKING_SIDE) + u64::from(short) / 2)
                / u64::from(short);
            side as u32
        };
        let (width, height) = (scaled(picture.width), scaled(picture.height));
        self.resize(&picture, width, height, Fit::Stretch, FilterType::Box)
    }

    /// The picture at the model's input size, interleaved RGB.
    pub fn model_input(&mut self, picture: &Picture, sizing: Sizing) -> Picture {
        let shrinks = u64::from(picture.width) * u64::from(picture.height)
            > u64::from(sizing.width) * u64::from(sizing.height);
        let filter = if shrinks { sizing.filter_down } else { sizing.filter_up };
        self.resize(picture, sizing.width, sizing.height, sizing.fit, filter)
    }

    /// At most `side` pixels on the longer side, never enlarged.
    pub fn thumbnail(&mut self, picture: &Picture, side: u32) -> Picture {
        let long = picture.width.max(picture.height).max(side);
        let scaled =
            |value: u32| ((u64::from(value) * u64::from(side) / u64::from(long)) as u32).max(1);
        let (width, height) = (scaled(picture.width), scaled(picture.height));
        self.resize(picture, width, height, Fit::Stretch, FilterType::Bilinear)
    }

    /// `SIGNATURE_SIDE` squared luminance values, the whole picture stretched.
    pub fn signature(&mut self, luminance: &[u8], width: u32, height: u32) -> Vec<u8> {
        let source: TypedImageRef<'_, U8> =
            TypedImageRef::from_buffer(width, height, luminance).expect("one byte for each pixel");
        let mut target = TypedImage::<U8>::new(SIGNATURE_SIDE, SIGNATURE_SIDE);
        // Area averaging where the picture shrinks; a smaller picture is interpolated.
        let filter = if width.min(height) >= SIGNATURE_SIDE {
            FilterType::Box
        } else {
            FilterType::Bilinear
        };
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
        self.resizer.resize_typed(&source, &mut target, &options).expect("sizes are not zero");
        target.pixels().iter().map(|pixel| pixel.0).collect()
    }

    fn resize(
        &mut self,
        picture: &Picture,
        width: u32,
        height: u32,
        fit: Fit,
        filter: FilterType,
    ) -> Picture {
        let source: TypedImageRef<'_, U8x3> =
            TypedImageRef::from_buffer(picture.width, picture.height, &picture.pixels)
                .expect("three bytes for each pixel");
        let mut pixels = vec![0; width as usize * height as usize * 3];
        let mut target = TypedImage::<U8x3>::from_buffer(width, height, &mut pixels)
            .expect("the buffer was made for this size");
        let mut options =
            ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
        if fit == Fit::Crop {
            options = options.fit_into_destination(None);
        }
        self.resizer.resize_typed(&source, &mut target, &options).expect("sizes are not zero");
        Picture { width, height, pixels }
    }
}

/// Left to right.
pub fn mirrored(picture: &Picture) -> Picture {
    let row_bytes = picture.width as usize * 3;
    let mut pixels = Vec::with_capacity(picture.pixels.len());
    for row in picture.pixels.chunks_exact(row_bytes) {
        for pixel in row.rchunks_exact(3) {
            pixels.extend_from_slice(pixel);
        }
    }
    Picture { width: picture.width, height: picture.height, pixels }
}

/// How many lines from a side on are border, of `all`.
fn border(all: usize, within: impl Fn(usize, u8) -> bool) -> usize {
    let even = (0..all).take_while(|&line| within(line, BORDER_TOLERANCE)).count();
    if even == 0 {
        return 0;
    }
    let ringing = (even..all.min(even + MOST_RINGING))
        .take_while(|&line| within(line, RINGING_TOLERANCE))
        .count();
    even + ringing
}

/// The picture without its uniform borders; `None` where there are none, or where less than half
/// of a side would be left.
pub fn trimmed(picture: &Picture) -> Option<Picture> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let at = |x: usize, y: usize| &picture.pixels[(y * width + x) * 3..][..3];
    let alike = |a: &[u8], b: &[u8], most: u8| a.iter().zip(b).all(|(a, b)| a.abs_diff(*b) <= most);
    let row = |y: usize, colour: &[u8], most: u8| (0..width).all(|x| alike(at(x, y), colour, most));
    let column =
        |x: usize, colour: &[u8], most: u8| (0..height).all(|y| alike(at(x, y), colour, most));

    let (first, last) = (at(0, 0), at(0, height - 1));
    let top = border(height, |y, most| row(y, first, most));
    let bottom = height - border(height - top, |y, most| row(height - 1 - y, last, most));
    let (first, last) = (at(0, 0), at(width - 1, 0));
    let left = border(width, |x, most| column(x, first, most));
    let right = width - border(width - left, |x, most| column(width - 1 - x, last, most));
    let (inner_width, inner_height) = (right - left, bottom - top);
    if inner_width * 2 < width
        || inner_height * 2 < height
        || (inner_width, inner_height) == (width, height)
    {
        return None;
    }
    let mut pixels = Vec::with_capacity(inner_width * inner_height * 3);
    for y in top..bottom {
        pixels.extend_from_slice(&picture.pixels[(y * width + left) * 3..(y * width + right) * 3]);
    }
    Some(Picture { width: inner_width as u32, height: inner_height as u32, pixels })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32, colour: impl Fn(u32, u32) -> [u8; 3]) -> Picture {
        let pixels = (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .flat_map(|(x, y)| colour(x, y))
            .collect();
        Picture { width, height, pixels }
    }

    #[test]
    fn working_image_keeps_small_pictures_and_reduces_large_ones() {
        let mut preprocessor = Preprocessor::default();
        let small = preprocessor.working(picture(10, 300, |_, _| [1, 2, 3]));
        assert_eq!((small.width, small.height), (10, 300));
        let large = preprocessor.working(picture(1024, 512, |x, _| [(x % 2 * 200) as u8; 3]));
        assert_eq!((large.width, large.height), (512, 256));
        assert!(
            large.pixels.iter().all(|&value| value == 100),
            "area averaging of stripes is flat"
        );
    }

    #[test]
    fn mirroring_twice_gives_the_picture_back() {
        let original = picture(5, 3, |x, y| [x as u8, y as u8, (x * y) as u8]);
        let once = mirrored(&original);
        assert_eq!(&once.pixels[..3], &original.pixels[12..15]);
        assert_eq!(mirrored(&once).pixels, original.pixels);
    }

    #[test]
    fn trimming_takes_what_rings_behind_a_frame_but_not_more() {
        // Even to 8, then uneven to 12 or to the end.
        let ringing = |end: u32| {
            picture(64, 64, move |x, y| {
                let depth = x.min(y).min(63 - x).min(63 - y);
                match depth {
                    0..8 => [0; 3],
                    depth if depth < end => [((x + y) % 2 * 30) as u8; 3],
                    _ => [200; 3],
                }
            })
        };
        let inside = trimmed(&ringing(12)).expect("a frame");
        assert_eq!((inside.width, inside.height), (40, 40));
        let most = trimmed(&ringing(40)).expect("a frame");
        assert_eq!((most.width, most.height), (32, 32));
        let uneven = picture(64, 64, |x, y| [((x + y) % 2 * 30) as u8; 3]);
        assert!(trimmed(&uneven).is_none());
    }

    #[test]
    fn trimming_takes_a_uniform_frame_and_nothing_else() {
        let framed = picture(20, 16, |x, y| {
            if (4..16).contains(&x) && (2..14).contains(&y) {
                [(x * 9) as u8, (y * 13) as u8, 99]
            } else {
                [0; 3]
            }
        });
        let inside = trimmed(&framed).expect("a frame");
        assert_eq!((inside.width, inside.height), (12, 12));
        for whole in [inside, picture(8, 8, |_, _| [7; 3])] {
            assert!(trimmed(&whole).is_none());
        }
    }
}
