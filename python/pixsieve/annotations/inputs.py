"""Inputs that say themselves what is in their pictures: YOLO, COCO, tables with boxes."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from pixsieve.annotations.boxes import box_columns
from pixsieve.annotations.reading import read_annotations
from pixsieve.annotations.yolo import read_data_yaml
from pixsieve.config import Config
from pixsieve.sources import (
    Input,
    Listing,
    combined,
    is_url,
    list_files,
    list_input,
    resolved,
    shown,
    without_repeated,
)
from pixsieve.sources.files import Progress
from pixsieve.sources.listing import stacked
from pixsieve.sources.tables.box_columns import has_boxes
from pixsieve.sources.tables.paths import list_paths

#: Files that name pictures and say what is in them.
DESCRIPTIONS = (".yaml", ".yml", ".json")
#: Where pictures may lie, seen from the file that names them.
PLACES = (".", "..", "images", "../images")
#: So many names are looked for to see where they lie.
SAMPLE = 50


def list_all(
    source: Input, *, config: Config, work_dir: Path | None, progress: Progress
) -> Listing:
    """As `list_input`, and with what the input itself says of its pictures as its annotations.

    Raises:
        FileNotFoundError, ImportError, PermissionError, ValueError: As `list_input` says.
    """
    given = [source] if isinstance(source, str | os.PathLike) else source
    _check_not_remote(_members(given))
    described = [one for one in _members(given) if _is_description(one)]
    if not described:
        listing = list_input(source, config=config, work_dir=work_dir, progress=progress)
        return _with_boxes(listing, config)
    once = {resolved(os.fspath(one)): Path(os.fspath(one)) for one in reversed(described)}
    parts = [_described(path, config) for path in reversed(once.values())]
    others = [one for one in _members(given) if not _is_description(one)]
    if others:
        rest = list_input(others, config=config, work_dir=work_dir, progress=progress)
        parts.append(_with_boxes(rest, config))
    # A picture that several of them name is one, with the boxes that each of them tells.
    return parts[0] if len(parts) == 1 else without_repeated(combined(parts))


def _members(source: Any) -> list[Any]:
    return list(source) if isinstance(source, list | tuple) else []


def _check_not_remote(sources: list[Any]) -> None:
    """Raises ValueError for a description on a server, which names files beside it."""
    for one in sources:
        if isinstance(one, str) and is_url(one):
            name = shown(one).partition("?")[0].lower()
            if name.endswith(DESCRIPTIONS):
                raise ValueError(
                    f"{shown(one)}: a file that names pictures can be the input only on this "
                    "machine. Download it, or give the place of the pictures as the input, and a "
                    ".json as annotations"
                )


def _is_description(one: Any) -> bool:
    if not isinstance(one, str | os.PathLike):
        return False
    path = Path(os.fspath(one))
    return path.suffix.lower() in DESCRIPTIONS and path.is_file()


def _described(path: Path, config: Config) -> Listing:
    """The pictures that a data.yaml, a COCO file or an export of Label Studio names."""
    known = read_annotations(path, config)
    names = known["path"].unique(maintain_order=True).to_list()
    urls = [name for name in names if is_url(name)]
    names = [name for name in names if not is_url(name)]
    root = _root(path, names)
    files = {name: os.path.normpath(os.path.join(root, name)) for name in names}  # noqa: PTH118
    meant = {name: _as_given(file, root) for name, file in files.items()}
    listing = list_files(set(meant.values()))
    relative = [os.path.relpath(file, root) for file in listing.frame["path"]]
    frame = listing.frame.with_columns(relative=pl.Series(relative, dtype=pl.String))
    if urls:
        remote = list_paths(urls, described=str(path)).frame
        frame = stacked([frame, remote]).sort("path", maintain_order=True)
        meant |= {url: shown(url) for url in urls}
    paths = pl.col("path").replace_strict(meant, return_dtype=pl.String)
    is_yaml = path.suffix.lower() in (".yaml", ".yml")
    absent = read_data_yaml(path).absent if is_yaml else 0
    return Listing(
        frame,
        str(Path(root).absolute()),
        listing.notes | ({"absent_tests": absent} if absent else {}),
        annotations=known.with_columns(path=paths),
    )


def _root(path: Path, names: Iterable[str]) -> str:
    """The folder below which most of the names are."""
    sample = list(names)[:SAMPLE]
    parent = path.parent
    # instances_train2017.json speaks of ../train2017.
    split = path.stem.rpartition("_")[2]
    places = [parent / place for place in (*PLACES, f"../{split}", f"../images/{split}", split)]
    found = [
        sum(map(os.path.exists, (os.path.join(root, name) for name in sample)))  # noqa: PTH118
        for root in places
    ]
    best = found.index(max(found))
    return os.path.normpath(places[best])


def _as_given(file: str, root: str) -> str:
    """As users gave it, where that leads there: below the folder of what they gave."""
    relative = os.path.relpath(file, root)
    return file if relative.startswith("..") else os.path.normpath(os.path.join(root, relative))  # noqa: PTH118


def _with_boxes(listing: Listing, config: Config) -> Listing:
    """A table whose columns are boxes lists a picture for each: they are its annotations."""
    if listing.annotations is not None:
        return listing
    if not has_boxes(listing.frame) and not box_columns(listing.frame):
        return listing
    from pixsieve.sources.places import LISTED  # noqa: PLC0415

    user = [name for name in listing.frame.columns if name not in LISTED]
    known = read_annotations(listing.frame.select("path", *user), config)
    once = listing.frame.select(LISTED.names()).unique(
        ["location", "kind", "offset", "path"], keep="first", maintain_order=True
    )
    return Listing(once, listing.folder, listing.notes, known, listing.given)
