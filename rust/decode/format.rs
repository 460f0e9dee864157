//! Which format a file is in, by its first bytes.

use super::{Code, Failure};

/// The formats that are decoded here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Jpeg,
    Png,
    Gif,
    Webp,
    Bmp,
    Tiff,
    Pnm,
    Tga,
    Qoi,
    Ico,
}

impl Format {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::Webp => "webp",
            Self::Bmp => "bmp",
            Self::Tiff => "tiff",
            Self::Pnm => "pnm",
            Self::Tga => "tga",
            Self::Qoi => "qoi",
            Self::Ico => "ico",
        }
    }

    /// The content decides; a wrong extension does not matter. TGA has no magic number, so there
    /// the extension has to say it.
    pub fn guess(bytes: &[u8], extension: Option<&str>) -> Result<Self, Failure> {
        if let Some(format) = Self::from_magic(bytes) {
            return Ok(format);
        }
        if let Some(name) = unread(bytes) {
            return Err(Failure::new(Code::UnknownFormat, format!("{name} is not read")));
        }
        if extension.is_some_and(|name| matches!(name, "tga" | "icb" | "vda" | "vst")) {
            return Ok(Self::Tga);
        }
        Err(Failure::new(Code::UnknownFormat, "the content is of no known picture format"))
    }

    /// Recognises what `guess` can, from the first 16 bytes or more.
    pub fn from_magic(bytes: &[u8]) -> Option<Self> {
        let format = match bytes {
            [0xff, 0xd8, 0xff, ..] => Self::Jpeg,
            [0x89, b'P', b'N', b'G', ..] => Self::Png,
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Self::Gif,
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Self::Webp,
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Self::Tiff,
            [b'q', b'o', b'i', b'f', ..] => Self::Qoi,
            [0, 0, 1, 0, count, 0, ..] if *count > 0 => Self::Ico,
            [b'P', b'1'..=b'7', space, ..] if space.is_ascii_whitespace() || *space == b'#' => {
                Self::Pnm
            }
            _ if is_bmp(bytes) => Self::Bmp,
            _ => return None,
        };
        Some(format)
    }
}

/// "BM" alone begins many a text; the size of the second header tells a bitmap.
fn is_bmp(bytes: &[u8]) -> bool {
    bytes.starts_with(b"BM") && bytes.len() > 17 && bytes[15..18] == [0, 0, 0] && bytes[14] >= 12
        || bytes.starts_with(b"BM") && bytes.get(6..10) == Some(&[0, 0, 0, 0])
}

/// The extensions of what cameras call raw, which by its first bytes is often a TIFF.
const RAW: [&str; 10] = ["cr2", "cr3", "nef", "arw", "dng", "rw2", "orf", "raf", "pef", "srw"];

/// Whether somebody else can decode it, and we cannot.
pub fn foreign(bytes: &[u8], extension: Option<&str>) -> bool {
    if Format::from_magic(bytes) == Some(Format::Tiff) {
        return extension.is_some_and(|name| RAW.contains(&name));
    }
    matches!(
        unread(bytes),
        Some("AVIF" | "HEIF" | "JPEG 2000" | "JPEG XL" | "PSD" | "DICOM" | "camera RAW")
    )
}

/// Names formats that are known but not decoded here, so that the user learns what the file is.
fn unread(bytes: &[u8]) -> Option<&'static str> {
    if let [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] = bytes {
        return Some(match brand.get(..4) {
            Some(b"avif" | b"avis") => "AVIF",
            Some(
                b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" | b"hevm" | b"hevs"
                | b"mif1" | b"mif2" | b"msf1",
            ) => "HEIF",
            Some(b"crx ") => "camera RAW",
            _ => "video (MP4)",
        });
    }
    Some(match bytes {
        [0, 0, 0, 12, b'j', b'P', ..] | [0xff, 0x4f, 0xff, 0x51, ..] => "JPEG 2000",
        [0xff, 0x0a, ..] | [0, 0, 0, 12, b'J', b'X', b'L', ..] => "JPEG XL",
        [b'8', b'B', b'P', b'S', ..] => "PSD",
        [b'F', b'U', b'J', b'I', b'F', b'I', b'L', b'M', b'C', b'C', b'D', ..]
        | [b'I', b'I', b'R', b'O' | b'S', ..]
        | [b'M', b'M', b'O', b'R', ..]
        | [b'I', b'I', b'U', 0, ..] => "camera RAW",
        [b'%', b'P', b'D', b'F', ..] => "PDF",
        [0x1a, 0x45, 0xdf, 0xa3, ..] => "video (Matroska)",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', ..] => "video (AVI)",
        [b'v', b'/', b'1', 0x01, ..] => "OpenEXR",
        [0x1f, 0x8b, ..] | [b'P', b'K', 3, 4, ..] => "an archive",
        _ if bytes.get(128..132) == Some(b"DICM") => "DICOM",
        _ if bytes.trim_ascii_start().starts_with(b"<svg") => "SVG",
        _ => return None,
    })
}
