"""The images of a call: which pictures they are of, where those lie, and which parts are meant."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl

from pixsieve import _native
from pixsieve.annotations import WHOLE
from pixsieve.config import Config
from pixsieve.sources import is_url
from pixsieve.sources.fetchers import InMemory
from pixsieve.sources.listing import listed, shown
from pixsieve.sources.places import LISTED, Content, Fetcher

#: How Rust calls the places that it reads itself.
NATIVE = {"file": 0, "member": 1, "zipped": 2}
BROUGHT = 3
#: Internal columns of a frame of images, by the column of `LISTED` that they hold.
PLACES = {f"_{name}": name for name in LISTED if name != "path"}


@dataclass(frozen=True)
class Images:
    """Images that can be read, in the order of their rows."""

    pictures: pl.DataFrame
    """Columns of `LISTED`, and `row`, their number: the pictures, each once."""
    firsts: np.ndarray[tuple[int], np.dtype[np.uint64]]
    """(pictures + 1,): the images of a picture are those from its number to the next."""
    boxes: np.ndarray[tuple[int, int], np.dtype[np.float64]]
    """(images, 8): the corners of each; zeros for the whole picture."""
    kinds: np.ndarray[tuple[int], np.dtype[np.uint8]]
    """(images,): what the corners mean, as the boundary has it."""
    given: tuple[Fetcher, ...] = ()

    @classmethod
    def of(cls, frame: pl.DataFrame, given: tuple[Fetcher, ...] = ()) -> Self:
        """Those of a frame with `path` and the internal columns, of which only `_location` must be.

        Images of one picture that follow each other are parts of it.
        """
        places = _places(frame)
        count = frame.height
        if "_box_kind" not in frame.columns:
            firsts = np.arange(count + 1, dtype=np.uint64)
            kinds = np.full(count, WHOLE, dtype=np.uint8)
            return cls(places.with_row_index("row"), firsts, np.zeros((count, 8)), kinds, given)
        kinds = frame["_box_kind"].fill_null(WHOLE).to_numpy().astype(np.uint8)
        boxes = np.full((count, 8), np.nan)
        known = frame["_box"].is_not_null()
        boxes[known.to_numpy()] = frame["_box"].filter(known).to_numpy().reshape(-1, 8)
        starts = _starts(places, pl.Series(kinds & WHOLE != 0))
        pictures = places[starts].with_row_index("row")
        return cls(pictures, np.append(starts, count).astype(np.uint64), boxes, kinds, given)

    @classmethod
    def of_files(cls, paths: Sequence[str | os.PathLike[str]]) -> Self:
        """Whole files of this machine."""
        texts = [os.fspath(path) for path in paths]
        return cls.of(
            pl.DataFrame(
                {
                    "path": pl.Series([shown(text) for text in texts], dtype=pl.String),
                    "_location": pl.Series(
                        [os.fsencode(Path(text).absolute()) for text in texts], dtype=pl.Binary
                    ),
                }
            )
        )

    @classmethod
    def of_contents(cls, contents: Sequence[Content]) -> Self:
        """Pictures that are in memory already."""
        count = len(contents)
        frame = pl.DataFrame(
            {
                "path": [f"#{number}" for number in range(count)],
                "_location": pl.Series([b"0"] * count, dtype=pl.Binary),
                "_kind": ["given"] * count,
                "_offset": range(count),
            }
        )
        return cls.of(frame, (InMemory(contents),))

    def __len__(self) -> int:
        return len(self.kinds)

    def native(self, config: Config) -> tuple[_native.Pictures, pl.DataFrame]:
        """What Rust needs of them, and the pictures that are to be brought to it."""
        frame = self.pictures
        locations = [os.fsdecode(location) for location in frame["location"]]
        here = pl.Series([not is_url(location) for location in locations], dtype=pl.Boolean)
        kind = frame["kind"].cast(pl.String)
        code = kind.replace_strict(NATIVE, default=BROUGHT, return_dtype=pl.UInt64)
        code = frame.select(pl.when(here).then(code).otherwise(BROUGHT)).to_series()
        numbers = [code, *(frame[name].fill_null(0) for name in ("offset", "stored", "size"))]
        check = frame["check"].fill_null(0)
        places = np.column_stack([column.to_numpy() for column in (*numbers, check)])
        pictures = _native.Pictures(
            files=locations,
            names=frame["path"].to_list(),
            places=np.ascontiguousarray(places, dtype=np.uint64),
            firsts=self.firsts,
            boxes=self.boxes,
            kinds=self.kinds,
            clip=config.clip_boxes,
            margins=(
                config.augmentation_horiz,
                config.augmentation_vert,
                config.augmentation_additive_margin,
            ),
        )
        return pictures, frame.filter(code == BROUGHT)


def _places(frame: pl.DataFrame) -> pl.DataFrame:
    """Columns of `LISTED` for each image; `path` is that of the picture."""
    columns = {name: own for own, name in PLACES.items() if own in frame.columns}
    path = pl.coalesce("source", "path") if "_box_kind" in frame.columns else pl.col("path")
    columns.setdefault("relative", "path")
    return listed(frame.select(path=path, **{name: pl.col(own) for name, own in columns.items()}))


def _starts(places: pl.DataFrame, whole: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    """Rows where another picture begins; a whole one is decoded by itself, as it may be reduced."""
    other = [
        (places[name] != places[name].shift(1)).fill_null(value=True)
        for name in ("location", "kind", "offset")
    ]
    begins = other[0] | other[1] | other[2] | whole | whole.shift(1).fill_null(value=False)
    return begins.arg_true().to_numpy()
