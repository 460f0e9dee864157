//! BLAKE3 of a file's bytes, and of a picture's pixels.

use crate::decode::Picture;

pub type Digest = [u8; 32];

pub fn of_bytes(bytes: &[u8]) -> Digest {
    blake3::hash(bytes).into()
}

/// Equal for pictures of equal size and pixels, whatever file they came from.
pub fn of_pixels(picture: &Picture) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&picture.width.to_le_bytes());
    hasher.update(&picture.height.to_le_bytes());
    hasher.update(&picture.pixels);
    hasher.finalize().into()
}
