//! The neighbor graph of millions: rows are sorted into cells, compared within them, and with
//! the cells beyond near borders.

mod assign;
mod best;
mod rank;
mod search;
#[cfg(test)]
mod tests;
mod train;
mod tree;
mod vectors;

pub use assign::{Nearest, Visit, nearest, visits};
pub use rank::{radii, rank};
pub use search::{Cells, Pass, Visitors, search};
pub use train::train;
pub use tree::Tree;
pub use vectors::{Stored, Vectors};
