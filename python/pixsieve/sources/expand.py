"""Files that hold pictures become the pictures that they hold."""

import os
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import polars as pl

from pixsieve.config import Config
from pixsieve.sources.files import (
    ARCHIVE_EXTENSIONS,
    PICTURE_EXTENSIONS,
    VIDEO_EXTENSIONS,
    Progress,
    extension_of,
)
from pixsieve.sources.listing import Listing, combined, is_url, nothing
from pixsieve.sources.opening import Opener
from pixsieve.sources.places import LISTED
from pixsieve.sources.tables.columns import NoPicturesError

#: Bytes to ask for at once, where each request costs.
STEP = 1 << 18
HOLDING = (*ARCHIVE_EXTENSIONS, *VIDEO_EXTENSIONS, "parquet")


def expanded(
    listing: Listing, *, config: Config, progress: Progress, alone: bool = False
) -> Listing:
    """The pictures of a listing, with those in its archives, videos and Parquet files.

    Parquet files that have nothing to do with pictures are left out, unless one is given `alone`.

    Raises:
        ImportError: If a Parquet file is given `alone`, and pyarrow is not installed.
        ValueError: If there are no pictures in such a file.
    """
    extensions = pl.Series([extension_of(path) for path in listing.frame["path"]], dtype=pl.String)
    whole = listing.frame["kind"] == "file"
    holding = whole & extensions.is_in(HOLDING)
    if not holding.any():
        return listing
    plain = listing.frame.filter(~holding)
    parts = [Listing(plain, listing.folder, listing.notes, given=listing.given)]
    opener = Opener(config)
    containers = listing.frame.filter(holding)
    extra = [name for name in containers.columns if name not in LISTED]
    for row, extension in zip(
        containers.iter_rows(named=True), extensions.filter(holding), strict=True
    ):
        for part in _held(row, extension, opener, config, progress, alone=alone):
            known = [pl.lit(row[name]).alias(name) for name in extra if row[name] is not None]
            missing = [one for one in known if one.meta.output_name() not in part.frame.columns]
            parts.append(Listing(part.frame.with_columns(missing), notes=part.notes))
    together = combined(parts)
    return Listing(
        together.frame, listing.folder, together.notes, listing.annotations, listing.given
    )


def _held(
    row: dict[str, Any],
    extension: str,
    opener: Opener,
    config: Config,
    progress: Progress,
    *,
    alone: bool,
) -> Iterator[Listing]:
    if extension in VIDEO_EXTENSIONS:
        yield _video(row, opener, config)
    elif extension == "parquet":
        try:
            yield _parquet(row, opener, alone=alone)
        except NoPicturesError:
            if alone:
                raise
            yield Listing(pl.DataFrame(schema=LISTED), notes={"not_pictures": 1})
    else:
        yield _archive(row, opener, config, progress)


def _archive(row: dict[str, Any], opener: Opener, config: Config, progress: Progress) -> Listing:
    from pixsieve.sources.archives.listing import list_archive  # noqa: PLC0415 - needed only for them

    location = os.fsdecode(row["location"])
    try:
        file = opener(location)
    except OSError as error:
        return _unread(row, error)
    with file:
        frame, notes = list_archive(
            file,
            shown=row["path"],
            relative=row["relative"],
            location=location,
            size=row["size"] or file.seek(0, os.SEEK_END),
            modified=row["modified"],
            extensions=PICTURE_EXTENSIONS,
            hidden=config.hidden,
            step=STEP if is_url(location) else None,
            progress=progress,
        )
    return Listing(frame, notes=notes)


def _video(row: dict[str, Any], opener: Opener, config: Config) -> Listing:
    from pixsieve.sources.videos import listing as videos  # noqa: PLC0415 - seldom

    place = {name: row[name] for name in ("relative", "location", "modified")}
    if not videos.available():
        return Listing(videos.unread_video(shown=row["path"], **place, failure=None))
    location = os.fsdecode(row["location"])
    try:
        file = opener(location) if is_url(location) else None
    except OSError as error:
        return _unread(row, error)
    try:
        frame = videos.list_video(
            location if file is None else file,
            shown=row["path"],
            size=row["size"],
            frames=config.video_frames,
            **place,
        )
    finally:
        if file is not None:
            file.close()
    return Listing(frame)


def _parquet(row: dict[str, Any], opener: Opener, *, alone: bool) -> Listing:
    from pixsieve.sources.tables.parquet import list_parquet  # noqa: PLC0415 - needed only for them

    location = os.fsdecode(row["location"])
    try:
        with opener(location) if is_url(location) else nullcontext() as file:
            found = list_parquet(
                location,
                shown=row["path"],
                relative=row["relative"],
                file=file,
                modified=row["modified"],
            )
    except ImportError as error:
        if alone:
            raise
        return _unread(row, error)
    except NoPicturesError:
        raise
    except (OSError, ValueError) as error:
        return _unread(row, error)
    return Listing(found.frame, notes=found.notes)


def _unread(row: dict[str, Any], error: Exception) -> Listing:
    code = "corrupt"
    if isinstance(error, FileNotFoundError):
        code = "missing_file"
    elif isinstance(error, PermissionError):
        code = "permission_denied"
    elif isinstance(error, ImportError):
        code = "unknown_format"
    location = os.fsdecode(row["location"])
    return Listing(nothing(row["path"], row["relative"], location, code, str(error)))
