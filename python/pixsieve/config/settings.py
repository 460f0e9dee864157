"""The settings of a run: the only place where a default is written."""

import contextlib
import dataclasses
import math
import numbers
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

from pixsieve.config.checks import paths_as_text, plain, unknown_setting, within

DISTANCES = ("cosine", "euclidean", "l1", "linf", "canberra", "braycurtis", "jensenshannon")
MODES = {
    "auto": "auto",
    "Flat": "exact",
    "exact": "exact",
    "cells": "cells",
    "HNSW32": "hnsw",
    "hnsw": "hnsw",
}
#: The distances that approximate graphs are for.
PRODUCTS = ("cosine", "euclidean")
FORMATS = (
    *("jpeg", "png", "gif", "webp", "bmp", "tiff", "pnm", "tga", "qoi", "ico"),
    *("heif", "avif", "jp2", "jxl", "psd", "dicom", "raw"),
)
DEVICES = ("auto", "cpu", "cuda")
#: What the settings may be that are one of a few names.
CHOICES = {
    "splits": ("auto", "none"),
    "device": DEVICES,
    "distance": DISTANCES,
    "nnf_mode": tuple(MODES),
    "outlier_cut": ("auto", "percentile"),
    "stretch": ("range", "percentile"),
}
#: The least and the most of each whole number.
WHOLE_NUMBERS = {
    "num_images": (0, 2**32),
    "min_offset": (0, 2**32),
    "max_offset": (0, 2**32),
    "augmentation_additive_margin": (0, 65_535),
    "num_requests": (1, 1_024),
    "min_file_size": (0, 2**40),
    "min_width": (1, 65_535),
    "min_height": (1, 65_535),
    "max_pixels": (1, 4_000_000_000),
    "batch_size": (1, 4_096),
    "num_threads": (1, 1_024),
    "nearest_neighbors_k": (1, 100_000),
    "seed": (0, 2**63),
}
#: What fastdup calls some of the settings.
OTHER_NAMES = {"min_input_image_width": "min_width", "min_input_image_height": "min_height"}

#: The settings from 0 to 1.
SHARES = (
    *("duplicate_precision", "outlier_percentile", "mislabel_threshold", "recall"),
    *("augmentation_horiz", "augmentation_vert"),
)
#: The settings that are True or False.
FLAGS = (
    *("hidden", "clip_boxes", "sync_s3_to_local", "delete_tar", "delete_img"),
    *("high_accuracy", "thumbnails", "overwrite"),
)
#: The settings from which on a picture is flagged: the least and the most of each.
LIMITS = {
    "dark_threshold": (0, 255),
    "bright_threshold": (0, 255),
    "blur_threshold": (0, math.inf),
    "contrast_threshold": (0, 128),
    "information_threshold": (0, 8),
    "aspect_ratio_threshold": (1, math.inf),
}
#: The share of the images that are listed as outliers where one is asked for but not given.
OUTLIER_PERCENTILE = 0.05
#: A column name, `"folder"`, a mapping from path to label, or a function of the path.
Labels: TypeAlias = str | Mapping[str, str | None] | Callable[[str], str | None]


def setting(default: Any, text: str, *, cli: bool = True) -> Any:
    """A field of `Config` with its help text; `cli` says whether the command line offers it."""
    return dataclasses.field(default=default, metadata={"help": text, "cli": cli})


@dataclass(frozen=True, kw_only=True)
class Config:
    """All settings of a run, checked when the object is made.

    Raises:
        ValueError: If a setting is out of range, says which and what is allowed.
    """

    labels: Labels | None = setting(
        None, '"folder" for the name of the parent folder, or a column of the annotations'
    )
    label_separator: str | None = setting(
        None, "what stands between several labels of one picture, such as |; default: it has one"
    )
    test_dir: str | Sequence[str] | None = setting(
        None,
        "a second folder (in Python a list, too), to be checked against the first: its images are "
        "the split test, those of the first train where nothing else is said",
    )
    splits: str = setting(
        "auto", '"auto": the split column, else path parts such as train, val, test; "none"'
    )
    hidden: bool = setting(False, "also read files and folders whose names begin with a dot")
    find_regex: str | None = setting(
        None, "keep only paths, the input folder included, that this regular expression is found in"
    )
    subset: Sequence[str] | None = setting(
        None, "keep only these paths, relative to the input folder", cli=False
    )
    num_images: int = setting(0, "read only the first N images in path order; 0 reads all")
    min_offset: int = setting(0, "leave out so many images at the beginning, in path order")
    max_offset: int = setting(0, "leave out the images from this one on; 0 takes all")
    extensions: Sequence[str] | None = setting(
        None, "read only files with these extensions, such as jpg,png; default: all known ones"
    )
    exclude: Sequence[str] | None = setting(
        None, "leave out paths that match these patterns, such as *_mask.png or thumbs/*"
    )
    min_file_size: int = setting(0, "smaller files (bytes) are invalid")
    min_width: int = setting(10, "narrower pictures (pixels) are invalid")
    min_height: int = setting(10, "lower pictures (pixels) are invalid")
    max_pixels: int = setting(
        120_000_000,
        "pictures that need more pixels, or 7 bytes for each of these, at once are invalid",
    )
    stretch: str = setting(
        "range",
        'how more than 8 bits a channel become 8: "range", the whole range of the format; '
        '"percentile", from the 1st to the 99th percentile of each picture',
    )
    video_frames: str | float = setting(
        "key",
        'which frames of videos are read: "key" (key frames, and a few more where these are '
        'sparse), "all", or one every so many seconds',
    )
    bounding_box: str | None = setting(
        None,
        'read parts of pictures: "row_y=…,col_x=…,height=…,width=…", or those that a detector '
        'finds: "face", "ocr", "yolov5s", or the path of an ONNX file of a YOLO',
    )
    clip_boxes: bool = setting(False, "cut boxes at the border of the picture they reach beyond")
    augmentation_horiz: float = setting(0.0, "widen boxes by this share of their width")
    augmentation_vert: float = setting(0.0, "heighten boxes by this share of their height")
    augmentation_additive_margin: int = setting(0, "pixels to add on each side of boxes, besides")
    sync_s3_to_local: bool = setting(False, "copy remote files into the work directory first")
    delete_tar: bool = setting(False, "delete such copies of archives when they have been read")
    delete_img: bool = setting(False, "delete such copies of pictures when they have been read")
    num_requests: int = setting(64, "requests to a server under way at the same time")
    model_path: str | None = setting(
        None,
        "a model's name (`pixsieve models` lists them), or an ONNX file with its card (NAME.json) "
        "beside it; default: the built-in model",
    )
    model_card: Mapping[str, Any] | None = setting(
        None, "the card of `model_path`, given by hand", cli=False
    )
    device: str = setting("auto", '"cpu", "cuda" (fails without a GPU), or "auto"')
    batch_size: int = setting(16, "pictures per run of the model")
    high_accuracy: bool = setting(
        False, "embed several views of each picture: slower, better on hard pictures"
    )
    num_threads: int | None = setting(None, "default: as many as there are cores")
    nearest_neighbors_k: int = setting(10, "neighbors kept per image")
    nnf_mode: str = setting(
        "auto",
        '"Flat" (exact), "cells" (approximate, for millions), "HNSW32" (approximate), or "auto": '
        "exact up to 150,000 images, then cells",
    )
    recall: float = setting(0.95, "share of the true neighbors that cells shall find")
    distance: str = setting(
        "cosine", f"{', '.join(DISTANCES)} (of embeddings without negative values)"
    )
    threshold: float | None = setting(
        None, "similarity from which pairs are listed; default: the model card's"
    )
    cc_threshold: float | None = setting(
        None, "similarity from which images share a component; default: the model card's"
    )
    duplicate_threshold: float | None = setting(
        None, "similarity from which images are near duplicates, whatever their comparison says"
    )
    duplicate_precision: float = setting(
        0.995,
        "share of the near duplicates that shall be true; where duplicate_threshold is given, or "
        "the model's card has no calibration, similarity alone decides",
    )
    outlier_cut: str = setting(
        "auto",
        'which images are outliers where outlier_percentile is not given: "auto", those that '
        f'depart from the bulk, which may be none; "percentile", a share of {OUTLIER_PERCENTILE}',
    )
    outlier_percentile: float | None = setting(
        None, "list this share of the images as outliers, whatever they are like"
    )
    mislabel_threshold: float = setting(
        0.5, "labels are suspected whose probability to be right is lower"
    )
    dark_threshold: float = setting(25.0, "pictures with a lower mean (0..255) count as dark")
    bright_threshold: float = setting(235.0, "pictures with a higher mean count as bright")
    blur_threshold: float = setting(
        50.0, "pictures whose Laplacian has a lower variance count as blurry"
    )
    contrast_threshold: float = setting(
        10.0, "pictures whose values deviate less from their mean (0..128) have low contrast"
    )
    information_threshold: float = setting(
        2.0, "pictures whose luminance has a lower entropy (bits, 0..8) have low information"
    )
    aspect_ratio_threshold: float = setting(
        3.0, "pictures with a longer side above so many times the shorter one are odd"
    )
    prefer_formats: Sequence[str] = setting(
        ("png", "tiff", "webp", "jpeg", "bmp"),
        "of copies with equal width, height and bytes, keep the earlier format",
    )
    prefer_splits: Sequence[str] = setting(
        (
            *("test", "testing", "holdout", "valid", "val", "validation", "dev", "eval"),
            *("train", "training"),
        ),
        "and of those with equal formats, the one in the earlier split",
    )
    thumbnails: bool = setting(False, "write thumbnails during the run, not when first shown")
    seed: int = setting(0, "of the approximate neighbor graph, and of the map by t-SNE")
    overwrite: bool = setting(False, "replace an earlier run in the work directory")

    def __post_init__(self) -> None:
        self._as_python()
        self._check_kinds()
        for name, choices in CHOICES.items():
            self._one_of(name, choices)
        for name, (least, most) in WHOLE_NUMBERS.items():
            value = getattr(self, name)
            if value is not None and (
                not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most
            ):
                raise ValueError(
                    f"{name} must be a whole number of at least {least} and at most {most:,}, "
                    f"not {value!r}"
                )
        for name in SHARES:
            self._within(name, 0, 1)
        for name in ("threshold", "cc_threshold", "duplicate_threshold"):
            self._within(name, -1.0, 1.0)
        for name, (low, high) in LIMITS.items():
            self._within(name, low, high)
        unknown = [name for name in self.prefer_formats if name not in FORMATS]
        if unknown:
            raise ValueError(
                f"prefer_formats must be names of {', '.join(FORMATS)}; not {unknown[0]!r}"
            )
        self._check_pattern()
        self._check_frames()
        if self.mode in ("cells", "hnsw") and self.distance not in PRODUCTS:
            raise ValueError(
                f"nnf_mode={self.nnf_mode!r} works with cosine and euclidean, not with "
                f"{self.distance!r}: use nnf_mode='Flat'"
            )

    def _check_frames(self) -> None:
        frames = self.video_frames
        if isinstance(frames, str):
            with contextlib.suppress(ValueError):
                # As the command line gives it.
                object.__setattr__(self, "video_frames", float(frames))
        frames = self.video_frames
        seconds = isinstance(frames, int | float) and not isinstance(frames, bool)
        if frames not in ("key", "all") and not (seconds and 0 < float(frames) < math.inf):
            raise ValueError(
                f'video_frames must be "key", "all" or a number of seconds, not {frames!r}'
            )

    def _check_pattern(self) -> None:
        if self.find_regex is None:
            return
        try:
            re.compile(self.find_regex)
        except re.error as error:
            raise ValueError(
                f"find_regex {self.find_regex!r} is no regular expression: {error}"
            ) from None

    def _as_python(self) -> None:
        """One string becomes a list of it; NumPy's numbers and paths become Python's own values."""
        for name in ("extensions", "exclude"):
            if isinstance(getattr(self, name), str):
                object.__setattr__(self, name, (getattr(self, name),))
        object.__setattr__(self, "test_dir", paths_as_text(self.test_dir))
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool | int | float) or not isinstance(value, numbers.Real):
                continue
            plain = int(value) if isinstance(value, numbers.Integral) else float(value)
            object.__setattr__(self, field.name, plain)

    def _check_kinds(self) -> None:
        for field in dataclasses.fields(self):
            if field.default is not None and getattr(self, field.name) is None:
                raise ValueError(f"{field.name} needs a value; its default is {field.default!r}")
        for name in FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be True or False, not {getattr(self, name)!r}")
        for name in ("subset", "extensions", "exclude", "prefer_formats", "prefer_splits"):
            value = getattr(self, name)
            if isinstance(value, str) or not isinstance(value, Sequence | None):
                raise ValueError(f"{name} must be a list of strings, not {value!r}")
            for one in value or ():
                if not isinstance(one, str | os.PathLike if name == "subset" else str):
                    raise ValueError(f"{name} must be a list of strings; one of them is {one!r}")
        self._check_texts()
        if not (callable(self.labels) or isinstance(self.labels, str | Mapping | None)):
            raise ValueError(
                'labels must be "folder", the name of a column, a mapping or a function, not '
                f"{self.labels!r}"
            )

    def _check_texts(self) -> None:
        if not isinstance(self.model_path, str | os.PathLike | None):
            raise ValueError(f"model_path must be a path, not {self.model_path!r}")
        given = self.test_dir if isinstance(self.test_dir, tuple) else (self.test_dir,)
        if not all(isinstance(one, str | None) for one in given):
            raise ValueError(f"test_dir must be a path or a list of paths, not {self.test_dir!r}")
        if "" in given or not given:
            raise ValueError("test_dir must not be empty")
        for name in ("find_regex", "label_separator", "bounding_box"):
            if not isinstance(getattr(self, name), str | None):
                raise ValueError(f"{name} must be a string, not {getattr(self, name)!r}")
            if getattr(self, name) == "" and name != "find_regex":
                raise ValueError(f"{name} must not be empty")

    def _one_of(self, name: str, allowed: Sequence[str]) -> None:
        value = getattr(self, name)
        if value not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")

    def _within(self, name: str, low: float, high: float) -> None:
        if getattr(self, name) is not None:
            within(name, getattr(self, name), low, high)

    @property
    def mode(self) -> str:
        """The graph builder: `auto`, `exact`, `cells` or `hnsw`."""
        return MODES[self.nnf_mode]

    @property
    def threads(self) -> int:
        """Worker threads: as asked for, else the cores this process may use."""
        if self.num_threads is not None:
            return self.num_threads
        # Where a process cannot be bound to cores, it may use all.
        bound = getattr(os, "sched_getaffinity", None)
        return len(bound(0)) if bound else os.cpu_count() or 1

    def replace(self, **changes: Any) -> Self:
        """A copy with other settings.

        Raises:
            TypeError: If there is no such setting; the message lists similar names.
        """
        known = {field.name for field in dataclasses.fields(self)}
        for other, name in OTHER_NAMES.items():
            if other in changes and name in changes:
                raise TypeError(f"{other} is another name of {name}: give one of them")
        changes = {OTHER_NAMES.get(name, name): value for name, value in changes.items()}
        for name in sorted(changes.keys() - known):
            raise TypeError(unknown_setting(name, known))
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON can hold them; functions and mappings by their kind only."""
        return {field.name: plain(getattr(self, field.name)) for field in dataclasses.fields(self)}
