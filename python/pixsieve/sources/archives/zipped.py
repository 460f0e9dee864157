"""One member of a zip: its entry in the directory, and its data (APPNOTE 4.3.7, 4.3.12)."""

import struct
import zlib
from typing import NamedTuple

from pixsieve.sources.places import Failure

#: Signature, versions, flags, method, time, date, CRC-32, sizes, lengths of name and extra ...
LOCAL = struct.Struct("<4s5H3L2H")
#: ... and of the comment, disk, attributes, offset of the local header.
CENTRAL = struct.Struct("<4s6H3L5H2L")
LOCAL_SIGNATURE, CENTRAL_SIGNATURE = b"PK\3\4", b"PK\1\2"
ENCRYPTED, STREAMED, UTF8 = 1, 8, 0x800
STORED, DEFLATED = 0, 8
METHODS = {
    9: "Deflate64",
    12: "bzip2",
    14: "LZMA",
    20: "Zstandard",
    93: "Zstandard",
    95: "xz",
    98: "PPMd",
}
UNKNOWN = 0xFFFF_FFFF
CUT = Failure("truncated", "the archive ends before the member")


class Entry(NamedTuple):
    """A member as the directory, or its own header, has it."""

    name: str
    flags: int
    method: int
    check: int
    stored: int
    size: int
    offset: int
    """Of the local header."""
    attributes: int = 0
    """Those of Unix, where the archive was made there."""
    disk: int = 0
    """The part it lies in, of an archive in several parts."""


def entry_of(record: bytes, shift: int) -> Entry:
    """An entry of the directory; `record` ends with its extra fields.

    Args:
        record: All of the entry but its comment.
        shift: Bytes that stand before the archive in its file.
    """
    (
        _,
        made,
        _,
        flags,
        method,
        _,
        _,
        check,
        stored,
        size,
        name,
        extra,
        _,
        disk,
        _,
        attributes,
        at,
    ) = CENTRAL.unpack_from(record)
    begin = CENTRAL.size + name
    if extra and UNKNOWN in (stored, size, at):
        size, stored, at = long_sizes(record[begin : begin + extra], size, stored, at)
    text = decoded(record[CENTRAL.size : begin], flags)
    unix = attributes >> 16 if made >> 8 == 3 else 0
    return Entry(text, flags, method, check, stored, size, at + shift, unix, disk)


def decoded(name: bytes, flags: int) -> str:
    """The name as text: UTF-8 where it says so or is so, else the IBM PC's letters."""
    if flags & UTF8:
        text = name.decode("utf-8", errors="backslashreplace")
    else:
        try:
            # Many programs write UTF-8 and do not say so.
            text = name.decode("utf-8")
        except UnicodeDecodeError:
            text = name.decode("cp437")
    # Some programs of Windows write its own separator, against the standard.
    return text.replace("\\", "/") if "/" not in text else text


def long_sizes(extra: bytes, *values: int) -> list[int]:
    """Those of the values that are unknown, from the extra field of Zip64, in this order."""
    found = list(values)
    start = 0
    while start + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, start)
        field = extra[start + 4 : start + 4 + length]
        start += 4 + length
        if kind != 1:
            continue
        place = 0
        for number, value in enumerate(found):
            if value == UNKNOWN and place + 8 <= len(field):
                (found[number],) = struct.unpack_from("<Q", field, place)
                place += 8
        break
    return found


def unreadable(entry: Entry) -> Failure | None:
    """Why the member cannot be read, as far as its entry says."""
    if entry.flags & ENCRYPTED or entry.method == 99:
        return Failure("permission_denied", "the member is encrypted")
    if entry.method in (STORED, DEFLATED):
        return None
    method = METHODS.get(entry.method, f"method {entry.method}")
    return Failure("unknown_format", f"compressed with {method}, which is not read: repack it")


def unzip_member(raw: bytes, *, stored: int, size: int, check: int | None) -> bytes | Failure:
    """The unpacked member, or why there is none.

    Of a member that the archive cuts off, what is there is given: the picture will show it.

    Args:
        raw: The file from the local header on, up to the end of the member or more.
        stored: Bytes that the member takes.
        size: Bytes that it unpacks to.
        check: CRC-32 of these.
    """
    if len(raw) < LOCAL.size:
        return CUT
    fields = LOCAL.unpack_from(raw)
    if fields[0] != LOCAL_SIGNATURE:
        return Failure("corrupt", "the zip has no member where its index says so")
    begin = LOCAL.size + fields[9] + fields[10]
    packed = raw[begin : begin + stored]
    content = inflate(packed, fields[3], size)
    if len(packed) < stored:
        return content if isinstance(content, bytes) and content else CUT
    if isinstance(content, bytes) and (
        len(content) != size or (check is not None and zlib.crc32(content) != check)
    ):
        return Failure("corrupt", "the member is not what the zip says of it")
    return content


def inflate(packed: bytes, method: int, size: int) -> bytes | Failure:
    """What the data unpack to, if that is at most `size` bytes, and one more otherwise."""
    if method == STORED:
        return packed
    if method != DEFLATED:
        return Failure("unknown_format", f"compressed by method {method}, which is not read")
    try:
        return zlib.decompressobj(-15).decompress(packed, size + 1)
    except zlib.error as error:
        return Failure("corrupt", f"the member cannot be unpacked: {error}")
