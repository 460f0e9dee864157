"""Datasets of Hugging Face, passed as objects."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from pixsieve.sources.places import Content, Failure
from pixsieve.sources.tables.classes import with_class_names
from pixsieve.sources.tables.columns import (
    PictureColumn,
    named_rows,
    path_column,
    picture_column,
    user_columns,
)
from pixsieve.sources.tables.given import Given, cells_or_files, given_rows, joined, of_cell
from pixsieve.sources.tables.paths import list_paths

#: Rows that are in memory at the same time, of the cells of pictures.
ROWS = 64


def is_huggingface(source: object) -> bool:
    """Whether an input is a dataset of Hugging Face's, or splits of these."""
    if isinstance(source, Mapping):
        return bool(source) and all(map(is_huggingface, source.values()))
    return hasattr(source, "features") and hasattr(source, "with_format")


def list_huggingface(dataset: Any, *, shown: str = "dataset", prefix: str = "") -> Given:
    """The pictures of a dataset; of several splits, with a column `split`.

    Nothing is decoded: the cells bring bytes, or are files by their paths. Classes are given by
    their names.

    Args:
        dataset: A dataset, or a mapping of splits.
        shown: What its rows are called.
        prefix: What stands before the names of its pictures.

    Raises:
        ValueError: If the dataset is streamed, or which column holds the pictures is not clear.
    """
    if isinstance(dataset, Mapping):
        parts = [
            (str(split), one, list_huggingface(one, shown=f"{shown}/{split}", prefix=str(split)))
            for split, one in dataset.items()
        ]
        return joined([(split, len(one), given) for split, one, given in parts], shown)
    if not hasattr(dataset, "__len__"):
        raise ValueError(
            f"{shown}: a streamed dataset can be read only once, and its length is not known: load "
            "it without streaming=True, or take a part: "
            "datasets.Dataset.from_list(list(dataset.take(1000)), features=dataset.features)"
        )
    arrow = dataset.with_format("arrow")
    features = {} if dataset.features is None else dict(dataset.features)
    known = [name for name, feature in features.items() if type(feature).__name__ == "Image"]
    schema = dict(_as_frame(arrow[:0]).schema)
    column = picture_column(schema, shown, known)
    user = _user(arrow, features, [] if column is None else [column.name])
    if column is None:
        name = path_column(user.columns) or ""
        files = list_paths(
            user[name].cast(pl.String).to_list(),
            described=shown,
            user=user_columns(user, [name]),
        )
        return Given(files.frame, files.notes, None)
    return _list_cells(arrow, column, user, shown, prefix)


def _as_frame(table: Any) -> pl.DataFrame:
    return pl.DataFrame(table)


def _user(arrow: Any, features: Mapping[str, Any], leave_out: list[str]) -> pl.DataFrame:
    names = [name for name in arrow.column_names if name not in leave_out]
    if not names:
        return pl.DataFrame()
    return with_class_names(_as_frame(arrow.select_columns(names)[:]), features)


def _list_cells(
    arrow: Any, column: PictureColumn, user: pl.DataFrame, shown: str, prefix: str
) -> Given:
    rows = len(arrow)
    cells = arrow.select_columns([column.name])
    filled, size, paths = _survey(cells, column)
    name = path_column(user.columns)
    names = paths if name is None else user[name]
    called = named_rows(names, rows, shown=prefix, relative=prefix, fallback=shown)
    numbered = called["path"].str.contains("#row=", literal=True).any()
    listed = given_rows(called, rows, shown, size)
    others = user_columns(user, [name] if name and not numbered else [])
    pictures, notes = cells_or_files(listed, filled, paths, others, shown)
    return Given(pictures, notes, _Cells(cells, column.name))


def _survey(cells: Any, column: PictureColumn) -> tuple[pl.Series, pl.Series, pl.Series | None]:
    """Which cells have bytes, how many, and the paths beside them."""
    lengths, paths = [], []
    for table in cells.iter(batch_size=1024):
        frame = _as_frame(table)
        cell = pl.col(column.name)
        data = cell if column.bytes is None else cell.struct.field(column.bytes)
        size = data.bin.size() if column.holds_bytes else pl.lit(None, dtype=pl.UInt32)
        path = pl.lit(None) if column.path is None else cell.struct.field(column.path)
        small = frame.select(size=size, path=path.cast(pl.String), row=cell.is_null())
        lengths.append(small["size"])
        paths.append(small["path"])
    if not lengths:
        lengths, paths = [pl.Series(dtype=pl.UInt32)], [pl.Series(dtype=pl.String)]
    sizes = pl.concat(lengths)
    return (
        sizes.is_not_null(),
        sizes.fill_null(0),
        None if column.path is None else pl.concat(paths),
    )


class _Cells:
    """Brings the cells of a column, some at a time."""

    def __init__(self, cells: Any, column: str) -> None:
        self._cells = cells
        self._column = column

    def fetch(self, rows: pl.DataFrame) -> Iterator[tuple[int, Content]]:
        """Yields the bytes of each row, in the order of the dataset."""
        for part in rows.select("row", "offset").sort("offset").iter_slices(ROWS):
            offsets = part["offset"].to_list()
            first, last = offsets[0], offsets[-1]
            together = last - first + 1 == len(offsets)
            try:
                table = self._cells[first : last + 1] if together else self._cells[offsets]
                cells = [of_cell(cell) for cell in table[self._column].to_pylist()]
            except Exception as error:  # noqa: BLE001 - the package of the user's may raise anything
                cells = [Failure("corrupt", f"{type(error).__name__}: {error}")] * len(offsets)
            yield from zip(part["row"], cells, strict=True)
