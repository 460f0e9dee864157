"""Who brings which pictures."""

import os
from collections.abc import Iterator, Sequence

import polars as pl

from pixsieve.config import Config
from pixsieve.sources.listing import is_url
from pixsieve.sources.opening import Opener
from pixsieve.sources.places import Content, Failure, Fetcher

#: Bytes that one file may have for each pixel that is allowed, as in Rust.
BYTES_PER_PIXEL = 7


def most_bytes(config: Config) -> int:
    """Larger files are refused."""
    return config.max_pixels * BYTES_PER_PIXEL


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
        detail = "it was in memory, and went after the run"
        for row in rows["row"]:
            yield row, Failure("missing_file", detail)


def fetchers(
    rows: pl.DataFrame, given: tuple[Fetcher, ...], config: Config
) -> Iterator[tuple[Fetcher, pl.DataFrame]]:
    """Each fetcher with the rows that it brings.

    Raises:
        ImportError: If a package is missing that one of them needs.
    """
    if rows.is_empty():
        return
    kind = rows["kind"].cast(pl.String)
    remote = pl.Series([is_url(os.fsdecode(one)) for one in rows["location"]], dtype=pl.Boolean)
    # One fetcher shares its connections among all that it can read.
    far = remote & kind.is_in(["file", "member", "zipped"])
    near = ~remote & kind.is_in(["member", "zipped"])
    if far.any():
        from pixsieve.sources.cloud import RemoteFetcher  # noqa: PLC0415 - for remote inputs

        yield RemoteFetcher(config), rows.filter(far)
    if near.any():
        from pixsieve.sources.archives.fetching import MemberFetcher  # noqa: PLC0415 - for archives

        yield MemberFetcher(Opener(config), most_bytes=most_bytes(config)), rows.filter(near)
    for name in kind.filter(~far & ~near).unique(maintain_order=True):
        part = rows.filter(~far & ~near & (kind == name))
        if name == "given":
            yield from _given(part, given)
        else:
            yield _fetcher(name, config), part


def _given(
    rows: pl.DataFrame, given: tuple[Fetcher, ...]
) -> Iterator[tuple[Fetcher, pl.DataFrame]]:
    for location in rows["location"].unique(maintain_order=True):
        number = int(location)
        part = rows.filter(pl.col("location") == location)
        yield (given[number] if number < len(given) else Gone()), part


def _fetcher(kind: str, config: Config) -> Fetcher:
    if kind == "streamed":
        from pixsieve.sources.archives.fetching import StreamedFetcher  # noqa: PLC0415 - for archives

        return StreamedFetcher(Opener(config), most_bytes=most_bytes(config))
    if kind == "row":
        from pixsieve.sources.tables.parquet import ParquetRows  # noqa: PLC0415 - for Parquet files

        return ParquetRows(Opener(config))
    if kind == "frame":
        from pixsieve.sources.videos.frames import VideoFetcher  # noqa: PLC0415 - for videos

        return VideoFetcher(Opener(config).or_path, config)
    return Nothing()
