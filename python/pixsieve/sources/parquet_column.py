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
from pixsieve.sources.parquet_pages import DICTIONARY, Page, pages_of
from pixsieve.sources.thrift import STRUCT, Struct

#: Bytes of pages that are decoded together, unpacked; a single page may have more.
TOGETHER = 8 << 20


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
        pages: Iterator[Page] | None = None
        while reached <= wanted[-1]:
            try:
                chunk = chunk or chunk_of(group, self._leaf)
                pages = self._pages(group, first, rows) if pages is None else pages
                page = next(pages)
            except (*DAMAGED, StopIteration, OSError):
                yield from self._decoded(chunk, dictionary, batch)
                yield Run(reached, first + rows - reached, None)
                return
            if page.kind == DICTIONARY:
                dictionary = page
                continue
            reached = page.first + page.values
            hit = bisect_left(wanted, page.first) < bisect_left(wanted, reached)
            if hit:
                batch.append(page)
            if not hit or sum(one.unpacked for one in batch) >= TOGETHER:
                yield from self._decoded(chunk, dictionary, batch)
                batch = []
        yield from self._decoded(chunk, dictionary, batch)

    def _pages(self, group: Struct, first: int, rows: int) -> Iterator[Page]:
        chunk = chunk_of(group, self._leaf)
        return pages_of(self._file, *place_of(chunk), first=first, values=rows)

    def _decoded(
        self, chunk: Struct, dictionary: Page | None, pages: Sequence[Page]
    ) -> Iterator[Run]:
        if not pages:
            return
        rows = sum(page.values for page in pages)
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
