"""A column of bytes in a Parquet file, a few pages at a time."""

import io
import zlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from pixsieve.sources.parquet_file import (
    BROKEN,
    DAMAGED,
    MAGIC,
    META_STATISTICS,
    File,
    Footer,
    Node,
    chunk_of,
    group_rows,
    moved,
    place_of,
    small_file,
)
from pixsieve.sources.thrift import I32, STRUCT, Reader, Struct

#: Bytes of pages that are decoded together, unpacked; a single page may have more.
TOGETHER = 8 << 20
#: The kinds of pages that are read; others, such as those of an index, are passed over.
DATA, DICTIONARY, DATA_V2 = 0, 2, 3
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
    """The number of its first row."""
    rows: int
    check: int | None
    """CRC-32 of what follows the head."""


@dataclass(frozen=True)
class Run:
    """Rows that come together."""

    first: int
    rows: int
    cells: pl.Series | None
    """Of bytes, null where the cell is. None if the pages are damaged."""


class ColumnPages:
    """A column of bytes, or the field of bytes in a column of structs."""

    def __init__(self, file: File, footer: Footer, leaf: Sequence[str]) -> None:
        """`leaf` is the column, and the field in it.

        Raises:
            ValueError: If a row may have several of it, or there is none.
        """
        self._file = file
        self._footer = footer
        chain = [footer.root]
        for name in leaf:
            chain += [node for node in chain[-1].children if node.name == name][:1]
        if len(chain) != len(leaf) + 1 or any(node.repeated for node in chain[1:]):
            raise ValueError(f"there is no column {'.'.join(leaf)} with one value per row")
        self._leaf = chain[-1].leaf
        self._root: Node = chain[-1]
        for node in reversed(chain[:-1]):
            self._root = node.pruned([self._root])

    def null_count(self) -> int | None:
        """How many cells are null, if the file says so."""
        counts = 0
        for group in self._footer.groups:
            statistics = chunk_of(group, self._leaf).get(META_STATISTICS, (STRUCT, {}))[1]
            if 3 not in statistics:
                return None
            counts += int(statistics[3][1])
        return counts

    def runs(self, wanted: Sequence[int]) -> Iterator[Run]:
        """The runs of rows that hold the wanted ones, which are sorted, in this order."""
        first = index = 0
        for group in self._footer.groups:
            rows = group_rows(group)
            after = bisect_left(wanted, first + rows, index)
            if after > index:
                yield from self._of_group(group, first, rows, wanted[index:after])
            index = after
            first += rows

    def _of_group(
        self, group: Struct, first: int, rows: int, wanted: Sequence[int]
    ) -> Iterator[Run]:
        batch: list[Page] = []
        dictionary: Page | None = None
        chunk: Struct = {}
        reached = first
        pages = self._pages(group, first, rows)
        while reached <= wanted[-1]:
            try:
                chunk = chunk or chunk_of(group, self._leaf)
                page = next(pages)
            except (*DAMAGED, StopIteration, OSError):
                yield from self._decoded(chunk, dictionary, batch)
                yield Run(reached, first + rows - reached, None)
                return
            if page.kind == DICTIONARY:
                dictionary = page
                continue
            reached = page.first + page.rows
            hit = bisect_left(wanted, page.first) < bisect_left(wanted, reached)
            if hit:
                batch.append(page)
            if not hit or sum(one.unpacked for one in batch) >= TOGETHER:
                yield from self._decoded(chunk, dictionary, batch)
                batch = []
        yield from self._decoded(chunk, dictionary, batch)

    def _pages(self, group: Struct, first: int, rows: int) -> Iterator[Page]:
        offset, end = place_of(chunk_of(group, self._leaf))
        reached = first
        while offset < end:
            page = self._page(offset, end, reached)
            if page.kind in (DATA, DATA_V2):
                reached += page.rows
                if reached > first + rows:
                    raise ValueError("its pages have more rows than there are")
            if page.kind in (DATA, DATA_V2, DICTIONARY):
                yield page
            offset += page.size

    def _page(self, offset: int, end: int, first: int) -> Page:
        reader, fields = self._head(offset, end)
        kind, unpacked, packed = (int(fields[number][1]) for number in (1, 2, 3))
        described = fields.get({DATA: 5, DATA_V2: 8}.get(kind, 0), (STRUCT, {}))[1]
        rows = int(described[1][1]) if kind in (DATA, DATA_V2) else 0
        size = reader.position + packed
        if min(rows, packed, unpacked) < 0 or offset + size > end:
            raise ValueError("the head of a page is damaged")
        check = fields.get(4, (I32, None))[1]
        return Page(kind, offset, size, reader.position, unpacked, first, rows, check)

    def _head(self, offset: int, end: int) -> tuple[Reader, Struct]:
        for size in HEADS[:-1]:
            reader = Reader(self._file.read(offset, min(size, end - offset)))
            try:
                return reader, reader.struct()
            except EOFError:
                continue
        reader = Reader(self._file.read(offset, min(HEADS[-1], end - offset)))
        return reader, reader.struct()

    def _decoded(
        self, chunk: Struct, dictionary: Page | None, pages: Sequence[Page]
    ) -> Iterator[Run]:
        if not pages:
            return
        rows = sum(page.rows for page in pages)
        try:
            cells = self._cells(chunk, dictionary, pages, rows)
        except (*BROKEN, *DAMAGED):
            if len(pages) == 1:
                yield Run(pages[0].first, rows, None)
                return
            # One of them is damaged; the others need not be lost.
            for page in pages:
                yield from self._decoded(chunk, dictionary, [page])
        else:
            yield Run(pages[0].first, rows, cells)

    def _cells(
        self, chunk: Struct, dictionary: Page | None, pages: Sequence[Page], rows: int
    ) -> pl.Series:
        known = b"" if dictionary is None else self._bytes([dictionary])
        body = known + self._bytes(pages)
        parts = [*pages] if dictionary is None else [dictionary, *pages]
        small = moved(
            chunk,
            len(MAGIC),
            data=len(MAGIC) + len(known),
            dictionary=dictionary is not None,
            values=rows,
            packed=len(body),
            unpacked=sum(page.head + page.unpacked for page in parts),
        )
        source = io.BytesIO(small_file(self._footer, self._root, [(rows, [small])], body))
        column = pl.read_parquet(source).to_series()
        if isinstance(column.dtype, pl.Struct):
            column = column.struct.unnest().to_series()
        if len(column) != rows:
            raise ValueError("its pages have another number of rows")
        return column

    def _bytes(self, pages: Sequence[Page]) -> bytes:
        """Pages that follow each other, with their heads."""
        begin = pages[0].offset
        data = self._file.read(begin, pages[-1].offset + pages[-1].size - begin)
        view = memoryview(data)
        for page in pages:
            if page.check is None:
                continue
            body = view[page.offset + page.head - begin : page.offset + page.size - begin]
            if zlib.crc32(body) != page.check & 0xFFFFFFFF:
                raise ValueError("the checksum of a page is wrong")
        return data
