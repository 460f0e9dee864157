//! Groups of rows from the edges between them.

use crate::error::{Error, Result};

/// Sets of rows that can be joined, each a tree of parents.
struct Forest {
    parent: Vec<u32>,
    size: Vec<u32>,
}

impl Forest {
    fn new(size: usize) -> Self {
        Self { parent: (0..size as u32).collect(), size: vec![1; size] }
    }

    /// The root of a row. Each step hangs a row under its grandparent, so paths get short.
    fn root(&mut self, row: u32) -> u32 {
        let mut row = row as usize;
        while self.parent[row] as usize != row {
            self.parent[row] = self.parent[self.parent[row] as usize];
            row = self.parent[row] as usize;
        }
        row as u32
    }

    /// Hangs the smaller tree under the larger one.
    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a) as usize, self.root(b) as usize);
        if a == b {
            return;
        }
        let (small, large) = if self.size[a] < self.size[b] { (a, b) } else { (b, a) };
        self.parent[small] = large as u32;
        self.size[large] += self.size[small];
    }
}

/// For each row the smallest row of its component.
pub fn connected_components(size: usize, from: &[u32], to: &[u32]) -> Result<Vec<u32>> {
    check_edges(size, from, to)?;
    let mut forest = Forest::new(size);
    for (&a, &b) in from.iter().zip(to) {
        forest.join(a, b);
    }
    // Rows come in rising order, so the first one that reaches a root is the smallest.
    let mut smallest = vec![u32::MAX; size];
    let label = |row| {
        let label = &mut smallest[forest.root(row) as usize];
        *label = row.min(*label);
        *label
    };
    Ok((0..size as u32).map(label).collect())
}

/// For each row the row that represents it: greedy stars, best rows first.
///
/// A row that is not yet taken becomes a representative and takes its neighbors that are not.
pub fn star_groups(priority: &[u32], from: &[u32], to: &[u32]) -> Result<Vec<u32>> {
    check_permutation(priority)?;
    check_edges(priority.len(), from, to)?;
    let neighbors = Adjacency::new(priority.len(), from, to);
    let mut taken: Vec<Option<u32>> = vec![None; priority.len()];
    for &row in priority {
        if taken[row as usize].is_some() {
            continue;
        }
        taken[row as usize] = Some(row);
        for &other in neighbors.of(row) {
            taken[other as usize].get_or_insert(row);
        }
    }
    Ok(taken.into_iter().map(|by| by.expect("every row was visited")).collect())
}

/// The neighbors of every row in either direction, one row after the other.
struct Adjacency {
    starts: Vec<usize>,
    rows: Vec<u32>,
}

impl Adjacency {
    fn new(size: usize, from: &[u32], to: &[u32]) -> Self {
        let mut starts = vec![0; size + 1];
        for &row in from.iter().chain(to) {
            starts[row as usize + 1] += 1;
        }
        for row in 0..size {
            starts[row + 1] += starts[row];
        }
        let (mut next, mut rows) = (starts.clone(), vec![0; 2 * from.len()]);
        for (&a, &b) in from.iter().zip(to).flat_map(|(a, b)| [(a, b), (b, a)]) {
            rows[next[a as usize]] = b;
            next[a as usize] += 1;
        }
        Self { starts, rows }
    }

    fn of(&self, row: u32) -> &[u32] {
        &self.rows[self.starts[row as usize]..self.starts[row as usize + 1]]
    }
}

fn check_edges(size: usize, from: &[u32], to: &[u32]) -> Result<()> {
    if from.len() != to.len() {
        let (from, to) = (from.len(), to.len());
        return Err(Error::argument(format!("edges have {from} starts but {to} ends")));
    }
    if size > u32::MAX as usize {
        return Err(Error::argument(format!("{size} rows are more than row numbers can count")));
    }
    match from.iter().zip(to).position(|(&a, &b)| a.max(b) as usize >= size) {
        None => Ok(()),
        Some(edge) => Err(Error::argument(format!(
            "edge {edge} joins rows {} and {}, but there are only {size} rows",
            from[edge], to[edge]
        ))),
    }
}

fn check_permutation(priority: &[u32]) -> Result<()> {
    let mut seen = vec![false; priority.len()];
    for &row in priority {
        match seen.get_mut(row as usize) {
            Some(seen) if !*seen => *seen = true,
            _ => {
                let last = priority.len() - 1;
                return Err(Error::argument(format!(
                    "priority must name each row from 0 to {last} once, but row {row} is one too many"
                )));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{connected_components, star_groups};
    use crate::error::Error;

    #[test]
    fn components_are_named_after_their_smallest_row() {
        let labels = connected_components(8, &[7, 3, 5, 1, 2], &[3, 7, 3, 1, 6]).unwrap();
        assert_eq!(labels, [0, 1, 2, 3, 4, 3, 2, 3]);
        assert!(connected_components(0, &[], &[]).unwrap().is_empty());
    }

    #[test]
    fn a_long_chain_is_one_component() {
        let from: Vec<u32> = (1..100_000).rev().collect();
        let to: Vec<u32> = from.iter().map(|row| row - 1).collect();
        assert!(connected_components(100_000, &from, &to).unwrap().iter().all(|&row| row == 0));
    }

    #[test]
    fn stars_do_not_chain() {
        // 0 - 1 - 2 - 3: the best row takes its neighbors, not theirs.
        let (from, to) = ([0, 2, 2], [1, 1, 3]);
        assert_eq!(star_groups(&[0, 1, 2, 3], &from, &to).unwrap(), [0, 0, 2, 2]);
        assert_eq!(star_groups(&[1, 0, 2, 3], &from, &to).unwrap(), [1, 1, 1, 3]);
        assert!(star_groups(&[], &[], &[]).unwrap().is_empty());
    }

    #[test]
    fn wrong_arguments_are_named() {
        let refused = |result: crate::error::Result<Vec<u32>>| match result {
            Err(Error::Argument(message)) => message,
            other => panic!("{other:?}"),
        };
        assert!(refused(connected_components(2, &[0, 1], &[1, 2])).contains("edge 1"));
        assert!(refused(connected_components(2, &[0], &[])).contains("1 starts but 0 ends"));
        assert!(refused(star_groups(&[0, 0], &[], &[])).contains("row 0"));
        assert!(refused(star_groups(&[0, 2], &[], &[])).contains("row 2"));
        assert!(refused(star_groups(&[0], &[0], &[1])).contains("only 1 rows"));
    }
}
