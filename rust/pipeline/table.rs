//! The rows that workers fill in.

use std::borrow::Cow;

use crate::decode::Code;
use crate::digest::Digest;
use crate::preprocess::SIGNATURE_SIDE;
use crate::statistics::NAMES;

const SIGNATURE_LENGTH: usize = (SIGNATURE_SIDE * SIGNATURE_SIDE) as usize;

/// What a worker spends its time on.
#[derive(Clone, Copy)]
pub enum Stage {
    Read,
    Hash,
    Decode,
    Resize,
    Statistics,
    Embed,
}

impl Stage {
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Read, "read"),
        (Self::Hash, "hash"),
        (Self::Decode, "decode"),
        (Self::Resize, "resize"),
        (Self::Statistics, "statistics"),
        (Self::Embed, "embed"),
    ];
}

/// All that is learnt of one image but its embedding.
#[derive(Clone)]
pub struct Record {
    pub digest: Digest,
    pub size: u64,
    pub width: u32,
    pub height: u32,
    /// Of the whole picture, which the image may be a part of.
    pub source_width: u32,
    pub source_height: u32,
    pub format: Option<Cow<'static, str>>,
    pub error: Option<Code>,
    pub detail: Option<String>,
    pub statistics: [f32; NAMES.len()],
    pub signature: Option<Vec<u8>>,
}

impl Record {
    pub fn unread() -> Self {
        Self {
            digest: [0; 32],
            size: 0,
            width: 0,
            height: 0,
            source_width: 0,
            source_height: 0,
            format: None,
            error: None,
            detail: None,
            statistics: [f32::NAN; NAMES.len()],
            signature: None,
        }
    }
}

/// Columns, one row per image.
pub struct Table {
    pub digests: Vec<u8>,
    pub sizes: Vec<u64>,
    pub widths: Vec<u32>,
    pub heights: Vec<u32>,
    pub source_widths: Vec<u32>,
    pub source_heights: Vec<u32>,
    pub formats: Vec<Option<Cow<'static, str>>>,
    pub errors: Vec<Option<Code>>,
    pub details: Vec<Option<String>>,
    pub statistics: Vec<f32>,
    pub signatures: Vec<u8>,
    /// Rows that have an embedding; ascending once finished.
    pub rows: Vec<u32>,
    /// As `rows`, once finished; before, one place per image.
    pub embeddings: Vec<f32>,
    pub seconds: [f64; Stage::ALL.len()],
    dim: usize,
}

impl Table {
    pub fn new(rows: usize, dim: usize) -> Self {
        Self {
            digests: vec![0; rows * 32],
            sizes: vec![0; rows],
            widths: vec![0; rows],
            heights: vec![0; rows],
            source_widths: vec![0; rows],
            source_heights: vec![0; rows],
            formats: vec![None; rows],
            errors: vec![None; rows],
            details: vec![None; rows],
            statistics: vec![f32::NAN; rows * NAMES.len()],
            signatures: vec![0; rows * SIGNATURE_LENGTH],
            rows: Vec::with_capacity(rows),
            embeddings: vec![0.0; rows * dim],
            seconds: [0.0; Stage::ALL.len()],
            dim,
        }
    }

    pub fn height(&self) -> usize {
        self.sizes.len()
    }

    pub fn set(&mut self, row: usize, record: Record) {
        self.digests[row * 32..(row + 1) * 32].copy_from_slice(&record.digest);
        self.sizes[row] = record.size;
        self.widths[row] = record.width;
        self.heights[row] = record.height;
        self.source_widths[row] = record.source_width;
        self.source_heights[row] = record.source_height;
        self.formats[row] = record.format;
        self.errors[row] = record.error;
        self.details[row] = record.detail;
        self.statistics[row * NAMES.len()..(row + 1) * NAMES.len()]
            .copy_from_slice(&record.statistics);
        if let Some(signature) = record.signature {
            self.signatures[row * SIGNATURE_LENGTH..(row + 1) * SIGNATURE_LENGTH]
                .copy_from_slice(&signature);
        }
    }

    pub fn set_embedding(&mut self, row: usize, embedding: &[f32]) {
        self.rows.push(row as u32);
        self.embeddings[row * self.dim..(row + 1) * self.dim].copy_from_slice(embedding);
    }

    /// Closes the gaps of rows without an embedding.
    #[must_use]
    pub fn finish(mut self) -> Self {
        self.rows.sort_unstable();
        for (place, &row) in self.rows.iter().enumerate() {
            let from = row as usize * self.dim;
            self.embeddings.copy_within(from..from + self.dim, place * self.dim);
        }
        self.embeddings.truncate(self.rows.len() * self.dim);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_an_embedding_leave_no_gap() {
        let mut table = Table::new(4, 2);
        table.set_embedding(3, &[7.0, 8.0]);
        table.set_embedding(1, &[1.0, 2.0]);
        let table = table.finish();
        assert_eq!(table.rows, [1, 3]);
        assert_eq!(table.embeddings, [1.0, 2.0, 7.0, 8.0]);
    }
}
