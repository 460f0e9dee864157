//! From the decoder's own colours to RGB of 8 bits, in place where that is possible.

use image::ColorType;

use super::Picture;

/// Pixels as a decoder gives them: channels of 8, 16 or 32 bits in the machine's byte order.
pub struct Raw {
    pub width: u32,
    pub height: u32,
    pub color: ColorType,
    pub pixels: Vec<u8>,
}

impl Raw {
    /// Eight bits, three channels, alpha on white.
    pub fn flatten(self) -> Picture {
        let Self { width, height, color, mut pixels } = self;
        let channels = color.channel_count();
        match color.bytes_per_pixel() / channels {
            2 => narrow(&mut pixels, |value: [u8; 2]| {
                ((u32::from(u16::from_ne_bytes(value)) + 128) / 257) as u8
            }),
            4 => narrow(&mut pixels, |value: [u8; 4]| {
                (f32::from_ne_bytes(value).clamp(0.0, 1.0) * 255.0).round() as u8
            }),
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

/// In place: every `N` bytes become one.
fn narrow<const N: usize>(pixels: &mut Vec<u8>, convert: impl Fn([u8; N]) -> u8) {
    let count = pixels.len() / N;
    for index in 0..count {
        let value = pixels[index * N..(index + 1) * N].try_into().expect("N bytes");
        pixels[index] = convert(value);
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
        Raw { width, height: 1, color, pixels }.flatten().pixels
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
}
