"""What of a collection comes nearest to a picture, which need not be part of it."""

import numbers
import os
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve import _native, engine, schema
from pixsieve.audit.tables import Tables
from pixsieve.config import within
from pixsieve.errors import ModelError
from pixsieve.models import load_card, load_model
from pixsieve.sources import shown
from pixsieve.sources.places import Pixels

#: A file, its bytes, the pixels (h, w, 3) as RGB, an embedding, or the path or number of an image.
Query: TypeAlias = str | os.PathLike[str] | bytes | NDArray[Any] | int


class Searcher:
    """Searches one audit's embeddings, exactly, shard by shard, in bounded memory."""

    def __init__(self, audit: Tables) -> None:
        self._audit = audit
        self._model: _native.Model | None = None
        self._starts: list[int] = []

    def nearest(self, query: Query, k: int, threshold: float | None) -> pl.DataFrame:
        """SEARCH: up to `k` images, the most similar first, ties by image.

        Raises:
            IndexError: If there is no image of that number.
            ModelError: If the run's model is not the one that is there now.
            ValueError: If the picture cannot be read, or the query is of no kind that is known.
        """
        if not isinstance(k, numbers.Integral) or isinstance(k, bool) or k < 1:
            raise ValueError(f"search: k must be a whole number of at least 1, not {k!r}")
        if threshold is not None:
            within("threshold", threshold, -1, 1)
        k = min(int(k), self._audit.images.height)
        vector, itself = self._vector(query), None
        if isinstance(query, int | np.integer):
            itself = int(query)
        parts = [schema.empty("edges")]
        for start, rows, vectors in self._shards():
            ids, similarities = _native.query_neighbors(
                queries=vector,
                vectors=np.ascontiguousarray(vectors),
                k=min(k + 1, len(rows)),
                distance=self._audit.config.distance,
                num_threads=self._audit.config.threads,
                progress=None,
            )
            found = {"from": 0, "to": rows[ids[0]] + start, "similarity": similarities[0]}
            parts.append(pl.DataFrame(found, schema=schema.EDGES))
        edges = pl.concat(parts).sort("similarity", "to", descending=[True, False])
        if itself is not None:
            edges = edges.filter(pl.col("to") != itself)
        if threshold is not None:
            edges = edges.filter(pl.col("similarity") >= threshold)
        return self._frame(edges.head(k))

    def _frame(self, edges: pl.DataFrame) -> pl.DataFrame:
        images = self._audit.images
        users = schema.user_columns(images)
        names = schema.user_names("search", users)
        known = images.select("path", "label", "split", *users)[edges["to"]].rename(names)
        found = edges.select("similarity", image="to").hstack(known)
        return schema.conform(found, "search", names.values())

    def _shards(self) -> Iterator[tuple[int, NDArray[np.uint32], NDArray[np.float32]]]:
        """Number of the first image, rows and vectors of each; let go of before the next."""
        start, number, total = 0, 0, self._audit.images.height
        while start < total:
            shard = self._audit.shard(number, checked=number < len(self._starts))
            if number == len(self._starts):
                self._starts.append(start)
            if len(shard.rows):
                yield start, shard.rows, shard.embeddings
            start, number = start + shard.images.height, number + 1

    def _vector(self, query: Query) -> NDArray[np.float32]:
        """(1, d), as the run's own embeddings are."""
        if isinstance(query, bool):
            # A number to Python, and a mistake to everybody else.
            raise ValueError(f"search: {query} is no picture, embedding or image's number")
        if isinstance(query, int | np.integer):
            return self._of_image(int(query))
        if isinstance(query, np.ndarray) and query.ndim == 1:
            return self._checked(query)
        if isinstance(query, str | os.PathLike) and not os.path.isfile(query):  # noqa: PTH113
            return self._of_image(self._called(os.fspath(query)))
        return self._embedding(_picture(query))

    def _called(self, path: str) -> int:
        """The number of the image that frames call so, such as a member of an archive."""
        # What `shown` leaves out of a URL may be the number of a row.
        text = path.encode("utf-8", "backslashreplace").decode()
        found = self._audit.images.filter(pl.col("path").is_in([text, shown(path)]))["image"]
        if found.is_empty():
            raise FileNotFoundError(f"search: there is no picture {shown(path)}")
        return int(found[0])

    def _checked(self, query: NDArray[Any]) -> NDArray[np.float32]:
        dim = int(self._audit.info["model"]["dim"])
        if query.dtype.kind not in "fiu" or len(query) != dim:
            raise ValueError(f"search: an embedding here has {dim} finite numbers")
        with np.errstate(over="ignore"):
            vector = np.ascontiguousarray(query, dtype=np.float32)[None]
        if not np.isfinite(vector).all():
            raise ValueError(f"search: an embedding here has {dim} finite numbers")
        return vector

    def _of_image(self, image: int) -> NDArray[np.float32]:
        if not 0 <= image < self._audit.images.height:
            raise IndexError(f"search: there is no image {image}")
        for start, rows, vectors in self._shards():
            place = int(np.searchsorted(rows, image - start)) if image >= start else len(rows)
            if place < len(rows) and rows[place] == image - start:
                return np.ascontiguousarray(vectors[place : place + 1])
        raise ValueError(f"search: image {image} could not be read, and has no embedding")

    def _embedding(self, images: engine.Images) -> NDArray[np.float32]:
        rows = engine.extract(
            images,
            model=self._loaded(),
            config=self._audit.config,
            thumbnails=None,
            progress=None,
        )
        if not len(rows["rows"]):
            code, detail = rows["error"][0], rows["detail"][0]
            raise ValueError(f"search: the picture cannot be used: {code}: {detail or 'no detail'}")
        return rows["embeddings"]

    def _loaded(self) -> _native.Model:
        if self._model is None:
            config, stored = self._audit.config, self._audit.info["model"]
            card = load_card(config.model_path, config.model_card)
            if card.sha256 != stored["sha256"]:
                raise ModelError(
                    f"search: the run was made with another model {stored['name']!r} than the one "
                    "that is here now; run again, or search with an embedding of that model"
                )
            self._model = load_model(card, config)
        return self._model


def _picture(query: Query) -> engine.Images:
    """The picture that is searched for, ready to be read."""
    if isinstance(query, str | os.PathLike):
        return engine.Images.of_files([query])
    if isinstance(query, np.ndarray):
        if query.ndim != 3 or query.shape[2] != 3 or query.dtype != np.uint8:
            raise ValueError("search: pixels must be (h, w, 3) uint8, an embedding one-dimensional")
        return engine.Images.of_contents([Pixels(np.ascontiguousarray(query), "pixels")])
    if not isinstance(query, bytes):
        raise ValueError("search: give a path, bytes, pixels, an embedding or an image's number")
    return engine.Images.of_contents([query])
