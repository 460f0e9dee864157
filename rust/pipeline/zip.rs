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

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::PathBuf;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::*;

    /// A file of one member behind some other bytes; gone when the test ends.
    struct Zip {
        path: PathBuf,
        stored: u64,
    }

    const DATA: &[u8] = b"as it was before it was packed, packed, packed, packed";
    const BEFORE: u64 = 5;

    impl Zip {
        fn new(name: &str, method: u16, packed: &[u8], cut: usize) -> Self {
            let path = std::env::temp_dir().join(format!("pixsieve-{}-{name}", std::process::id()));
            let mut bytes = vec![0; BEFORE as usize];
            bytes.extend_from_slice(SIGNATURE);
            bytes.extend_from_slice(&[0; 4]);
            bytes.extend_from_slice(&method.to_le_bytes());
            bytes.extend_from_slice(&[0; 16]);
            // A name of three bytes, and an extra field of two.
            bytes.extend_from_slice(&[3, 0, 2, 0]);
            bytes.extend_from_slice(b"a.j\0\0");
            bytes.extend_from_slice(packed);
            bytes.truncate(bytes.len() - cut);
            std::fs::write(&path, bytes).expect("a temporary file");
            Self { path, stored: packed.len() as u64 }
        }

        fn read(&self, size: u64, check: u32) -> Result<Vec<u8>, Failure> {
            let mut file = File::open(&self.path).expect("it was written");
            read(&mut file, BEFORE, self.stored, size, check)
        }
    }

    impl Drop for Zip {
        fn drop(&mut self) {
            std::fs::remove_file(&self.path).expect("it was written");
        }
    }

    fn deflated(data: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).and_then(|()| encoder.finish()).expect("memory")
    }

    fn code(outcome: Result<Vec<u8>, Failure>) -> Option<Code> {
        outcome.err().map(|failure| failure.code)
    }

    #[test]
    fn members_are_read_as_they_were() {
        let (size, check) = (DATA.len() as u64, hash(DATA));
        let plain = Zip::new("plain", 0, DATA, 0).read(size, check);
        assert_eq!(plain.expect("good"), DATA);
        let packed = Zip::new("packed", 8, &deflated(DATA), 0).read(size, check);
        assert_eq!(packed.expect("good"), DATA);
    }

    #[test]
    fn what_was_altered_or_lies_about_itself_is_corrupt() {
        let (size, check) = (DATA.len() as u64, hash(DATA));
        let packed = Zip::new("lies", 8, &deflated(DATA), 0);
        assert_eq!(code(packed.read(size, check ^ 1)), Some(Code::Corrupt));
        assert_eq!(code(packed.read(size - 1, check)), Some(Code::Corrupt));
        assert_eq!(code(packed.read(size + 1, check)), Some(Code::Corrupt));
        let other = Zip::new("method", 12, DATA, 0);
        assert_eq!(code(other.read(size, check)), Some(Code::UnknownFormat));
        let mut broken = deflated(DATA);
        broken[0] = 0xff;
        assert_eq!(code(Zip::new("broken", 8, &broken, 0).read(size, check)), Some(Code::Corrupt));
    }

    #[test]
    fn a_bomb_unpacks_no_further_than_it_says() {
        let bomb = Zip::new("bomb", 8, &deflated(&vec![0; 10 << 20]), 0);
        assert_eq!(code(bomb.read(1000, 0)), Some(Code::Corrupt));
    }

    #[test]
    fn of_a_zip_that_ends_early_the_rest_is_given() {
        let (size, check) = (DATA.len() as u64, hash(DATA));
        let cut = Zip::new("cut", 0, DATA, 10);
        assert_eq!(cut.read(size, check).expect("part"), DATA[..DATA.len() - 10]);
        let gone = Zip::new("gone", 0, DATA, DATA.len());
        assert_eq!(code(gone.read(size, check)), Some(Code::Truncated));
    }
}
