//! Running lists of the best rows seen so far, in one flat allocation.

/// A score and a row in one integer: a better score, then a smaller row, makes a larger key.
///
/// No score has the key 0, which therefore stands for an empty place.
pub fn key(score: f32, id: u32) -> u64 {
    let bits = score.to_bits();
    let ordered = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
    u64::from(ordered) << 32 | u64::from(!id)
}

/// The score in a key.
pub fn score(key: u64) -> f32 {
    let ordered = (key >> 32) as u32;
    f32::from_bits(if ordered >> 31 == 1 { ordered & !(1 << 31) } else { !ordered })
}

/// The `k` best rows of one query, as a heap whose root is the worst of them.
pub struct TopK<'a>(pub &'a mut [u64]);

impl TopK<'_> {
    /// Takes a row in if it is better than the worst one kept, in whatever order rows come.
    #[inline]
    pub fn push(&mut self, value: f32, id: u32) -> bool {
        let key = key(value, id);
        let better = key > self.0[0];
        if better {
            self.replace_root(key);
        }
        better
    }

    /// Takes in a row that may be in the list already.
    pub fn push_new(&mut self, key: u64) -> bool {
        let new = key > self.0[0] && !self.0.iter().any(|&known| known as u32 == key as u32);
        if new {
            self.replace_root(key);
        }
        new
    }

    /// The score that a row has to reach to be of interest.
    pub fn threshold(&self) -> f32 {
        if self.0[0] == 0 { f32::NEG_INFINITY } else { score(self.0[0]) }
    }

    /// Whether a later row of this score could still get in.
    pub fn wants(&self, value: f32, id: u32) -> bool {
        key(value, id) > self.0[0]
    }

    fn replace_root(&mut self, key: u64) {
        let heap = &mut *self.0;
        let mut place = 0;
        loop {
            let left = 2 * place + 1;
            if left >= heap.len() {
                break;
            }
            let right = left + 1;
            let child = if right < heap.len() && heap[right] < heap[left] { right } else { left };
            if heap[child] >= key {
                break;
            }
            heap[place] = heap[child];
            place = child;
        }
        heap[place] = key;
    }

    /// The rows and their scores, best first; the list is no heap afterwards.
    pub fn into_sorted(self) -> impl Iterator<Item = (u32, f32)> {
        self.0.sort_unstable_by(|a, b| b.cmp(a));
        self.0.iter().filter(|&&key| key != 0).map(|&key| (!(key as u32), score(key)))
    }
}

#[cfg(test)]
mod tests {
    use super::TopK;

    fn best(k: usize, rows: &[(f32, u32)]) -> Vec<(u32, f32)> {
        let mut keys = vec![0; k];
        for &(score, id) in rows {
            TopK(&mut keys).push(score, id);
        }
        TopK(&mut keys).into_sorted().collect()
    }

    #[test]
    fn keeps_the_best_by_score_then_row() {
        let rows = [(0.5, 9), (-1.0, 1), (0.5, 2), (-0.0, 7), (3.0, 4), (0.5, 5)];
        assert_eq!(best(4, &rows), [(4, 3.0), (2, 0.5), (5, 0.5), (9, 0.5)]);
        let mut turned = rows;
        turned.reverse();
        assert_eq!(best(4, &turned), best(4, &rows));
    }

    #[test]
    fn empty_places_are_left_out() {
        assert_eq!(best(3, &[(f32::NEG_INFINITY, 3)]), [(3, f32::NEG_INFINITY)]);
        assert!(best(3, &[]).is_empty());
    }

    #[test]
    fn the_threshold_is_the_worst_kept() {
        let mut keys = [0; 2];
        assert!(TopK(&mut keys).threshold().is_infinite());
        for (score, id) in [(-2.0, 0), (-3.0, 1), (-1.0, 2)] {
            TopK(&mut keys).push(score, id);
        }
        assert!((TopK(&mut keys).threshold() + 2.0).abs() < 1e-9);
        assert!(TopK(&mut keys).wants(-1.5, 9) && !TopK(&mut keys).wants(-2.0, 9));
    }
}
