//! Statistics of the working image.

use multiversion::multiversion;

use crate::decode::Picture;

/// Column names, in the order of [`Statistics::values`].
pub const NAMES: [&str; 18] = [
    "mean",
    "stdv",
    "min",
    "max",
    "unique",
    "contrast",
    "blur",
    "mean_r",
    "mean_g",
    "mean_b",
    "hue",
    "saturation",
    "value",
    "rms_contrast",
    "edge_density",
    "entropy",
    "aspect_ratio",
    "is_grayscale",
];

/// A Sobel gradient (|gx| + |gy|, of luminance 0..255) above this is an edge.
const EDGE: i16 = 150;
/// Channels of a grey picture differ by no more than this, which forgives JPEG's rounding.
const GRAY_TOLERANCE: u8 = 8;

/// All statistics of one picture, and the luminance plane they were computed on.
pub struct Statistics {
    pub values: [f32; NAMES.len()],
    pub luminance: Vec<u8>,
}

/// Computes all statistics of the working image; `aspect_ratio` is that of the full picture, whose
/// `size` is (width, height).
pub fn statistics(picture: &Picture, size: (u32, u32)) -> Statistics {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let colour = colour(&picture.pixels);
    let pixels = (width * height) as f64;
    let channels = colour.sums.map(|(sum, squares)| Moments::of(sum, squares, pixels));
    let present = present(&picture.pixels);

    let third = |of: fn(&Moments) -> f64| channels.iter().map(of).sum::<f64>() / 3.0;
    let min = present.iter().position(|&here| here).unwrap_or(0) as f64;
    let max = present.iter().rposition(|&here| here).unwrap_or(0) as f64;
    let unique = present.iter().filter(|&&here| here).count();
    let contrast = if max + min > 0.0 { (max - min) / (max + min) } else { 0.0 };
    let [red, green, blue] = [channels[0].mean, channels[1].mean, channels[2].mean];
    let (blur, edge_density) = sharpness(&colour.luminance, width, height);

    let values = [
        third(|channel| channel.mean),
        third(|channel| channel.stdv),
        min,
        max,
        unique as f64,
        contrast,
        blur,
        red,
        green,
        blue,
        hue(red, green, blue),
        colour.saturation / pixels,
        colour.value / pixels,
        third(Moments::relative_variance).sqrt(),
        edge_density,
        entropy(&colour.luminance),
        f64::from(size.0) / f64::from(size.1),
        f64::from(u8::from(colour.widest <= GRAY_TOLERANCE)),
    ];
    Statistics { values: values.map(|value| value as f32), luminance: colour.luminance }
}

struct Moments {
    mean: f64,
    stdv: f64,
}

impl Moments {
    fn of(sum: u64, squares: u64, count: f64) -> Self {
        let mean = sum as f64 / count;
        Self { mean, stdv: (squares as f64 / count - mean * mean).max(0.0).sqrt() }
    }

    fn relative_variance(&self) -> f64 {
        if self.mean > 0.0 { (self.stdv / self.mean).powi(2) } else { 0.0 }
    }
}

/// Which of the 256 values occur.
fn present(pixels: &[u8]) -> [bool; 256] {
    let mut present = [false; 256];
    // Every eighth part first: most pictures have all values there, and not in their first rows.
    for sweep in 0..8 {
        for part in pixels.chunks(512).skip(sweep).step_by(8) {
            for &value in part {
                present[usize::from(value)] = true;
            }
        }
        if present == [true; 256] {
            break;
        }
    }
    present
}

/// Pixels that are looked at together.
const BLOCK: usize = 256;

struct Colour {
    luminance: Vec<u8>,
    /// Of the values of each channel, and of their squares.
    sums: [(u64, u64); 3],
    saturation: f64,
    value: f64,
    /// The largest difference between the channels of a pixel.
    widest: u8,
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512vl",
    "x86_64+avx2+fma",
    "x86_64+sse4.2",
    "aarch64+neon"
))]
fn colour(pixels: &[u8]) -> Colour {
    let mut luminance = vec![0_u8; pixels.len() / 3];
    let mut sums = [(0_u64, 0_u64); 3];
    let (mut saturation, mut value, mut widest) = (0.0_f64, 0_u64, 0_u8);
    for (pixels, luminance) in pixels.chunks(3 * BLOCK).zip(luminance.chunks_mut(BLOCK)) {
        let [red, green, blue] = planes(pixels);
        for ((sum, squares), plane) in sums.iter_mut().zip([&red, &green, &blue]) {
            *sum += u64::from(plane.iter().map(|&value| u32::from(value)).sum::<u32>());
            *squares += u64::from(plane.iter().map(|&value| u32::from(value).pow(2)).sum::<u32>());
        }
        let (mut most, mut spread) = ([0_u8; BLOCK], [0_u8; BLOCK]);
        for at in 0..BLOCK {
            most[at] = red[at].max(green[at]).max(blue[at]);
            spread[at] = most[at] - red[at].min(green[at]).min(blue[at]);
        }
        // Sixteen sums side by side: one alone would have to be added in order.
        let mut lanes = [0.0_f32; 16];
        for (most, spread) in most.chunks_exact(16).zip(spread.chunks_exact(16)) {
            for lane in 0..16 {
                lanes[lane] += f32::from(spread[lane]) / f32::from(most[lane].max(1));
            }
        }
        saturation += f64::from(lanes.iter().sum::<f32>());
        value += u64::from(most.iter().map(|&most| u32::from(most)).sum::<u32>());
        widest = spread.iter().fold(widest, |widest, &spread| widest.max(spread));
        let mut grey = [0_u8; BLOCK];
        for at in 0..BLOCK {
            // ITU-R BT.601, rounded, in 16-bit fixed point, as Pillow converts to L.
            let weighted = u32::from(red[at]) * 19595
                + u32::from(green[at]) * 38470
                + u32::from(blue[at]) * 7471;
            grey[at] = ((weighted + 0x8000) >> 16) as u8;
        }
        luminance.copy_from_slice(&grey[..luminance.len()]);
    }
    Colour { luminance, sums, saturation, value: value as f64, widest }
}

/// The channels of up to `BLOCK` pixels, filled up with black, which adds nothing to any sum.
#[inline]
fn planes(pixels: &[u8]) -> [[u8; BLOCK]; 3] {
    let mut block = [0; 3 * BLOCK];
    block[..pixels.len()].copy_from_slice(pixels);
    let mut planes = [[0; BLOCK]; 3];
    for at in 0..BLOCK {
        for channel in 0..3 {
            planes[channel][at] = block[3 * at + channel];
        }
    }
    planes
}

/// Hue angle in degrees, 0..360, of the mean colour: the mean of all hues, each weighted by its
/// chroma. A grey picture has hue 0.
fn hue(red: f64, green: f64, blue: f64) -> f64 {
    let (x, y) = (2.0 * red - green - blue, 3.0_f64.sqrt() * (green - blue));
    if x.hypot(y) < 1e-9 { 0.0 } else { y.atan2(x).to_degrees().rem_euclid(360.0) }
}

/// Variance of the 3 x 3 Laplacian (centre -4), and the share of pixels on an edge; both over the
/// pixels that have all their neighbours.
fn sharpness(luminance: &[u8], width: usize, height: usize) -> (f64, f64) {
    if width < 3 || height < 3 {
        return (0.0, 0.0);
    }
    let (mut sum, mut squares, mut edges) = (0_i64, 0_u64, 0_u64);
    for y in 1..height - 1 {
        let row = |y: usize| &luminance[y * width..(y + 1) * width];
        let (above, here, below) = (row(y - 1), row(y), row(y + 1));
        for start in (0..width - 2).step_by(1024) {
            let end = (start + 1026).min(width);
            let part = row_sharpness(&above[start..end], &here[start..end], &below[start..end]);
            sum += i64::from(part.0);
            squares += u64::from(part.1);
            edges += u64::from(part.2);
        }
    }
    let count = ((width - 2) * (height - 2)) as f64;
    let mean = sum as f64 / count;
    ((squares as f64 / count - mean * mean).max(0.0), edges as f64 / count)
}

/// Sum and sum of squares of the Laplacian and number of edges, over at most 1024 pixels: small
/// enough for 32 bits.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512vl",
    "x86_64+avx2+fma",
    "x86_64+sse4.2",
    "aarch64+neon"
))]
fn row_sharpness(above: &[u8], here: &[u8], below: &[u8]) -> (i32, u32, u32) {
    let count = here.len() - 2;
    let [nw, n, ne] = thirds(above, count);
    let [w, c, e] = thirds(here, count);
    let [sw, s, se] = thirds(below, count);
    let (mut sum, mut squares, mut edges) = (0_i32, 0_u32, 0_u32);
    for x in 0..count {
        let at = |row: &[u8]| i16::from(row[x]);
        let laplacian = i32::from(at(n) + at(s) + at(w) + at(e) - 4 * at(c));
        sum += laplacian;
        squares += (laplacian * laplacian) as u32;
        let across = at(ne) + 2 * at(e) + at(se) - at(nw) - 2 * at(w) - at(sw);
        let down = at(sw) + 2 * at(s) + at(se) - at(nw) - 2 * at(n) - at(ne);
        edges += u32::from(across.abs() + down.abs() > EDGE);
    }
    (sum, squares, edges)
}

/// `count` pixels from the row's first, second and third on; of equal lengths, so that none needs
/// its bounds checked.
#[inline]
fn thirds(row: &[u8], count: usize) -> [&[u8]; 3] {
    [&row[..count], &row[1..][..count], &row[2..][..count]]
}

/// Shannon entropy of the luminance values, in bits, 0..8.
fn entropy(luminance: &[u8]) -> f64 {
    // Four tables, so that equal neighbours do not wait for each other.
    let mut tables = [[0_u32; 256]; 4];
    let mut fours = luminance.chunks_exact(4);
    for four in &mut fours {
        for (table, &value) in tables.iter_mut().zip(four) {
            table[usize::from(value)] += 1;
        }
    }
    for &value in fours.remainder() {
        tables[0][usize::from(value)] += 1;
    }
    let counts: [u32; 256] =
        std::array::from_fn(|value| tables.iter().map(|table| table[value]).sum());
    let total = luminance.len().max(1) as f64;
    let bits = counts.iter().filter(|&&count| count > 0).map(|&count| {
        let share = f64::from(count) / total;
        -share * share.log2()
    });
    bits.sum::<f64>().max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(picture: &Picture, name: &str) -> f32 {
        let column = NAMES.iter().position(|known| *known == name).expect("a known name");
        statistics(picture, (picture.width, picture.height)).values[column]
    }

    fn checkered(width: u32, height: u32, colours: [[u8; 3]; 2]) -> Picture {
        let pixels = (0..height)
            .flat_map(|y| (0..width).flat_map(move |x| colours[((x + y) % 2) as usize]))
            .collect();
        Picture { width, height, pixels }
    }

    #[test]
    fn a_flat_picture_has_no_contrast_no_blur_value_and_no_entropy() {
        let flat = checkered(33, 17, [[90; 3], [90; 3]]);
        for (name, expected) in [
            ("mean", 90.0),
            ("stdv", 0.0),
            ("unique", 1.0),
            ("contrast", 0.0),
            ("blur", 0.0),
            ("entropy", 0.0),
            ("is_grayscale", 1.0),
            ("edge_density", 0.0),
            ("hue", 0.0),
        ] {
            assert!((value(&flat, name) - expected).abs() < 1e-6, "{name}");
        }
    }

    #[test]
    fn a_chess_board_is_as_the_formulas_say() {
        let board = checkered(32, 16, [[0; 3], [200; 3]]);
        // Each Laplacian is +-800, so its variance is 640000.
        for (name, expected) in [
            ("mean", 100.0),
            ("stdv", 100.0),
            ("contrast", 1.0),
            ("blur", 640_000.0),
            ("entropy", 1.0),
            ("rms_contrast", 1.0),
            ("aspect_ratio", 2.0),
            ("edge_density", 0.0),
        ] {
            assert!(
                (value(&board, name) - expected).abs() < 1e-3,
                "{name}: {}",
                value(&board, name)
            );
        }
    }

    #[test]
    fn channels_are_not_swapped() {
        let red = checkered(8, 8, [[250, 10, 10]; 2]);
        assert!((value(&red, "mean_r") - 250.0).abs() < 1e-3);
        assert!((value(&red, "mean_b") - 10.0).abs() < 1e-3);
        assert!(value(&red, "hue").abs() < 1e-3);
        assert!((value(&red, "saturation") - 0.96).abs() < 1e-3);
        let blue = checkered(8, 8, [[0, 0, 255]; 2]);
        assert!((value(&blue, "hue") - 240.0).abs() < 1e-3);
        assert!(value(&blue, "is_grayscale").abs() < 1e-6);
    }

    #[test]
    fn tiny_pictures_have_finite_statistics() {
        for (width, height) in [(1, 1), (1, 5), (2, 2), (3, 1)] {
            let tiny = checkered(width, height, [[0; 3], [255; 3]]);
            assert!(
                statistics(&tiny, (width, height)).values.iter().all(|value| value.is_finite())
            );
        }
    }
}
