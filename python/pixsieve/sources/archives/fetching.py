"""Bringing members of archives that Rust cannot read itself."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import BinaryIO

import polars as pl

from pixsieve.sources.archives.listing import code_of
from pixsieve.sources.archives.magic import HEAD, archive_format
from pixsieve.sources.archives.unpacked import Unpacked
from pixsieve.sources.archives.zipped import LOCAL, unzip_member
from pixsieve.sources.places import Content, Failure

Open = Callable[[str], BinaryIO]
GONE = Failure("truncated", "the archive has become shorter since it was listed")


class StreamedFetcher:
    """Members of compressed tars: each is unpacked once, up to the last member that is wanted."""

    def __init__(self, open_at: Open, *, most_bytes: int) -> None:
        """`open_at` opens a location; members of more than `most_bytes` are refused."""
        self._open = open_at
        self._most = most_bytes

    def fetch(self, rows: pl.DataFrame) -> Iterator[tuple[int, Content]]:
        """Yields what each row holds, archive by archive, in the order of the members."""
        for part in rows.partition_by("location", maintain_order=True):
            wanted = part.sort("offset").select("row", "offset", "size").rows()
            yield from _with_file(self._open, part, partial(self._read, wanted))

    def _read(
        self, wanted: list[tuple[int, int, int]], file: BinaryIO
    ) -> Iterator[tuple[int, Content]]:
        packing = archive_format(file.read(HEAD))
        if packing is None or packing == "zip":
            failure = Failure("corrupt", "the archive has changed since it was listed")
            yield from ((row, failure) for row, _, _ in wanted)
            return
        unpacked = Unpacked(file, packing)
        for row, offset, size in wanted:
            yield row, self._member(unpacked, offset, size)

    def _member(self, unpacked: Unpacked, offset: int, size: int) -> Content:
        if size > self._most:
            return too_large(size, self._most)
        data = unpacked.read(offset, size)
        if len(data) == size:
            return data
        return GONE if unpacked.damage is None else Failure(*unpacked.damage)


class MemberFetcher:
    """Members of plain tars and of zips, where those cannot be read by Rust, one by one."""

    def __init__(self, open_at: Open, *, most_bytes: int) -> None:
        """`open_at` opens a location; members of more than `most_bytes` are refused."""
        self._open = open_at
        self._most = most_bytes

    def fetch(self, rows: pl.DataFrame) -> Iterator[tuple[int, Content]]:
        """Yields what each row holds, archive by archive, in the order of the members."""
        for part in rows.partition_by("location", maintain_order=True):
            ordered = part.sort("offset")
            yield from _with_file(self._open, part, partial(self._read, ordered))

    def _read(self, rows: pl.DataFrame, file: BinaryIO) -> Iterator[tuple[int, Content]]:
        fields = rows.select("row", "kind", "offset", "stored", "size", "check")
        for row, kind, offset, stored, size, check in fields.iter_rows():
            if max(stored, size) > self._most:
                yield row, too_large(max(stored, size), self._most)
            elif kind == "zipped":
                raw = read_zipped(file, offset, stored)
                yield row, unzip_member(raw, stored=stored, size=size, check=check)
            else:
                file.seek(offset)
                data = _read_all(file, stored)
                yield row, data if len(data) == stored else GONE


def too_large(size: int, most: int) -> Failure:
    """Why a member of that size is not read."""
    return Failure("too_large", f"the file has {size:,} bytes: more than {most:,} are not read")


def read_zipped(file: BinaryIO, offset: int, stored: int) -> bytes:
    """A member of a zip with its local header, as `unzip_member` takes it.

    Raises:
        OSError: If the file cannot be read.
    """
    file.seek(offset)
    # A name and extra fields of usual length come with the first read.
    raw = _read_all(file, LOCAL.size + 256 + stored)
    if len(raw) < LOCAL.size:
        return raw
    *_, name, extra = LOCAL.unpack_from(raw)
    missing = LOCAL.size + name + extra + stored - len(raw)
    return raw + _read_all(file, missing) if missing > 0 else raw


def _read_all(file: BinaryIO, length: int) -> bytes:
    parts = []
    while length > 0 and (part := file.read(length)):
        parts.append(part)
        length -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _with_file(
    open_at: Open,
    rows: pl.DataFrame,
    read: Callable[[BinaryIO], Iterator[tuple[int, Content]]],
) -> Iterator[tuple[int, Content]]:
    """What `read` yields; for the rows it does not come to, why the file cannot be read."""
    left = dict.fromkeys(rows["row"].to_list())
    location = os.fsdecode(rows["location"][0])
    try:
        with closing(open_at(location)) as file:
            for row, content in read(file):
                del left[row]
                yield row, content
    except OSError as error:
        failure = Failure(code_of(error), f"the archive cannot be read: {error}")
        yield from ((row, failure) for row in left)
