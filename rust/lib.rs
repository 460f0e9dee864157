//! The Rust half of Pixsieve: decode, embed, and the neighbor graph, in parallel.

pub mod decode;
pub mod digest;
pub mod embed;
pub mod error;
pub mod job;
pub mod matrix;
pub mod pipeline;
pub mod preprocess;
mod python;
pub mod statistics;
mod supervise;
pub mod thumbnail;
pub mod walk;
