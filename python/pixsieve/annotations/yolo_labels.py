"""YOLO's label files: a line per box, in shares of the picture's width and height.

A line is `class`, then `cx cy w h`, or the 8 numbers of four corners, or a polygon `x1 y1 x2 y2 …`,
of which the box around it is taken; the confidence may follow. Where any line holds a polygon of
other than four points, those of four are polygons, too. Keypoints are passed over where a
data.yaml says how many there are.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import polars as pl

from pixsieve.annotations.boxes import UNKNOWN_LABEL, normalised
from pixsieve.annotations.pictures import STEM, Beside, label_files, pictures_below
from pixsieve.annotations.yolo import YoloData, labels_for, read_list, read_names
from pixsieve.sources.listing import shown
from pixsieve.sources.tables.box_columns import CORNERS, RECTANGLE

#: Text files that lie among label files, but are none.
OTHERS = frozenset({"classes.txt", "readme.txt", "notes.txt", "train.txt", "val.txt", "test.txt"})
#: Where the names of the classes are, in the folder of labels or in one above.
NAMES = ("classes.txt", "data.yaml", "data.yml")

TEXTS = {"path": pl.String, "_text": pl.String, "_box_error": pl.String}


def boxes_of_pictures(
    pictures: Sequence[str],
    names: Mapping[int, str],
    *,
    keypoints: tuple[int, int] | None = None,
) -> pl.DataFrame:
    """One row per box in the label files of these pictures, with the columns of `boxes.BOX`.

    `path` is the picture's; `label` the name of its class, or its number if there are no `names`;
    `class_id`; `confidence` if any is given. A picture without label file, or with an empty one,
    is a row of no box; a line that is none of a label file is a row that says so.
    """
    labels = [labels_for(picture) for picture in pictures]
    return normalised(label_rows(pictures, labels, names, keypoints=keypoints))


def data_rows(data: YoloData) -> pl.DataFrame:
    """The boxes of all pictures that a data.yaml names, and their `split`, to be normalised.

    A picture in two splits is of the first.
    """
    splits: dict[str, str] = {}
    for split, places in data.splits.items():
        for place in places:
            for picture in pictures_of(place):
                splits.setdefault(picture, split)
    if not splits:
        raise ValueError(f"{data.path}: there is no picture in {', '.join(data.splits)}")
    paths = list(splits)
    labels = [labels_for(path) for path in paths]
    frame = label_rows(paths, labels, data.names, keypoints=data.keypoints)
    table = pl.DataFrame({"path": list(map(shown, paths)), "split": list(splits.values())})
    return frame.join(table, on="path", how="left", maintain_order="left")


def pictures_of(place: str) -> list[str]:
    """The pictures of a folder, or those that a .txt file lists."""
    if os.path.isdir(place):  # noqa: PTH112
        return pictures_below(place)
    return read_list(place) if place.lower().endswith(".txt") else [place]


def folder_rows(folder: Path) -> pl.DataFrame:
    """The boxes of all label files in a folder and its folders, to be normalised.

    The pictures are looked for beside the files, or in `images` for `labels`. One that is not
    there is told by its path in the folder, without a suffix (`STEM`).

    Raises:
        ValueError: If the folder holds no label file.
    """
    files = [file for file in label_files(folder, ".txt") if file.name.lower() not in OTHERS]
    if not files:
        raise ValueError(f"annotations: the folder {folder} holds no label files")
    beside = Beside(folder, "labels", ("images",))
    paths, labels, stems = [], [], []
    for file in files:
        found, stem = beside.like(file)
        paths += found
        labels += [str(file)] * len(found)
        stems += [stem] * len(found)
    frame = label_rows(paths, labels, _names_near(folder))
    table = pl.DataFrame({"path": paths, STEM: stems}).unique("path", maintain_order=True)
    if not any(stems):
        return frame
    return frame.join(table, on="path", how="left", maintain_order="left")


def _names_near(folder: Path) -> dict[int, str]:
    absolute = folder.absolute()
    for place in (absolute, *absolute.parents[:2]):
        for name in NAMES:
            if (place / name).is_file():
                return read_names(place / name)
    return {}


def label_rows(
    pictures: Sequence[str],
    labels: Sequence[str],
    names: Mapping[int, str],
    *,
    keypoints: tuple[int, int] | None = None,
) -> pl.DataFrame:
    """One row per line of the label files, to be normalised; one per picture without any."""
    texts = [_read(label) for label in labels]
    frame = pl.DataFrame(
        [(shown(path), *text) for path, text in zip(pictures, texts, strict=True)],
        schema=TEXTS,
        orient="row",
    )
    line = pl.col("_text").str.strip_chars()
    lines = frame.with_columns(pl.col("_text").str.split("\n")).explode("_text").filter(line != "")
    rest = frame.filter(pl.col("_box_error").is_not_null()).drop("_text")
    boxes = _parsed(lines.with_columns(line), keypoints)
    boxes = pl.concat([boxes, rest], how="diagonal")
    empty = frame.select("path").unique(maintain_order=True).join(boxes, on="path", how="anti")
    boxes = _labelled(pl.concat([boxes, empty], how="diagonal"), names)
    unused = {"confidence"} if not boxes["confidence"].count() else set()
    return boxes.drop(unused).with_columns(_relative=pl.lit(value=True))


def _read(label: str) -> tuple[str | None, str | None]:
    """The text of a label file, or why there is none; neither if there is no file."""
    try:
        return Path(label).read_bytes().decode("utf-8-sig"), None
    except (FileNotFoundError, NotADirectoryError):
        return None, None
    except UnicodeDecodeError as error:
        return None, f"its label file is no text: {error.reason} at byte {error.start:,}"
    except OSError as error:
        return None, f"its label file cannot be read: {error.strerror}"


def _parsed(lines: pl.DataFrame, keypoints: tuple[int, int] | None) -> pl.DataFrame:
    """Numbers for what each line says, or why it says nothing."""
    words = pl.col("_text").str.extract_all(r"\S+")
    frame = lines.with_columns(
        _class=words.list.first(),
        _values=words.list.slice(1).cast(pl.List(pl.Float64), strict=False),
    )
    values = pl.col("_values")
    class_id = pl.col("_class").str.extract(r"^(\d{1,9})(?:\.0*)?$").cast(pl.Int64)
    frame = frame.with_columns(_size=values.list.len(), class_id=class_id)
    frame = frame.with_columns(_kind(frame, keypoints)).with_columns(_used())
    share = pl.col("_used").list.eval(
        pl.element().filter(
            pl.element().is_finite() & ((pl.element() > 1.01) | (pl.element() < -0.01))
        )
    )
    frame = frame.with_columns(_outside=share.list.first())
    return frame.select(
        "path",
        "class_id",
        *_sides(),
        confidence=_confidence(),
        _box_error=pl.coalesce("_box_error", _mistake()),
    )


def _kind(frame: pl.DataFrame, keypoints: tuple[int, int] | None) -> pl.Expr:
    """`box`, `corners`, `polygon`, or null."""
    size = pl.col("_size")
    if keypoints is not None:
        after = 4 + keypoints[0] * keypoints[1]
        return pl.when(size.is_in([4, 5, after, after + 1])).then(pl.lit("box")).alias("_kind")
    polygons = frame.filter(size >= 6, ~size.is_in([8, 9])).height > 0
    return (
        pl.when(size.is_in([4, 5]))
        .then(pl.lit("box"))
        .when(size.is_in([8, 9]) & (not polygons))
        .then(pl.lit("corners"))
        .when(size >= 6)
        .then(pl.lit("polygon"))
        .alias("_kind")
    )


def _used() -> pl.Expr:
    """The numbers that say where the box is."""
    size = pl.col("_size")
    length = (
        pl.when(pl.col("_kind") == "box")
        .then(4)
        .when(pl.col("_kind") == "corners")
        .then(8)
        .otherwise(size - size % 2)
    )
    return pl.col("_values").list.slice(0, length).alias("_used")


def _confidence() -> pl.Expr:
    odd = pl.col("_size") % 2 == 1
    return pl.when(odd & pl.col("_kind").is_not_null()).then(pl.col("_values").list.last())


def _sides() -> Iterable[pl.Expr]:
    # Nothing is cut out for a line that says nothing.
    used, kind = pl.col("_used"), pl.when(pl.col("class_id").is_not_null()).then("_kind")
    cx, cy, width, height = (used.list.get(place, null_on_oob=True) for place in range(4))
    xs, ys = used.list.gather_every(2), used.list.gather_every(2, 1)
    left, top = xs.list.min(), ys.list.min()
    around = (left, top, xs.list.max() - left, ys.list.max() - top)
    centred = (cx - width / 2, cy - height / 2, width, height)
    for name, box, polygon in zip(RECTANGLE, centred, around, strict=True):
        yield pl.when(kind == "box").then(box).when(kind == "polygon").then(polygon).alias(name)
    for place, name in enumerate(CORNERS):
        side = used.list.get(place, null_on_oob=True)
        yield pl.when(kind == "corners").then(side).alias(name)


def _mistake() -> pl.Expr:
    """Why a line says nothing."""
    line = pl.col("_text").str.slice(0, 60)
    return (
        pl.when(pl.col("_kind").is_null())
        .then(
            pl.format("its line has {} numbers after the class, not 4 or more: {}", "_size", line)
        )
        .when(
            ~pl.col("_values").list.eval(pl.element().is_finite().fill_null(value=False)).list.all()
        )
        .then(pl.format("its line holds what is no finite number: {}", line))
        .when(pl.col("class_id").is_null())
        .then(pl.format("its class is no whole number: {}", line))
        .when(pl.col("_outside").is_not_null())
        .then(
            pl.format(
                "its line has {}, which is no share of a picture, 0 to 1: {}", "_outside", line
            )
        )
    )


def _labelled(frame: pl.DataFrame, names: Mapping[int, str]) -> pl.DataFrame:
    number = pl.col("class_id")
    if not names:
        return frame.with_columns(label=number.cast(pl.String)).with_columns(
            pl.lit(value=False).alias(UNKNOWN_LABEL)
        )
    table = pl.DataFrame(
        {"class_id": list(names), "label": list(names.values())},
        schema={"class_id": pl.Int64, "label": pl.String},
    )
    frame = frame.join(table, on="class_id", how="left", maintain_order="left")
    unknown = number.is_not_null() & ~number.is_in(list(names))
    return frame.with_columns(unknown.fill_null(value=False).alias(UNKNOWN_LABEL))
