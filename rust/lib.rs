//! The Rust half of Pixsieve: decode, embed, and the neighbor graph, in parallel.

pub mod cells;
pub mod components;
pub mod crop;
pub mod decode;
pub mod digest;
pub mod distance;
pub mod embed;
pub mod error;
pub mod exact;
pub mod hnsw;
pub mod job;
mod logarithm;
pub mod matrix;
pub mod neighbors;
pub mod pipeline;
pub mod preprocess;
pub mod products;
mod python;
pub mod statistics;
mod supervise;
#[cfg(test)]
mod testing;
pub mod thumbnail;
mod turns;
pub mod verify;
pub mod walk;
