"""A file is there whole, under its final name, or it is not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import polars as pl
from numpy.typing import NDArray


@contextmanager
def replacing(target: Path) -> Iterator[IO[bytes]]:
    """A binary file to write to; synced and renamed to `target` when the block ends well.

    Raises:
        OSError: If it cannot be written, a full disk included; nothing is left behind.
    """
    temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(target: Path, text: str) -> None:
    """UTF-8."""
    with replacing(target) as file:
        file.write(text.encode())


def write_array(target: Path, array: NDArray[np.generic]) -> None:
    """NPY, without pickle."""
    with replacing(target) as file:
        np.lib.format.write_array(file, array, allow_pickle=False)


def write_frame(target: Path, frame: pl.DataFrame) -> None:
    """Parquet."""
    with replacing(target) as file:
        frame.write_parquet(file)
