//! A rectangle of a signature, and what is seen in it at a lower resolution.

use crate::preprocess::SIGNATURE_SIDE;

const SIDE: usize = SIGNATURE_SIDE as usize;

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
pub struct Sums(Vec<f32>);

impl Sums {
    pub fn of(signature: &[u8]) -> Self {
        let mut sums = vec![0.0; (SIDE + 1) * (SIDE + 1)];
        for y in 0..SIDE {
            let mut row = 0.0;
            for x in 0..SIDE {
                row += f32::from(signature[y * SIDE + x]);
                sums[(y + 1) * (SIDE + 1) + x + 1] = sums[y * (SIDE + 1) + x + 1] + row;
            }
        }
        Self(sums)
    }

    /// The whole picture at a lower resolution.
    pub fn whole(&self, cells: usize) -> Vec<f32> {
        let mut view = vec![0.0; cells * cells];
        self.view(Region { x: 0.0, y: 0.0, width: 1.0, height: 1.0 }, cells, &mut view);
        view
    }

    /// The means of `cells` x `cells` equal parts of the region, each pixel counted by the share
    /// of it that lies inside.
    pub fn view(&self, region: Region, cells: usize, out: &mut [f32]) {
        let edges = |start: f32, length: f32| {
            (0..=cells).map(move |cell| {
                let place = (start + length * cell as f32 / cells as f32) * SIDE as f32;
                let place = place.clamp(0.0, SIDE as f32);
                let whole = (place as usize).min(SIDE - 1);
                (whole, place - whole as f32)
            })
        };
        let columns: Vec<(usize, f32)> = edges(region.x, region.width).collect();
        let scale =
            (cells * cells) as f32 / (region.area() * (SIDE * SIDE) as f32).max(f32::MIN_POSITIVE);
        // The line of sums at one height, read at the columns.
        let line = |(row, part): (usize, f32), line: &mut Vec<f32>| {
            line.clear();
            let (above, below) = (row * (SIDE + 1), (row + 1) * (SIDE + 1));
            line.extend(columns.iter().map(|&(column, share)| {
                let at = |row: usize| {
                    self.0[row + column] * (1.0 - share) + self.0[row + column + 1] * share
                };
                at(above) * (1.0 - part) + at(below) * part
            }));
        };
        let (mut upper, mut lower) = (Vec::new(), Vec::new());
        for (row, edge) in edges(region.y, region.height).enumerate() {
            line(edge, &mut lower);
            if row > 0 {
                let out = &mut out[(row - 1) * cells..row * cells];
                for (column, mean) in out.iter_mut().enumerate() {
                    let right = lower[column + 1] - upper[column + 1];
                    *mean = (right - (lower[column] - upper[column])) * scale;
                }
            }
            std::mem::swap(&mut upper, &mut lower);
        }
    }
}

/// Less than this standard deviation (of 0..255) says nothing about a picture.
const FLAT: f32 = 1.0;

/// Subtracts the mean and brings to length one, so that a product of two is their correlation.
pub fn standardize(view: &mut [f32]) {
    let mean = view.iter().sum::<f32>() / view.len() as f32;
    for value in view.iter_mut() {
        *value -= mean;
    }
    bring_to_length_one(view, FLAT);
}

/// Values whose root mean square is below `least` say nothing: they become zeros, which correlate
/// with nothing.
pub fn bring_to_length_one(values: &mut [f32], least: f32) {
    let squares: f32 = values.iter().map(|value| value * value).sum();
    let noise = least * least * values.len() as f32;
    let factor = if squares < noise { 0.0 } else { 1.0 / squares.sqrt() };
    for value in values {
        *value *= factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_means_of_the_pixels_inside() {
        let signature: Vec<u8> = (0..1024_u32).map(|at| (at * 37 % 251) as u8).collect();
        let sums = Sums::of(&signature);
        let region = Region { x: 0.25, y: 0.5, width: 0.5, height: 0.375 };
        let mut view = vec![0.0; 16];
        sums.view(region, 4, &mut view);
        for (place, mean) in view.iter().enumerate() {
            let (left, top) = (8 + place % 4 * 4, 16 + place / 4 * 3);
            let inside = (0..3).flat_map(|y| (0..4).map(move |x| (top + y) * 32 + left + x));
            let expected: f32 = inside.map(|at| f32::from(signature[at])).sum::<f32>() / 12.0;
            assert!((mean - expected).abs() < 0.01, "{mean} for {expected}");
        }
    }

    #[test]
    fn parts_of_pixels_count_by_their_share() {
        let mut signature = vec![0_u8; 1024];
        signature[0] = 200;
        let mut view = [0.0];
        let half_a_pixel = Region { x: 0.5 / 32.0, y: 0.0, width: 1.0 / 32.0, height: 1.0 / 32.0 };
        Sums::of(&signature).view(half_a_pixel, 1, &mut view);
        assert!((view[0] - 100.0).abs() < 0.1);
    }

    #[test]
    fn flat_views_correlate_with_nothing() {
        let mut flat = [7.0, 7.1, 7.0, 6.9];
        standardize(&mut flat);
        assert!(flat.iter().all(|value| value.abs() < 1e-9));
        let mut view = [1.0, 5.0, 9.0, 5.0];
        standardize(&mut view);
        assert!((view.iter().map(|value| value * value).sum::<f32>() - 1.0).abs() < 1e-6);
    }
}
