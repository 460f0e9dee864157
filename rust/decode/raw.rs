//! From the decoder's own colours to RGB of 8 bits, in place where that is possible.

use image::ColorType;

use super::Picture;

/// How more than 8 bits a channel become 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stretch {
    /// The whole range of 16 bits, or of 0 to 1 where values are floats.
    Range,
    /// From the 1st to the 99th percentile of the picture's own values: for pictures of depth, of
    /// temperature or of X-rays, which use a small part of the range.
    Percentile,
}

impl Stretch {
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "range" => Some(Self::Range),
            "percentile" => Some(Self::Percentile),
            _ => None,
        }
    }
}

/// Of all values of colour, alpha not among them, that are numbers: the smallest that is not below
/// a hundredth of them, and likewise for 99.
const PERCENTILES: [usize; 2] = [1, 99];

/// Pixels as a decoder gives them: channels of 8, 16 or 32 bits in the machine's byte order.
pub struct Raw {
    pub width: u32,
    pub height: u32,
    pub color: ColorType,
    pub pixels: Vec<u8>,
}

impl Raw {
    /// Eight bits, three channels, alpha on white.
    pub fn flatten(self, stretch: Stretch) -> Picture {
        let Self { width, height, color, mut pixels } = self;
        let channels = color.channel_count();
        let wide = color.bytes_per_pixel() / channels;
        let alpha = if channels % 2 == 0 { usize::from(channels) } else { usize::MAX };
        match wide {
            2 => narrow_words(&mut pixels, stretch, alpha),
            4 => narrow_floats(&mut pixels, stretch, alpha),
            _ => {}
        }
        match channels {
            1 => pixels = grey(pixels.iter().copied()),
            2 => pixels = grey(pixels.chunks_exact(2).map(|pair| on_white(pair[0], pair[1]))),
            3 => {}
            _ => drop_alpha(&mut pixels),
        }
        pixels.shrink_to_fit();
        Picture { width, height, pixels }
    }
}

/// From 0 to 1 onto 0 to 255; what is no number becomes 0.
fn unit(value: f32) -> u8 {
    (value.clamp(0.0, 1.0) * 255.0).round() as u8
}

/// Whether the value of this number is the last of its pixel's, where that is alpha.
fn is_alpha(index: usize, alpha: usize) -> bool {
    index % alpha == alpha - 1
}

fn narrow_words(pixels: &mut Vec<u8>, stretch: Stretch, alpha: usize) {
    let whole = |value: u16| ((u32::from(value) + 128) / 257) as u8;
    let range = match stretch {
        Stretch::Range => None,
        Stretch::Percentile => percentiles_of_words(pixels, alpha),
    };
    narrow(pixels, |index, bytes: [u8; 2]| {
        let value = u16::from_ne_bytes(bytes);
        match range {
            Some((low, high)) if !is_alpha(index, alpha) => {
                let (low, width) = (u64::from(low), u64::from(high - low));
                let above = u64::from(value.clamp(low as u16, high)) - low;
                ((510 * above + width) / (2 * width)) as u8
            }
            _ => whole(value),
        }
    });
}

fn narrow_floats(pixels: &mut Vec<u8>, stretch: Stretch, alpha: usize) {
    let range = match stretch {
        Stretch::Range => None,
        Stretch::Percentile => percentiles_of_floats(pixels, alpha),
    };
    narrow(pixels, |index, bytes: [u8; 4]| {
        let value = f32::from_ne_bytes(bytes);
        match range {
            Some((low, high)) if !is_alpha(index, alpha) => {
                let (low, high) = (f64::from(low), f64::from(high));
                let share = (f64::from(value) - low) * 255.0 / (high - low);
                (share + 0.5).floor().clamp(0.0, 255.0) as u8
            }
            _ => unit(value),
        }
    });
}

/// Counted from 1: the place of a percentile among `count` sorted values.
fn rank(count: usize, percentile: usize) -> usize {
    (count * percentile).div_ceil(100).max(1)
}

/// `None` where the picture is even.
fn percentiles_of_words(pixels: &[u8], alpha: usize) -> Option<(u16, u16)> {
    let mut histogram = vec![0_usize; 1 << 16];
    for (index, value) in pixels.chunks_exact(2).enumerate() {
        if !is_alpha(index, alpha) {
            histogram[usize::from(u16::from_ne_bytes([value[0], value[1]]))] += 1;
        }
    }
    let count = histogram.iter().sum();
    let [low, high] = PERCENTILES.map(|percentile| {
        let (mut seen, rank) = (0, rank(count, percentile));
        let reached = histogram.iter().position(|number| {
            seen += number;
            seen >= rank
        });
        reached.unwrap_or(0) as u16
    });
    (low < high).then_some((low, high))
}

fn percentiles_of_floats(pixels: &[u8], alpha: usize) -> Option<(f32, f32)> {
    let mut values: Vec<f32> = pixels
        .chunks_exact(4)
        .enumerate()
        .filter(|(index, _)| !is_alpha(*index, alpha))
        .map(|(_, value)| f32::from_ne_bytes([value[0], value[1], value[2], value[3]]))
        .filter(|value| !value.is_nan())
        .collect();
    if values.is_empty() {
        return None;
    }
    let [low, high] = PERCENTILES.map(|percentile| {
        let place = rank(values.len(), percentile) - 1;
        *values.select_nth_unstable_by(place, f32::total_cmp).1
    });
    (low < high && low.is_finite() && high.is_finite()).then_some((low, high))
}

/// In place: every `N` bytes become one.
fn narrow<const N: usize>(pixels: &mut Vec<u8>, convert: impl Fn(usize, [u8; N]) -> u8) {
    let count = pixels.len() / N;
    for index in 0..count {
        let value = pixels[index * N..(index + 1) * N].try_into().expect("N bytes");
        pixels[index] = convert(index, value);
    }
    pixels.truncate(count);
    pixels.shrink_to_fit();
}

/// Reserves first: to collect would hold up to twice as much.
fn grey(values: impl ExactSizeIterator<Item = u8>) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(values.len() * 3);
    pixels.extend(values.flat_map(|value| [value; 3]));
    pixels
}

fn drop_alpha(pixels: &mut Vec<u8>) {
    let count = pixels.len() / 4;
    for index in 0..count {
        let alpha = pixels[index * 4 + 3];
        for channel in 0..3 {
            pixels[index * 3 + channel] = on_white(pixels[index * 4 + channel], alpha);
        }
    }
    pixels.truncate(count * 3);
}

fn on_white(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(color: ColorType, pixels: Vec<u8>) -> Vec<u8> {
        let width = (pixels.len() / usize::from(color.bytes_per_pixel())) as u32;
        Raw { width, height: 1, color, pixels }.flatten(Stretch::Range).pixels
    }

    #[test]
    fn sixteen_bits_become_eight_as_they_are_rounded_elsewhere() {
        let values: Vec<u16> = (0..=u16::MAX).collect();
        let bytes = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
        let expected = values.iter().flat_map(|&value| {
            let value = (f64::from(value) / 257.0).round() as u8;
            [value; 3]
        });
        assert_eq!(flat(ColorType::L16, bytes), expected.collect::<Vec<_>>());
    }

    #[test]
    fn every_kind_of_colour_becomes_rgb() {
        let wide: Vec<u8> =
            [65535_u16, 0, 257, 32768].into_iter().flat_map(u16::to_ne_bytes).collect();
        assert_eq!(flat(ColorType::Rgba16, wide.clone()), [255, 127, 128]);
        assert_eq!(flat(ColorType::La16, wide), [255, 255, 255, 128, 128, 128]);
        let floats = [f32::NAN, -1.0, 0.5].into_iter().flat_map(f32::to_ne_bytes).collect();
        assert_eq!(flat(ColorType::Rgb32F, floats), [0, 0, 128]);
        assert_eq!(flat(ColorType::L8, vec![3, 9]), [3, 3, 3, 9, 9, 9]);
        assert_eq!(flat(ColorType::Rgb8, vec![3, 9, 1]), [3, 9, 1]);
    }

    #[test]
    fn percentiles_spread_what_a_picture_uses_of_the_range() {
        // 1000 values from 5000 to 5999; the 10th and the 990th are the ends.
        let words = (0..1000_u16).flat_map(|value| (5000 + value).to_ne_bytes()).collect();
        let raw = Raw { width: 1000, height: 1, color: ColorType::L16, pixels: words };
        let spread = raw.flatten(Stretch::Percentile).pixels;
        assert_eq!((spread[9 * 3], spread[989 * 3], spread[999 * 3]), (0, 255, 255));
        assert_eq!(spread[500 * 3], ((510 * 491 + 980) / 1960) as u8);
        let floats = (0..1000).flat_map(|value| (5000.0 + value as f32).to_ne_bytes()).collect();
        let raw = Raw { width: 250, height: 1, color: ColorType::Rgba32F, pixels: floats };
        assert_eq!(raw.flatten(Stretch::Percentile).pixels.len(), 250 * 3);
        let even = Raw { width: 2, height: 1, color: ColorType::L16, pixels: vec![128; 4] };
        assert_eq!(even.flatten(Stretch::Percentile).pixels, [128; 6]);
    }
}
