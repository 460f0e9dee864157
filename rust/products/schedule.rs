//! In which order pairs of blocks are worked on, so that threads do not wait.

/// Every unordered pair of `blocks`, in the order of a round-robin tournament.
///
/// Within a round no block occurs twice, so that threads that own both blocks of their pair
/// hardly ever wait for one another. The pairs of a block with itself come first: they bring
/// first neighbors to every row.
#[derive(Clone, Copy)]
pub struct Tournament {
    blocks: usize,
}

impl Tournament {
    pub fn new(blocks: usize) -> Self {
        Self { blocks }
    }

    /// Turns, some of which are free when the number of blocks is odd.
    pub fn len(self) -> usize {
        let even = self.blocks.next_multiple_of(2);
        self.blocks + even / 2 * even.saturating_sub(1)
    }

    /// The pair of a turn, smaller block first.
    pub fn pair(self, turn: usize) -> Option<(usize, usize)> {
        let Some(turn) = turn.checked_sub(self.blocks) else {
            return Some((turn, turn));
        };
        let even = self.blocks.next_multiple_of(2);
        let (round, seat) = (turn / (even / 2), turn % (even / 2));
        let (a, b) = if seat == 0 {
            (even - 1, round)
        } else {
            ((round + seat) % (even - 1), (round + even - 1 - seat) % (even - 1))
        };
        (a.max(b) < self.blocks).then(|| (a.min(b), a.max(b)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Tournament;

    #[test]
    fn every_pair_meets_once() {
        for blocks in 0..12 {
            let tournament = Tournament::new(blocks);
            let met: Vec<_> =
                (0..tournament.len()).filter_map(|turn| tournament.pair(turn)).collect();
            let distinct: BTreeSet<_> = met.iter().copied().collect();
            assert_eq!(met.len(), blocks * (blocks + 1) / 2);
            assert_eq!(distinct.len(), met.len());
            assert!(met.iter().all(|(a, b)| a <= b && *b < blocks));
        }
    }
}
