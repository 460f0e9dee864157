"""The members of a zip whose directory cannot be read, found by their own headers."""

import zlib
from collections.abc import Iterator
from typing import NamedTuple

from pixsieve.sources.archives.unpacked import Inflate
from pixsieve.sources.archives.window import Window
from pixsieve.sources.archives.zipped import (
    DEFLATED,
    ENCRYPTED,
    LOCAL,
    LOCAL_SIGNATURE,
    METHODS,
    STORED,
    STREAMED,
    Entry,
    decoded,
    long_sizes,
)

PIECE = 256 << 10
DESCRIPTOR = b"PK\7\x08"
#: A longer name is taken for damage.
LONGEST_NAME = 4096
#: Bytes of a data descriptor, at most.
DESCRIPTOR_SIZE = 24


class Extent(NamedTuple):
    """What unpacking a member tells of it."""

    stored: int
    size: int
    check: int
    whole: bool


def find(window: Window, sign: bytes, start: int, stop: int) -> int | None:
    """Where the sign next stands."""
    while start < stop:
        piece = window.read(start, min(PIECE, stop - start))
        place = piece.find(sign)
        if place >= 0:
            return start + place
        if len(piece) < len(sign):
            return None
        start += len(piece) - len(sign) + 1
        if start + len(sign) > stop:
            return None
    return None


def salvaged(window: Window) -> Iterator[Entry]:
    """The members that can be found, from first to last.

    One that the file cuts off is among them, `stored` reaching beyond the end.
    """
    position: int | None = 0
    while (position := find(window, LOCAL_SIGNATURE, position or 0, window.size)) is not None:
        entry, position = _member(window, position)
        if entry is not None:
            yield entry


def _member(window: Window, offset: int) -> tuple[Entry | None, int]:
    """The member there, if there is one, and where to search on."""
    found = _header(window, offset)
    if found is None:
        return None, offset + 4
    entry, start = found
    unknown = entry.flags & STREAMED and not entry.stored
    if not unknown and _ends_well(window, start + entry.stored):
        return entry, start + entry.stored
    extent = None
    if not entry.flags & ENCRYPTED:
        if entry.method == DEFLATED:
            extent = _inflated(window, start)
        elif entry.method == STORED:
            extent = _stored(window, start)
    if extent is None:
        # Its own sizes are all there is: they may be right, with damage behind it.
        return entry, start
    if extent.whole:
        entry = entry._replace(stored=extent.stored, size=extent.size, check=extent.check)
        return entry, start + extent.stored
    beyond = max(entry.stored, extent.stored + 1)
    return entry._replace(stored=beyond, size=max(entry.size, extent.size)), window.size


def _header(window: Window, offset: int) -> tuple[Entry, int] | None:
    """The local header there, if it looks like one, and where its data begin."""
    header = window.read(offset, LOCAL.size)
    if len(header) < LOCAL.size:
        return None
    _, _, flags, method, _, _, check, stored, size, length, extra = LOCAL.unpack(header)
    name = window.read(offset + LOCAL.size, length + extra)
    known = method in (STORED, DEFLATED, 99) or method in METHODS
    if not 0 < length <= LONGEST_NAME or len(name) < length or not known or b"\0" in name[:length]:
        return None
    size, stored = long_sizes(name[length:], size, stored)
    text = decoded(name[:length], flags)
    entry = Entry(text, flags, method, check, stored, size, offset)
    return entry, offset + LOCAL.size + length + extra


def _ends_well(window: Window, stop: int) -> bool:
    """Whether something of a zip follows there, or just nothing."""
    return stop == window.size or b"PK" in window.read(stop, DESCRIPTOR_SIZE + 2)


def _inflated(window: Window, start: int) -> Extent | None:
    """How far the deflated data go; None if they are damaged."""
    inner = Inflate(-15)
    position, size, check = start, 0, 0
    while not inner.eof:
        asked = inner.needs_input
        data = window.read(position, PIECE) if asked else b""
        position += len(data)
        try:
            piece = inner.decompress(data, PIECE)
        except zlib.error:
            return None
        size += len(piece)
        check = zlib.crc32(piece, check)
        if asked and not data and not piece:
            return Extent(position - start, size, check, whole=False)
    return Extent(position - start - len(inner.unused_data), size, check, whole=True)


def _stored(window: Window, start: int) -> Extent | None:
    """How far the data go that were stored as they are: up to a descriptor that says so."""
    position = start
    while (place := find(window, DESCRIPTOR, position, window.size)) is not None:
        size = place - start
        record = window.read(place, DESCRIPTOR_SIZE)
        if record[8:12] == (size & 0xFFFF_FFFF).to_bytes(4, "little"):
            return Extent(size, size, int.from_bytes(record[4:8], "little"), whole=True)
        position = place + 4
    size = window.size - start
    return Extent(size, size, 0, whole=False) if size > 0 else None
