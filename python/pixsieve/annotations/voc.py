"""Pascal VOC: an XML file per picture, with an object per box.

The numbers are taken as they are written, `xmax - xmin` is the width. Of an object `pose`,
`truncated`, `difficult` and `occluded` become columns; parts of objects do not. A `robndbox` is a
rotated box. Where lists such as `ImageSets/Main/train.txt` lie beside, they say the split.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from xml.etree.ElementTree import Element, ParseError, TreeBuilder
from xml.parsers import expat

import polars as pl

from pixsieve.annotations.boxes import corners, rectangles
from pixsieve.annotations.json_file import clean
from pixsieve.annotations.pictures import STEM, Beside, label_files

SIDES = ("xmin", "ymin", "xmax", "ymax")
TURNED = ("cx", "cy", "w", "h", "angle")
TEXTS = ("pose",)
FLAGS = ("truncated", "difficult", "occluded")

SCHEMA = pl.Schema(
    {
        "path": pl.String(),
        "label": pl.String(),
        **dict.fromkeys(TEXTS, pl.String()),
        **dict.fromkeys(FLAGS, pl.Int64()),
        "_box_error": pl.String(),
        STEM: pl.Boolean(),
        "_name": pl.String(),
        "_sides": pl.List(pl.Float64),
        "_corners": pl.List(pl.Float64),
    }
)

Row = tuple[object, ...]


def read_voc(path: Path) -> pl.DataFrame:
    """One row per box, to be normalised; one per picture that has none.

    A picture is looked for beside its file, or in `JPEGImages` or `images` for `Annotations`. A
    file of a folder that cannot be read is a row that says so.

    Raises:
        ValueError: If one file was given and cannot be read, or no file of a folder is Pascal VOC.
    """
    if path.is_dir():
        root, files = path, label_files(path, ".xml")
    else:
        root, files = path.parent, [path.absolute()]
    beside = Beside(root, "Annotations", ("JPEGImages", "images"))
    rows: list[Row] = []
    broken = []
    for file in files:
        try:
            rows += _rows(file, beside)
        except (ValueError, OSError) as error:
            broken.append(str(error))
            names, stem = beside.like(file)
            rows += [_row(name, file.stem, stem=stem, error=str(error)) for name in names]
    if len(broken) == len(files):
        raise ValueError(f"annotations: {broken[0]}")
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    if not frame[STEM].any():
        frame = frame.drop(STEM)
    frame = _with_boxes(_with_splits(frame, root))
    return frame.drop(name for name in (*TEXTS, *FLAGS) if not frame[name].count())


def _with_boxes(frame: pl.DataFrame) -> pl.DataFrame:
    sides, points = frame["_sides"].to_list(), frame["_corners"].to_list()
    frame = frame.with_columns(**rectangles(sides))
    if frame["_corners"].count():
        frame = frame.with_columns(**corners(points))
    return frame.drop("_sides", "_corners")


def _with_splits(frame: pl.DataFrame, root: Path) -> pl.DataFrame:
    """The split that lists of names give; no column where there are no lists."""
    splits: dict[str, str] = {}
    for folder in (root, *root.absolute().parents[:1]):
        for split in ("train", "val", "test"):
            file = folder / "ImageSets" / "Main" / f"{split}.txt"
            if file.is_file():
                lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
                for words in map(str.split, lines):
                    splits.setdefault(words[0] if words else "", split)
    name = pl.col("_name")
    if splits:
        known = name.replace_strict(splits, default=None, return_dtype=pl.String)
        frame = frame.with_columns(split=known)
    return frame.drop("_name")


def parse_xml(file: Path) -> Element:
    """The root of an XML file. No entities are defined, no other files are read.

    Raises:
        ValueError: If it is no XML, or defines entities.
        OSError: If it cannot be read.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > 100:
            raise ValueError(f"{file} is nested too deeply to be Pascal VOC")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: object) -> None:
        raise ValueError(f"{file} defines entities, which are not read")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(file.read_bytes(), True)
        return builder.close()
    except (expat.ExpatError, ParseError) as error:
        raise ValueError(f"{file} is no valid XML: {error}") from None
    except LookupError as error:
        raise ValueError(f"{file} is in a text encoding that is not known: {error}") from None


def _rows(file: Path, beside: Beside) -> list[Row]:
    root = parse_xml(file)
    if root.tag != "annotation":
        raise ValueError(f"{file} is not Pascal VOC: it is a <{root.tag[:40]}>, no <annotation>")
    name = _text(root, "filename")
    if name is None:
        names, stem = beside.like(file)
    else:
        # As written on Windows; some write the whole path, which is of another machine.
        names, stem = [beside.named(file, name.replace("\\", "/").rpartition("/")[2])], False
    objects = root.findall("object")
    if not objects:
        return [_row(path, file.stem, stem=stem) for path in names]
    return [_object(path, file.stem, item, stem=stem) for path in names for item in objects]


def _object(path: str, name: str, item: Element, *, stem: bool) -> Row:
    values = {
        "label": _text(item, "name"),
        **{key: _text(item, key) for key in TEXTS},
        **{key: _flag(_text(item, key)) for key in FLAGS},
    }
    upright, turned = item.find("bndbox"), item.find("robndbox")
    if turned is not None:
        found = _numbers(turned, TURNED)
        if isinstance(found, str):
            return _row(path, name, stem=stem, error=found, values=values)
        return _row(path, name, stem=stem, points=_turn(*found), values=values)
    if upright is None:
        return _row(path, name, stem=stem, error="its object has no bndbox", values=values)
    found = _numbers(upright, SIDES)
    if isinstance(found, str):
        return _row(path, name, stem=stem, error=found, values=values)
    left, top, right, bottom = found
    return _row(path, name, stem=stem, sides=[left, top, right - left, bottom - top], values=values)


def _row(
    path: str,
    name: str,
    *,
    stem: bool,
    error: str | None = None,
    sides: list[float] | None = None,
    points: list[float] | None = None,
    values: Mapping[str, str | int | None] = MappingProxyType({}),
) -> Row:
    kept = (values.get(key) for key in ("label", *TEXTS, *FLAGS))
    return (path, *kept, None if error is None else clean(error), stem, name, sides, points)


def _turn(cx: float, cy: float, width: float, height: float, angle: float) -> list[float]:
    """The corners of a box that is turned by an angle in radians, clockwise."""
    cosine, sine = (math.cos(angle), math.sin(angle)) if math.isfinite(angle) else (angle, angle)
    found = []
    for right, down in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        x, y = right * width / 2, down * height / 2
        found += [cx + x * cosine - y * sine, cy + x * sine + y * cosine]
    return found


def _numbers(item: Element, keys: tuple[str, ...]) -> list[float] | str:
    """Numbers, or which is none."""
    found = []
    for key in keys:
        text = _text(item, key)
        if text is None:
            return f"its {item.tag} has no {key}"
        try:
            found.append(float(text))
        except ValueError:
            return f"its {key} is {text[:40]}, which is no number"
    return found


def _text(item: Element, key: str) -> str | None:
    return (item.findtext(key) or "").strip() or None


def _flag(text: str | None) -> int | None:
    """A number; some write words."""
    if text is None:
        return None
    word = text.lower()
    return {"true": 1, "yes": 1, "false": 0, "no": 0}.get(
        word, int(word) if word.isdecimal() and len(word) < 10 else None
    )
