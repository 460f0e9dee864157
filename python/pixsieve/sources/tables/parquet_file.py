"""Parquet files as pyarrow reads them, a few rows at a time."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import polars as pl

NEEDS_PYARROW = "reading Parquet needs pyarrow: pip install 'pixsieve[parquet]'"

#: Bytes that are read at once; pyarrow would else read all that a row group has of a column.
BUFFER = 1 << 20
#: Bytes, and rows, that are decoded at once: where pictures differ in size, so do the bytes.
TOGETHER = 8 << 20
MOST_ROWS = 64
#: Bytes of a row, with its other columns, in which a picture is not likely.
MOST_PER_NULL = 1 << 10


class ParquetFile:
    """An opened file, whatever it is that seeks and reads."""

    def __init__(self, source: BinaryIO) -> None:
        """Reads the end of the file.

        Raises:
            ImportError: If pyarrow is not installed.
            ValueError: If it is none of Parquet's, damaged there, or encrypted.
        """
        parquet = _pyarrow().parquet
        with _readable():
            self._file = parquet.ParquetFile(
                source, buffer_size=BUFFER, pre_buffer=False, page_checksum_verification=True
            )
            self._read_end()

    def _read_end(self) -> None:
        known = self._file.metadata
        self.rows: int = known.num_rows
        self.groups: list[int] = [
            known.row_group(number).num_rows for number in range(known.num_row_groups)
        ]
        if min([self.rows, *self.groups]) < 0 or sum(self.groups) != self.rows:
            raise ValueError("its row groups have other numbers of rows than the file")
        # Fails where a name is not UTF-8, before Polars panics.
        leaves = known.schema
        self._leaves: list[str] = [leaves.column(at).path for at in range(len(leaves))]
        self.schema = pl.Schema(self._file.schema_arrow)
        #: What Hugging Face wrote down of the columns.
        self.features = _features(known.metadata or {})

    def is_null(self, leaf: Sequence[str]) -> bool:
        """Whether all cells of a column, or of a field in it, are null.

        To read a column of nulls takes next to no time, but not one of pictures; so it is not
        read where a row group has more bytes than nulls could take.
        """
        try:
            return all(
                self._size(group) <= rows * MOST_PER_NULL
                and all(cell is None for cells in self.cells(group, leaf) for cell in cells)
                for group, rows in enumerate(self.groups)
            )
        except ValueError:
            return False

    def columns(self, leave_out: Sequence[str]) -> pl.DataFrame:
        """All columns but one, or all but a field of one.

        Raises:
            ValueError: If they are damaged.
        """
        with _readable():
            left = [path for path in self._leaves if path != ".".join(leave_out)]
            if not left:
                return pl.DataFrame()
            frame = pl.DataFrame(
                [_plain(one) for one in pl.DataFrame(self._file.read(columns=left))]
            )
            if frame.height != self.rows:
                raise ValueError("its columns have another number of rows than the file")
            return frame

    def cells(self, group: int, leaf: Sequence[str]) -> Iterator[list[Any]]:
        """The cells of a column, or of a field in it, in a row group, a few at a time.

        Raises:
            ValueError: Where it is damaged: what follows in the row group cannot be read.
        """
        with _readable():
            batches = self._file.iter_batches(
                self._batch_size(group),
                row_groups=[group],
                columns=[".".join(leaf)],
                use_threads=False,
            )
        while True:
            with _readable():
                batch = next(batches, None)
                if batch is None:
                    return
                found = batch.column(leaf[0]).to_pylist()
            for name in leaf[1:]:
                found = [None if cell is None else cell[name] for cell in found]
            yield found

    def _batch_size(self, group: int) -> int:
        rows = TOGETHER * self.groups[group] // max(1, self._size(group))
        return max(1, min(MOST_ROWS, rows))

    def _size(self, group: int) -> int:
        """The unpacked bytes of all columns, if the file says so."""
        # What it says of a single column must not be asked for: where that is damaged, pyarrow
        # ends the process.
        return int(self._file.metadata.row_group(group).total_byte_size)


def _plain(column: pl.Series) -> pl.Series:
    """As text if it holds categories, as what it stores if its type is an extension of Arrow."""
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    return column.ext.storage() if isinstance(column.dtype, pl.BaseExtension) else column


def open_local(location: bytes) -> Any:
    """A file on this machine, opened for `ParquetFile`.

    Raises:
        ImportError: If pyarrow is not installed.
        OSError: If it cannot be opened.
    """
    return _pyarrow().OSFile(location)


def _pyarrow() -> Any:
    try:
        import pyarrow.parquet  # noqa: PLC0415 - needed only for Parquet
    except ImportError:
        raise ImportError(NEEDS_PYARROW) from None
    return pyarrow


@contextmanager
def _readable() -> Iterator[None]:
    """What pyarrow and Polars raise for damaged files becomes a ValueError of one line."""
    pyarrow = _pyarrow()
    try:
        yield
    except (FileNotFoundError, PermissionError):
        raise
    except (
        *(pyarrow.ArrowException, pl.exceptions.PolarsError, pl.exceptions.PanicException),
        *(OSError, ValueError, TypeError, LookupError, NotImplementedError, MemoryError),
    ) as error:
        raise ValueError(str(error).partition("\n")[0] or type(error).__name__) from None


def _features(pairs: dict[bytes, bytes]) -> dict[str, Any]:
    try:
        features = json.loads(pairs[b"huggingface"])["info"]["features"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}
    return features if isinstance(features, dict) else {}
