//! The model's input tensor, filled picture by picture.

use half::f16;

use crate::decode::Picture;
use crate::error::{Error, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    Nchw,
    Nhwc,
}

impl Layout {
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "NCHW" => Ok(Self::Nchw),
            "NHWC" => Ok(Self::Nhwc),
            _ => Err(Error::argument(format!("layout {name:?}: use NCHW or NHWC"))),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementKind {
    Float32,
    Float16,
    Uint8,
}

impl ElementKind {
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "float32" => Ok(Self::Float32),
            "float16" => Ok(Self::Float16),
            "uint8" => Ok(Self::Uint8),
            _ => Err(Error::argument(format!("dtype {name:?}: use float32, float16 or uint8"))),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Float16 => "float16",
            Self::Uint8 => "uint8",
        }
    }
}

/// How pixel values become elements.
#[derive(Clone, Copy)]
pub struct Encoding {
    pub layout: Layout,
    pub kind: ElementKind,
    /// Blue first.
    pub reversed: bool,
    /// Of values scaled to 0..1, per channel of the tensor; not used for uint8.
    pub mean: [f32; 3],
    pub std: [f32; 3],
}

pub enum Elements {
    Float32(Vec<f32>),
    Float16(Vec<f16>),
    Uint8(Vec<u8>),
}

/// Pictures of one size, waiting for the model.
pub struct Batch {
    pub elements: Elements,
    pub width: u32,
    pub height: u32,
    encoding: Encoding,
    count: usize,
}

impl Batch {
    pub fn new(encoding: Encoding, width: u32, height: u32) -> Self {
        let elements = match encoding.kind {
            ElementKind::Float32 => Elements::Float32(Vec::new()),
            ElementKind::Float16 => Elements::Float16(Vec::new()),
            ElementKind::Uint8 => Elements::Uint8(Vec::new()),
        };
        Self { elements, width, height, encoding, count: 0 }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    pub fn clear(&mut self) {
        self.count = 0;
        match &mut self.elements {
            Elements::Float32(values) => values.clear(),
            Elements::Float16(values) => values.clear(),
            Elements::Uint8(values) => values.clear(),
        }
    }

    /// `picture` has the size of the batch.
    pub fn push(&mut self, picture: &Picture) {
        let encoding = self.encoding;
        let scaled = |value: u8, channel: usize| {
            (f32::from(value) / 255.0 - encoding.mean[channel]) / encoding.std[channel]
        };
        match &mut self.elements {
            Elements::Uint8(values) => append(values, &picture.pixels, encoding, |value, _| value),
            Elements::Float32(values) => append(values, &picture.pixels, encoding, scaled),
            Elements::Float16(values) => {
                append(values, &picture.pixels, encoding, |value, channel| {
                    f16::from_f32(scaled(value, channel))
                });
            }
        }
        self.count += 1;
    }

    /// Repeats the last picture, for models with a fixed batch size.
    pub fn pad_to(&mut self, count: usize) {
        let size = self.width as usize * self.height as usize * 3;
        match &mut self.elements {
            Elements::Float32(values) => values.resize(count * size, 0.0),
            Elements::Float16(values) => values.resize(count * size, f16::ZERO),
            Elements::Uint8(values) => values.resize(count * size, 0),
        }
        self.count = count;
    }

    pub fn shape(&self) -> [usize; 4] {
        let (height, width) = (self.height as usize, self.width as usize);
        match self.encoding.layout {
            Layout::Nchw => [self.count, 3, height, width],
            Layout::Nhwc => [self.count, height, width, 3],
        }
    }
}

fn append<T>(
    target: &mut Vec<T>,
    pixels: &[u8],
    encoding: Encoding,
    element: impl Fn(u8, usize) -> T,
) {
    let source = |channel: usize| if encoding.reversed { 2 - channel } else { channel };
    match encoding.layout {
        Layout::Nchw => {
            for channel in 0..3 {
                let offset = source(channel);
                target.extend(pixels.chunks_exact(3).map(|pixel| element(pixel[offset], channel)));
            }
        }
        Layout::Nhwc => {
            target.extend(pixels.chunks_exact(3).flat_map(|pixel| {
                [0, 1, 2].map(|channel| element(pixel[source(channel)], channel))
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoding(layout: Layout, kind: ElementKind, reversed: bool) -> Encoding {
        Encoding { layout, kind, reversed, mean: [0.5, 0.0, 0.0], std: [0.5, 1.0, 1.0] }
    }

    fn picture() -> Picture {
        Picture { width: 2, height: 1, pixels: vec![255, 51, 0, 0, 102, 255] }
    }

    #[test]
    fn planes_and_interleaved_channels_in_both_orders() {
        let filled = |layout, reversed| {
            let mut batch = Batch::new(encoding(layout, ElementKind::Uint8, reversed), 2, 1);
            batch.push(&picture());
            match batch.elements {
                Elements::Uint8(values) => (values, batch.count),
                _ => (Vec::new(), 0),
            }
        };
        assert_eq!(filled(Layout::Nchw, false).0, [255, 0, 51, 102, 0, 255]);
        assert_eq!(filled(Layout::Nhwc, true).0, [0, 51, 255, 255, 102, 0]);
    }

    #[test]
    fn floats_are_scaled_and_normalised_per_channel() {
        let mut batch = Batch::new(encoding(Layout::Nchw, ElementKind::Float32, false), 2, 1);
        batch.push(&picture());
        let Elements::Float32(values) = &batch.elements else { panic!("wrong kind") };
        assert_eq!(values, &[1.0, -1.0, 0.2, 0.4, 0.0, 1.0]);
        batch.pad_to(3);
        assert_eq!(batch.shape(), [3, 3, 1, 2]);
    }
}
