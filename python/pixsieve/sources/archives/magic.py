"""What a file is, by its first bytes."""

#: So many bytes tell every format that `is_picture` knows.
HEAD = 132

_BRANDS = frozenset({b"avif", b"avis", b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1"})
_PLAIN = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG",
    b"GIF87a",
    b"GIF89a",
    *(b"II*\0", b"II+\0", b"MM\0*", b"MM\0+"),  # TIFF
    b"qoif",
    *(b"\0\0\0\x0cjP", b"\xff\x4f\xff\x51"),  # JPEG 2000
    *(b"\0\0\0\x0cJXL", b"\xff\x0a"),
    b"8BPS",  # PSD
)
_ARCHIVES = (
    (b"PK\3\4", "zip"),
    (b"PK\5\6", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)


def is_picture(head: bytes) -> bool:
    """Whether a file that begins so is a picture of a format that can be told."""
    if head.startswith(_PLAIN) or head[128:132] == b"DICM":
        return True
    return _is_boxed(head) or _is_bmp(head) or _is_pnm(head) or _is_ico(head)


def archive_format(head: bytes) -> str | None:
    """Which packed format begins so; a tar has no such sign."""
    return next((name for sign, name in _ARCHIVES if head.startswith(sign)), None)


def _is_boxed(head: bytes) -> bool:
    if head.startswith(b"RIFF"):
        return head[8:12] == b"WEBP"
    return head[4:8] == b"ftyp" and head[8:12] in _BRANDS


def _is_bmp(head: bytes) -> bool:
    """BM alone begins many a text; the size of the second header tells a bitmap."""
    if not head.startswith(b"BM") or len(head) < 18:
        return False
    return head[6:10] == bytes(4) or (head[15:18] == bytes(3) and head[14] >= 12)


def _is_pnm(head: bytes) -> bool:
    return len(head) > 2 and head[0] == 80 and 49 <= head[1] <= 55 and head[2] in b" \t\n\f\r#"


def _is_ico(head: bytes) -> bool:
    return head.startswith(b"\0\0\1\0") and len(head) > 5 and head[4] > 0 and head[5] == 0
