"""COCO: one object with images, annotations and categories.

Of an image these columns are kept: `image_id`, `image_width`, `image_height`, `license` (its
name), `coco_url`, `flickr_url`, `date_captured`; of a box `annotation_id`, `category_id`,
`supercategory`, `area`, `iscrowd`, `num_keypoints` and `score`. Masks and keypoints are not.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeGuard

import polars as pl

from pixsieve.annotations.boxes import UNKNOWN_LABEL, around, corners, numbers_in, rectangles
from pixsieve.annotations.json_file import clean, key_of, kind_of, listed, text_of

Item = Mapping[str, Any]
#: Four sides, eight corners, or why there are neither.
Shape = tuple[list[float] | None, list[float] | None, str | None]

IMAGE_TEXTS = ("coco_url", "flickr_url", "date_captured")
SIZES = {"image_width": "width", "image_height": "height"}
BOX_NUMBERS: dict[str, type[pl.Int64] | type[pl.Float64]] = {
    "area": pl.Float64,
    "iscrowd": pl.Int64,
    "num_keypoints": pl.Int64,
    "score": pl.Float64,
}
#: What says of an annotation that it is of a part of the image.
SHAPES = ("bbox", "segmentation", "rot_bb_view")


def is_coco(content: object) -> TypeGuard[Item]:
    """Whether it is COCO's one object, and no table that has a column named images."""
    if not isinstance(content, Mapping) or "path" in content or "filename" in content:
        return False
    return "images" in content and ("annotations" in content or "categories" in content)


def read_coco(content: Item, place: str) -> pl.DataFrame:
    """One row per box, then one per image that has none.

    Without any box in the file there is one row per image, with its label (a list where one has
    several) or its captions. A box of an image that is not listed is a row named `image_id=…`.

    Raises:
        ValueError: If it is wrong as a whole, says where; begins with `place`.
    """
    images = _images(content, place)
    annotations = listed(content, "annotations", place)
    if not annotations:
        return images.drop("_image").unique("path", maintain_order=True)
    rows = _known(annotations, content, place)
    if not any(name in item for item in annotations for name in SHAPES):
        return _of_whole_images(images, rows, annotations)
    return _of_boxes(images, rows, annotations)


def _images(content: Item, place: str) -> pl.DataFrame:
    """One row per id, `_image`."""
    items = listed(content, "images", place)
    keys, paths = [], []
    for number, item in enumerate(items):
        keys.append(_id(item, f"{place}: images[{number}]"))
        paths.append(_file_name(item, f"{place}: images[{number}]"))
    licenses = {
        key_of(item.get("id")): text_of(item.get("name"))
        for item in listed(content, "licenses", place)
    }
    frame = pl.DataFrame(
        {
            "_image": pl.Series(keys, dtype=pl.String),
            "path": pl.Series(paths, dtype=pl.String),
            "image_id": _ids(items, "id"),
            **{name: _numbers(items, key, pl.Int64) for name, key in SIZES.items()},
            "license": pl.Series(
                [licenses.get(key_of(item.get("license"))) for item in items], dtype=pl.String
            ),
            **{key: _texts(items, key) for key in IMAGE_TEXTS},
        }
    )
    frame = frame.unique(["_image", "path"], keep="first", maintain_order=True)
    twice = frame.filter(pl.col("_image").is_duplicated())
    if twice.height:
        first, second = twice.filter(pl.col("_image") == twice["_image"][0])["path"][:2]
        raise ValueError(
            f"{place}: two images have the id {twice['_image'][0]}, {first!r} and {second!r}"
        )
    return _without_empty(frame)


def _file_name(item: Item, place: str) -> str:
    name = item.get("file_name")
    if not isinstance(name, str) or not name:
        raise ValueError(f"{place}.file_name is {kind_of(name) if name != '' else 'empty'}")
    # As written on Windows.
    return clean(name.replace("\\", "/"))


def _id(item: Item, place: str) -> str:
    key = key_of(item.get("id"))
    if key is None:
        raise ValueError(f"{place}.id is {kind_of(item.get('id'))}, neither a number nor a text")
    return key


def _known(annotations: list[Item], content: Item, place: str) -> pl.DataFrame:
    """One row per annotation: `_image`, its label, and what else is kept of it."""
    names: dict[str, tuple[str, str | None]] = {}
    for number, item in enumerate(listed(content, "categories", place)):
        where = f"{place}: categories[{number}]"
        key, name = _id(item, where), text_of(item.get("name"))
        if name is None:
            raise ValueError(f"{where}.name is {kind_of(item.get('name'))}, not a text")
        if names.setdefault(key, (name, text_of(item.get("supercategory"))))[0] != name:
            raise ValueError(
                f"{place}: two categories have the id {key}, {names[key][0]!r} and {name!r}"
            )
    categories = pl.DataFrame(
        [(key, *both) for key, both in names.items()],
        schema={"_category": pl.String, "label": pl.String, "supercategory": pl.String},
        orient="row",
    )
    given = [item.get("category_id") for item in annotations]
    rows = pl.DataFrame(
        {
            "_image": pl.Series([key_of(a.get("image_id")) for a in annotations], dtype=pl.String),
            "annotation_id": _ids(annotations, "id"),
            "category_id": _ids(annotations, "category_id"),
            "_category": pl.Series([key_of(value) for value in given], dtype=pl.String),
            "_named": pl.Series([value is not None for value in given], dtype=pl.Boolean),
            **{name: _numbers(annotations, name, kind) for name, kind in BOX_NUMBERS.items()},
        }
    )
    rows = rows.join(categories, on="_category", how="left", maintain_order="left")
    unknown = (pl.col("_named") & pl.col("label").is_null()).alias(UNKNOWN_LABEL)
    return rows.with_columns(unknown).drop("_category", "_named")


def _of_boxes(images: pl.DataFrame, rows: pl.DataFrame, annotations: list[Item]) -> pl.DataFrame:
    shapes = [_shape(item) for item in annotations]
    shaped = rows.with_columns(
        **rectangles([shape[0] for shape in shapes]),
        **corners([shape[1] for shape in shapes]),
        _box_error=pl.Series([shape[2] for shape in shapes], dtype=pl.String),
    )
    if not shaped["x1"].count():
        shaped = shaped.drop(name for name in shaped.columns if name in corners([]))
    frame = shaped.join(images, on="_image", how="left", maintain_order="left")
    lost = pl.col("path").is_null()
    frame = frame.with_columns(
        path=pl.coalesce("path", pl.format("image_id={}", pl.col("_image").fill_null("null"))),
        _box_error=pl.when(lost)
        .then(pl.lit("the annotations list no image of its image_id"))
        .otherwise("_box_error"),
    )
    rest = images.join(frame, on="path", how="anti").unique("path", maintain_order=True)
    frame = pl.concat([frame, rest], how="diagonal")
    return _arranged(frame.with_columns(pl.col(UNKNOWN_LABEL).fill_null(value=False)))


def _arranged(frame: pl.DataFrame) -> pl.DataFrame:
    frame = _without_empty(frame.drop("_image"))
    first = [name for name in ("path", "label") if name in frame.columns]
    return frame.select(*first, pl.exclude(first))


def _of_whole_images(
    images: pl.DataFrame, rows: pl.DataFrame, annotations: list[Item]
) -> pl.DataFrame:
    captions = pl.Series([_caption(item.get("caption")) for item in annotations], dtype=pl.String)
    grouped = (
        rows.with_columns(caption=captions)
        .join(images.select("_image", "path"), on="_image", how="left")
        .with_columns(
            path=pl.coalesce("path", pl.format("image_id={}", pl.col("_image").fill_null("null")))
        )
        .group_by("path", maintain_order=True)
        .agg(
            pl.col("label").drop_nulls().unique(maintain_order=True),
            pl.col("caption").drop_nulls(),
            pl.col(UNKNOWN_LABEL).any(),
        )
    )
    if (grouped["label"].list.len() <= 1).all():
        grouped = grouped.with_columns(pl.col("label").list.first())
    frame = images.unique("path", maintain_order=True).join(
        grouped, on="path", how="full", coalesce=True, maintain_order="left_right"
    )
    empty = {name for name in ("label", "caption") if not _any(grouped[name])}
    empty |= set() if grouped[UNKNOWN_LABEL].any() else {UNKNOWN_LABEL}
    return _arranged(frame.drop(empty))


def _any(values: pl.Series) -> bool:
    if isinstance(values.dtype, pl.List):
        return bool((values.list.len() > 0).any())
    return values.count() > 0


def _caption(value: Any) -> str | None:
    return clean(value) if isinstance(value, str) else None


def _shape(item: Item) -> Shape:
    if item.get("rot_bb_view") is not None:
        return _rotated(item["rot_bb_view"])
    given = item.get("bbox")
    if given is not None and not (type(given) is list and not given):
        bbox = numbers_in(given)
        if bbox is None or len(bbox) != 4:
            return None, None, "its bbox is not four numbers"
        return bbox, None, None
    return _of_mask(item.get("segmentation"))


def _of_mask(mask: Any) -> Shape:
    """The box around polygons."""
    if isinstance(mask, Mapping):
        return None, None, "it has a run-length mask, but no bbox"
    if mask is None or mask == []:
        return None, None, "it has neither bbox nor polygon"
    polygons = [numbers_in(part) for part in mask] if isinstance(mask, Sequence) else [None]
    points = [side for polygon in polygons for side in polygon or ()]
    if any(polygon is None or len(polygon) % 2 for polygon in polygons):
        return None, None, "its polygon is no list of x and y"
    if all(len(polygon or ()) < 6 for polygon in polygons):
        return None, None, "its polygon has under 3 points"
    return around(points[::2], points[1::2]), None, None


def _rotated(matrix: Any) -> Shape:
    """Two rows, of x and of y."""
    rows = [numbers_in(row) for row in matrix] if isinstance(matrix, Collection) else []
    if len(rows) != 2 or any(row is None or len(row) != 4 for row in rows):
        return None, None, "its rot_bb_view is not two rows of four numbers"
    xs, ys = rows
    return None, [side for point in zip(xs or (), ys or (), strict=True) for side in point], None


def _ids(items: list[Item], key: str) -> pl.Series:
    """Whole numbers if all are, else text."""
    values = [item.get(key) for item in items]
    if all(value is None or (type(value) is int and abs(value) < 2**63) for value in values):
        return pl.Series(values, dtype=pl.Int64)
    return pl.Series([key_of(value) for value in values], dtype=pl.String)


def _numbers(items: list[Item], key: str, kind: type[pl.Int64] | type[pl.Float64]) -> pl.Series:
    """Numbers; what is none, or no whole one where these are wanted, is null."""
    wanted: Callable[[Any], bool] = _is_whole if kind is pl.Int64 else _is_number
    values = [item.get(key) for item in items]
    return pl.Series([value if wanted(value) else None for value in values], dtype=kind)


def _is_whole(value: Any) -> bool:
    return type(value) is int and abs(value) < 2**63


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or _is_whole(value)


def _texts(items: list[Item], key: str) -> pl.Series:
    return pl.Series([text_of(item.get(key)) for item in items], dtype=pl.String)


def _without_empty(frame: pl.DataFrame) -> pl.DataFrame:
    """Without the columns that nothing is said in."""
    kept = {"_image", "path", "label", *SHAPE_COLUMNS}
    return frame.select(name for name in frame.columns if name in kept or frame[name].count())


SHAPE_COLUMNS = (*rectangles([]), *corners([]), "_box_error")
