"""Pairs of images that look alike."""

import polars as pl

from pixsieve.findings.graph import attach_pairs, copy_pairs, similar_pairs, stand_ins


def similarity(images: pl.DataFrame, edges: pl.DataFrame, *, threshold: float) -> pl.DataFrame:
    """One row per unordered pair of images whose similarity is at or above the threshold.

    Every pair stands once, with from < to. Exact copies are each paired with the one of them
    that stands in the graph, at similarity 1: n copies give n - 1 pairs, and their pairs with
    other images stand once. Most similar first, then by from and to.
    """
    stand_in = stand_ins(images, edges)
    both = [copy_pairs(stand_in, threshold), similar_pairs(edges, stand_in, threshold)]
    found = pl.concat(both).sort("similarity", "from", "to", descending=[True, False, False])
    return attach_pairs(found, images, "similarity", ("from", "to"))
