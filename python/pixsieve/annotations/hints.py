"""Annotations that lie in a folder given as the input, and that nobody asked for."""

import json
import os
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pixsieve.sources import shown
from pixsieve.sources.tables.columns import path_column

#: Files that say it by their names and beginnings; looked for in the folder and in its splits.
YAMLS = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
JSONS = ("_annotations.coco.json", "annotations.json", "instances.json", "labels.json")
TABLES = ("metadata.csv", "metadata.jsonl")
SPLITS = ("train", "val", "valid", "test")
#: So much of a file is looked at, at both ends, and so many names in a folder.
HEAD = 1 << 16
LOOKED_AT = 1_000
#: So many are named.
NAMED = 3


def hint(source: Any) -> str | None:
    """What to say of annotations that were not read; None where none are found.

    Args:
        source: The input; of all but folders nothing is said.
    """
    given = source if isinstance(source, list | tuple) else [source]
    folders = [Path(one) for one in given if isinstance(one, str | os.PathLike)]
    found = [shown(str(place)) for folder in folders if folder.is_dir() for place in _in(folder)]
    if not found:
        return None
    more = f" and {len(found) - NAMED:,} more" if len(found) > NAMED else ""
    return (
        f"Annotations lie there that were not read: {', '.join(found[:NAMED])}{more}; "
        f"annotations={found[0]!r} reads them, on the command line -a"
    )


def _in(folder: Path) -> Iterator[Path]:
    """What of a folder could be given as annotations."""
    yamls = [folder / name for name in YAMLS]
    yield from (path for path in yamls if _begins(path, rb"(?m)^(train|val)\s*:"))
    if not any(path.is_file() for path in yamls) and (folder / "images").is_dir():
        yield from _with_files(folder / "labels", ".txt")
    yield from _with_files(folder / "Annotations", ".xml")
    yield from sorted(path for path in _files(folder / "annotations", ".json") if _is_coco(path))
    for place in (folder, *(folder / split for split in SPLITS)):
        yield from (place / name for name in JSONS if _is_coco(place / name))
        yield from (place / name for name in TABLES if _has_paths(place / name))


def _files(folder: Path, suffix: str) -> Iterator[Path]:
    try:
        with os.scandir(folder) as names:
            found = [one.path for one in islice(names, LOOKED_AT) if one.name.endswith(suffix)]
    except OSError:
        # Not there, or not to be read: nothing can be said of it.
        return
    yield from map(Path, found)


def _with_files(folder: Path, suffix: str) -> Iterable[Path]:
    """The folder, if such files are in it, or in the folder of a split."""
    places = (folder, *(folder / split for split in SPLITS))
    return [folder] if any(any(_files(place, suffix)) for place in places) else []


def _begins(path: Path, pattern: bytes) -> bool:
    return re.search(pattern, b"\n".join(_ends(path))) is not None


def _is_coco(path: Path) -> bool:
    """Whether the ends of a file look so: the whole may take seconds to read."""
    ends = _ends(path)
    keys = (b'"images"', b'"annotations"', b'"categories"')
    return ends[0].lstrip().startswith(b"{") and sum(key in b"".join(ends) for key in keys) > 1


def _has_paths(path: Path) -> bool:
    first = _ends(path)[0].partition(b"\n")[0].decode("utf-8-sig", "replace")
    if path.suffix == ".csv":
        return path_column([name.strip() for name in re.split("[,;\t]", first)]) is not None
    try:
        return path_column(json.loads(first)) is not None
    except (ValueError, TypeError, RecursionError):
        return False


def _ends(path: Path) -> tuple[bytes, bytes]:
    """The first and the last bytes; none of what cannot be read."""
    try:
        if not path.is_file():
            return b"", b""
        with path.open("rb") as file:
            head = file.read(HEAD)
            file.seek(max(len(head), path.stat().st_size - HEAD))
            return head, file.read(HEAD)
    except OSError:
        return b"", b""
