"""Pictures: extraction, thumbnails, digests of pixels."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pixsieve import _native
from pixsieve.config import Config
from pixsieve.engine.feed import MAX_SIDE, with_feed
from pixsieve.engine.images import Images

Callback: TypeAlias = Callable[[int, int], object] | None

THUMBNAIL_SIDE = 256
#: Views whose embeddings `high_accuracy` averages. benches/views.py compares the mixes: the
#: mirrored view helps a little everywhere; a larger input helps crops and labels, but loses
#: blurred and reduced copies.
ACCURATE_VIEWS = ("plain", "mirror")


def _decoding(config: Config, progress: Callback) -> dict[str, Any]:
    """What all jobs on pictures are told."""
    return {
        "max_side": MAX_SIDE,
        "max_pixels": config.max_pixels,
        "stretch": config.stretch,
        "num_threads": config.threads,
        "progress": progress,
    }


def extract(
    images: Images,
    *,
    model: _native.Model,
    config: Config,
    thumbnails: Path | None,
    progress: Callback,
) -> "_native.Extraction":
    """Decodes, measures and embeds the images; see the stub for the columns."""
    return with_feed(
        images,
        config,
        lambda pictures, exchange: _native.extract(
            pictures=pictures,
            exchange=exchange,
            model=model,
            views=ACCURATE_VIEWS if config.high_accuracy else ("plain",),
            min_file_size=config.min_file_size,
            min_width=config.min_width,
            min_height=config.min_height,
            thumbnails=None if thumbnails is None else str(thumbnails),
            thumbnail_side=THUMBNAIL_SIDE,
            **_decoding(config, progress),
        ),
    )


def pixel_digests(images: Images, *, config: Config, progress: Callback) -> list[bytes | None]:
    """BLAKE3 of size and pixels of each upright image."""
    return with_feed(
        images,
        config,
        lambda pictures, exchange: _native.pixel_digests(
            pictures=pictures,
            exchange=exchange,
            **_decoding(config, progress),
        ),
    )


def write_thumbnails(
    images: Images,
    targets: Sequence[str],
    *,
    side: int,
    config: Config,
    progress: Callback,
) -> list[str | None]:
    """Writes a JPEG of at most `side` pixels for each; gives the reason where that failed."""
    return with_feed(
        images,
        config,
        lambda pictures, exchange: _native.write_thumbnails(
            pictures=pictures,
            exchange=exchange,
            targets=targets,
            side=side,
            **_decoding(config, progress),
        ),
    )


def decode(
    data: bytes, *, extension: str | None = None, stretch: str = "range"
) -> NDArray[np.uint8]:
    """The upright picture as (h, w, 3) RGB.

    Raises:
        ValueError: If it cannot be decoded: `code: detail`.
    """
    return _native.decode(
        data=data,
        extension=extension,
        max_side=MAX_SIDE,
        max_pixels=Config().max_pixels,
        stretch=stretch,
    )


def encode_jpeg(pixels: NDArray[np.uint8], *, quality: int) -> bytes:
    """(h, w, 3) RGB as a JPEG."""
    return _native.encode_jpeg(pixels=np.ascontiguousarray(pixels), quality=quality)


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """(h, w, 3) RGB as a PNG."""
    return _native.encode_png(pixels=np.ascontiguousarray(pixels))
