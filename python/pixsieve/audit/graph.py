"""From embeddings and signatures to the graph, and to the pairs that were compared."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve import engine, findings, schema
from pixsieve.config import Config
from pixsieve.covariance import mahalanobis
from pixsieve.models import Card
from pixsieve.store import Shard

Update = Callable[[int, int], object]

#: After the candidates, those that have become likely are compared, so often.
ROUNDS = 3
#: Pairs that match with this precision link pictures of one origin.
SURE = 0.9
#: Rows whose similarities are worked out at once.
CHUNK = 4_096


@dataclass(frozen=True)
class Nodes:
    """One image per digest: equal vectors would only find each other."""

    images: NDArray[np.uint32]
    """Ascending."""
    vectors: NDArray[np.float32]
    signatures: NDArray[np.uint8]


def nodes(images: pl.DataFrame, shards: Sequence[Shard], config: Config) -> Nodes:
    """What of the shards goes into the graph."""
    starts = np.cumsum([0, *(shard.images.height for shard in shards)])
    embedded = np.concatenate(
        [shard.rows + start for shard, start in zip(shards, starts, strict=False)]
    )
    copies = findings.collapse(
        images, format_order=config.prefer_formats, split_order=config.prefer_splits
    )
    chosen = copies.filter(pl.col("image") == pl.col("representative"))["image"].to_numpy()
    wanted = np.isin(embedded, chosen)
    found = embedded[wanted].astype(np.uint32)
    first = shards[0]
    vectors = np.empty((len(found), first.embeddings.shape[1]), dtype=np.float32)
    signatures = np.empty((len(found), *first.signatures.shape[1:]), dtype=np.uint8)
    done, place = 0, 0
    for shard in shards:
        keep = wanted[place : place + len(shard.rows)]
        count = int(keep.sum())
        vectors[done : done + count] = shard.embeddings[keep]
        signatures[done : done + count] = shard.signatures[shard.rows[keep]]
        done, place = done + count, place + len(shard.rows)
    return Nodes(found, vectors, signatures)


def typicality(graph: Nodes) -> pl.DataFrame:
    """TYPICALITY of the images in the graph."""
    known = {"image": graph.images, "mahalanobis": mahalanobis(graph.vectors)}
    return pl.DataFrame(known).cast(schema.TYPICALITY)


def compared_pairs(
    images: pl.DataFrame,
    edges: pl.DataFrame,
    statistics: pl.DataFrame,
    graph: Nodes,
    card: Card,
    *,
    near_threshold: float,
    config: Config,
    progress: Update,
) -> pl.DataFrame:
    """PAIRS; none where no calibration says what the comparison means."""
    calibration = card.match
    if calibration is None or config.distance != "cosine":
        return schema.empty("pairs")
    rank = findings.keep_rank(
        images, format_order=config.prefer_formats, split_order=config.prefer_splits
    )
    look = statistics.join(
        images.select("image", "width", "height"), on="image", maintain_order="left"
    )
    least = card.thresholds.get("candidate", -1.0)
    sure = findings.match_threshold(SURE, np.array(calibration["precision"]))
    found = schema.empty("pairs")
    unmet = candidates(
        images, edges, graph, rank=rank, least=least, near_threshold=near_threshold, config=config
    )
    for _ in range(ROUNDS):
        if unmet.is_empty():
            break
        # The first round is the long one: it is the one to watch.
        watched = progress if found.is_empty() else None
        compared = registered(unmet, graph, config=config, progress=watched)
        found = pl.concat([found, findings.verified(compared, look, calibration)])
        unmet = findings.unmet_pairs(images, found.filter(pl.col("match") >= sure), found, rank)
    return found.sort("from", "to")


def candidates(
    images: pl.DataFrame,
    edges: pl.DataFrame,
    graph: Nodes,
    *,
    rank: NDArray[np.uint32],
    least: float,
    near_threshold: float,
    config: Config,
) -> pl.DataFrame:
    """The pairs to compare first: look-alikes, and pictures of one shape however turned."""
    shapes = engine.shape_edges(graph.images, graph.signatures, config=config)
    return findings.candidate_pairs(
        images, edges, shapes, rank=rank, least=least, threshold=near_threshold
    )


def registered(
    pairs: pl.DataFrame, graph: Nodes, *, config: Config, progress: Update | None
) -> pl.DataFrame:
    """The pairs, `from` and `to`, their cosine, and how their pictures lie on each other."""
    rows = pairs.select(
        pl.Series(end, np.searchsorted(graph.images, pairs[end].to_numpy()), pl.UInt32)
        for end in ("from", "to")
    )
    found = engine.register_pairs(graph.signatures, rows, config=config, progress=progress)
    cosines = pl.Series("similarity", _cosines(graph.vectors, rows))
    return pairs.with_columns(cosines).hstack(found)


def _cosines(vectors: NDArray[np.float32], pairs: pl.DataFrame) -> NDArray[np.float32]:
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    found = np.empty(pairs.height, np.float32)
    for start in range(0, pairs.height, CHUNK):
        one, other = (pairs[end][start : start + CHUNK].to_numpy() for end in ("from", "to"))
        products = np.einsum("ij,ij->i", vectors[one], vectors[other])
        found[start : start + CHUNK] = products / (lengths[one] * lengths[other])
    return found
