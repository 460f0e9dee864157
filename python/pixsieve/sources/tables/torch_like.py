"""Datasets of torch's kind, passed as objects: anything with a length and numbered items."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from pixsieve.sources.tables.columns import named_rows
from pixsieve.sources.tables.given import Given, Progress, given_rows, joined
from pixsieve.sources.tables.items import Items, is_picture, label_of, picture_of, plain_label
from pixsieve.sources.tables.paths import list_paths

#: Where datasets keep the labels of all their items.
TARGETS = ("targets", "labels", "_labels", "y")


def is_dataset(source: object) -> bool:
    """Whether an input is a dataset of torch's kind, or splits of these.

    Those that can only be read from beginning to end count, too: `list_dataset` says what to do.
    """
    if isinstance(source, Mapping):
        return bool(source) and all(map(is_dataset, source.values()))
    if isinstance(source, str | bytes | list | tuple | set | np.ndarray | pl.Series):
        return False
    numbered = hasattr(source, "__len__") and hasattr(source, "__getitem__")
    return numbered or _is_streamed(source) or _is_loader(source)


def _is_streamed(source: object) -> bool:
    return any(kind.__name__ == "IterableDataset" for kind in type(source).__mro__)


def _is_loader(source: object) -> bool:
    return hasattr(source, "dataset") and hasattr(source, "batch_size")


def list_dataset(
    dataset: Any, *, shown: str = "dataset", max_pixels: int, progress: Progress | None = None
) -> Given:
    """The pictures of a dataset, with its labels by the names of its classes.

    Datasets of files, such as torchvision's ImageFolder, become these files. Other items are
    pictures (Pillow's, arrays, tensors, bytes), tuples of these and a label, or mappings. Labels
    are those of an attribute such as `targets`; without it, all items are read once for them.

    Args:
        dataset: Anything with `__len__` and `__getitem__`, or a mapping of splits.
        shown: What its items are called.
        max_pixels: Larger pictures are invalid, where they come decoded.
        progress: Called with the number of items done, and of all.

    Raises:
        ValueError: If it can only be read from beginning to end, or its items are no pictures.
    """
    if isinstance(dataset, Mapping):
        parts = [
            (
                str(split),
                len(one),
                list_dataset(
                    one, shown=f"{shown}/{split}", max_pixels=max_pixels, progress=progress
                ),
            )
            for split, one in dataset.items()
        ]
        return joined(parts, shown)
    _check(dataset, shown)
    rows = len(dataset)
    paths, labels = _known(dataset)
    if paths is not None:
        user = _labels(labels, _classes(dataset))
        files = list_paths(paths, described=shown, user=user)
        return Given(files.frame, files.notes, None)
    if rows:
        labels = _look(dataset, labels, shown, progress)
    names = named_rows(None, rows, shown=shown, relative="", fallback=shown)
    user = _labels(labels, _classes(dataset))
    frame = given_rows(names, rows, shown).hstack(user)
    return Given(frame, {}, Items(dataset, max_pixels=max_pixels))


def list_pictures(pictures: Sequence[Any], *, shown: str = "list", max_pixels: int) -> Given:
    """Pictures of a Python list: Pillow's, arrays, tensors, bytes."""
    names = named_rows(None, len(pictures), shown=shown, relative="", fallback=shown)
    items = Items(pictures, max_pixels=max_pixels)
    return Given(given_rows(names, len(pictures), shown), {}, items)


def _check(dataset: Any, shown: str) -> None:
    if _is_loader(dataset):
        raise ValueError(f"{shown}: this is a loader of batches: pass its dataset, loader.dataset")
    if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
        raise ValueError(
            f"{shown}: a dataset is needed whose items can be had by number; of one that can only "
            "be read from beginning to end, pass a list of its pictures"
        )


def _known(dataset: Any) -> tuple[list[str] | None, list[Any] | None]:
    """The paths and the labels of all items, as far as the dataset knows them beforehand."""
    parts = getattr(dataset, "datasets", None)
    if isinstance(parts, list | tuple) and sum(map(len, parts)) == len(dataset):
        return _known_of_parts(parts)
    inner, indices = getattr(dataset, "dataset", None), getattr(dataset, "indices", None)
    if inner is not None and indices is not None and len(indices) == len(dataset):
        paths, labels = _known(inner)
        chosen = [int(index) for index in indices]
        return (
            None if paths is None else [paths[index] for index in chosen],
            None if labels is None else [labels[index] for index in chosen],
        )
    samples = getattr(dataset, "samples", None) or getattr(dataset, "imgs", None)
    if isinstance(samples, list) and len(samples) == len(dataset) and _are_files(samples):
        return [str(sample[0]) for sample in samples], [sample[1] for sample in samples]
    return None, _targets(dataset)


def _known_of_parts(parts: Sequence[Any]) -> tuple[list[str] | None, list[Any] | None]:
    known = [_known(part) for part in parts]
    paths = [part for part, _ in known]
    labels = [part for _, part in known]
    return (
        None if None in paths else [path for part in paths for path in part or ()],
        None if None in labels else [label for part in labels for label in part or ()],
    )


def _are_files(samples: list[Any]) -> bool:
    return all(
        isinstance(sample, tuple) and len(sample) == 2 and isinstance(sample[0], str)
        for sample in samples
    )


def _targets(dataset: Any) -> list[Any] | None:
    for name in TARGETS:
        values: Any = getattr(dataset, name, None)
        if hasattr(values, "detach"):
            values = values.detach().cpu().numpy()
        if isinstance(values, np.ndarray):
            values = values.tolist()
        if isinstance(values, list | tuple) and len(values) == len(dataset):
            labels = [plain_label(value) for value in values]
            return labels if any(label is not None for label in labels) else None
    return None


def _classes(dataset: Any) -> list[str] | None:
    classes = getattr(dataset, "classes", None)
    if isinstance(classes, list | tuple):
        return [str(name) for name in classes]
    parts = getattr(dataset, "datasets", None)
    inner = parts[0] if isinstance(parts, list | tuple) and parts else None
    inner = getattr(dataset, "dataset", None) if inner is None else inner
    return None if inner is None else _classes(inner)


def _look(
    dataset: Any, labels: list[Any] | None, shown: str, progress: Progress | None
) -> list[Any] | None:
    """Checks that the first item is a picture; reads the labels of all, if it has one."""
    try:
        first = dataset[0]
    except Exception:  # noqa: BLE001 - a dataset of the user's may raise anything; its row says so
        return labels
    if picture_of(first) is None:
        raise ValueError(
            f"{shown}: its items are neither pictures nor hold one: the first is a "
            f"{type(first).__name__}; give an image, a tuple of image and label, or a mapping with "
            "image and label"
        )
    if labels is not None or is_picture(first) or label_of(first) is None:
        return labels
    found = []
    for index in range(len(dataset)):
        found.append(_label_at(dataset, index))
        if progress is not None:
            progress(index + 1, len(dataset))
    return found


def _label_at(dataset: Any, index: int) -> Any:
    try:
        return label_of(dataset[index])
    except Exception:  # noqa: BLE001 - likewise: the row of the picture will say so
        return None


def _labels(labels: list[Any] | None, classes: list[str] | None) -> pl.DataFrame:
    if labels is None:
        return pl.DataFrame()
    several = any(isinstance(label, list) for label in labels)

    def name(label: Any) -> str:
        known = classes is not None and isinstance(label, int) and 0 <= label < len(classes)
        return classes[label] if known and classes is not None else str(label)

    def named(label: Any) -> Any:
        if label is None:
            return None
        if isinstance(label, list):
            return [name(one) for one in label]
        return [name(label)] if several else name(label)

    kind = pl.List(pl.String) if several else pl.String
    return pl.DataFrame({"label": pl.Series([named(label) for label in labels], dtype=kind)})
