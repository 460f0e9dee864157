"""Who brings which pictures."""

import os
from collections.abc import Iterator, Sequence

import polars as pl

from pixsieve.config import Config
from pixsieve.sources.listing import is_url
from pixsieve.sources.places import Content, Failure, Fetcher


class Nothing:
    """Says why there is no picture."""

    def fetch(self, rows: pl.DataFrame) -> Iterator[tuple[int, Content]]:
        """A `Failure` for each row."""
        for row, code, detail in rows.select("row", "error_code", "detail").iter_rows():
            yield row, Failure(code or "missing_file", detail or "there is no picture")


class InMemory:
    """Has the pictures, each at the place that `offset` says."""

    def __init__(self, contents: Sequence[Content]) -> None:
        self._contents = contents

    def fetch(self, rows: pl.DataFrame) -> Iterator[tuple[int, Content]]:
        """Each of them."""
        for row, place in rows.select("row", "offset").iter_rows():
            yield row, self._contents[place]


class Gone:
    """Of objects that were passed to the run and are not there any more."""

    def fetch(self, rows: pl.DataFrame) -> Iterator[tuple[int, Content]]:
        """A `Failure` for each row."""
        detail = "it was an object in memory, which only the run itself could read"
        for row in rows["row"]:
            yield row, Failure("missing_file", detail)


def fetchers(
    rows: pl.DataFrame, given: tuple[Fetcher, ...], config: Config
) -> Iterator[tuple[Fetcher, pl.DataFrame]]:
    """Each fetcher with the rows that it brings."""
    if rows.is_empty():
        return
    remote = pl.Series([is_url(os.fsdecode(one)) for one in rows["location"]], dtype=pl.Boolean)
    kinds = rows["kind"].cast(pl.String)
    for kind in kinds.unique(maintain_order=True):
        for far in (False, True):
            part = rows.filter((kinds == kind) & (remote == far))
            if part.is_empty():
                continue
            if kind == "given":
                yield from _given(part, given)
            else:
                yield _fetcher(kind, far, config), part


def _given(
    rows: pl.DataFrame, given: tuple[Fetcher, ...]
) -> Iterator[tuple[Fetcher, pl.DataFrame]]:
    for location in rows["location"].unique(maintain_order=True):
        number = int(location)
        part = rows.filter(pl.col("location") == location)
        yield (given[number] if number < len(given) else Gone()), part


def _fetcher(kind: str, far: bool, config: Config) -> Fetcher:
    return Nothing()
