use super::*;

const LIMITS: Limits = Limits { max_side: 1000, max_pixels: 100_000 };

fn decode(bytes: &[u8]) -> Result<Decoded, Failure> {
    Decoder::new(LIMITS, Stretch::Range, &Job::new(1, 1)).decode(bytes, None, None)
}

/// A binary PPM: the one format that can be written by hand.
fn ppm(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = format!("P6 {width} {height} 255\n").into_bytes();
    bytes.extend((0..width * height * 3).map(|index| index as u8));
    bytes
}

#[test]
fn content_is_told_by_its_first_bytes() {
    let decoded = decode(&ppm(3, 2)).expect("a picture");
    assert_eq!((decoded.width, decoded.height, decoded.format), (3, 2, Format::Pnm));
    assert_eq!(decoded.picture.pixels[..4], [0, 1, 2, 3]);
    for (bytes, code) in [
        (&b""[..], Code::EmptyFile),
        (b"hello, this is no picture", Code::UnknownFormat),
        (b"%PDF-1.7 ...............", Code::UnknownFormat),
        (b"\x89PNG\r\n\x1a\n and then nothing", Code::Corrupt),
        (b"\xff\xd8\xff\xe0 and then nothing", Code::Corrupt),
        (b"P6 3 2 255\n\x01\x02", Code::Corrupt),
    ] {
        assert_eq!(decode(bytes).err().expect("no picture").code, code);
    }
}

#[test]
fn limits_hold_before_memory_is_spent() {
    for bytes in [&b"P6 100000 1 255\n"[..], b"P6 1000 1000 255\n", b"P6 1 4294967295 255\n"] {
        assert_eq!(decode(bytes).err().expect("too large").code, Code::TooLarge);
    }
}

#[test]
fn a_panic_becomes_an_error_code() {
    let failure = guard::catch(|| panic!("as decoders do")).err().expect("caught");
    assert_eq!(failure.code, Code::Corrupt);
}
