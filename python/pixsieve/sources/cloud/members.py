"""Members of archives, out of ranges of bytes."""

import struct
import zlib
from dataclasses import dataclass

from pixsieve.sources.places import Content, Failure

#: A zip's local header: its length, then those of the name and the extra field behind it.
HEADER = struct.Struct("<4sHHHHHIIIHH")
#: What is read beyond the header for the two, whose length only the header tells.
SLACK = 512


@dataclass(frozen=True)
class Part:
    """One picture within a range, or a whole file."""

    row: int
    kind: str
    path: str
    offset: int
    stored: int
    size: int
    check: int | None

    @property
    def end(self) -> int:
        """The first byte that is not needed, as far as known."""
        more = HEADER.size + SLACK if self.kind == "zipped" else 0
        return self.offset + more + self.stored


def front_of(data: memoryview) -> int | None:
    """Bytes of a local header with its name and extra field; None if it is none."""
    if len(data) < HEADER.size:
        return None
    fields = HEADER.unpack_from(data)
    return HEADER.size + fields[9] + fields[10] if fields[0] == b"PK\x03\x04" else None


def content_of(part: Part, data: memoryview) -> Content:
    """The picture, whose bytes, local header included, begin where `data` begins."""
    content: Content
    if part.kind == "zipped":
        content = inflate(part, data)
    elif len(data) < part.stored:
        content = Failure("truncated", f"{part.path}: the archive ends within this member")
    else:
        content = bytes(data[: part.stored])
    if isinstance(content, bytes) and part.check is not None and zlib.crc32(content) != part.check:
        return Failure("corrupt", f"{part.path}: its checksum is wrong")
    return content


def inflate(part: Part, data: memoryview) -> bytes | Failure:
    """What a member of a zip unpacks to, and never more than the archive says."""
    front = front_of(data)
    if front is None or len(data) < front + part.stored:
        damaged = front is None and len(data) >= HEADER.size
        what = "no member begins here" if damaged else "the archive ends within this member"
        return Failure("corrupt" if damaged else "truncated", f"{part.path}: {what}")
    _, _, flags, method, *_ = HEADER.unpack_from(data)
    packed = data[front : front + part.stored]
    if flags & 1:
        return Failure("permission_denied", f"{part.path}: the member is encrypted")
    if method == 0:
        return bytes(packed)
    if method == 8:
        return _inflated(part, packed)
    return Failure("unknown_format", f"{part.path}: compression method {method} is not read")


def _inflated(part: Part, packed: memoryview) -> bytes | Failure:
    try:
        unpacked = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, part.size + 1)
    except zlib.error as error:
        return Failure("corrupt", f"{part.path}: {error}")
    if len(unpacked) != part.size:
        more = "more" if len(unpacked) > part.size else "less"
        return Failure("corrupt", f"{part.path}: it unpacks to {more} than the archive says")
    return unpacked
