"""The members of a tar, also of a damaged one (POSIX.1-2017 pax, section 4.3; GNU tar manual).

Python's own reader stops without a word at the first header that is damaged, so this one does
the walk: each header is checked by its sum, and behind a bad one the next good one is sought.
"""

import zlib
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np

BLOCK = 512
ZEROS = bytes(BLOCK)
#: So long may the records be that extend a header.
MOST_EXTRA = 1 << 20
#: So far behind an end mark is more sought: what is concatenated follows within 10 KiB.
FAR = 16 << 20
#: Bytes that are searched at a time.
PIECE = 256 << 10

#: Kinds of members by their type flag; any other is a file (POSIX).
KINDS = {
    ord("1"): "hard link",
    ord("2"): "link",
    ord("3"): "special",
    ord("4"): "special",
    ord("5"): "folder",
    ord("6"): "special",
    ord("D"): "folder",
    ord("V"): "folder",  # The label of the volume
    ord("S"): "sparse",
    ord("M"): "continued",
}
#: Those that no data follow, whatever size they give.
BARE = frozenset({"hard link", "link", "special"})
#: Type flags of what extends the next header.
PAX, SOLARIS, GLOBAL, LONG_NAME, LONG_LINK = b"xXgLK"
EXTENDING = frozenset((PAX, SOLARIS, GLOBAL, LONG_NAME, LONG_LINK))


class Source(Protocol):
    """What is read: a file, or what one unpacks to."""

    def read(self, offset: int, length: int) -> bytes:
        """So many bytes from there on, or fewer at the end. Offsets rise, save by a little."""

    @property
    def end(self) -> int | None:
        """Where it ends, once that is known."""


class Member(NamedTuple):
    """One member."""

    name: bytes
    kind: str
    """`file`, `hard link`, `link`, `special`, `folder`, `sparse` or `continued`."""
    offset: int
    """Of its data."""
    size: int
    target: bytes
    """What a link leads to."""


class Gap(NamedTuple):
    """A part that could not be read."""

    start: int
    stop: int | None
    """None: to the end."""
    code: str
    detail: str


class Header(NamedTuple):
    """A header block, as it stands."""

    name: bytes
    flag: int
    size: int
    target: bytes
    block: bytes


def is_header(block: bytes) -> bool:
    """Whether the sum of the block is the one that it states."""
    if len(block) < BLOCK:
        return False
    field = block[148:156]
    stated = number(field)
    if stated is None:
        return False
    # The low half of Adler-32 is one more than the sum of all bytes, modulo 65,521: the fastest
    # sum of bytes there is here. The field itself counts as blanks.
    own = sum(field) - 8 * 32
    if (1 + stated + own) % 65521 == zlib.adler32(block) & 0xFFFF:
        return stated > 0
    # Some old programs summed signed bytes.
    return not block.isascii() and stated + own == sum(block) - 256 * _high(block)


def _high(block: bytes) -> int:
    return sum(byte > 127 for byte in block)


def number(field: bytes) -> int | None:
    """A number of a header: octal digits, or binary behind a first byte of 0x80."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    try:
        value = int(field.partition(b"\0")[0].strip() or b"0", 8)
    except ValueError:
        return None
    return value if value >= 0 else None


def parse(block: bytes) -> Header | None:
    """The header, or None if the block is none."""
    if not is_header(block):
        return None
    size = number(block[124:136])
    if size is None:
        return None
    name = block[:100].partition(b"\0")[0]
    # GNU's own headers ("ustar ") keep times where POSIX keeps the first part of the name.
    if block[345] and block[257:263] == b"ustar\0":
        name = block[345:500].partition(b"\0")[0] + b"/" + name
    flag = block[156]
    return Header(name, flag, size, block[157:257].partition(b"\0")[0] if flag else b"", block)


def records(data: bytes) -> dict[bytes, bytes]:
    """The records of a pax header, up to the first that is malformed."""
    found = {}
    start = 0
    while start < len(data):
        length, _, _ = data[start : start + 20].partition(b" ")
        if not length.isdigit() or start + int(length) > len(data) or int(length) < 5:
            break
        record = data[start + len(length) + 1 : start + int(length)]
        key, equals, value = record.partition(b"=")
        if not equals or not value.endswith(b"\n"):
            break
        found[key] = value[:-1]
        start += int(length)
    return found


class Walk:
    """The members of a tar, from first to last, and what could not be read."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._extra: dict[bytes, bytes] = {}
        self._position = 0
        self._ended = False

    def __iter__(self) -> Iterator[Member | Gap]:
        while True:
            block = self._source.read(self._position, BLOCK)
            if len(block) < BLOCK:
                break
            if block == ZEROS:
                if not self._skip_zeros():
                    return
                continue
            header = parse(block)
            if header is None:
                gap = self._search()
                if gap is not None:
                    yield gap
                if gap is None or gap.stop is None:
                    return
                continue
            self._ended = False
            member = self._member(header)
            if member is not None:
                yield member
        if not self._ended:
            yield self._cut(len(block))

    def _cut(self, left: int) -> Gap:
        end = self._source.end
        stop = self._position + left if end is None else end
        if stop < self._position:
            detail = "the archive ends in the middle of a member; what followed is lost"
        elif left:
            detail = "the archive ends in the middle of a header; what followed is lost"
        else:
            detail = "the archive ends without an end mark; members may be lost"
        return Gap(stop, None, "truncated", detail)

    def _skip_zeros(self) -> bool:
        """Moves on to what is not zero; False if there is no more."""
        begin = self._position
        while True:
            piece = self._source.read(self._position, PIECE)
            zeros = len(piece) - len(piece.lstrip(b"\0"))
            self._position += zeros // BLOCK * BLOCK
            self._ended = self._position - begin >= 2 * BLOCK
            if zeros < len(piece):
                return len(piece) - zeros // BLOCK * BLOCK >= BLOCK
            known = self._source.end is not None
            if len(piece) < BLOCK or (known and self._position - begin > 4 * FAR):
                return False

    def _search(self) -> Gap | None:
        """Moves on to the next good header; None if what follows an end mark is no tar."""
        begin = self._position
        self._extra = {}
        position = begin + BLOCK
        while True:
            piece = self._source.read(position, PIECE)
            if len(piece) < BLOCK or (self._ended and position - begin > FAR):
                break
            found = _first_header(piece)
            if found is not None:
                self._position = position + found
                detail = (
                    f"damaged: nothing could be read from byte {begin:,} to {self._position:,} of "
                    "the archive"
                )
                return Gap(begin, self._position, "corrupt", detail)
            position += len(piece) // BLOCK * BLOCK
        if self._ended:
            return None
        detail = f"damaged: nothing could be read from byte {begin:,} of the archive on"
        return Gap(begin, None, "corrupt", detail)

    def _member(self, header: Header) -> Member | None:
        offset = self._position + BLOCK
        if header.flag in EXTENDING:
            self._extend(header, offset)
            self._position = offset + _blocks(header.size)
            return None
        extra, self._extra = self._extra, {}
        kind = KINDS.get(header.flag, "file")
        size = header.size
        if extra:
            size = _decimal(extra.get(b"size"), size)
            if any(key.startswith(b"GNU.sparse.") for key in extra):
                kind = "sparse"
        name = extra.get(b"GNU.sparse.name") or extra.get(b"path") or header.name
        if kind == "file" and name.endswith(b"/"):
            kind = "folder"  # As before POSIX, when there was no flag for it
        if header.flag == ord("S"):
            offset = self._behind_map(header.block, offset)
        self._position = offset if kind in BARE else offset + _blocks(size)
        target = extra.get(b"linkpath", header.target)
        return Member(name, kind, offset, size, target)

    def _extend(self, header: Header, offset: int) -> None:
        if header.flag == GLOBAL or header.size > MOST_EXTRA:
            return
        data = self._source.read(offset, header.size)
        if header.flag == LONG_NAME:
            self._extra[b"path"] = data.partition(b"\0")[0]
        elif header.flag == LONG_LINK:
            self._extra[b"linkpath"] = data.partition(b"\0")[0]
        else:
            self._extra |= records(data)

    def _behind_map(self, block: bytes, offset: int) -> int:
        """Where the data begin of GNU's old sparse files, whose map may go on behind the header."""
        more = block[482]
        while more:
            block = self._source.read(offset, BLOCK)
            more = block[504] if len(block) == BLOCK else 0
            offset += BLOCK
        return offset


def _blocks(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _decimal(text: bytes | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isdigit() and len(text) < 20 else otherwise


def _first_header(piece: bytes) -> int | None:
    """Where in the piece the first good header begins."""
    blocks = np.frombuffer(piece, np.uint8, len(piece) // BLOCK * BLOCK).reshape(-1, BLOCK)
    digits = blocks[:, 148:154]
    likely = ((digits == 32) | ((digits >= 48) & (digits < 56))).all(axis=1)
    for row in np.flatnonzero(likely):
        start = int(row) * BLOCK
        block = piece[start : start + BLOCK]
        if parse(block) is not None:
            return start
    return None
