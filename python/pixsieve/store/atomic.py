"""A file is there whole, under its final name, or it is not there."""

import errno
import hashlib
import io
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import numpy as np
import polars as pl
from numpy.typing import NDArray

FULL = (errno.ENOSPC, errno.EDQUOT)
#: What follows the name of a file while it is written: process and a random token.
_TEMPORARY = re.compile(r"\.\d+\.[0-9a-f]{8}\.tmp")


def temporary_of(name: str) -> str | None:
    """The name of the file that this temporary file would have become; None if it is not ours."""
    match = _TEMPORARY.search(name)
    return name[: match.start()] if match and match.end() == len(name) else None


@contextmanager
def replacing(target: Path, *, synced: bool = True) -> Iterator[IO[bytes]]:
    """A binary file to write to; synced and renamed to `target` when the block ends well.

    What can be made again at once need not be `synced`: that takes some milliseconds.

    Raises:
        OSError: If it cannot be written, a full disk included; nothing is left behind.
    """
    temporary = target.with_name(f"{target.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield file
            file.flush()
            if synced:
                os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        _remove(temporary)
        full = "the disk is full; make room and try again: what is finished stays"
        raise OSError(
            error.errno, full if error.errno in FULL else error.strerror, str(target)
        ) from None
    except BaseException:
        _remove(temporary)
        raise


def _remove(path: Path) -> None:
    # Where its folder could not be made, or is a file, it is not there either.
    with suppress(FileNotFoundError, NotADirectoryError):
        path.unlink()


def write_text(target: Path, text: str) -> None:
    """UTF-8."""
    with replacing(target) as file:
        file.write(text.encode())


def write_array(target: Path, array: NDArray[np.generic]) -> None:
    """NPY, without pickle."""
    with replacing(target) as file:
        # Not write_array: it hands the file to C, which loses the reason of a failure.
        header = np.lib.format.header_data_from_array_1_0(array)
        np.lib.format.write_array_header_1_0(file, header)
        file.write(np.ascontiguousarray(array).data)


#: Where a Parquet file says what it was made from.
_NOTE = "pixsieve"


def write_frame(target: Path, frame: pl.DataFrame, *, note: str | None = None) -> None:
    """Parquet; `note` goes into its metadata."""
    with replacing(target) as file:
        try:
            frame.write_parquet(file, metadata=None if note is None else {_NOTE: note})
        except pl.exceptions.PolarsError as error:
            # Polars tells a full disk in words only.
            number = re.search(r"\(os error (\d+)\)", str(error))
            if number is None:
                raise
            raise OSError(int(number[1]), str(error)) from None


def checksum(path: Path) -> str:
    """BLAKE2b of the file's bytes, as hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def checksum_of(data: bytes) -> str:
    """As `checksum`, of bytes."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def read_frame(data: bytes, *, note: str | None = None) -> pl.DataFrame:
    """Parquet, from memory: Polars cannot open a path that is not UTF-8.

    Raises:
        ValueError: If a note was asked for, and it holds another.
    """
    if note is not None and pl.read_parquet_metadata(io.BytesIO(data)).get(_NOTE) != note:
        raise ValueError("made from something else")
    return pl.read_parquet(io.BytesIO(data))
