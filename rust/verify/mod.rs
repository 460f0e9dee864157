//! Whether two pictures show the same: their signatures are laid over each other.
//!
//! One is taken to be a part of the other, turned or flipped, at least half as wide and high.
//! First all parts are tried at low resolution, then the best fit is improved.

mod coarse;
mod fine;
mod orientation;
mod region;

use std::sync::{Mutex, PoisonError};

pub use fine::Agreement;
pub use orientation::{NAMES, Orientation};
pub use region::Region;

use crate::error::{Error, Result};
use crate::job::Job;
use crate::preprocess::SIGNATURE_SIDE;
use crate::turns::in_turns;
use region::Sums;

/// Values of a signature.
pub const LENGTH: usize = (SIGNATURE_SIDE * SIGNATURE_SIDE) as usize;
/// Rough fits below this correlation are those of strangers.
const PROMISING: f32 = 0.75;
/// From this share on, both pictures show the same part.
const SAME_AREA: f32 = 0.95;
/// Rough fits of a pair, one way round, that are improved.
const IMPROVED: usize = 2;

/// How the second picture of a pair lies on the first.
#[derive(Clone, Copy, Debug)]
pub struct Registration {
    /// Of the luminance where they overlap, -1..1.
    pub correlation: f32,
    /// Of edges and texture, -1..1.
    pub detail: f32,
    /// What the first picture has to undergo to lie as the second.
    pub orientation: Orientation,
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
    // Each pair both ways round, those with the same container together.
    let mut tasks: Vec<(u32, u32, usize, bool)> = from
        .iter()
        .zip(to)
        .enumerate()
        .flat_map(|(pair, (&a, &b))| [(a, b, pair, false), (b, a, pair, true)])
        .collect();
    tasks.sort_unstable();
    let groups: Vec<_> = tasks.chunk_by(|a, b| a.0 == b.0).collect();
    let found: Mutex<Vec<Option<Registration>>> = Mutex::new(vec![None; from.len()]);
    let signature = |row: u32| &signatures[row as usize * LENGTH..(row as usize + 1) * LENGTH];

    in_turns(
        job,
        groups.len(),
        || (),
        |(), turn| {
            let group = groups[turn];
            let sums = Sums::of(signature(group[0].0));
            let container = coarse::Container::of(&sums);
            for &(_, content, pair, swapped) in group {
                let fitted = fit(&sums, &container, signature(content), swapped);
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                let best = &mut found[pair];
                if best.is_none_or(|best| better(&fitted, &best)) {
                    *best = Some(fitted);
                }
            }
            job.advance(1);
            Ok(())
        },
    )?;
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(found.into_iter().map(|one| one.expect("each pair was fitted")).collect())
}

/// Equal fits, as of two pictures of one size, are told apart by the order of the pair.
fn better(one: &Registration, other: &Registration) -> bool {
    let score = |fit: &Registration| fit.correlation + fit.detail;
    score(one).total_cmp(&score(other)).then(other.grown.cmp(&one.grown)).is_gt()
}

fn fit(
    sums: &Sums,
    container: &coarse::Container,
    signature: &[u8],
    swapped: bool,
) -> Registration {
    let content = Sums::of(signature);
    let mut fits = container.fits(&coarse::Content::of(&content));
    fits.sort_by(|a, b| b.correlation.total_cmp(&a.correlation));
    let promising = fits.iter().take(IMPROVED).filter(|fit| fit.correlation >= PROMISING);
    let content = fine::Content::of(&content);
    let improved = promising
        .map(|fit| content.agree(sums, fit))
        .max_by(|a, b| (a.correlation + a.detail).total_cmp(&(b.correlation + b.detail)));
    let agreement = improved.unwrap_or(Agreement {
        region: fits[0].region,
        orientation: fits[0].orientation,
        correlation: fits[0].correlation,
        detail: 0.0,
    });
    let way = agreement.orientation;
    Registration {
        correlation: agreement.correlation,
        detail: agreement.detail,
        orientation: if swapped { way.inverse() } else { way },
        area: agreement.region.area(),
        grown: swapped && agreement.region.area() < SAME_AREA,
    }
}

#[cfg(test)]
mod tests;
