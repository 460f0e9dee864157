"""Writes the demo collection and the ground truth about it."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING

import polars as pl

from pixsieve.demo.plan import SPLITS, File, make_plan
from pixsieve.store.atomic import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TRUTH_FILE = "truth.csv"
TRUTH_SCHEMA = pl.Schema(
    {"path": pl.String, "kind": pl.String, "of": pl.String, "detail": pl.String}
)
_OUR_NAMES = re.compile(r"img_\d{4}\.(jpg|png)")


def build(folder: Path) -> pl.DataFrame:
    """Draws the collection into `folder` as SPLIT/LABEL/NAME, and `truth.csv` beside the splits.

    A folder that holds an earlier demo is brought to the same state; files that are already
    right are not touched, so that an audit of them need not start again.

    Args:
        folder: made if it is missing.

    Returns:
        One row per planted problem, sorted by path, kind and of: `path` (below the folder, with
        slashes), `kind`, `of` (the path of the original, null where there is none) and `detail`
        (the true label of a `mislabel`, the true format of a `wrong_extension`, else what was
        done, in words). A copy in another split than its twin has a `leak` row as well.

    Raises:
        ValueError: the folder holds something else.
    """
    _check_ours(folder)
    files = {_path(number, file): file for number, file in enumerate(make_plan())}
    truth = _truth(files)
    folder.mkdir(parents=True, exist_ok=True)
    # First of all, so that a demo that was interrupted is still known as one.
    truth.write_csv(folder / TRUTH_FILE)
    _remove_stale(folder, files)
    for path, file in files.items():
        _write(folder / path, file.data)
    return truth


def read_truth(folder: Path) -> pl.DataFrame:
    """The ground truth that `build` wrote into a folder."""
    return pl.read_csv(folder / TRUTH_FILE, schema=TRUTH_SCHEMA)


def _check_ours(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ValueError(f"{folder} is a file: name a folder for the demo collection")
    marker = folder / TRUTH_FILE
    if marker.is_file() and marker.read_bytes().startswith(b"path,kind,of,detail\n"):
        return
    if any(folder.iterdir()):
        raise ValueError(
            f"{folder} holds files that are not the demo's: name a new or an empty folder"
        )


def _path(number: int, file: File) -> str:
    return f"{file.split}/{file.label}/img_{number:04}.{file.suffix}"


def _truth(files: Mapping[str, File]) -> pl.DataFrame:
    paths = {id(file): path for path, file in files.items()}
    rows: list[tuple[str, str, str | None, str | None]] = [
        (path, file.kind, paths[id(file.of)] if file.of else None, file.detail or None)
        for path, file in files.items()
        if file.kind
    ]
    rows += _leaks(files)
    return pl.DataFrame(rows, TRUTH_SCHEMA, orient="row").sort("path", "kind", "of")


def _leaks(files: Mapping[str, File]) -> list[tuple[str, str, str | None, str | None]]:
    """Pairs of an original and its copies, or of two copies of it, in different splits."""
    families: dict[int, list[str]] = {}
    for path, file in files.items():
        families.setdefault(id(file.of or file), []).append(path)
    return [
        (path, "leak", of, f"{files[of].split} and {files[path].split}")
        for family in families.values()
        for of, path in combinations(
            sorted(family, key=lambda path: (files[path].of is not None, path)), 2
        )
        if files[of].split != files[path].split
    ]


def _remove_stale(folder: Path, files: Mapping[str, File]) -> None:
    for split in SPLITS:
        for path in sorted((folder / split).glob("*/*")):
            ours = _OUR_NAMES.fullmatch(path.name)
            if ours and path.relative_to(folder).as_posix() not in files:
                path.unlink()


def _write(path: Path, data: bytes) -> None:
    if path.is_file() and path.read_bytes() == data:
        return
    with replacing(path, synced=False) as target:
        target.write(data)
