"""Which views `high_accuracy` should average: how well each mix finds edited copies.

    python benches/views.py [--data FOLDER] [--count 1500]

Each edit of a sample is searched for among all originals. The table gives, per mix of views, the
share whose original comes first, and the share of edits that are as similar to their original as
only one in a hundred pictures is to its nearest stranger; and how often the 5 nearest neighbors of
a scene name its class.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from pixsieve import Config, engine
from pixsieve.models import load_card, load_model
from table import print_table

ROOT = Path(__file__).parents[1]
MIXES = [
    ("plain",),
    ("plain", "mirror"),
    ("plain", "large"),
    ("plain", "mirror", "large"),
]


def crop(share: float) -> Callable[[Image.Image], Image.Image]:
    """Keeps the centre."""

    def edit(picture: Image.Image) -> Image.Image:
        x, y = (int(side * (1 - share) / 2) for side in picture.size)
        return picture.crop((x, y, picture.width - x, picture.height - y))

    return edit


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "half size": lambda p: p.resize((p.width // 2, p.height // 2), Image.Resampling.BILINEAR),
    "crop 90 %": crop(0.9),
    "crop 70 %": crop(0.7),
    "mirror": ImageOps.mirror,
    "brighter": lambda p: ImageEnhance.Brightness(p).enhance(1.4),
    "grey": lambda p: ImageOps.grayscale(p).convert("RGB"),
    "blur": lambda p: p.filter(ImageFilter.GaussianBlur(2)),
    "border": lambda p: ImageOps.expand(p, p.width // 10, "black"),
    "rotate 10": lambda p: p.rotate(10, expand=True, fillcolor="white"),
}


def embed(paths: list[Path], views: tuple[str, ...]) -> NDArray[np.float32]:
    """(n, d) embeddings, averaged over the views."""
    config = Config(high_accuracy=True)
    engine.pictures.ACCURATE_VIEWS = views  # type: ignore[assignment]
    model = load_model(load_card(None, None), config)
    rows = engine.extract(
        engine.Images.of_files(paths), model=model, config=config, thumbnails=None, progress=None
    )
    return rows["embeddings"]


def votes(paths: list[Path], views: tuple[str, ...]) -> float:
    """Share of pictures whose folder most of their 5 nearest neighbors share."""
    vectors = embed(paths, views)
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -1)
    nearest = np.argpartition(-similar, 5, axis=1)[:, :5]
    classes, labels = np.unique([path.parent.name for path in paths], return_inverse=True)
    counts = np.stack([(labels[nearest] == label).sum(axis=1) for label in range(len(classes))])
    return float((counts.argmax(axis=0) == labels).mean())


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--count", type=int, default=1500)
    options = parser.parse_args()
    originals = sorted((options.data / "photos").rglob("*.jpg"))
    scenes = sorted((options.data / "scenes").rglob("*.jpg"))
    originals += scenes[:: max(1, len(scenes) // max(1, options.count - len(originals)))]
    if not originals:
        sys.exit(f"no pictures at {options.data}: pass --data")
    sample = range(0, len(originals), 5)
    with tempfile.TemporaryDirectory() as folder:
        edited: dict[str, list[Path]] = {}
        for name, edit in EDITS.items():
            for number in sample:
                target = Path(folder) / f"{name}-{number}.png"
                with Image.open(originals[number]) as picture:
                    edit(picture.convert("RGB")).save(target, compress_level=1)
                edited.setdefault(name, []).append(target)
        rows = []
        for views in MIXES:
            vectors = embed(originals, views)
            similar = vectors @ vectors.T
            np.fill_diagonal(similar, -1)
            stranger = float(np.quantile(similar.max(axis=1), 0.99))
            cells = []
            for paths in edited.values():
                scores = embed(paths, views) @ vectors.T
                own = scores[np.arange(len(paths)), list(sample)]
                first = (scores.argmax(axis=1) == list(sample)).mean()
                cells.append(f"{first:.2f} {(own >= stranger).mean():.2f}")
            rows.append([" ".join(views), f"{stranger:.3f}", *cells, f"{votes(scenes, views):.3f}"])
    print_table(["views", "99 % of strangers below", *EDITS, "5-NN labels"], rows)


if __name__ == "__main__":
    main()
