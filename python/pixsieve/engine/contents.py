"""Pictures as Python sees them: for what works on whole pictures outside of Rust."""

import os
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISREG

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve import _native
from pixsieve.config import Config
from pixsieve.engine.feed import MAX_SIDE
from pixsieve.engine.images import Images
from pixsieve.sources import is_url
from pixsieve.sources.fetchers import fetchers, most_bytes
from pixsieve.sources.files import extension_of
from pixsieve.sources.places import Content, Failure, Pixels

#: A picture by its number, what its file is called, and what is in it.
Brought = tuple[int, str, Content]


def contents(images: Images, config: Config) -> Iterator[Brought]:
    """Every picture once, from wherever it lies, in no order."""
    frame = images.pictures
    here = pl.Series([not is_url(os.fsdecode(one)) for one in frame["location"]], dtype=pl.Boolean)
    plain = here & (frame["kind"] == "file")
    names = dict(zip(frame["row"], frame["path"], strict=True))
    for row, location in frame.filter(plain).select("row", "location").iter_rows():
        yield row, names[row], _read(Path(os.fsdecode(location)), most_bytes(config))
    for fetcher, rows in fetchers(frame.filter(~plain), images.given, config):
        for row, content in fetcher.fetch(rows):
            yield row, names[row], content


def _read(path: Path, most: int) -> Content:
    """The whole file; never waits on a FIFO or a socket."""
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode):
            return Failure("unknown_format", "a folder, FIFO, socket or device, not a file")
        if status.st_size > most:
            return Failure("too_large", f"{status.st_size} bytes: more than {most}")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return Failure("missing_file", "no such file")
    except PermissionError:
        return Failure("permission_denied", "no permission to read the file")
    except OSError as error:
        return Failure("missing_file", f"cannot be read: {error}")


def pixels(brought: Brought, config: Config) -> NDArray[np.uint8] | Failure:
    """The picture in full size, (h, w, 3) upright RGB, or why there is none."""
    _, name, content = brought
    if isinstance(content, Failure):
        return content
    if isinstance(content, Pixels):
        return content.array
    return _decoded(content, extension_of(name), config)


def _decoded(data: bytes, extension: str, config: Config) -> NDArray[np.uint8] | Failure:
    from pixsieve.sources import formats  # noqa: PLC0415 - for few collections

    if formats.needs(data[: formats.HEAD], extension) is not None:
        result = formats.decode(
            data,
            extension=extension,
            max_side=MAX_SIDE,
            max_pixels=config.max_pixels,
            stretch=config.stretch,
        )
        return result if isinstance(result, Failure) else result.array
    try:
        return _native.decode(
            data=data,
            extension=extension,
            max_side=MAX_SIDE,
            max_pixels=config.max_pixels,
            stretch=config.stretch,
        )
    except ValueError as error:
        code, _, detail = str(error).partition(": ")
        return Failure(code, detail)
