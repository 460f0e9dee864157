"""The one registry of frames: which columns each public frame has, in which order and type.

Columns of the contract come first, columns the user brought along follow.
"""

from collections.abc import Iterable, Sequence

import polars as pl

IMAGES = pl.Schema(
    {
        "image": pl.UInt32,
        "path": pl.String,
        "label": pl.String,
        "split": pl.String,
        "width": pl.UInt32,
        "height": pl.UInt32,
        "file_size": pl.UInt64,
        "format": pl.String,
        "digest": pl.String,
        "error_code": pl.String,
        "detail": pl.String,
    }
)

#: Columns of `images.parquet` and of frames on the way to it that are ours alone: where a picture
#: lies, and which part of it an image is. Users' columns of these names give way.
INTERNAL = (
    *("_relative", "_location", "_kind", "_offset", "_stored", "_size", "_check", "_modified"),
    *("_error_code", "_detail", "_box", "_box_kind", "_box_error", "_box_relative", "_box_rotated"),
    *("_source_width", "_source_height", "_listed", "_second", "_annotation", "_annotated"),
    "_video",
)

EDGES = pl.Schema({"from": pl.UInt32, "to": pl.UInt32, "similarity": pl.Float32})

#: Pairs that were compared, from < to.
PAIRS = pl.Schema({**EDGES, "match": pl.Float32(), "transform": pl.String()})

#: How far each image in the graph is from the mean of all: squared, an ordinary one has 1.
TYPICALITY = pl.Schema({"image": pl.UInt32(), "mahalanobis": pl.Float32()})

PIXEL_DIGESTS = pl.Schema({"image": pl.UInt32, "pixel_digest": pl.Binary})

ANNOTATIONS = pl.Schema({name: dtype for name, dtype in IMAGES.items() if name != "detail"})

SIMILARITY = pl.Schema(
    {
        "from": pl.UInt32,
        "to": pl.UInt32,
        "similarity": pl.Float32,
        "path_from": pl.String,
        "path_to": pl.String,
        "label_from": pl.String,
        "label_to": pl.String,
        "split_from": pl.String,
        "split_to": pl.String,
    }
)

DUPLICATES = pl.Schema(
    {
        "group": pl.UInt32,
        "image": pl.UInt32,
        "path": pl.String,
        "kind": pl.String,
        "similarity": pl.Float32,
        "match": pl.Float32,
        "transform": pl.String,
        "representative": pl.Boolean,
        "keep": pl.Boolean,
        "label": pl.String,
        "split": pl.String,
    }
)

CONNECTED_COMPONENTS = pl.Schema(
    {
        "component": pl.UInt32,
        "image": pl.UInt32,
        "path": pl.String,
        "size": pl.UInt32,
        "similarity_mean": pl.Float32,
        "similarity_min": pl.Float32,
        "similarity_max": pl.Float32,
        "label": pl.String,
        "split": pl.String,
    }
)

OUTLIERS = pl.Schema(
    {
        "image": pl.UInt32,
        "path": pl.String,
        "nearest": pl.UInt32,
        "nearest_path": pl.String,
        "similarity": pl.Float32,
        "score": pl.Float32,
        "percentile": pl.Float32,
        "label": pl.String,
        "split": pl.String,
        "reason": pl.String,
    }
)

MISLABELS = pl.Schema(
    {
        "image": pl.UInt32(),
        "path": pl.String(),
        "label": pl.String(),
        "suggested_label": pl.String(),
        "score": pl.Float32(),
        "agreement": pl.Float32(),
        "neighbors": pl.List(pl.UInt32),
        "conflict": pl.String(),
    }
)

CONFUSION = pl.Schema(
    {
        "label": pl.String,
        "suggested_label": pl.String,
        "images": pl.UInt32,
        "share": pl.Float32,
        "suspected": pl.UInt32,
    }
)

LEAKS = pl.Schema(
    {
        "split_from": pl.String,
        "split_to": pl.String,
        "image_from": pl.UInt32,
        "image_to": pl.UInt32,
        "path_from": pl.String,
        "path_to": pl.String,
        "kind": pl.String,
        "similarity": pl.Float32,
        "label_from": pl.String,
        "label_to": pl.String,
        "match": pl.Float32,
        "transform": pl.String,
    }
)

INVALID_INSTANCES = pl.Schema(
    {
        "image": pl.UInt32,
        "path": pl.String,
        "error_code": pl.String,
        "detail": pl.String,
        "file_size": pl.UInt64,
    }
)

IMG_STATS = pl.Schema(
    {
        "image": pl.UInt32,
        "path": pl.String,
        "width": pl.UInt32,
        "height": pl.UInt32,
        "file_size": pl.UInt64,
        "mean": pl.Float32,
        "stdv": pl.Float32,
        "min": pl.Float32,
        "max": pl.Float32,
        "unique": pl.UInt16,
        "blur": pl.Float32,
        "contrast": pl.Float32,
        "mean_r": pl.Float32,
        "mean_g": pl.Float32,
        "mean_b": pl.Float32,
        "hue": pl.Float32,
        "saturation": pl.Float32,
        "value": pl.Float32,
        "rms_contrast": pl.Float32,
        "edge_density": pl.Float32,
        "entropy": pl.Float32,
        "aspect_ratio": pl.Float32,
        "is_grayscale": pl.Boolean,
    }
)

FLAGS = pl.Schema(
    {
        "image": pl.UInt32,
        "path": pl.String,
        "flag": pl.String,
        "metric": pl.String,
        "value": pl.Float32,
        "threshold": pl.Float32,
        "rule": pl.String,
        "label": pl.String,
        "split": pl.String,
    }
)

PLACEHOLDERS = pl.Schema(
    {
        "cluster": pl.UInt32,
        "image": pl.UInt32,
        "path": pl.String,
        "kind": pl.String,
        "size": pl.UInt32,
        "label": pl.String,
        "split": pl.String,
    }
)

#: Where images lie on the map of the collection.
PROJECTION = pl.Schema(
    {
        "image": pl.UInt32,
        "path": pl.String,
        "x": pl.Float32,
        "y": pl.Float32,
        "label": pl.String,
        "split": pl.String,
    }
)

LEAK_COUNTS = pl.Schema(
    {
        "split_from": pl.String,
        "split_to": pl.String,
        "label": pl.String,
        "kind": pl.String,
        "images": pl.UInt32,
        "share": pl.Float32,
    }
)

#: What `statistics.parquet` holds: `image` and one Float32 per statistic, as Rust measures them.
STATISTICS = pl.Schema(
    [(name, dtype) for name, dtype in IMG_STATS.items() if name == "image"]
    + [(name, pl.Float32()) for name in IMG_STATS if name not in IMAGES]
)

#: What was decided of images when they were reviewed.
DECISIONS = pl.Schema(
    {
        "image": pl.UInt32(),
        "path": pl.String(),
        "decision": pl.String(),
        "finding": pl.String(),
        "new_label": pl.String(),
        "label": pl.String(),
        "split": pl.String(),
        "time": pl.Datetime("us", "UTC"),
    }
)

#: Two videos that share a run of frames: one row per run, times in seconds of each video.
DUPLICATE_VIDEOS = pl.Schema(
    {
        "video_from": pl.String(),
        "video_to": pl.String(),
        "kind": pl.String(),
        "start_from": pl.Float64(),
        "end_from": pl.Float64(),
        "start_to": pl.Float64(),
        "end_to": pl.Float64(),
        "offset_s": pl.Float64(),
        "speed": pl.Float32(),
        "frames": pl.UInt32(),
        "share_from": pl.Float32(),
        "share_to": pl.Float32(),
        "similarity": pl.Float32(),
        "images_from": pl.List(pl.UInt32()),
        "images_to": pl.List(pl.UInt32()),
    }
)

#: What comes nearest to something that was searched for.
SEARCH = pl.Schema(
    {
        "image": pl.UInt32,
        "path": pl.String,
        "similarity": pl.Float32,
        "label": pl.String,
        "split": pl.String,
    }
)

#: What of the annotations and of the input did not come together: `side` says whose path it is.
UNMATCHED = pl.Schema({"path": pl.String, "side": pl.String, "reason": pl.String})

#: The boxes that were cut out of pictures, in pixels of the upright picture, as they were given or
#: found: without margins, and where they are clipped, before. Of a rotated box `col_x` to `height`
#: are the upright box around it.
CROPS = pl.Schema(
    {
        "image": pl.UInt32(),
        "source": pl.String(),
        **dict.fromkeys(("col_x", "row_y", "width", "height"), pl.Float64()),
        **{f"{axis}{number}": pl.Float64() for number in range(1, 5) for axis in "xy"},
        "label": pl.String(),
        "confidence": pl.Float32(),
    }
)

SCHEMAS: dict[str, pl.Schema] = {
    "images": IMAGES,
    "edges": EDGES,
    "pairs": PAIRS,
    "pixel_digests": PIXEL_DIGESTS,
    "typicality": TYPICALITY,
    "unmatched": UNMATCHED,
    "crops": CROPS,
    "statistics": STATISTICS,
    "annotations": ANNOTATIONS,
    "similarity": SIMILARITY,
    "duplicates": DUPLICATES,
    "connected_components": CONNECTED_COMPONENTS,
    "outliers": OUTLIERS,
    "mislabels": MISLABELS,
    "confusion": CONFUSION,
    "leaks": LEAKS,
    "invalid_instances": INVALID_INSTANCES,
    "leak_counts": LEAK_COUNTS,
    "img_stats": IMG_STATS,
    "flags": FLAGS,
    "placeholders": PLACEHOLDERS,
    "duplicate_videos": DUPLICATE_VIDEOS,
    "decisions": DECISIONS,
    "search": SEARCH,
    "projection": PROJECTION,
}


def empty(name: str) -> pl.DataFrame:
    """A frame without rows that has exactly the columns of the named frame."""
    return pl.DataFrame(schema=SCHEMAS[name])


def conform(frame: pl.DataFrame, name: str, user_columns: Iterable[str]) -> pl.DataFrame:
    """The same rows with the contract's columns first, cast, and then the user's.

    Columns that are neither are dropped.

    Raises:
        polars.exceptions.ColumnNotFoundError: If a column is missing.
        polars.exceptions.InvalidOperationError: If a value does not fit its type.
    """
    contract = [pl.col(column).cast(dtype) for column, dtype in SCHEMAS[name].items()]
    return frame.select(*contract, *user_columns)


def user_columns(images: pl.DataFrame) -> list[str]:
    """Names of the columns of an IMAGES frame that the user brought along, in their order."""
    return [column for column in images.columns if column not in IMAGES]


def user_names(name: str, columns: Sequence[str]) -> dict[str, str]:
    """How the user's columns are called in the named frame.

    A column keeps its name, unless the frame has a column of that name: then `_user` is added,
    so a user's `score` is `score_user` in the outliers.
    """
    taken = {*SCHEMAS[name], *columns}
    names = {}
    for column in columns:
        free = column
        while free in SCHEMAS[name] or (free != column and free in taken):
            free += "_user"
        taken.add(free)
        names[column] = free
    return names
