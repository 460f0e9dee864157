"""Which of the formats that Python decodes a file is in, and what decoding it needs."""

import importlib.util
from collections.abc import Collection

#: What each format is called in sentences, the package that reads it, as it is imported, as it is
#: installed, and the extra that brings it.
PACKAGES = {
    "heif": ("HEIF", "pillow_heif", "pillow-heif", "formats"),
    "avif": ("AVIF", "PIL", "Pillow", "formats"),
    "jp2": ("JPEG 2000", "PIL", "Pillow", "formats"),
    "jxl": ("JPEG XL", "pillow_jxl", "pillow-jxl-plugin", "formats"),
    "psd": ("PSD", "PIL", "Pillow", "formats"),
    "dicom": ("DICOM", "pydicom", "pydicom", "dicom"),
    "raw": ("camera RAW", "rawpy", "rawpy", "raw"),
}

#: Ends what is said of an AVIF file that only FFmpeg may read.
FFMPEG = "FFmpeg may read it: pip install 'pixsieve[video]'"

#: Most of them are TIFF by their first bytes; the extension tells.
RAW_EXTENSIONS = ("cr2", "cr3", "nef", "arw", "dng", "rw2", "orf", "raf", "pef", "srw")

#: The longest of the first bytes that `needs` looks at: DICOM's mark is the last.
HEAD = 132

TIFF = (b"II*\0", b"MM\0*")
RAW = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0")
BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "avif"),
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm"), "heif"),
    **dict.fromkeys((b"hevs", b"mif1", b"msf1", b"mif2"), "heif"),
    b"crx ": "raw",
}
MARKS = {
    b"\0\0\0\x0cjP  \r\n\x87\n": "jp2",
    b"\xff\x4f\xff\x51": "jp2",
    b"\xff\x0a": "jxl",
    b"\0\0\0\x0cJXL \r\n\x87\n": "jxl",
    b"8BPS": "psd",
}


def needs(head: bytes, extension: str | None = None) -> str | None:
    """The format, if it is one that Python decodes: a key of `PACKAGES`.

    Args:
        head: The first `HEAD` bytes or more, fewer where the file has no more.
        extension: In any case, without the dot. It counts only for camera RAW, most of which is
            TIFF by its first bytes.
    """
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    for mark, name in MARKS.items():
        if head.startswith(mark):
            return name
    if head[128:132] == b"DICM":
        return "dicom"
    said_raw = extension is not None and extension.lower().lstrip(".") in RAW_EXTENSIONS
    return "raw" if head.startswith(RAW) or (said_raw and head.startswith(TIFF)) else None


def _of_brands(head: bytes) -> str | None:
    """Of an ISO media file; most of them are films."""
    name = BRANDS.get(head[8:12])
    if name == "heif":
        end = min(int.from_bytes(head[:4], "big"), HEAD)
        compatible = {head[at : at + 4] for at in range(16, end, 4)}
        # The general brand comes first in AVIF files, too.
        if head[8:11] in (b"mif", b"msf") and compatible & {b"avif", b"avis"}:
            return "avif"
    return name


def missing(name: str) -> str | None:
    """What to install before this format can be read; None if it can be."""
    return None if importlib.util.find_spec(PACKAGES[name][1]) else _advice(name)


def _advice(name: str) -> str:
    spoken, _, package, extra = PACKAGES[name]
    return f"reading {spoken} needs {package}: pip install 'pixsieve[{extra}]'"


def installed_since(details: Collection[str]) -> bool:
    """Whether what one of these, given by an earlier run, says to install is there now."""
    known = any(_advice(name) in details and missing(name) is None for name in PACKAGES)
    other = any(FFMPEG in detail for detail in details)
    return known or (other and importlib.util.find_spec("av") is not None)
