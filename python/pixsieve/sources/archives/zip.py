"""The members of a zip, by its directory or, where that is damaged, by a search (APPNOTE 4.3)."""

import stat
import struct
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from pixsieve.sources.archives.magic import HEAD
from pixsieve.sources.archives.members import Members, clean
from pixsieve.sources.archives.salvage import find, salvaged
from pixsieve.sources.archives.webdataset import is_sidecar
from pixsieve.sources.archives.window import Window
from pixsieve.sources.archives.zipped import (
    CENTRAL,
    CENTRAL_SIGNATURE,
    LOCAL,
    LOCAL_SIGNATURE,
    Entry,
    entry_of,
    inflate,
    unreadable,
    unzip_member,
)
from pixsieve.sources.places import Failure

#: Signature, disks, numbers of entries, size and offset of the directory, length of the comment.
END = struct.Struct("<4s4H2LH")
#: ... the size of the record itself and versions come first.
END64 = struct.Struct("<4sQ2H2L4Q")
#: Signature, disk, offset of the former, number of disks.
LOCATOR64 = struct.Struct("<4sLQL")
#: The end record with the longest comment.
TAIL = END.size + 65_535
#: Bytes of the directory that are read at once.
PIECE = 1 << 20


class Directory(NamedTuple):
    """Where the entries are."""

    start: int
    stop: int
    shift: int
    """Bytes that stand before the archive in its file."""
    disk: int


class Damage(NamedTuple):
    """A part of the directory that cannot be read."""

    start: int
    stop: int


def list_zip(window: Window, members: Members) -> None:
    """Adds the pictures of a zip.

    Raises:
        OSError: If it cannot be read.
    """
    directory = find_directory(window)
    if directory is None:
        detail = "the directory of the zip cannot be read: members were searched for"
        members.gap(0, "corrupt", detail)
        for entry in salvaged(window):
            _take(entry, window, members)
        return
    for found in entries(window, directory):
        if isinstance(found, Damage):
            detail = f"damaged: the zip's directory from byte {found.start:,} to {found.stop:,}"
            members.gap(found.start, "corrupt", detail)
        elif found.disk not in (directory.disk, 0xFFFF) and not _is_member(window, found.offset):
            if members.wanted(clean(found.name), bytes):
                detail = "the member lies in another part of the zip: join the parts"
                members.nothing(clean(found.name), "missing_file", detail)
        else:
            _take(found, window, members)
    members.refuse_overlaps(partial(_is_member, window))


def _take(entry: Entry, window: Window, members: Members) -> None:
    name = clean(entry.name)
    if entry.name.endswith("/"):
        return
    if stat.S_ISLNK(entry.attributes):
        members.notes["links"] += 1
        return
    failure = unreadable(entry)
    if not 0 <= entry.offset < window.size:
        failure = Failure("corrupt", "the zip has no member where its index says so")
    if is_sidecar(name):
        _take_sidecar(entry, name, failure, window, members)
        return
    if not members.wanted(name, lambda: b"" if failure else _head(window, entry)):
        return
    if failure is None:
        members.add(name, "zipped", entry.offset, entry.stored, entry.size, entry.check)
    else:
        members.nothing(name, failure.code, failure.detail)


def _take_sidecar(
    entry: Entry, name: str, failure: Failure | None, window: Window, members: Members
) -> None:
    if not members.sidecars.has_room(entry.size):
        return
    raw = _raw(window, entry) if failure is None else b""
    text = failure or unzip_member(raw, stored=entry.stored, size=entry.size, check=entry.check)
    if isinstance(text, bytes):
        members.sidecars.add(name, text)
    else:
        members.notes["broken_sidecars"] += 1


def _raw(window: Window, entry: Entry, most: int | None = None) -> bytes:
    """The member with its header, or so many bytes of its data."""
    length = entry.stored if most is None else min(most, entry.stored)
    # The extra fields of a local header are rarely longer.
    raw = window.read(entry.offset, LOCAL.size + len(entry.name) + 64 + length)
    if len(raw) < LOCAL.size:
        return raw
    *_, name, extra = LOCAL.unpack_from(raw)
    needed = LOCAL.size + name + extra + length
    return raw if needed <= len(raw) else window.read(entry.offset, needed)


def _head(window: Window, entry: Entry) -> bytes:
    raw = _raw(window, entry, 4 * HEAD)
    if len(raw) < LOCAL.size or not raw.startswith(LOCAL_SIGNATURE):
        return b""
    *_, name, extra = LOCAL.unpack_from(raw)
    begin = LOCAL.size + name + extra
    head = inflate(raw[begin : begin + entry.stored], entry.method, HEAD)
    return head if isinstance(head, bytes) else b""


def find_directory(window: Window) -> Directory | None:
    """The directory that the end record leads to, if that is there and leads to one."""
    begin = max(0, window.size - TAIL)
    tail = window.read(begin, TAIL)
    place = len(tail)
    while (place := tail.rfind(b"PK\5\6", 0, place)) >= 0:
        if len(tail) - place >= END.size:
            found = _directory(window, begin + place, tail[place : place + END.size])
            if found is not None:
                return found
    return None


def _directory(window: Window, end: int, record: bytes) -> Directory | None:
    _, disk, _, _, count, size, offset, _ = END.unpack(record)
    long = _long_end(window, end)
    if long is not None:
        end, disk, count, size, offset = long
    if not count and not size:
        return Directory(end, end, 0, disk)
    shift = end - size - offset
    # Usually both places are one, and nothing is shifted. Where they differ, something stands
    # before the archive, or one of the two numbers is damaged: the first member tells.
    places = [(end - size, shift), (end - size, 0), (offset, 0)]
    likely = [place for place in dict.fromkeys(places) if _is_directory(window, place[0])]
    if not likely:
        return None
    sure = likely if len(likely) == 1 else (p for p in likely if _leads_to_member(window, *p))
    start, shift = next(iter(sure), likely[0])
    return Directory(start, end, shift, disk)


def _long_end(window: Window, end: int) -> tuple[int, int, int, int, int] | None:
    """What the end record of Zip64 says, if there is one: its place, disk, count, size, offset."""
    if end < LOCATOR64.size:
        return None
    locator = window.read(end - LOCATOR64.size, LOCATOR64.size)
    if not locator.startswith(b"PK\6\7") or len(locator) < LOCATOR64.size:
        return None
    for place in (LOCATOR64.unpack(locator)[2], end - LOCATOR64.size - END64.size):
        if not 0 <= place < end:
            continue
        record = window.read(place, END64.size)
        if record.startswith(b"PK\6\6") and len(record) == END64.size:
            _, _, _, _, disk, _, _, count, size, offset = END64.unpack(record)
            return place, disk, count, size, offset
    return None


def _is_directory(window: Window, start: int) -> bool:
    return start >= 0 and window.read(start, 4) == CENTRAL_SIGNATURE


def _leads_to_member(window: Window, start: int, shift: int) -> bool:
    record = window.read(start, CENTRAL.size)
    if len(record) < CENTRAL.size:
        return False
    *_, name, extra, _, _, _, _, _ = CENTRAL.unpack(record)
    offset = entry_of(window.read(start, CENTRAL.size + name + extra), shift).offset
    return _is_member(window, offset)


def _is_member(window: Window, offset: int) -> bool:
    return offset >= 0 and window.read(offset, 4) == LOCAL_SIGNATURE


def entries(window: Window, directory: Directory) -> Iterator[Entry | Damage]:
    """The entries of the directory, and its damaged parts."""
    size = directory.stop - directory.start
    reader = window.other(step=min(PIECE, max(size, 1)))
    position = last = directory.start
    while position < directory.stop:
        entry, following = _entry(reader, position, directory)
        if entry is not None:
            yield entry
            last, position = position, following
            continue
        # The length of the entry before may be what is damaged.
        begin = last + 4 if last < position else position + 1
        found = find(reader, CENTRAL_SIGNATURE, begin, directory.stop)
        stop = directory.stop if found is None else found
        if found is None or found > position:
            yield Damage(position, stop)
        last = position = stop


def _entry(reader: Window, position: int, directory: Directory) -> tuple[Entry | None, int]:
    """The entry there, and where the next one begins."""
    record = reader.read(position, CENTRAL.size)
    if len(record) < CENTRAL.size or not record.startswith(CENTRAL_SIGNATURE):
        return None, 0
    *_, name, extra, comment, _, _, _, _ = CENTRAL.unpack(record)
    length = CENTRAL.size + name + extra
    if position + length + comment > directory.stop:
        return None, 0
    record = reader.read(position, length)
    if len(record) < length:
        return None, 0
    return entry_of(record, directory.shift), position + length + comment
