"""Members of archives, out of ranges of bytes."""

import zlib
from dataclasses import dataclass

from pixsieve.sources.archives.zipped import CUT, LOCAL, LOCAL_SIGNATURE, unzip_member
from pixsieve.sources.places import Content, Failure

#: What is read beyond a local header for name and extra field, whose length only it tells.
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
        more = LOCAL.size + SLACK if self.kind == "zipped" else 0
        return self.offset + more + self.stored


def front_of(data: memoryview) -> int | None:
    """Bytes of a local header with its name and extra field; None if it is none."""
    if len(data) < LOCAL.size:
        return None
    fields = LOCAL.unpack_from(data)
    return LOCAL.size + fields[9] + fields[10] if fields[0] == LOCAL_SIGNATURE else None


def content_of(part: Part, data: memoryview) -> Content:
    """The picture, whose bytes, local header included, begin where `data` begins.

    Of one that the archive cuts off, what is there is given: the picture will show it.
    """
    if part.kind == "zipped":
        return unzip_member(bytes(data), stored=part.stored, size=part.size, check=part.check)
    content = bytes(data[: part.stored])
    if not content and part.stored:
        return CUT
    whole = len(content) == part.stored
    if whole and part.check is not None and zlib.crc32(content) != part.check:
        return Failure("corrupt", "the member is not what the archive says of it")
    return content
