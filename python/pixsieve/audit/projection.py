"""The map of a collection: what looks alike lies close together."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve.config import Config
from pixsieve.covariance import Matrix, project

METHODS = ("pca", "tsne")
#: A map as it is kept; `method` says how it was made.
KEPT = pl.Schema({"image": pl.UInt32, "x": pl.Float32, "y": pl.Float32, "method": pl.String})
#: t-SNE sees so many principal components of the embeddings.
COMPONENTS = 50
#: About how many neighbors count, as its authors advise; of few images there are fewer.
PERPLEXITY = 30
#: Fewer images than this have no neighborhoods to keep.
FEWEST = 5
#: The spread that t-SNE starts from, and that of equal images, which would crash its tree.
START, JITTER = 1e-4, 1e-6


def check(method: str | None) -> None:
    """Raises ValueError if there is no such method."""
    if method is not None and method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {method!r}")


def fits(kept: pl.DataFrame, method: str | None, config: Config) -> bool:
    """Whether a map is one that this method makes; None takes any."""
    if kept.schema != KEPT:
        return False
    return method is None or bool(kept["method"].eq(_said(method, config)).all())


def made(
    images: NDArray[np.uint32], parts: Sequence[Matrix], method: str, config: Config
) -> pl.DataFrame:
    """A map of these images, whose embeddings come in parts.

    Raises:
        ImportError: If `tsne` is asked for and not installed.
    """
    placed = project(parts, 2) if method == "pca" else _tsne(project(parts, COMPONENTS), config)
    said = [_said(method, config)] * len(images)
    columns = {"image": images, "x": placed[:, 0], "y": placed[:, 1], "method": said}
    return pl.DataFrame(columns, schema=KEPT)


def _said(method: str, config: Config) -> str:
    return method if method == "pca" else f"{method}, seed {config.seed}"


def _tsne(vectors: Matrix, config: Config) -> NDArray[np.float32]:
    try:
        from openTSNE import TSNE  # noqa: PLC0415 - an extra, and it takes two seconds
    except ImportError as error:
        raise ImportError(
            f"method 'tsne' needs openTSNE ({error}): pip install 'pixsieve[map]'"
        ) from error
    start = vectors[:, :2].astype(np.float64)
    spread = float(start[:, 0].std()) if len(start) else 0.0
    if len(start) < FEWEST or not spread:
        return vectors[:, :2]
    seed = config.seed % 2**32
    noise = np.random.default_rng(seed).normal(0, JITTER, start.shape)
    model = TSNE(
        perplexity=min(PERPLEXITY, (len(vectors) - 1) / 3),
        initialization=start / spread * START + noise,
        n_jobs=config.threads,
        random_state=seed,
    )
    return np.asarray(model.fit(vectors.astype(np.float64)), np.float32)
