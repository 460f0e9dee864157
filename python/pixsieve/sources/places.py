"""Where a picture lies, and what comes out of there: the terms that all sources share."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

#: How a picture is come by. Rust reads the first three itself where they are on this machine; the
#: others are brought to it by a `Fetcher`.
KINDS = (
    "file",  # a whole file or object
    "member",  # `stored` bytes of a file or object from `offset` on, as in a plain tar
    "zipped",  # a member of a zip whose local header is at `offset`; `stored` bytes give `size`
    "streamed",  # of a compressed tar: `size` bytes from `offset` on of what it unpacks to
    "row",  # of a Parquet file: row `offset`
    "frame",  # of a video: the one shown at `offset`, in units of the stream's time base
    "given",  # item `offset` of an object that the user passed, which is gone after the run
    "nothing",  # there is no picture, as `error_code` and `detail` say
)

#: One row per picture that an input lists. Columns that follow these are what the input itself
#: knows of its pictures: `label`, `split`, and any others, which travel into every result.
LISTED = pl.Schema(
    {
        "path": pl.String(),  # as users see it, such as shards/0001.tar/cat.jpg, film.mp4#t=2.5
        "relative": pl.String(),  # what annotations may call it: relative to the input
        "location": pl.Binary(),  # absolute path, or URL, of the file that holds it
        "kind": pl.Enum(KINDS),
        "offset": pl.UInt64(),
        # Bytes it takes there, 0 where that is not known; of a frame, those decoded before it.
        "stored": pl.UInt64(),
        "size": pl.UInt64(),  # bytes of the picture's file; 0 where that is not known
        "check": pl.UInt32(),  # CRC-32 of them, or null
        "modified": pl.Int64(),  # of the file that holds it, nanoseconds since 1970; 0 if unknown
        "error_code": pl.String(),  # why there is no picture, where that is known beforehand
        "detail": pl.String(),
    }
)


@dataclass(frozen=True)
class Failure:
    """Why there is no picture: an error code of `invalid_instances()`, and a sentence."""

    code: str
    detail: str


@dataclass(frozen=True)
class Pixels:
    """A picture that needs no decoding any more."""

    array: NDArray[np.uint8]
    """(h, w, 3) upright RGB, contiguous."""
    format: str
    """What it was decoded from, lower case: `h264`, `heif`."""


#: An encoded picture (any format), a decoded one, or neither.
Content: TypeAlias = bytes | Pixels | Failure


class Fetcher(Protocol):
    """Brings pictures that Rust cannot read itself."""

    def fetch(self, rows: pl.DataFrame) -> Iterator[tuple[int, Content]]:
        """Yields what each row holds, in any order, every row exactly once.

        Args:
            rows: Columns of `LISTED`, and `row`, by which the answers are told apart.

        A row that cannot be had is a `Failure`, not an exception. The iterator may be closed
        before its end, and must then let go of all it holds, threads and files.
        """
