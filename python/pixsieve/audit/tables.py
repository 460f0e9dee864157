"""The tables of a work directory, read when first asked for."""

import copy
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve import findings, schema
from pixsieve.config import Config, within
from pixsieve.engine import Images
from pixsieve.sources import Input, is_url
from pixsieve.store import Shard, WorkDir

if TYPE_CHECKING:
    from pixsieve.sources.places import Fetcher


class Tables:
    """What a run has written, and what was worked out from it."""

    def __init__(self, work_dir: str | os.PathLike[str], input_dir: Input | None = None) -> None:
        self._work = WorkDir(Path(work_dir).absolute())
        self._input = input_dir
        self._info: dict[str, Any] | None = None
        self._config = Config()
        #: What brings pictures that were objects in memory; it is gone after the run.
        self._given: tuple[Fetcher, ...] = ()
        #: Read when first asked for.
        self._tables: dict[str, pl.DataFrame] = {}
        self._forget()

    @property
    def config(self) -> Config:
        """The settings that questions are answered with; others may be put in their place."""
        return self._config

    @config.setter
    def config(self, config: Config) -> None:
        self._config = config
        self._forget()

    def _forget(self) -> None:
        #: What was worked out when first asked for.
        self._findings: dict[tuple[Any, ...], pl.DataFrame] = {}
        self._said: findings.Opinions | None = None

    def snapshot(self) -> Self:
        """The same run with the same settings: what this object does later leaves it as it is."""
        same = copy.copy(self)
        same._tables = dict(self._tables)
        same._forget()
        same._findings = dict(self._findings)
        return same

    @property
    def work_dir(self) -> Path:
        """The folder that holds everything this run has written."""
        return self._work.path

    @property
    def info(self) -> dict[str, Any]:
        """What `run.json` holds: settings, versions, thresholds, counts, seconds per stage."""
        if self._info is None:
            raise RuntimeError("nothing has been run yet: call run(), or pixsieve.load(work_dir)")
        return self._info

    def _open(self, tables: dict[str, pl.DataFrame]) -> Self:
        self._info = self._work.load()
        self._tables = tables
        self._forget()
        return self

    # ---- tables ---- #

    def _table(self, name: str) -> pl.DataFrame:
        """One of the work directory's tables."""
        if name not in self._tables:
            self._tables[name] = self._work.read_table(name, self.info)
        return self._tables[name]

    @property
    def _images(self) -> pl.DataFrame:
        return self._table("images")

    @property
    def _edges(self) -> pl.DataFrame:
        return self._table("edges")

    @property
    def _nearest(self) -> pl.DataFrame:
        """The first k edges of each image: the graph has more where there are more duplicates."""
        if "nearest" not in self._tables:
            first = pl.int_range(pl.len()).over("from") < int(self.info["graph"]["k"])
            self._tables["nearest"] = self._edges.filter(first)
        return self._tables["nearest"]

    @property
    def _pixels(self) -> pl.DataFrame:
        return self._table("pixel_digests")

    @property
    def _statistics(self) -> pl.DataFrame:
        return self._table("statistics")

    @property
    def images(self) -> pl.DataFrame:
        """IMAGES, one row per image: `annotations()` with the details of errors."""
        return self._images.drop(schema.INTERNAL, strict=False)

    @property
    def statistics(self) -> pl.DataFrame:
        """One row per image, in their order: `image`, and what was measured, null if unreadable."""
        kinds = [pl.col(name).cast(schema.IMG_STATS[name]) for name in schema.STATISTICS]
        return self._statistics.select(kinds)

    @property
    def edges(self) -> pl.DataFrame:
        """EDGES, the neighbor graph: of exact copies one image has them."""
        return self._edges.clone()

    def edge_similarities(self) -> pl.Series:
        """The similarities of the neighbor graph: of each image to its k nearest, Float32."""
        return self._nearest["similarity"]

    def location(self, image: int) -> str:
        """The file that an image is in or part of, as an absolute path, or its URL.

        Of an object that was passed to the run there is neither: then it says so.
        """
        if self._kind(image) == "given":
            return "an object in memory"
        return os.fsdecode(self._images["_location"][image])

    def _kind(self, image: int) -> str:
        return str(self._images["_kind"][image]) if "_kind" in self._images.columns else "file"

    @property
    def has_boxes(self) -> bool:
        """Whether images are parts of pictures: boxes."""
        return "_box_kind" in self._images.columns

    def internal(self, *columns: str) -> pl.DataFrame:
        """Columns of the images that users do not see."""
        return self._images.select(columns)

    def place(self, image: int) -> tuple[str, int]:
        """How an image's picture lies in its file: a kind of `places.KINDS`, and where."""
        if "_kind" not in self._images.columns:
            return "file", 0
        kind, offset = self._images.select("_kind", "_offset").row(image)
        return str(kind), int(offset)

    def readable(self, images: Iterable[int], *, whole: bool = False) -> Images:
        """Some images, in this order, ready to be read again; the `whole` pictures, not boxes."""
        columns = [name for name in self._images.columns if name in schema.INTERNAL]
        boxes = [name for name in columns if name.startswith("_box")]
        columns += ["path", *(["source"] if boxes else [])]
        frame = self._images.select(columns)[list(images)]
        if whole and boxes:
            frame = frame.with_columns(path=pl.coalesce("source", "path")).drop(boxes)
        return Images.of(frame, self._given)

    def changed(self, image: int) -> str | None:
        """Why an image's file is not the one that was read, as far as one sees without reading."""
        location, kind = self.location(image), self._kind(image)
        if is_url(location) or kind in ("given", "nothing"):
            return None
        try:
            now = Path(location).stat()
        except FileNotFoundError:
            return "the file has gone"
        except OSError as error:
            return error.strerror or "the file cannot be read"
        if kind == "file":
            # A box has no size of its own, but its picture has.
            size = "_size" if self.has_boxes else "file_size"
            changed = now.st_size != self._images[size][image]
        else:
            # Where its parts lie may have changed with it.
            changed = self._images["_modified"][image] not in (0, now.st_mtime_ns)
        return "the file has changed since the run" if changed else None

    def unmatched(self) -> pl.DataFrame:
        """What of the annotations and of the input did not come together.

        Columns `path`, `side` (`annotations` or `input`: whose path it is) and `reason`.
        """
        return self._table("unmatched").clone()

    def crops(self) -> pl.DataFrame:
        """CROPS, the boxes that were cut out of pictures, by image; `images` has those that failed.

        `col_x`, `row_y`, `width` and `height` are in pixels of the upright picture `source`, as
        given or found, without margins; `x1` to `y4` are the corners of rotated ones.
        """
        if "crops" not in self.info["checksums"]:
            return schema.empty("crops")
        return self._table("crops").clone()

    def _cached(self, name: str, *arguments: Any, **keywords: Any) -> pl.DataFrame:
        """Findings are pure: the same question has the same answer."""
        key = (name, *sorted(keywords.items()))
        return self._remembered(
            key, lambda: getattr(findings, name)(self.images, *arguments, **keywords)
        )

    def _remembered(self, key: tuple[Any, ...], find: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        if key not in self._findings:
            self._findings[key] = find()
        # What the asker does to the columns is the asker's own affair.
        return self._findings[key].clone()

    def _derived(
        self, name: str, fits: Callable[[pl.DataFrame], bool], make: Callable[[], pl.DataFrame]
    ) -> pl.DataFrame:
        """What was worked out last and kept, if it fits; else it is made, and kept for next time.

        Raises:
            ValueError: If a file of the work directory is damaged.
        """
        key = str(self.info["checksum"])
        found = self._findings.get(("derived", name))
        if found is None:
            found = self._work.read_derived(name, key)
        if found is None or not fits(found):
            found = make()
            # It can be made again: a folder that cannot be written stops nobody.
            with suppress(OSError):
                self._work.write_derived(name, key, found)
        self._findings["derived", name] = found
        return found

    def _threshold(self, given: float | None, name: str) -> float:
        if given is None:
            return float(self.info["thresholds"][name])
        return within("threshold", given, -1, 1)

    def shard(self, number: int, *, checked: bool = False) -> Shard:
        """A shard of this run, as it was written; one that was `checked` before is only mapped.

        Raises:
            ValueError: If it is missing or damaged.
        """
        return self._work.shard(number, self.info, checked=checked)

    def _embedded(self) -> tuple[NDArray[np.uint32], list[NDArray[np.float32]]]:
        """The images that have an embedding, and the embeddings: those of each shard, mapped.

        Raises:
            ValueError: If a file of the work directory is missing or damaged.
        """
        dim = int(self.info["model"]["dim"])
        images, parts = [np.empty(0, np.uint32)], [np.empty((0, dim), np.float32)]
        start, number, total = 0, 0, self._images.height
        while start < total:
            shard = self.shard(number)
            parts.append(np.asarray(shard.embeddings))
            images.append(shard.rows + np.uint32(start))
            start, number = start + shard.images.height, number + 1
        return np.concatenate(images), parts

    def embeddings(self) -> pl.DataFrame:
        """One row per image that has one: `image`, `path`, `embedding` (Array of Float32).

        `frame["embedding"].to_numpy()` is the (n, d) matrix, without a copy.

        Raises:
            ValueError: If a file of the work directory is missing or damaged.
        """
        rows, parts = self._embedded()
        matrix = np.concatenate(parts)
        dim = matrix.shape[1]
        paths = self._images["path"].gather(rows)
        embedding = pl.Series("embedding", matrix, dtype=pl.Array(pl.Float32, dim))
        return pl.DataFrame(
            {"image": pl.Series(rows, dtype=pl.UInt32), "path": paths, "embedding": embedding}
        )
