//! The neighbor graph of millions: rows are sorted into cells, compared within them, and with
//! the cells beyond near borders.

mod assign;
mod rank;
mod search;
#[cfg(test)]
mod tests;
mod train;
mod vectors;

pub use assign::{Nearest, nearest};
pub use rank::rank;
pub use search::{Cells, search};
pub use train::train;
pub use vectors::{Stored, Vectors};
