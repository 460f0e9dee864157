//! A rectangle of a signature, and what is seen in it at a lower resolution.

use crate::preprocess::SIGNATURE_SIDE;

pub const SIDE: usize = SIGNATURE_SIDE as usize;
/// No view has more cells a side.
const MOST_CELLS: usize = SIDE;

/// Means of N x N equal parts of a region, row after row.
pub type View<const N: usize> = [[f32; N]; N];

/// A part of a picture, in shares of its sides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
}

impl Region {
    pub fn area(self) -> f32 {
        self.width * self.height
    }
}

/// Sums of all pixels above and left of each place: any rectangle's mean in four lookups.
pub struct Sums([[f32; SIDE + 1]; SIDE + 1]);

impl Sums {
    #[inline(always)]
    pub fn of(pixels: &View<SIDE>) -> Self {
        let mut sums = [[0.0; SIDE + 1]; SIDE + 1];
        for (y, pixels) in pixels.iter().enumerate() {
            let mut row = 0.0;
            for (x, pixel) in pixels.iter().enumerate() {
                row += pixel;
                sums[y + 1][x + 1] = sums[y][x + 1] + row;
            }
        }
        Self(sums)
    }

    /// What is seen in the region; each pixel counts by the share of it that lies inside a cell.
    #[inline(always)]
    pub fn view<const N: usize>(&self, region: Region) -> View<N> {
        let rows = Cuts::of(N, region.y, region.height);
        let columns = Cuts::of(N, region.x, region.width);
        view_between(&self.lines(&rows), &columns, region)
    }

    /// The sums at the heights where rows of cells begin and end.
    #[inline(always)]
    pub fn lines<const N: usize>(&self, rows: &Cuts) -> Lines<N> {
        let mut lines = Lines { above: [[0.0; SIDE + 1]; N], below: [0.0; SIDE + 1] };
        for row in 0..=N {
            let (above, below) = (&self.0[rows.whole[row]], &self.0[rows.whole[row] + 1]);
            let line = if row < N { &mut lines.above[row] } else { &mut lines.below };
            for (sum, (above, below)) in line.iter_mut().zip(above.iter().zip(below)) {
                *sum = above + (below - above) * rows.part[row];
            }
        }
        lines
    }
}

/// Lines of sums: one above each row of cells, and one below the last.
pub struct Lines<const N: usize> {
    above: [[f32; SIDE + 1]; N],
    below: [f32; SIDE + 1],
}

/// The means of the cells between lines and columns of a region.
#[inline(always)]
pub fn view_between<const N: usize>(lines: &Lines<N>, columns: &Cuts, region: Region) -> View<N> {
    let scale = (N * N) as f32 / (region.area() * (SIDE * SIDE) as f32).max(f32::MIN_POSITIVE);
    let mut view = [[0.0; N]; N];
    let mut upper = [0.0; MOST_CELLS + 1];
    for row in 0..=N {
        let line = if row < N { &lines.above[row] } else { &lines.below };
        let mut lower = [0.0; MOST_CELLS + 1];
        for (cut, sum) in lower.iter_mut().enumerate().take(N + 1) {
            let at = columns.whole[cut];
            *sum = line[at] + (line[at + 1] - line[at]) * columns.part[cut];
        }
        if row > 0 {
            for (column, mean) in view[row - 1].iter_mut().enumerate() {
                let right = lower[column + 1] - upper[column + 1];
                *mean = (right - (lower[column] - upper[column])) * scale;
            }
        }
        upper = lower;
    }
    view
}

/// Where the cells of a view begin and end, as pixels and parts of the next one.
pub struct Cuts {
    whole: [usize; MOST_CELLS + 1],
    part: [f32; MOST_CELLS + 1],
}

impl Cuts {
    #[inline(always)]
    pub fn of(cells: usize, start: f32, length: f32) -> Self {
        let mut cuts = Self { whole: [0; MOST_CELLS + 1], part: [0.0; MOST_CELLS + 1] };
        for cell in 0..=cells {
            let place = (start + length * cell as f32 / cells as f32) * SIDE as f32;
            let place = place.clamp(0.0, SIDE as f32);
            cuts.whole[cell] = (place as usize).min(SIDE - 1);
            cuts.part[cell] = place - cuts.whole[cell] as f32;
        }
        cuts
    }
}

/// Luminance that varies by less (standard deviation, of 0..255) says nothing about a picture.
const FLAT: f32 = 1.0;
const THIRD: f32 = 1.0 / 3.0;
/// Details are weak: what is left of them in a blurred picture still counts.
const FEATURELESS: f32 = 0.1;

/// The luminance less its mean, of length one: a product of two is their correlation.
#[inline(always)]
pub fn standardized<const N: usize>(view: &View<N>) -> View<N> {
    of_length_one(centred(view), FLAT)
}

/// Each cell less the mean of its 3 x 3 neighborhood, of length one. Beyond an edge a picture is
/// taken to go on evenly: what gets lighter from side to side has no details.
#[inline(always)]
pub fn details<const N: usize>(view: &View<N>) -> View<N> {
    of_length_one(sharpened(view), FEATURELESS)
}

/// How well a view agrees with one that is given as its luminance and details, standardized: the
/// two correlations.
#[inline(always)]
pub fn correlations<const N: usize>(
    view: &View<N>,
    luminance: &View<N>,
    details: &View<N>,
) -> [f32; 2] {
    [cosine(&centred(view), luminance, FLAT), cosine(&sharpened(view), details, FEATURELESS)]
}

#[inline(always)]
fn centred<const N: usize>(view: &View<N>) -> View<N> {
    let mean = dot(view, &[[1.0; N]; N]) / (N * N) as f32;
    view.map(|row| row.map(|value| value - mean))
}

#[inline(always)]
fn sharpened<const N: usize>(view: &View<N>) -> View<N> {
    let mut details = *view;
    for (y, details) in details.iter_mut().enumerate() {
        let mut down = view[y];
        if y > 0 && y < N - 1 {
            for (sum, (above, below)) in down.iter_mut().zip(view[y - 1].iter().zip(&view[y + 1])) {
                *sum = (*sum + above + below) * THIRD;
            }
        }
        details[0] -= down[0];
        details[N - 1] -= down[N - 1];
        for x in 1..N - 1 {
            details[x] -= (down[x - 1] + down[x] + down[x + 1]) * THIRD;
        }
    }
    details
}

/// Values whose root mean square is below `least` say nothing: they become zeros, which correlate
/// with nothing.
#[inline(always)]
fn of_length_one<const N: usize>(view: View<N>, least: f32) -> View<N> {
    let factor = inverse_length(dot(&view, &view), N, least);
    view.map(|row| row.map(|value| value * factor))
}

/// The product with a view of length one, were this one of length one, too.
#[inline(always)]
fn cosine<const N: usize>(view: &View<N>, other: &View<N>, least: f32) -> f32 {
    dot(view, other) * inverse_length(dot(view, view), N, least)
}

#[inline(always)]
fn inverse_length(squares: f32, side: usize, least: f32) -> f32 {
    let noise = least * least * (side * side) as f32;
    if squares < noise { 0.0 } else { 1.0 / squares.sqrt() }
}

/// Sum of the products, row by row, so that it is the same on every machine.
#[inline(always)]
pub fn dot<const N: usize>(a: &View<N>, b: &View<N>) -> f32 {
    let mut sums = [0.0; N];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(value: impl Fn(usize) -> u32) -> View<SIDE> {
        std::array::from_fn(|y| std::array::from_fn(|x| value(y * SIDE + x) as f32))
    }

    #[test]
    fn views_are_means_of_the_pixels_inside() {
        let pixels = picture(|at| (at * 37 % 251) as u32);
        let region = Region { x: 0.25, y: 0.5, width: 0.5, height: 0.375 };
        let view = Sums::of(&pixels).view::<4>(region);
        for (place, mean) in view.as_flattened().iter().enumerate() {
            let (left, top) = (8 + place % 4 * 4, 16 + place / 4 * 3);
            let inside = (0..3).flat_map(|y| (0..4).map(move |x| (top + y, left + x)));
            let expected: f32 = inside.map(|(y, x)| pixels[y][x]).sum::<f32>() / 12.0;
            assert!((mean - expected).abs() < 0.01, "{mean} for {expected}");
        }
    }

    #[test]
    fn parts_of_pixels_count_by_their_share() {
        let pixels = picture(|at| if at == 0 { 200 } else { 0 });
        let half_a_pixel = Region { x: 0.5 / 32.0, y: 0.0, width: 1.0 / 32.0, height: 1.0 / 32.0 };
        let [[mean]] = Sums::of(&pixels).view::<1>(half_a_pixel);
        assert!((mean - 100.0).abs() < 0.1);
    }

    #[test]
    fn flat_views_correlate_with_nothing() {
        let flat = standardized(&[[7.0, 7.1], [7.0, 6.9]]);
        assert!(flat.as_flattened().iter().all(|value| value.abs() < 1e-9));
        let view = standardized(&[[1.0, 5.0], [9.0, 5.0]]);
        assert!((dot(&view, &view) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn details_are_what_differs_from_the_surroundings() {
        // Lighter and lighter, but for one cell.
        let mut view: View<5> =
            std::array::from_fn(|y| std::array::from_fn(|x| (3 * x + y) as f32));
        assert!(details(&view).as_flattened().iter().all(|value| value.abs() < 1e-5));
        view[2][2] += 9.0;
        let found = details(&view);
        for (y, row) in found.iter().enumerate() {
            for (x, value) in row.iter().enumerate() {
                let expected = match (x.abs_diff(2), y.abs_diff(2)) {
                    (0, 0) => 8.0,
                    (0 | 1, 0 | 1) => -1.0,
                    _ => 0.0,
                };
                assert!((value / found[2][2] * 8.0 - expected).abs() < 1e-4, "{found:?}");
            }
        }
    }
}
