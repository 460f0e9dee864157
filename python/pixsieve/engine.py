"""What Rust does for us, with our defaults, in our types."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve import _native, schema
from pixsieve.config import Config
from pixsieve.errors import ModelError
from pixsieve.models import Card, find_runtime

Callback: TypeAlias = Callable[[int, int], object] | None

#: Longer pictures are refused; it is what a JPEG can hold.
MAX_SIDE = 65_535
THUMBNAIL_SIDE = 256
#: Views whose embeddings `high_accuracy` averages. benches/views.py compares the mixes: the
#: mirrored view helps a little everywhere; a larger input helps crops and labels, but loses
#: blurred and reduced copies.
ACCURATE_VIEWS = ("plain", "mirror")
#: Queries on which the recall of an approximate graph is measured.
RECALL_SAMPLE = 300
EF_CONSTRUCTION = 100
#: `hnsw_neighbors` fills rows with it where it found fewer.
NOBODY = 2**32 - 1


def load_model(card: Card, config: Config) -> _native.Model:
    """The model on the device asked for, run once to see that it works.

    Raises:
        ModelError: If the model does not fit its card, or the device is not there.
    """
    devices = {"auto": ("cuda", "cpu")}.get(config.device, (config.device,))
    if config.device == "auto" and not gpu_runtime():
        devices = ("cpu",)
    for device in devices[:-1]:
        try:
            return _load(card, config, device)
        except ModelError:
            # "auto" means: without a usable GPU, the CPU will do.
            continue
    return _load(card, config, devices[-1])


def gpu_runtime() -> bool:
    """Whether the installed ONNX Runtime can use CUDA."""
    return any(find_runtime().parent.glob("*onnxruntime_providers_cuda*"))


def _load(card: Card, config: Config, device: str) -> _native.Model:
    source, output = card.input, card.output
    return _native.load_model(
        runtime=str(find_runtime()),
        path=str(card.path),
        input_name=source["name"],
        output_name=output["name"],
        layout=source["layout"],
        channels=source["channels"],
        dtype=source["dtype"],
        height=source["height"],
        width=source["width"],
        mean=source["mean"] or [0.0, 0.0, 0.0],
        std=source["std"] or [1.0, 1.0, 1.0],
        resize=source["resize"],
        filter_down=source["filter_down"],
        filter_up=source["filter_up"],
        normalize=output["normalize"] == "l2",
        device=device,
        num_threads=config.threads,
        batch_size=config.batch_size,
    )


def extract(
    locations: Sequence[str],
    *,
    model: _native.Model,
    config: Config,
    thumbnails: Path | None,
    progress: Callback,
) -> "_native.Extraction":
    """Decodes, measures and embeds the files; see the stub for the columns."""
    return _native.extract(
        paths=locations,
        model=model,
        views=ACCURATE_VIEWS if config.high_accuracy else ("plain",),
        min_file_size=config.min_file_size,
        min_width=config.min_input_image_width,
        min_height=config.min_input_image_height,
        max_side=MAX_SIDE,
        max_pixels=config.max_pixels,
        thumbnails=None if thumbnails is None else str(thumbnails),
        thumbnail_side=THUMBNAIL_SIDE,
        num_threads=config.threads,
        progress=progress,
    )


def neighbor_graph(
    images: NDArray[np.uint32], vectors: NDArray[np.float32], *, config: Config, progress: Callback
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """The k-NN graph of the images, whose rows are `vectors`.

    Returns:
        EDGES, and what is to be stored with them: method, k and, where it is approximate, the
        recall measured on a sample against exact search.

    Raises:
        ValueError: If a vector is not finite, or does not fit the distance.
    """
    method = "exact" if config.mode == "auto" else config.mode
    common: dict[str, Any] = {
        "vectors": vectors,
        "k": config.nearest_neighbors_k,
        "distance": config.distance,
        "num_threads": config.threads,
        "progress": progress,
    }
    facts: dict[str, Any] = {"method": method, "k": config.nearest_neighbors_k}
    if method == "exact":
        ids, similarities = _native.exact_neighbors(**common)
    else:
        ids, similarities = _native.hnsw_neighbors(
            **common,
            seed=config.seed,
            ef_construction=EF_CONSTRUCTION,
            ef_search=max(64, 2 * config.nearest_neighbors_k),
        )
        facts["recall"] = _recall(ids, vectors, config)
    edges = pl.DataFrame(
        {
            "from": np.repeat(images, ids.shape[1]),
            "to": images[np.where(ids == NOBODY, 0, ids).ravel()],
            "similarity": similarities.ravel(),
        },
        schema=schema.EDGES,
    )
    return edges.filter(pl.Series(ids.ravel() != NOBODY)), facts


def _recall(ids: NDArray[np.uint32], vectors: NDArray[np.float32], config: Config) -> float | None:
    """Share of the true neighbors that the graph has, over a seeded sample of queries."""
    size, k = ids.shape
    if not k:
        return None
    generator = np.random.default_rng(config.seed)
    sample = np.sort(generator.choice(size, min(size, RECALL_SAMPLE), replace=False))
    true, _ = _native.query_neighbors(
        queries=vectors[sample],
        vectors=vectors,
        k=k + 1,
        distance=config.distance,
        num_threads=config.threads,
        progress=None,
    )
    found = 0
    for row, neighbors in zip(sample, true, strict=True):
        others = neighbors[neighbors != row][:k]
        found += int(np.isin(others, ids[row]).sum())
    return found / float(len(sample) * k)


def connected_components(size: int, edges: pl.DataFrame) -> NDArray[np.uint32]:
    """For each of `size` rows the smallest row of its component."""
    return _native.connected_components(size=size, **_ends(edges))


def star_groups(priority: NDArray[np.uint32], edges: pl.DataFrame) -> NDArray[np.uint32]:
    """For each row the row that represents it, itself if none does; best first in `priority`."""
    return _native.star_groups(priority=np.ascontiguousarray(priority, np.uint32), **_ends(edges))


def _ends(edges: pl.DataFrame) -> dict[str, NDArray[np.uint32]]:
    return {
        f"edges_{end}": np.ascontiguousarray(edges[end].cast(pl.UInt32).to_numpy(), np.uint32)
        for end in ("from", "to")
    }


def pixel_digests(
    locations: Sequence[str], *, config: Config, progress: Callback
) -> list[bytes | None]:
    """BLAKE3 of size and pixels of each upright picture."""
    return _native.pixel_digests(
        paths=locations,
        max_side=MAX_SIDE,
        max_pixels=config.max_pixels,
        num_threads=config.threads,
        progress=progress,
    )


def write_thumbnails(
    locations: Sequence[str], targets: Sequence[str], *, config: Config, progress: Callback
) -> list[str | None]:
    """Writes a JPEG of at most 256 pixels for each; gives the reason where that failed."""
    return _native.write_thumbnails(
        paths=locations,
        targets=targets,
        side=THUMBNAIL_SIDE,
        max_side=MAX_SIDE,
        max_pixels=config.max_pixels,
        num_threads=config.threads,
        progress=progress,
    )


def decode(data: bytes, *, extension: str | None = None) -> NDArray[np.uint8]:
    """The upright picture as (h, w, 3) RGB.

    Raises:
        ValueError: If it cannot be decoded: `code: detail`.
    """
    return _native.decode(
        data=data, extension=extension, max_side=MAX_SIDE, max_pixels=Config().max_pixels
    )


def encode_jpeg(pixels: NDArray[np.uint8], *, quality: int) -> bytes:
    """(h, w, 3) RGB as a JPEG."""
    return _native.encode_jpeg(pixels=np.ascontiguousarray(pixels), quality=quality)


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """(h, w, 3) RGB as a PNG."""
    return _native.encode_png(pixels=np.ascontiguousarray(pixels))
