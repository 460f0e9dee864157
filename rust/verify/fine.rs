//! From a rough fit to the best one near it, at twice the resolution.

use super::coarse::Fit;
use super::orientation::Orientation;
use super::region::{Region, Sums, bring_to_length_one, standardize};

/// Cells per side of a view.
const CELLS: usize = 16;
const LENGTH: usize = CELLS * CELLS;
/// How far a side is moved, in shares of the picture: first far, then less.
const STEPS: [f32; 3] = [0.04, 0.02, 0.01];
/// Moves of one length; a climb that needs more is on its way to another picture.
const MOST_MOVES: usize = 4;
/// Where the rough fit agrees less in detail, climbing finds no copy.
const HOPELESS: f32 = 0.05;
/// No part is smaller.
const SMALLEST: f32 = 0.4;

/// A picture at the finer resolution.
pub struct Content {
    plain: Vec<f32>,
}

/// How well two pictures agree where one lies on the other.
#[derive(Clone, Copy, Debug)]
pub struct Agreement {
    pub region: Region,
    pub orientation: Orientation,
    /// Of the luminance, -1..1.
    pub correlation: f32,
    /// Of what is left of it when its surroundings are subtracted: edges and texture, -1..1.
    pub detail: f32,
}

impl Content {
    pub fn of(sums: &Sums) -> Self {
        Self { plain: sums.whole(CELLS) }
    }

    /// Climbs from a rough fit to the best region near it.
    pub fn agree(&self, container: &Sums, rough: &Fit) -> Agreement {
        let orientation = rough.orientation;
        let content = orientation.inverse().turned(&self.plain, CELLS);
        let content_details = details(&content);
        let mut whole = content;
        standardize(&mut whole);
        let mut view = vec![0.0; LENGTH];
        let mut correlate = |region: Region| {
            container.view(region, CELLS, &mut view);
            standardize(&mut view);
            dot(&view, &whole)
        };
        let detail_of = |region: Region| {
            let mut view = vec![0.0; LENGTH];
            container.view(region, CELLS, &mut view);
            dot(&details(&view), &content_details)
        };

        let (mut region, mut correlation) = (rough.region, correlate(rough.region));
        let detail = detail_of(region);
        if detail < HOPELESS {
            return Agreement { region, orientation, correlation, detail };
        }
        for step in STEPS {
            for _ in 0..MOST_MOVES {
                let tried = moves(region, step).map(|moved| (correlate(moved), moved));
                match tried.max_by(|a, b| a.0.total_cmp(&b.0)) {
                    Some((better, moved)) if better > correlation => {
                        (region, correlation) = (moved, better);
                    }
                    _ => break,
                }
            }
        }
        Agreement { region, orientation, correlation, detail: detail_of(region) }
    }
}

/// The region with one of its four sides, or all of them, moved in or out, or pushed as a whole.
fn moves(region: Region, step: f32) -> impl Iterator<Item = Region> {
    const MOVES: [[f32; 4]; 14] = [
        [1.0, 0.0, 0.0, 0.0],
        [-1.0, 0.0, 0.0, 0.0],
        [0.0, 1.0, 0.0, 0.0],
        [0.0, -1.0, 0.0, 0.0],
        [0.0, 0.0, 1.0, 0.0],
        [0.0, 0.0, -1.0, 0.0],
        [0.0, 0.0, 0.0, 1.0],
        [0.0, 0.0, 0.0, -1.0],
        [1.0, 0.0, 1.0, 0.0],
        [-1.0, 0.0, -1.0, 0.0],
        [0.0, 1.0, 0.0, 1.0],
        [0.0, -1.0, 0.0, -1.0],
        [1.0, 1.0, -1.0, -1.0],
        [-1.0, -1.0, 1.0, 1.0],
    ];
    MOVES.into_iter().filter_map(move |by| {
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
    })
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Each cell less the mean of its 3 x 3 neighborhood, as far as that is inside.
fn details(view: &[f32]) -> Vec<f32> {
    let mut details: Vec<f32> = (0..LENGTH)
        .map(|at| {
            let (x, y) = (at % CELLS, at / CELLS);
            let across = x.saturating_sub(1)..(x + 2).min(CELLS);
            let down = y.saturating_sub(1)..(y + 2).min(CELLS);
            let count = (across.len() * down.len()) as f32;
            let sum: f32 =
                down.flat_map(|y| across.clone().map(move |x| view[y * CELLS + x])).sum();
            view[at] - sum / count
        })
        .collect();
    // Details are weak: what is left of a blurred picture still counts.
    bring_to_length_one(&mut details, 0.1);
    details
}
