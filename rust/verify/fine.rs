//! From a rough fit to the best one near it, at twice the resolution.

use std::sync::LazyLock;

use multiversion::multiversion;

use super::coarse::Fit;
use super::orientation::Orientation;
use super::region::{Region, SIDE, Sums, View, correlations, details, dot, standardized};

/// Cells per side of a view.
const CELLS: usize = 16;
/// How far a side is moved, in shares of the picture: first far, then less.
const STEPS: [f32; 2] = [0.035, 0.014];
/// Moves of one length; a climb that needs more is on its way to another picture.
const MOST_MOVES: usize = 4;
/// No part is smaller.
const SMALLEST: f32 = 0.4;
/// Degrees by which the content is tilted, where upright it fits neither well nor badly.
const TILTS: [f32; 4] = [4.0, -4.0, 8.0, -8.0];
/// What fits so well need not be improved.
const PERFECT: f32 = 0.97;
const WELL: f32 = 0.85;
const BADLY: f32 = 0.45;

/// A picture where it lies on another one, and how well they agree there.
#[derive(Clone, Copy, Debug)]
pub struct Agreement {
    pub region: Region,
    pub orientation: Orientation,
    /// Degrees, clockwise; 0 for most.
    pub tilt: f32,
    /// Of the luminance, -1..1.
    pub correlation: f32,
    /// Of what is left of it when its surroundings are subtracted: edges and texture, -1..1.
    pub detail: f32,
    /// Of what is left when the surroundings of single pixels are subtracted, -1..1.
    pub texture: f32,
}

impl Agreement {
    pub fn score(&self) -> f32 {
        f32::midpoint(self.correlation, self.detail)
    }
}

/// How the content lies on the container at a rough fit.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
pub fn agreement(container: &Sums, content: &View<SIDE>, rough: &Fit) -> Agreement {
    let upright = rough.orientation.inverse().turned(content);
    let target = Target::of(&upright);
    target.agreement(container, rough.region, rough.orientation, 0.0, 0.0)
}

/// The same at the best fit near a rough one.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
pub fn climb(container: &Sums, content: &View<SIDE>, rough: &Fit) -> Agreement {
    let upright = rough.orientation.inverse().turned(content);
    let (mut target, mut tilt) = (Target::of(&upright), 0.0);
    let (mut region, mut score) = target.climb(container, rough.region, &STEPS);
    if (BADLY..WELL).contains(&score) {
        for (number, degrees) in TILTS.into_iter().enumerate() {
            // Further only where the first step that way was one to the better.
            let further = number >= TILTS.len() / 2;
            if further && (tilt == 0.0 || (tilt > 0.0) != (degrees > 0.0)) {
                continue;
            }
            let tilted = Target::of(&tilted(&upright, &SAMPLES[number]));
            let better = score_of(&tilted, container, region);
            if better > score {
                (target, tilt, score) = (tilted, degrees, better);
            }
        }
        if tilt != 0.0 {
            (region, _) = target.climb(container, region, &STEPS[1..]);
        }
    }
    let texture = dot(&details(&container.view::<SIDE>(region)), &details(&target.pixels));
    target.agreement(container, region, rough.orientation, tilt, texture)
}

/// What a region should show.
struct Target {
    pixels: View<SIDE>,
    luminance: View<CELLS>,
    details: View<CELLS>,
}

impl Target {
    #[inline(always)]
    fn of(pixels: &View<SIDE>) -> Self {
        let view = halved(pixels);
        Self { pixels: *pixels, luminance: standardized(&view), details: details(&view) }
    }

    #[inline(always)]
    fn agreement(
        &self,
        container: &Sums,
        region: Region,
        orientation: Orientation,
        tilt: f32,
        texture: f32,
    ) -> Agreement {
        let view = container.view(region);
        let [correlation, detail] = correlations(&view, &self.luminance, &self.details);
        Agreement { region, orientation, tilt, correlation, detail, texture }
    }

    /// Moves the region a step at a time as long as that helps.
    #[inline(always)]
    fn climb(&self, container: &Sums, from: Region, steps: &[f32]) -> (Region, f32) {
        let (mut region, mut score) = (from, score_of(self, container, from));
        if score >= PERFECT {
            return (region, score);
        }
        for step in steps {
            for by in MOVES {
                for _ in 0..MOST_MOVES {
                    let Some(moved) = moved(region, by, *step) else { break };
                    let better = score_of(self, container, moved);
                    if better <= score {
                        break;
                    }
                    (region, score) = (moved, better);
                }
            }
        }
        (region, score)
    }
}

/// How well a region of the container shows what it should, -1..1.
#[inline(always)]
fn score_of(target: &Target, container: &Sums, region: Region) -> f32 {
    let [correlation, detail] =
        correlations(&container.view(region), &target.luminance, &target.details);
    f32::midpoint(correlation, detail)
}

/// Ways to move left, top, right and bottom side: all together, apart, or one by one.
const MOVES: [[f32; 4]; 14] = [
    [1.0, 0.0, 1.0, 0.0],
    [-1.0, 0.0, -1.0, 0.0],
    [0.0, 1.0, 0.0, 1.0],
    [0.0, -1.0, 0.0, -1.0],
    [1.0, 1.0, -1.0, -1.0],
    [-1.0, -1.0, 1.0, 1.0],
    [1.0, 0.0, 0.0, 0.0],
    [-1.0, 0.0, 0.0, 0.0],
    [0.0, 1.0, 0.0, 0.0],
    [0.0, -1.0, 0.0, 0.0],
    [0.0, 0.0, 1.0, 0.0],
    [0.0, 0.0, -1.0, 0.0],
    [0.0, 0.0, 0.0, 1.0],
    [0.0, 0.0, 0.0, -1.0],
];

/// The region with its sides moved; None if that changes nothing or leaves too little.
#[inline(always)]
fn moved(region: Region, by: [f32; 4], step: f32) -> Option<Region> {
    let [left, top, right, bottom] = [
        region.x + by[0] * step,
        region.y + by[1] * step,
        region.x + region.width + by[2] * step,
        region.y + region.height + by[3] * step,
    ]
    .map(|side| side.clamp(0.0, 1.0));
    let moved = Region { x: left, y: top, width: right - left, height: bottom - top };
    let large = moved.width >= SMALLEST && moved.height >= SMALLEST;
    (large && moved != region).then_some(moved)
}

/// Where a pixel of a tilted picture comes from: a pixel, and the shares of the next ones.
struct Sample {
    row: usize,
    column: usize,
    down: f32,
    right: f32,
}

/// The samples of each of `TILTS`.
static SAMPLES: LazyLock<[Vec<Sample>; TILTS.len()]> = LazyLock::new(|| TILTS.map(samples));

/// Turned about the centre; what lies outside is as the nearest edge.
fn samples(degrees: f32) -> Vec<Sample> {
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let last = (SIDE - 1) as f32;
    let centre = last / 2.0;
    let sample = |place: usize| {
        let (right, down) = ((place % SIDE) as f32 - centre, (place / SIDE) as f32 - centre);
        let u = (centre + cosine * right + sine * down).clamp(0.0, last);
        let v = (centre - sine * right + cosine * down).clamp(0.0, last);
        let (column, row) = ((u as usize).min(SIDE - 2), (v as usize).min(SIDE - 2));
        Sample { row, column, down: v - row as f32, right: u - column as f32 }
    };
    (0..SIDE * SIDE).map(sample).collect()
}

#[inline(always)]
fn tilted(pixels: &View<SIDE>, samples: &[Sample]) -> View<SIDE> {
    let mut tilted = [[0.0; SIDE]; SIDE];
    for (value, sample) in tilted.as_flattened_mut().iter_mut().zip(samples) {
        let mix = |row: &[f32; SIDE]| {
            row[sample.column] + (row[sample.column + 1] - row[sample.column]) * sample.right
        };
        let (above, below) = (mix(&pixels[sample.row]), mix(&pixels[sample.row + 1]));
        *value = above + (below - above) * sample.down;
    }
    tilted
}

#[inline(always)]
fn halved(pixels: &View<SIDE>) -> View<CELLS> {
    std::array::from_fn(|y| {
        std::array::from_fn(|x| {
            let (above, below) = (&pixels[2 * y], &pixels[2 * y + 1]);
            (above[2 * x] + above[2 * x + 1] + below[2 * x] + below[2 * x + 1]) / 4.0
        })
    })
}
