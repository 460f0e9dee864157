//! The model's input tensor, filled picture by picture.

use half::f16;

use crate::decode::Picture;
use crate::error::{Error, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    Nchw,
    Nhwc,
    /// What a first 3 x 3 convolution with stride 2 looks at, side by side, so that it becomes a
    /// plain product: ONNX Runtime gathers these neighborhoods four times more slowly.
    Patches,
}

impl Layout {
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "NCHW" => Ok(Self::Nchw),
            "NHWC" => Ok(Self::Nhwc),
            "patches" => Ok(Self::Patches),
            _ => Err(Error::argument(format!("layout {name:?}: use NCHW, NHWC or patches"))),
        }
    }

    /// The tensor's sides after the first, for pictures of this size.
    pub fn sides(self, height: u32, width: u32) -> [usize; 3] {
        let (height, width) = (height as usize, width as usize);
        match self {
            Self::Nchw => [3, height, width],
            Self::Nhwc => [height, width, 3],
            Self::Patches => [height / 2, width / 2, PATCH],
        }
    }

    /// Which of the tensor's sides follow the picture's.
    pub fn spatial(self) -> std::ops::Range<usize> {
        if self == Self::Nchw { 2..4 } else { 1..3 }
    }
}

/// Elements per patch: 3 rows x 3 columns x 3 channels, filled up with zeros.
const PATCH: usize = 32;
const PATCH_ROW: usize = 9;

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
    /// Stands for what lies outside the picture; used for patches only.
    pub padding: u8,
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
    /// The picture with what lies above and left of it; used for patches only.
    framed: Vec<u8>,
}

impl Batch {
    pub fn new(encoding: Encoding, width: u32, height: u32) -> Self {
        let elements = match encoding.kind {
            ElementKind::Float32 => Elements::Float32(Vec::new()),
            ElementKind::Float16 => Elements::Float16(Vec::new()),
            ElementKind::Uint8 => Elements::Uint8(Vec::new()),
        };
        Self { elements, width, height, encoding, count: 0, framed: Vec::new() }
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
            Elements::Uint8(values) if encoding.layout == Layout::Patches => {
                frame(&mut self.framed, picture, encoding);
                append_patches(values, &self.framed, picture.width as usize);
            }
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
        let size: usize = self.encoding.layout.sides(self.height, self.width).iter().product();
        match &mut self.elements {
            Elements::Float32(values) => values.resize(count * size, 0.0),
            Elements::Float16(values) => values.resize(count * size, f16::ZERO),
            Elements::Uint8(values) => values.resize(count * size, 0),
        }
        self.count = count;
    }

    pub fn shape(&self) -> [usize; 4] {
        let [first, second, third] = self.encoding.layout.sides(self.height, self.width);
        [self.count, first, second, third]
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
        Layout::Nhwc | Layout::Patches => {
            target.extend(pixels.chunks_exact(3).flat_map(|pixel| {
                [0, 1, 2].map(|channel| element(pixel[source(channel)], channel))
            }));
        }
    }
}

/// One row above and one column left of the picture, in the tensor's order of channels. Sides are
/// even, so that no patch reaches over the other two edges.
fn frame(framed: &mut Vec<u8>, picture: &Picture, encoding: Encoding) {
    let row_bytes = picture.width as usize * 3;
    framed.clear();
    framed.resize(row_bytes + 3, encoding.padding);
    for row in picture.pixels.chunks_exact(row_bytes) {
        framed.extend_from_slice(&[encoding.padding; 3]);
        if encoding.reversed {
            framed.extend(row.chunks_exact(3).flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]));
        } else {
            framed.extend_from_slice(row);
        }
    }
}

/// Per output pixel the elements of its patch by row, column and channel.
fn append_patches(target: &mut Vec<u8>, framed: &[u8], width: usize) {
    let row_bytes = (width + 1) * 3;
    let rows: Vec<&[u8]> = framed.chunks_exact(row_bytes).collect();
    let start = target.len();
    target.resize(start + rows.len() / 2 * (width / 2) * PATCH, 0);
    let lines = target[start..].chunks_exact_mut(width / 2 * PATCH);
    for (line, row) in lines.zip((0..rows.len()).step_by(2)) {
        for (patch, column) in line.chunks_exact_mut(PATCH).zip((0..row_bytes).step_by(6)) {
            for (part, row) in patch.chunks_exact_mut(PATCH_ROW).zip(&rows[row..row + 3]) {
                part.copy_from_slice(&row[column..column + PATCH_ROW]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoding(layout: Layout, kind: ElementKind, reversed: bool) -> Encoding {
        let (mean, std) = ([0.5, 0.0, 0.0], [0.5, 1.0, 1.0]);
        Encoding { layout, kind, reversed, mean, std, padding: 99 }
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

    #[test]
    fn patches_hold_each_neighborhood_and_what_lies_outside() {
        let pixels: Vec<u8> = (0..4 * 4 * 3).collect();
        let picture = Picture { width: 4, height: 4, pixels };
        for reversed in [false, true] {
            let mut batch =
                Batch::new(encoding(Layout::Patches, ElementKind::Uint8, reversed), 4, 4);
            batch.push(&picture);
            batch.push(&picture);
            assert_eq!(batch.shape(), [2, 2, 2, 32]);
            let Elements::Uint8(values) = &batch.elements else { panic!("wrong kind") };
            assert_eq!(values.len(), 2 * 2 * 2 * 32);
            for (number, value) in values.iter().enumerate() {
                let (place, element) = (number / 32 % 4, number % 32);
                let (row, column) = (element / 9, element / 3 % 3);
                let channel = if reversed { 2 - element % 3 } else { element % 3 };
                // The place's patch is centred on the pixel (2 * place), one to each side.
                let (y, x) = (place / 2 * 2 + row, place % 2 * 2 + column);
                let expected = match (element < 27, y, x) {
                    (false, ..) => 0,
                    (true, 0, _) | (true, _, 0) => 99,
                    (true, y, x) => picture.pixels[((y - 1) * 4 + x - 1) * 3 + channel],
                };
                assert_eq!(*value, expected, "element {number}");
            }
        }
    }
}
