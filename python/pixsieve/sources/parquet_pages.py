"""The pages of Parquet files: found, and checked before Polars decodes them.

A wrong number in the head of a page would have Polars ask for any amount of memory, and end the
process when there is not so much.
"""

import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import polars as pl

from pixsieve.sources.parquet_file import (
    MAGIC,
    META_VALUES,
    File,
    Footer,
    chunk_of,
    group_rows,
    moved,
    place_of,
    small_file,
)
from pixsieve.sources.thrift import I32, Reader, Struct

#: The kinds of pages that are read; others, such as those of an index, are passed over.
DATA, DICTIONARY, DATA_V2 = 0, 2, 3
#: Which field of a head describes its kind of page.
DESCRIPTION = {DATA: 5, DICTIONARY: 7, DATA_V2: 8}
#: Heads of pages are looked for in so many bytes; in more if they hold large statistics.
HEADS = (1 << 10, 1 << 16, 1 << 24)


@dataclass(frozen=True)
class Page:
    """A page of values, or of a dictionary."""

    kind: int
    offset: int
    size: int
    """Its bytes in the file."""
    head: int
    """How many of these are its head."""
    unpacked: int
    first: int
    """The number of its first value in the column; of a dictionary, of the next page's."""
    values: int
    """How many it has: of a column without lists, one per row."""
    check: int | None
    """CRC-32 of what follows the head."""


def pages_of(file: File, begin: int, end: int, *, first: int, values: int) -> Iterator[Page]:
    """The pages of a chunk, one after the other.

    Args:
        file: Where they are.
        begin: Where the first begins.
        end: Where the last ends.
        first: The number of the first value.
        values: How many there are in the chunk.

    Raises:
        ValueError, EOFError, KeyError, TypeError: If the head of one is damaged.
    """
    offset, reached = begin, first
    while offset < end:
        page = _page(file, offset, end, reached)
        if page.kind in (DATA, DATA_V2):
            reached += page.values
        if reached > first + values:
            raise ValueError("its pages have more rows than there are")
        if page.kind in DESCRIPTION:
            yield page
        offset += page.size
    if reached != first + values:
        raise ValueError("its pages have fewer rows than there are")


def _page(file: File, offset: int, end: int, first: int) -> Page:
    reader, fields = _head(file, offset, end)
    kind, unpacked, packed = (int(fields[number][1]) for number in (1, 2, 3))
    description = fields[DESCRIPTION[kind]][1] if kind in DESCRIPTION else {1: (I32, 0)}
    values = int(description[1][1])
    size = reader.position + packed
    largest = unpacked if kind == DICTIONARY else (1 << 31) - 1
    if min(values, packed, unpacked) < 0 or offset + size > end or values > largest:
        raise ValueError("the head of a page is damaged")
    if kind == DATA_V2:
        _check_levels(description, packed)
    check = fields.get(4, (I32, None))[1]
    return Page(kind, offset, size, reader.position, unpacked, first, values, check)


def _check_levels(description: Struct, packed: int) -> None:
    levels = [int(description.get(number, (I32, 0))[1]) for number in (5, 6)]
    if min(levels) < 0 or sum(levels) > packed:
        raise ValueError("the head of a page is damaged")


def _head(file: File, offset: int, end: int) -> tuple[Reader, Struct]:
    for size in HEADS:
        reader = Reader(file.read(offset, min(size, end - offset)))
        try:
            return reader, reader.struct()
        except EOFError:
            if size == HEADS[-1]:
                raise
    raise AssertionError("there is a last size")


def read_columns(
    file: File, footer: Footer, leave_out: Collection[tuple[str, ...]]
) -> pl.DataFrame:
    """All columns but some, or but some fields of these.

    Raises:
        ValueError, EOFError, KeyError, TypeError, OSError, PolarsError, PanicException: If their
            pages are damaged.
    """
    columns = []
    for column in footer.root.children:
        fields = [field for field in column.children if (column.name, field.name) not in leave_out]
        if (column.name,) not in leave_out and (fields or not column.children):
            columns.append(column.pruned(fields))
    root = footer.root.pruned(columns)
    leaves = [node for node in root.flat() if not node.children]
    if not columns:
        return pl.DataFrame()
    parts, groups, first = [], [], len(MAGIC)
    for group in footer.groups:
        chunks = []
        for leaf in leaves:
            chunk = chunk_of(group, leaf.leaf)
            begin, end = place_of(chunk)
            data = file.read(begin, end - begin)
            _check(data, chunk)
            chunks.append(moved(chunk, first))
            parts.append(data)
            first += len(data)
        groups.append((group_rows(group), chunks))
    return pl.read_parquet(io.BytesIO(small_file(footer, root, groups, b"".join(parts))))


def _check(data: bytes, chunk: Struct) -> None:
    values = int(chunk[META_VALUES][1])
    with File(io.BytesIO(data)) as pages:
        for _ in pages_of(pages, 0, len(data), first=0, values=values):
            pass
