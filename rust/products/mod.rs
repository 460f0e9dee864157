//! All pairs of packed rows, block by block: what every search for neighbors is made of.

mod kernel;
mod lists;
mod pairs;
mod panels;
mod schedule;
mod scores;
mod topk;

pub use kernel::{Hit, Kernel, Side};
pub use lists::{Block, Layout, Lists};
pub use pairs::{against, among_themselves};
pub use panels::Panels;
pub use scores::{Products, Scores, Similarities};
pub use topk::{TopK, key};
