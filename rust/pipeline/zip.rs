//! One member of a zip: its local header, and what follows (APPNOTE 4.3.7).

use std::fs::File;
use std::io::Read;

use crc32fast::hash;
use flate2::read::DeflateDecoder;

use super::reader::{failure, read_at};
use crate::decode::{Code, Failure};

const HEADER: u64 = 30;
const SIGNATURE: &[u8] = b"PK\x03\x04";

/// The member whose local header is at `offset`, unpacked: `size` bytes with this CRC-32.
pub fn read(
    file: &mut File,
    offset: u64,
    stored: u64,
    size: u64,
    check: u32,
) -> Result<Vec<u8>, Failure> {
    let header = read_at(file, offset, HEADER).map_err(|error| failure(&error))?;
    if header.len() < HEADER as usize || !header.starts_with(SIGNATURE) {
        return Err(Failure::new(Code::Corrupt, "the zip has no member where its index says so"));
    }
    let short = |at: usize| u64::from(u16::from_le_bytes([header[at], header[at + 1]]));
    let start = offset + HEADER + short(26) + short(28);
    let packed = read_at(file, start, stored).map_err(|error| failure(&error))?;
    let ends_early = (packed.len() as u64) < stored;
    let (bytes, damage) = match short(8) {
        0 => (packed, None),
        8 => inflate(&packed, size),
        method => {
            let detail = format!("compressed by method {method}, which is not read");
            return Err(Failure::new(Code::UnknownFormat, detail));
        }
    };
    if ends_early && bytes.is_empty() {
        return Err(Failure::new(Code::Truncated, "the archive ends before the member"));
    }
    if let Some(damage) = damage
        && !ends_early
    {
        return Err(Failure::new(Code::Corrupt, damage));
    }
    // What was cut off shows in the picture; what was altered is told by the sum.
    if !ends_early && (bytes.len() as u64 != size || hash(&bytes) != check) {
        return Err(Failure::new(Code::Corrupt, "the member is not what the zip says of it"));
    }
    Ok(bytes)
}

/// At most `size` bytes, and what is wrong with them.
fn inflate(packed: &[u8], size: u64) -> (Vec<u8>, Option<String>) {
    let mut bytes = Vec::with_capacity((size as usize).min(packed.len().saturating_mul(1100)));
    // One more tells a member that holds more than it says.
    let outcome = DeflateDecoder::new(packed).take(size.saturating_add(1)).read_to_end(&mut bytes);
    let damage = outcome.err().map(|error| format!("the member cannot be unpacked: {error}"));
    (bytes, damage)
}
