"""Label Studio: an exported list of tasks (JSON).

Rectangles, ellipses and polygons become boxes, of the latter two the box around them; a rotated
rectangle becomes a rotated box. Choices are the labels of the image, or the column `choices` where
the tasks have boxes. Keypoints, texts, ratings and predictions are passed over, and annotations
that were cancelled. Of a task `task_id` is kept and the plain values of its data; of a box
`annotation_id` and `annotator`.
"""

import math
import re
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from pixsieve.annotations.boxes import around, corners, numbers_in, rectangles
from pixsieve.annotations.json_file import clean, key_of, kind_of, listed, objects, text_of
from pixsieve.annotations.pictures import is_picture

Item = Mapping[str, Any]

SHAPES = ("rectangle", "polygon", "ellipse", "brush")
#: What an upload puts before the name of a file.
UPLOAD = re.compile(r"^.*/?data/upload/(?:\d+/)?(?:[0-9a-f]{8}-)?(?=[^/]+$)")
LOCAL = re.compile(r"^.*/?data/local-files/\?(?:.*&)?d=([^&]*).*$")


def read_tasks(tasks: Sequence[Any], place: str) -> pl.DataFrame:
    """One row per box, to be normalised, then per task without any.

    Raises:
        ValueError: If these are no tasks; begins with `place`.
    """
    items = objects(tasks, place)
    if not items:
        raise ValueError(f"{place} is an empty list: there is nothing in it")
    rows: list[dict[str, Any]] = []
    for number, task in enumerate(items):
        rows += _task(task, f"{place}[{number}]")
    frame = pl.DataFrame(
        {
            "path": pl.Series([row["path"] for row in rows], dtype=pl.String),
            **_labels(rows),
            **{key: _texts(rows, key) for key in ("task_id", "annotation_id", "annotator")},
            **_data(rows),
        }
    )
    if any(row["is_box"] for row in rows):
        frame = _with_boxes(frame, rows)
    else:
        frame = frame.drop("annotation_id", "annotator")
    empty = {"task_id", "annotation_id", "annotator"}
    return frame.drop(name for name in frame.columns if name in empty and not frame[name].count())


def _with_boxes(frame: pl.DataFrame, rows: list[dict[str, Any]]) -> pl.DataFrame:
    frame = frame.with_columns(
        **rectangles([row.get("sides") for row in rows]),
        _box_error=pl.Series([row.get("error") for row in rows], dtype=pl.String),
        _relative=pl.lit(value=True),
    )
    points = [row.get("corners") for row in rows]
    return frame.with_columns(**corners(points)) if any(points) else frame


def _labels(rows: list[dict[str, Any]]) -> dict[str, pl.Series]:
    boxes = any(row["is_box"] for row in rows)
    found = {"label": [row["labels"] for row in rows]}
    if boxes and any(row["choices"] for row in rows):
        found["choices"] = [row["choices"] for row in rows]
    series = {}
    for name, values in found.items():
        one = all(len(value) < 2 for value in values)
        series[name] = (
            pl.Series([value[0] if value else None for value in values], dtype=pl.String)
            if one
            else pl.Series(values, dtype=pl.List(pl.String))
        )
    return series


def _data(rows: list[dict[str, Any]]) -> dict[str, pl.Series]:
    """The plain values that came with the tasks, as text; up to 100 columns."""
    names = list(dict.fromkeys(key for row in rows for key in row["data"]))
    taken = {"path", "label", "choices", "task_id", "annotation_id", "annotator"}
    return {
        name if name not in taken and not name.startswith("_") else f"data_{name}": pl.Series(
            [row["data"].get(name) for row in rows], dtype=pl.String
        )
        for name in names[:100]
    }


def _texts(rows: list[dict[str, Any]], key: str) -> pl.Series:
    return pl.Series([row.get(key) for row in rows], dtype=pl.String)


def _task(task: Item, place: str) -> list[dict[str, Any]]:
    data = task.get("data")
    if not isinstance(data, Mapping) or not ("annotations" in task or "completions" in task):
        raise ValueError(
            f"{place} is no task of Label Studio with data and annotations: export as JSON, not "
            "as JSON-MIN; results of COCO need their file of images"
        )
    key, path = _picture(data, f"{place}.data")
    base = {
        "path": path,
        "task_id": text_of(task.get("id")),
        "data": {
            clean(str(name)): text_of(value)
            for name, value in data.items()
            if name != key and text_of(value) is not None
        },
    }
    known = "annotations" if "annotations" in task else "completions"
    boxes: list[dict[str, Any]] = []
    choices: dict[str, None] = {}
    for number, annotation in enumerate(listed(task, known, place)):
        if annotation.get("was_cancelled") or annotation.get("skipped"):
            continue
        results = listed(annotation, "result", f"{place}.{known}[{number}]")
        choices |= dict.fromkeys(name for item in results for name in _names(item, "choices"))
        author = {
            "annotation_id": text_of(annotation.get("id")),
            "annotator": _annotator(annotation.get("completed_by")),
        }
        boxes += [author | box for box in _boxes(results)]
    named = list(choices)
    if not boxes:
        return [base | {"is_box": False, "labels": named, "choices": named}]
    return [base | box | {"is_box": True, "choices": named} for box in boxes]


def _picture(data: Item, place: str) -> tuple[str, str]:
    """Which of the data is the picture, and its path."""
    texts = {key: value for key, value in data.items() if isinstance(value, str) and value}
    for key in ("image", "img", "picture", "photo"):
        if key in texts:
            return key, picture_path(texts[key])
    for key, value in texts.items():
        if is_picture(value.partition("?")[0]) or "data/local-files/" in value:
            return key, picture_path(value)
    raise ValueError(f"{place} names no picture, such as image; found are {_found(data)}")


def _found(data: Item) -> str:
    return ", ".join(clean(str(key))[:40] for key in list(data)[:10]) or "none"


def picture_path(url: str) -> str:
    """The path that Label Studio's URL stands for; other URLs and paths stay as they are."""
    local = LOCAL.match(url)
    if local:
        return clean(urllib.parse.unquote(local[1]).replace("\\", "/"))
    if UPLOAD.match(url):
        return clean(urllib.parse.unquote(UPLOAD.sub("", url)))
    return clean(url if "://" in url else url.replace("\\", "/"))


def _annotator(value: Any) -> str | None:
    """A number, or what is known of a person."""
    if isinstance(value, Mapping):
        return text_of(value.get("email")) or text_of(value.get("id"))
    return text_of(value)


def _names(item: Item, key: str) -> list[str]:
    value = item.get("value")
    found = value.get(key) if isinstance(value, Mapping) else None
    found = [found] if isinstance(found, str) else found
    if not isinstance(found, list):
        return []
    return [name for name in map(text_of, found) if name is not None]


def _boxes(results: list[Item]) -> Iterator[dict[str, Any]]:
    """What there is of each region; its labels may stand in another result of the same id."""
    apart: dict[str | None, list[str]] = {}
    for item in results:
        apart.setdefault(key_of(item.get("id")), []).extend(_names(item, "labels"))
    for item in results:
        kind = str(item.get("type")).removesuffix("labels")
        if kind not in SHAPES:
            continue
        own = _names(item, f"{kind}labels")
        same = apart.get(key_of(item.get("id"))) if item.get("id") is not None else None
        yield {"labels": list(dict.fromkeys(own or same or ())), **_shape(item, kind)}


def _shape(item: Item, kind: str) -> dict[str, Any]:
    """`sides` or `corners` in shares of the picture, or an `error`."""
    value = item.get("value")
    if kind == "brush":
        return {"error": "it is a mask of a brush, not a box"}
    if not isinstance(value, Mapping):
        return {"error": f"its value is {kind_of(value)}, not an object"}
    turned = key_of(item.get("image_rotation"))
    if turned not in (None, "0"):
        return {"error": f"its picture was turned by {turned} degrees: turn the file itself"}
    if kind == "polygon":
        return _polygon(value)
    if kind == "ellipse":
        return _ellipse(value)
    return _rectangle(item, value)


def _shares(value: Item, *keys: str) -> list[float] | str:
    """Numbers of percent as shares, or which is none."""
    for key in keys:
        if numbers_in([value.get(key)]) is None:
            return f"its {key} is {kind_of(value.get(key))}, not a number"
    return [number / 100 for number in numbers_in([value[key] for key in keys]) or ()]


def _rectangle(item: Item, value: Item) -> dict[str, Any]:
    found = _shares(value, "x", "y", "width", "height")
    if isinstance(found, str):
        return {"error": found}
    angles = numbers_in([value.get("rotation") or 0])
    if angles is None:
        return {"error": "its rotation is no number"}
    if angles[0] == 0:
        return {"sides": found}
    size = numbers_in([item.get("original_width"), item.get("original_height")])
    if size is None or min(size) <= 0:
        return {"error": "it is rotated, but has no original_width and original_height"}
    return {"corners": _turned(found, angles[0], *size)}


def _turned(sides: list[float], degrees: float, across: float, down: float) -> list[float]:
    """The corners of a box that is turned clockwise round its left top corner, as shares.

    It is turned in the picture, whose sides differ: `across` and `down` are its size.
    """
    left, top, width, height = sides
    angle = math.radians(degrees)
    cosine, sine = (math.cos(angle), math.sin(angle)) if math.isfinite(angle) else (angle, angle)
    found = []
    for x, y in ((0.0, 0.0), (width, 0.0), (width, height), (0.0, height)):
        right, low = x * across, y * down
        found += [
            left + (right * cosine - low * sine) / across,
            top + (right * sine + low * cosine) / down,
        ]
    return found


def _polygon(value: Item) -> dict[str, Any]:
    given = value.get("points")
    points = [numbers_in(point) for point in given] if isinstance(given, list) else [None]
    if any(point is None or len(point) != 2 for point in points):
        return {"error": "its points are no list of x and y"}
    if len(points) < 3:
        return {"error": "its polygon has under 3 points"}
    whole = [[side / 100 for side in point or ()] for point in points]
    return {"sides": around([x for x, _ in whole], [y for _, y in whole])}


def _ellipse(value: Item) -> dict[str, Any]:
    found = _shares(value, "x", "y", "radiusX", "radiusY")
    if isinstance(found, str):
        return {"error": found}
    if value.get("rotation"):
        return {"error": "it is a rotated ellipse, which has no box of its own"}
    x, y, across, down = found
    return {"sides": [x - across, y - down, 2 * across, 2 * down]}
