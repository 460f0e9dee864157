"""Small collections to test the findings on, by hand and by hypothesis."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from hypothesis import settings
from hypothesis import strategies as st

from pixsieve import findings, schema

# Shared machines pause: a slow example is no failure.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")

ORDERS = {"format_order": ("png", "jpeg"), "split_order": ("test", "val", "train")}

LIMITS = {
    "dark_threshold": 1,
    "bright_threshold": 253,
    "blur_threshold": 3,
    "contrast_threshold": 1,
    "information_threshold": 1,
    "aspect_ratio_threshold": math.inf,
}


@dataclass
class Case:
    images: pl.DataFrame
    edges: pl.DataFrame
    pixel_digests: pl.DataFrame

    def duplicates(self, threshold: float = 0.8) -> pl.DataFrame:
        return findings.duplicates(self.images, self.near(threshold), self.pixel_digests, **ORDERS)

    def leaks(self, threshold: float = 0.8) -> pl.DataFrame:
        return findings.leaks(self.images, self.near(threshold), self.pixel_digests)

    def near(self, threshold: float) -> pl.DataFrame:
        return findings.near_pairs(
            self.edges, schema.empty("pairs"), match=None, similarity=threshold
        )

    def similarity(self, threshold: float = 0.8) -> pl.DataFrame:
        return findings.similarity(self.images, self.edges, threshold=threshold)

    def connected_components(self, threshold: float = 0.8) -> pl.DataFrame:
        return findings.connected_components(self.images, self.edges, threshold=threshold)

    def outliers(self, percentile: float | None = 0.5) -> pl.DataFrame:
        plain = self.images.head(1).select("image")
        typical = schema.empty("typicality")
        return findings.outliers(self.images, self.edges, typical, plain, percentile=percentile)

    def opinions(self, near: float = 1.1, separator: str | None = None) -> findings.Opinions:
        return findings.opinions(
            self.images,
            self.edges,
            self.near(near),
            self.pixel_digests,
            None,
            self.images.clear(),
            separator=separator,
        )

    def mislabels(
        self, threshold: float = 0.5, near: float = 1.1, separator: str | None = None
    ) -> pl.DataFrame:
        return findings.mislabels(self.images, self.opinions(near, separator), threshold=threshold)

    def confusion(self, threshold: float = 0.5) -> pl.DataFrame:
        return findings.confusion(self.opinions(), threshold=threshold)

    def img_stats(self) -> pl.DataFrame:
        return findings.img_stats(self.images, statistics_of(self.images))

    def flags(self) -> pl.DataFrame:
        return findings.flags(self.images, self.img_stats(), limits=LIMITS)

    def placeholders(self) -> pl.DataFrame:
        return findings.placeholders(
            self.images, self.edges, self.img_stats(), contrast_threshold=1, threshold=0.8
        )

    def every_finding(self) -> dict[str, pl.DataFrame]:
        return {
            "duplicates": self.duplicates(),
            "leaks": self.leaks(),
            "similarity": self.similarity(),
            "connected_components": self.connected_components(),
            "outliers": self.outliers(),
            "mislabels": self.mislabels(),
            "confusion": self.confusion(),
            "leak_counts": findings.leak_counts(self.images, self.leaks()),
            "flags": self.flags(),
            "placeholders": self.placeholders(),
            "invalid_instances": findings.invalid_instances(self.images),
            "img_stats": self.img_stats(),
        }


def images_of(rows: list[dict[str, object]]) -> pl.DataFrame:
    """IMAGES of rows that give only what matters; each has bytes of its own unless told."""
    default = {
        "label": None,
        "split": None,
        "width": 8,
        "height": 8,
        "file_size": 100,
        "format": "jpeg",
        "error_code": None,
        "detail": None,
    }
    numbered = [
        {"image": i, "path": f"{i:03}.jpg", "digest": f"d{i}"} | default | row
        for i, row in enumerate(rows)
    ]
    users = {key: None for row in rows for key in row if key not in schema.IMAGES}
    return pl.DataFrame(numbered, schema=dict(schema.IMAGES) | users)


def edges_of(*edges: tuple[int, int, float]) -> pl.DataFrame:
    """EDGES in both directions."""
    both = [*edges, *((b, a, similarity) for a, b, similarity in edges)]
    frame = pl.DataFrame(both, schema=schema.EDGES, orient="row")
    return frame.sort("from", "similarity", "to", descending=[False, True, False])


def case_of(
    rows: list[dict[str, object]],
    *edges: tuple[int, int, float],
    pixels: dict[int, bytes] | None = None,
) -> Case:
    digests = {"image": list(pixels or {}), "pixel_digest": list((pixels or {}).values())}
    return Case(
        images_of(rows), edges_of(*edges), pl.DataFrame(digests, schema=schema.PIXEL_DIGESTS)
    )


def statistics_of(images: pl.DataFrame) -> pl.DataFrame:
    """Statistics that count up, NaN for images that were not decoded."""
    decoded = pl.col("error_code").is_null() | (pl.col("error_code") == "truncated")
    value = pl.when(decoded).then(pl.col("image")).otherwise(float("nan"))
    names = [name for name in schema.STATISTICS if name != "image"]
    return images.select("image", **{name: value.cast(pl.Float32) for name in names})


def knn(
    images: pl.DataFrame, kinds: list[int], similarity: np.ndarray, k: int
) -> tuple[pl.DataFrame, list[int]]:
    """The k-NN edges among representatives, image i being a picture of kind kinds[i]."""
    chosen = findings.collapse(images, **ORDERS)
    rows = chosen.filter(pl.col("image") == pl.col("representative"))["image"].to_list()
    edges = []
    for row in rows:
        others = [(-float(similarity[kinds[row], kinds[o]]), o) for o in rows if o != row]
        edges += [(row, other, -minus) for minus, other in sorted(others)[:k]]
    return pl.DataFrame(edges, schema=schema.EDGES, orient="row"), rows


@dataclass
class Plan:
    """What a random collection is made of, so that it can be changed and built again."""

    kinds: list[int]
    labels: list[str | None]
    splits: list[str | None]
    errors: list[str | None]
    areas: list[int]
    pixels: list[bytes | None]
    similarity: np.ndarray
    k: int

    def build(self, order: list[int] | None = None, copied: int | None = None) -> Case:
        """The collection; its rows in another order, or with a copy of an image at its end."""
        rows = [
            {
                "path": f"{i:02}.jpg",
                "label": self.labels[i],
                "split": self.splits[i],
                "digest": f"d{kind}",
                "error_code": self.errors[kind],
                "width": self.areas[kind],
            }
            for i, kind in enumerate(self.kinds)
        ]
        order = list(range(len(rows))) if order is None else order
        kinds = [self.kinds[i] for i in order]
        chosen = [rows[i] for i in order]
        if copied is not None:
            chosen.append(chosen[copied] | {"path": "a longer path.jpg"})
            kinds.append(kinds[copied])
        images = images_of(chosen)
        edges, graph = knn(images, kinds, self.similarity, self.k)
        digests = {"image": graph, "pixel_digest": [self.pixels[kinds[row]] for row in graph]}
        return Case(images, edges, pl.DataFrame(digests, schema=schema.PIXEL_DIGESTS))


KINDS = 6


@st.composite
def plans(draw: st.DrawFn, min_size: int = 0) -> Plan:
    size = draw(st.integers(min_size, 14))
    each = {"min_size": size, "max_size": size}
    every = {"min_size": KINDS, "max_size": KINDS}
    raw = np.random.default_rng(draw(st.integers(0, 2**32))).uniform(0.4, 1, (KINDS, KINDS))
    return Plan(
        kinds=draw(st.lists(st.integers(0, KINDS - 1), **each)),
        labels=draw(st.lists(st.sampled_from([None, "cat", "dog", "owl"]), **each)),
        splits=draw(st.lists(st.sampled_from([None, "train", "Val", "test", "x"]), **each)),
        errors=draw(st.lists(st.sampled_from([None, None, None, "truncated", "corrupt"]), **every)),
        areas=draw(st.lists(st.integers(1, 3), **every)),
        pixels=draw(st.lists(st.sampled_from([None, b"p", b"q"]), **every)),
        similarity=np.maximum(raw, raw.T).astype(np.float32),
        k=draw(st.integers(1, 4)),
    )


def never_rises(numbers: list[int]) -> bool:
    return all(a >= b for a, b in pairwise(numbers))
