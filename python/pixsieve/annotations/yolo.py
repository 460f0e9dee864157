"""YOLO's data.yaml, and where the label file of a picture lies."""

import os
import re
import reprlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pixsieve.annotations.json_file import clean

#: The keys that name pictures, and the splits these make.
SPLITS = ("train", "val", "test")
#: The last folder of that name, and what is before it.
_BAR = "/" if os.sep == "/" else r"/\\"
IMAGES = re.compile(rf"\A((?:.*[{_BAR}])?)images(?=[{_BAR}])", re.DOTALL)
#: No list of names is longer; a parser of YAML takes its time.
LARGEST_YAML = 16 * 2**20


@dataclass(frozen=True)
class YoloData:
    """What a data.yaml says."""

    path: str
    """Of the file itself."""
    names: dict[int, str]
    """Of the classes, by their numbers."""
    splits: dict[str, list[str]]
    """`train`, `val`, `test`, as far as given: absolute paths of folders, and of .txt lists."""
    absent: int = 0
    """Folders and lists of `test` that are named but not there, as in exports without any."""
    keypoints: tuple[int, int] | None = field(default=None)
    """How many keypoints follow each box, and how many numbers each has."""


def read_data_yaml(path: str | os.PathLike[str]) -> YoloData:
    """What a data.yaml says. Nothing is downloaded or run, whatever its `download` says.

    Folders are relative to its `path`, which is absolute, or relative to the file or to where the
    program runs; without one, or where that is nowhere, to the file's own folder.

    Raises:
        FileNotFoundError: If the file is missing, or a folder or list that it names for train or
            val, or the only one that it names.
        ValueError: If it is no YAML, or its keys hold what they must not.
    """
    file = Path(path)
    content = _load(file)
    roots = list(_roots(file, content))
    splits: dict[str, list[str]] = {}
    absent = 0
    for key in SPLITS:
        entries = content.get(key)
        entries = [] if entries is None else entries if isinstance(entries, list) else [entries]
        for entry in entries:
            try:
                splits.setdefault(key, []).append(_found(entry, key, roots, file))
            except FileNotFoundError:
                if key != "test" or not any(splits.values()):
                    raise
                absent += 1
    splits = {key: places for key, places in splits.items() if places}
    if not splits:
        raise ValueError(f"{file}: there is none of the keys train, val and test")
    return YoloData(str(file), _names(content, file), splits, absent, _keypoints(content, file))


def read_names(path: str | os.PathLike[str]) -> dict[int, str]:
    """Names of classes by their numbers: those of a data.yaml, else one a line.

    Raises:
        ValueError: If there are none, or they cannot be read.
    """
    file = Path(path)
    if file.suffix.lower() in (".yaml", ".yml"):
        return _names(_load(file), file)
    lines = _text(file).rstrip().splitlines()
    return {number: clean(line.strip()) for number, line in enumerate(lines)}


def labels_for(picture: str) -> str:
    """Where the label file of a picture lies: the last folder `images` becomes `labels`."""
    return os.path.splitext(IMAGES.sub(r"\1labels", picture))[0] + ".txt"  # noqa: PTH122


def read_list(path: str | os.PathLike[str]) -> list[str]:
    """The pictures that a .txt file lists, one a line, relative to its own folder.

    Raises:
        ValueError: If it is no text.
    """
    file = Path(path).absolute()
    lines = (line.strip().replace("\\", "/") for line in _text(file).splitlines())
    found = []
    for line in lines:
        if not line:
            continue
        below = os.path.normpath(os.path.join(file.parent, line))  # noqa: PTH118
        # A line without ./ may also start where the program runs.
        here = os.path.abspath(line)  # noqa: PTH100
        found.append(here if not os.path.exists(below) and os.path.exists(here) else below)  # noqa: PTH110
    return found


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is no text: {error.reason} at byte {error.start:,}") from None


def _load(file: Path) -> Mapping[Any, Any]:
    import yaml  # noqa: PLC0415 - needed only for data.yaml

    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    if file.stat().st_size > LARGEST_YAML:
        raise ValueError(f"{file} is larger than any data.yaml: {file.stat().st_size:,} bytes")
    try:
        content = yaml.safe_load(_text(file))
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{file} is no valid YAML: {reason}") from None
    except (RecursionError, ValueError) as error:
        raise ValueError(f"{file} cannot be read as YAML: {error}") from None
    if not isinstance(content, Mapping):
        raise ValueError(f"{file}: a data.yaml holds keys such as train, val and names")
    return content


def _roots(file: Path, content: Mapping[Any, Any]) -> Iterator[Path]:
    own = file.absolute().parent
    given = content.get("path")
    if given is None or given == "":
        yield own
        return
    if not isinstance(given, str):
        raise ValueError(f"{file}: path is {_brief(given)}, not a folder")
    given = os.path.expanduser(given.replace("\\", "/"))  # noqa: PTH111
    yield own / given
    if not os.path.isabs(given):  # noqa: PTH117
        yield Path.cwd() / given
        yield own


def _found(entry: Any, key: str, roots: list[Path], file: Path) -> str:
    if not isinstance(entry, str) or not entry or "\0" in entry:
        raise ValueError(f"{file}: {key} is {_brief(entry)}, not a folder or a list")
    entry = entry.replace("\\", "/")
    # Roboflow writes ../train/images for what lies beside the file.
    spellings = [entry, *([entry[3:]] if entry.startswith("../") else [])]
    for spelling in spellings:
        for root in roots:
            place = str(os.path.normpath(root / spelling))
            if os.path.exists(place):  # noqa: PTH110
                return place
    tried = os.path.normpath(roots[0] / entry)
    raise FileNotFoundError(
        f"{file}: {key} is {entry!r}, but there is no {tried}: correct {key} or path"
    )


def _brief(value: Any) -> str:
    """A value as a message can hold it: aliases may make it larger than any memory."""
    short = reprlib.Repr()
    short.maxlevel = 2
    return short.repr(value)


def _names(content: Mapping[Any, Any], file: Path) -> dict[int, str]:
    given = content.get("names")
    if given is None:
        return {}
    pairs: list[tuple[Any, Any]]
    if isinstance(given, Mapping):
        pairs = list(given.items())
    elif isinstance(given, list):
        pairs = list(enumerate(given))
    else:
        raise ValueError(f"{file}: names is {_brief(given)}, neither a list nor a mapping")
    names = {}
    for key, name in pairs:
        if not re.fullmatch(r"[0-9]{1,9}", str(key) if isinstance(key, int | str) else ""):
            raise ValueError(f"{file}: names has the key {_brief(key)}, which is no number")
        if not isinstance(name, str | int | float):
            raise ValueError(f"{file}: names[{key}] is {_brief(name)}, not a text")
        names[int(key)] = clean(str(name))
    return names


def _keypoints(content: Mapping[Any, Any], file: Path) -> tuple[int, int] | None:
    shape = content.get("kpt_shape")
    if shape is None:
        return None
    if (
        not isinstance(shape, list)
        or len(shape) != 2
        or not all(type(side) is int for side in shape)
        or not (0 < shape[0] < 10_000 and shape[1] in (2, 3))
    ):
        raise ValueError(f"{file}: kpt_shape is {_brief(shape)}, not [17, 3] or the like")
    return shape[0], shape[1]
