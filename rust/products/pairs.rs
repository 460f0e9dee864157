//! All pairs of rows, block by block, each score feeding the lists of the rows concerned.

use super::kernel::Hit;
use super::lists::{Block, Layout, Lists};
use super::schedule::Tournament;
use super::scores::Scores;
use crate::error::Result;
use crate::job::Job;
use crate::turns::in_turns;

/// Fills the lists of all rows from the other rows; each pair is worked out once.
///
/// Advances the job by one step per pair of blocks.
pub fn among_themselves(scores: &impl Scores, lists: &Lists, job: &Job) -> Result<()> {
    let tournament = Tournament::new(lists.layout.blocks());
    job.set_total(tournament.len());
    let work = |hits: &mut Vec<Hit>, turn| {
        match tournament.pair(turn) {
            Some((a, b)) if a == b => within(scores, lists, a, hits),
            Some(blocks) => between(scores, lists, blocks, hits),
            None => {}
        }
        job.advance(1);
        Ok(())
    };
    in_turns(job, tournament.len(), Vec::new, work)
}

/// Pairs whose rows are in the same block.
fn within(scores: &impl Scores, lists: &Lists, block: usize, hits: &mut Vec<Hit>) {
    let (layout, mut own) = (lists.layout, lists.own(block));
    let panels = layout.panels(block);
    for (p, q) in panels.clone().flat_map(|p| (p..panels.end).map(move |q| (p, q))) {
        let (rows, columns) = (layout.rows(p), layout.rows(q));
        let wanted = (own.thresholds(rows.clone()), own.thresholds(columns.clone()));
        scores.compare((p, q), wanted, hits);
        for hit in hits.drain(..) {
            let (a, b) = hit.rows(rows.start, columns.start);
            // A panel against itself yields each pair twice, and each row with itself.
            if a < b {
                own.push(a, hit.score, b);
                own.push(b, hit.score, a);
            }
        }
    }
}

/// Pairs of a row of one block and a row of a later one.
fn between(scores: &impl Scores, lists: &Lists, blocks: (usize, usize), hits: &mut Vec<Hit>) {
    let layout = lists.layout;
    let (mut one, mut two) = (lists.own(blocks.0), lists.own(blocks.1));
    for p in layout.panels(blocks.0) {
        for q in layout.panels(blocks.1) {
            let (rows, columns) = (layout.rows(p), layout.rows(q));
            let wanted = (one.thresholds(rows.clone()), two.thresholds(columns.clone()));
            scores.compare((p, q), wanted, hits);
            for hit in hits.drain(..) {
                let (a, b) = hit.rows(rows.start, columns.start);
                one.push(a, hit.score, b);
                two.push(b, hit.score, a);
            }
        }
    }
}

/// What becomes of a score: the block of the query, the query, the score, the row it belongs to.
pub trait Found: Fn(&mut Block, usize, f32, usize) + Sync {}
impl<F: Fn(&mut Block, usize, f32, usize) + Sync> Found for F {}

/// Calls `found` for the scores of all queries with all rows of `collection`.
///
/// A query gets scores from its floor up; without floors, those that its list wants. Advances
/// the job by one step per pair of blocks.
pub fn against(
    scores: &impl Scores,
    lists: &Lists,
    collection: Layout,
    floors: Option<&[f32]>,
    job: &Job,
    found: &impl Found,
) -> Result<()> {
    let layout = lists.layout;
    // Rows of the collection want nothing: they have no lists here.
    let nothing = vec![f32::INFINITY; scores.panel()];
    let work = |hits: &mut Vec<Hit>, turn: usize| {
        // Successive turns own different queries, so that threads do not wait for one another.
        let (chunk, block) = (turn / layout.blocks(), turn % layout.blocks());
        let mut own = lists.own(block);
        for p in layout.panels(block) {
            for q in collection.panels(chunk) {
                let (rows, columns) = (layout.rows(p), collection.rows(q));
                let floor = floors.map(|floors| &floors[rows.clone()]);
                let wanted = floor.unwrap_or_else(|| own.thresholds(rows.clone()));
                scores.compare((p, q), (wanted, &nothing), hits);
                for hit in hits.drain(..) {
                    let (query, row) = hit.rows(rows.start, columns.start);
                    found(&mut own, query, hit.score, row);
                }
            }
        }
        job.advance(1);
        Ok(())
    };
    let turns = layout.blocks() * collection.blocks();
    job.set_total(job.done() + turns);
    in_turns(job, turns, Vec::new, work)
}
