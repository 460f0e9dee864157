//! Whether two pictures show the same: their signatures are laid over each other.
//!
//! One is taken to be a part of the other, turned or flipped, at least half as wide and high.
//! First all parts are tried at low resolution, then the best fits are improved.

mod coarse;
mod fine;
mod orientation;
mod region;

use std::sync::{Mutex, PoisonError};

pub use orientation::{NAMES, Orientation};

use crate::error::{Error, Result};
use crate::job::Job;
use crate::preprocess::SIGNATURE_SIDE;
use crate::turns::in_turns;
use coarse::{Container, Content, Fit};
use fine::Agreement;
use region::{SIDE, Sums, View};

/// Values of a signature.
pub const LENGTH: usize = (SIGNATURE_SIDE * SIGNATURE_SIDE) as usize;
/// Rough fits below this score are those of strangers.
const PROMISING: f32 = 0.56;
/// A second fit is improved, too, if its score is less than this below that of the first.
const RIVAL: f32 = 0.02;
/// From this share on, both pictures show the same part.
const SAME_AREA: f32 = 0.95;
/// Rough fits of a pair that are improved.
const IMPROVED: usize = 2;
/// Pairs that a thread improves in one turn.
const PAIRS_PER_TURN: usize = 64;

/// How the second picture of a pair lies on the first.
#[derive(Clone, Copy, Debug)]
pub struct Registration {
    /// Of the luminance where they overlap, -1..1.
    pub correlation: f32,
    /// Of edges and texture, -1..1.
    pub detail: f32,
    /// The correlation of what only single pixels show, -1..1.
    pub texture: f32,
    /// What the first picture has to undergo to lie as the second.
    pub orientation: Orientation,
    /// Degrees by which one is tilted against the other.
    pub tilt: f32,
    /// The share of the larger picture that the other one shows.
    pub area: f32,
    /// The second picture shows more than the first.
    pub grown: bool,
}

/// One registration per pair of signatures; `signatures` has a row of 1,024 values per picture.
pub fn register(
    signatures: &[u8],
    from: &[u32],
    to: &[u32],
    job: &Job,
) -> Result<Vec<Registration>> {
    if from.len() != to.len() {
        return Err(Error::argument("each pair needs both its pictures"));
    }
    let pictures = signatures.len() / LENGTH;
    if from.iter().chain(to).any(|&row| row as usize >= pictures) {
        return Err(Error::argument(format!("a pair names a picture beyond {pictures}")));
    }
    let pixels = |row: u32| pixels(&signatures[row as usize * LENGTH..(row as usize + 1) * LENGTH]);
    let candidates = candidates(&pixels, from, to, job)?;
    let found: Mutex<Vec<Option<Registration>>> = Mutex::new(vec![None; from.len()]);
    in_turns(
        job,
        from.len().div_ceil(PAIRS_PER_TURN),
        || (),
        |(), turn| {
            let first = turn * PAIRS_PER_TURN;
            let last = (first + PAIRS_PER_TURN).min(from.len());
            let some: Vec<_> = (first..last)
                .map(|pair| Some(improve(&pixels, [from[pair], to[pair]], &candidates[pair])))
                .collect();
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            found[first..last].copy_from_slice(&some);
            job.advance(last - first);
            Ok(())
        },
    )?;
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(found.into_iter().map(|one| one.expect("each pair was improved")).collect())
}

/// A rough fit, and whether the first picture of the pair lies in the second.
type Candidate = (Fit, bool);

/// How a content is laid on a container.
type Lay = fn(&Sums, &View<SIDE>, &Fit) -> Agreement;

/// The rough fits of each pair, best first: both ways round.
fn candidates(
    pixels: &(impl Fn(u32) -> View<SIDE> + Sync),
    from: &[u32],
    to: &[u32],
    job: &Job,
) -> Result<Vec<[Option<Candidate>; IMPROVED]>> {
    // Each pair both ways round, those with the same container together.
    let mut tasks: Vec<(u32, u32, usize, bool)> = from
        .iter()
        .zip(to)
        .enumerate()
        .flat_map(|(pair, (&a, &b))| [(a, b, pair, false), (b, a, pair, true)])
        .collect();
    tasks.sort_unstable();
    let groups: Vec<_> = tasks.chunk_by(|a, b| a.0 == b.0).collect();
    let found = Mutex::new(vec![[None; IMPROVED]; from.len()]);
    in_turns(
        job,
        groups.len(),
        || (),
        |(), turn| {
            let group = groups[turn];
            let container = Container::of(&Sums::of(&pixels(group[0].0)));
            let contents: Vec<_> = group.iter().map(|task| Content::of(&pixels(task.1))).collect();
            let fits = container.fits(&contents);
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            for (&(_, _, pair, swapped), fits) in group.iter().zip(fits) {
                for fit in fits {
                    insert(&mut found[pair], (fit, swapped));
                }
            }
            Ok(())
        },
    )?;
    Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Keeps the best, in order; of equals the one that is not swapped, then the first orientation.
fn insert(best: &mut [Option<Candidate>; IMPROVED], candidate: Candidate) {
    let rank = |one: &Candidate| (one.1, one.0.orientation.number());
    let before = |one: &Option<Candidate>| {
        one.is_some_and(|one| {
            one.0
                .score
                .total_cmp(&candidate.0.score)
                .then(rank(&candidate).cmp(&rank(&one)))
                .is_gt()
        })
    };
    let place = best.iter().take_while(|one| before(one)).count();
    if place < IMPROVED {
        best[place..].rotate_right(1);
        best[place] = Some(candidate);
    }
}

fn improve(
    pixels: &impl Fn(u32) -> View<SIDE>,
    pair: [u32; 2],
    candidates: &[Option<Candidate>; IMPROVED],
) -> Registration {
    let laid = |(fit, swapped): &Candidate, how: Lay| {
        let [container, content] = if *swapped { [pair[1], pair[0]] } else { pair };
        (how(&Sums::of(&pixels(container)), &pixels(content), fit), *swapped)
    };
    let best = candidates[0].map_or(0.0, |(fit, _)| fit.score);
    let climbed = candidates
        .iter()
        .flatten()
        .filter(|(fit, _)| fit.score >= PROMISING.max(best - RIVAL))
        .map(|candidate| laid(candidate, fine::climb))
        .reduce(|best, other| if other.0.score() > best.0.score() { other } else { best });
    let (agreement, swapped) = climbed.unwrap_or_else(|| {
        laid(&candidates[0].expect("each pair has rough fits"), fine::agreement)
    });
    let way = agreement.orientation;
    Registration {
        correlation: agreement.correlation,
        detail: agreement.detail,
        texture: agreement.texture,
        orientation: if swapped { way.inverse() } else { way },
        tilt: agreement.tilt,
        area: agreement.region.area(),
        grown: swapped && agreement.region.area() < SAME_AREA,
    }
}

fn pixels(signature: &[u8]) -> View<SIDE> {
    let mut pixels = [[0.0; SIDE]; SIDE];
    for (pixel, value) in pixels.as_flattened_mut().iter_mut().zip(signature) {
        *pixel = f32::from(*value);
    }
    pixels
}

#[cfg(test)]
mod tests;
