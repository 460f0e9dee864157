"""Parts of a Parquet file, put into a smaller one in memory for Polars to decode.

Polars itself reads no less than a row group of a file, which may be all of it, and needs whole
files where they are remote.
"""

import io
import json
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Self

import polars as pl

from pixsieve.sources.thrift import I32, I64, LIST, STRUCT, Reader, Struct, write_struct

MAGIC = b"PAR1"
#: What Polars raises for bytes that are no Parquet; its panics are no `Exception`.
BROKEN = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError)
#: What our own reading of damaged structs raises.
DAMAGED = (ValueError, EOFError, KeyError, TypeError, IndexError, AttributeError)

#: Fields of the structs that Parquet's `parquet.thrift` describes.
ROOT_VERSION, ROOT_SCHEMA, ROOT_ROWS, ROOT_GROUPS, ROOT_PAIRS, ROOT_WRITER = range(1, 7)
ELEMENT_REPETITION, ELEMENT_NAME, ELEMENT_CHILDREN = 3, 4, 5
GROUP_COLUMNS, GROUP_BYTES, GROUP_ROWS = 1, 2, 3
COLUMN_FILE, COLUMN_OFFSET, COLUMN_META = 1, 2, 3
META_VALUES, META_UNPACKED, META_PACKED = 5, 6, 7
META_DATA, META_DICTIONARY, META_STATISTICS = 9, 11, 12
#: What of a chunk's description stays true in a smaller file: type, encodings, path, codec, sizes.
META_KEPT = (1, 2, 3, 4, META_VALUES, META_UNPACKED, META_PACKED, META_DATA, META_DICTIONARY)
REPEATED = 2


class File:
    """Ranges of a file: of one on this machine, or of anything that seeks and reads."""

    def __init__(self, source: bytes | BinaryIO) -> None:
        """`source` is opened here if it is a path, and closed at the end of the context."""
        self._own = isinstance(source, bytes)
        self._file: BinaryIO = open(source, "rb") if isinstance(source, bytes) else source  # noqa: PTH123, SIM115 - names may not be UTF-8
        self._lock = threading.Lock()
        self.size = self._file.seek(0, os.SEEK_END)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._own:
            self._file.close()

    def read(self, offset: int, size: int) -> bytes:
        """So many bytes from there on; fewer at the end."""
        with self._lock:
            self._file.seek(offset)
            return bytes(self._file.read(size))


@dataclass(frozen=True)
class Node:
    """A column, a field in it, or all columns."""

    element: Struct
    children: list["Node"]
    leaf: int
    """Its number among the columns that hold values; of a struct, that of its first one."""

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.element[ELEMENT_NAME][1].decode("utf-8", "replace"))

    @property
    def repeated(self) -> bool:
        """Whether a row may have several of it."""
        repetition: int = self.element.get(ELEMENT_REPETITION, (I32, 0))[1]
        return repetition == REPEATED

    def flat(self) -> Iterator["Node"]:
        """Itself and all below."""
        yield self
        for child in self.children:
            yield from child.flat()

    def written(self) -> Iterator[Struct]:
        """Itself and all below, as a file lists them."""
        for node in self.flat():
            count = {ELEMENT_CHILDREN: (I32, len(node.children))} if node.children else {}
            yield node.element | count

    def pruned(self, children: list["Node"]) -> "Node":
        """With these children only."""
        return Node(self.element, children, self.leaf)


class Footer:
    """What a Parquet file says of itself at its end."""

    def __init__(self, file: File) -> None:
        """Reads it.

        Raises:
            ValueError: If the file is none of Parquet's, damaged there, or encrypted.
        """
        tail = file.read(max(0, file.size - 8), 8)
        if tail[4:] == b"PARE":
            raise ValueError("it is encrypted")
        size = int.from_bytes(tail[:4], "little")
        if tail[4:] != MAGIC or size > file.size - 12:
            raise ValueError("its end is not that of a Parquet file: it may have been cut off")
        self.raw = file.read(file.size - 8 - size, size)
        try:
            self.fields = Reader(self.raw).struct()
            self.rows = int(self.fields[ROOT_ROWS][1])
            self.groups: list[Struct] = self.fields[ROOT_GROUPS][1][1]
            self.root = _tree(self.fields[ROOT_SCHEMA][1][1])
            rows = sum(group_rows(group) for group in self.groups)
        except (*DAMAGED, RecursionError):
            raise ValueError("its end is damaged") from None
        if rows != self.rows:
            raise ValueError("its end is damaged: its row groups have other numbers of rows")

    def schema(self) -> dict[str, pl.DataType]:
        """The columns as Polars would read them."""
        alone = MAGIC + self.raw + len(self.raw).to_bytes(4, "little") + MAGIC
        return dict(pl.read_parquet_schema(io.BytesIO(alone)))

    def features(self) -> dict[str, Any]:
        """What Hugging Face wrote down of the columns."""
        for pair in self.fields.get(ROOT_PAIRS, (LIST, (STRUCT, [])))[1][1]:
            if pair[1][1] == b"huggingface":
                try:
                    features = json.loads(pair[2][1])["info"]["features"]
                except DAMAGED:
                    return {}
                return features if isinstance(features, dict) else {}
        return {}


def group_rows(group: Struct) -> int:
    """The rows of a row group."""
    return int(group[GROUP_ROWS][1])


def _tree(elements: Sequence[Struct]) -> Node:
    position = leaves = 0

    def node() -> Node:
        nonlocal position, leaves
        element, first = elements[position], leaves
        position += 1
        count = element.get(ELEMENT_CHILDREN, (I32, 0))[1]
        children = [node() for _ in range(count)]
        leaves += not count
        return Node(element, children, first)

    return node()


def chunk_of(group: Struct, leaf: int) -> Struct:
    """What a row group says of a column.

    Raises:
        ValueError: If the column lies in another file.
    """
    column: Struct = group[GROUP_COLUMNS][1][1][leaf]
    if COLUMN_FILE in column:
        raise ValueError("its columns lie in other files")
    chunk: Struct = column[COLUMN_META][1]
    return chunk


def place_of(chunk: Struct) -> tuple[int, int]:
    """Where the pages of a chunk begin and end."""
    data = chunk[META_DATA][1]
    dictionary = chunk.get(META_DICTIONARY, (I64, 0))[1]
    first = dictionary if 4 <= dictionary < data else data
    return first, first + chunk[META_PACKED][1]


def moved(chunk: Struct, first: int, **changed: int) -> Struct:
    """The description of a chunk whose pages now begin at `first`."""
    begin, _ = place_of(chunk)
    kept = {number: value for number, value in chunk.items() if number in META_KEPT}
    data = chunk[META_DATA][1]
    kept[META_DATA] = (I64, changed.get("data", data - begin + first))
    kept.pop(META_DICTIONARY, None)
    if changed.get("dictionary", begin < data):
        kept[META_DICTIONARY] = (I64, first)
    for name, number in (("values", META_VALUES), ("unpacked", META_UNPACKED)):
        if name in changed:
            kept[number] = (I64, changed[name])
    if "packed" in changed:
        kept[META_PACKED] = (I64, changed["packed"])
    return kept


def small_file(
    footer: Footer, root: Node, groups: Sequence[tuple[int, Sequence[Struct]]], body: bytes
) -> bytes:
    """A Parquet file of some columns.

    Args:
        footer: That of the file they come from.
        root: The columns.
        groups: Of each row group the number of rows, and what it says of its chunks.
        body: The chunks.
    """
    described = []
    for rows, chunks in groups:
        columns = [{COLUMN_OFFSET: (I64, 4), COLUMN_META: (STRUCT, chunk)} for chunk in chunks]
        described.append(
            {
                GROUP_COLUMNS: (LIST, (STRUCT, columns)),
                GROUP_BYTES: (I64, sum(chunk[META_UNPACKED][1] for chunk in chunks)),
                GROUP_ROWS: (I64, rows),
            }
        )
    fields: Struct = {
        ROOT_VERSION: footer.fields[ROOT_VERSION],
        ROOT_SCHEMA: (LIST, (STRUCT, list(root.written()))),
        ROOT_ROWS: (I64, sum(rows for rows, _ in groups)),
        ROOT_GROUPS: (LIST, (STRUCT, described)),
    }
    if ROOT_WRITER in footer.fields:
        fields[ROOT_WRITER] = footer.fields[ROOT_WRITER]
    end = write_struct(fields)
    return b"".join([MAGIC, body, end, len(end).to_bytes(4, "little"), MAGIC])
