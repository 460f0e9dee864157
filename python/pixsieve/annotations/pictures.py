"""The pictures that label files are about, where they lie as tools lay them out."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pixsieve.sources import shown
from pixsieve.sources.files import PICTURE_EXTENSIONS

#: Added by readers: whether `path` lacks the suffix of the picture, which no file tells.
STEM = "_stem"


def is_picture(name: str) -> bool:
    """Whether it is called like a picture."""
    return os.path.splitext(name)[1][1:].lower() in PICTURE_EXTENSIONS  # noqa: PTH122


def pictures_below(folder: str) -> list[str]:
    """All pictures in a folder and its folders, sorted, hidden ones left out."""
    return sorted(_below(folder, is_picture), key=os.fsencode)


def label_files(folder: Path, suffix: str) -> list[Path]:
    """All files in a folder and its folders that end so, sorted, hidden ones left out."""
    found = _below(str(folder.absolute()), lambda name: name.lower().endswith(suffix))
    return [Path(path) for path in sorted(found, key=os.fsencode)]


def _below(folder: str, wanted: Callable[[str], bool]) -> Iterator[str]:
    """Files whose names are wanted; a folder that links lead to again is passed over."""
    seen = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        folders[:] = [name for name in folders if not name.startswith(".") and real not in seen]
        if real in seen:
            continue
        seen.add(real)
        for name in names:
            if wanted(name) and not name.startswith("."):
                yield os.path.join(parent, name)  # noqa: PTH118 - may be a million


class Beside:
    """Finds pictures in the folder of their label file, or in the one that belongs to it.

    `here` is what folders of labels are called, such as `labels`; where one of that name is on
    the way to the label file, the last is replaced by each of `there`, such as `images`.
    """

    def __init__(self, root: Path, here: str, there: Iterable[str]) -> None:
        self._root = root.absolute()
        self._here, self._there = here, tuple(there)
        self._folders: dict[Path, dict[str, list[str]]] = {}
        self._near: dict[Path, list[Path]] = {}

    def named(self, file: Path, name: str) -> str:
        """The picture of this name; where it is not, as the label file tells, below `root`."""
        stem = os.path.splitext(name)[0]  # noqa: PTH122
        for folder in self._candidates(file.parent):
            if name in self._names(folder).get(stem, ()):
                return shown(str(folder / name))
        return shown((self._below(file.parent) / name).as_posix())

    def like(self, file: Path) -> tuple[list[str], bool]:
        """The pictures called like the label file, and False; else what they are called, True."""
        for folder in self._candidates(file.parent):
            names = [name for name in self._names(folder).get(file.stem, ()) if is_picture(name)]
            if names:
                return [shown(str(folder / name)) for name in sorted(names)], False
        return [shown((self._below(file.parent) / file.stem).as_posix())], True

    def _below(self, folder: Path) -> Path:
        return folder.relative_to(self._root) if folder.is_relative_to(self._root) else Path()

    def _candidates(self, folder: Path) -> list[Path]:
        if folder not in self._near:
            self._near[folder] = [*self._opposite(folder), folder]
        return self._near[folder]

    def _opposite(self, folder: Path) -> Iterator[Path]:
        parts = folder.parts
        places = [place for place, part in enumerate(parts) if part == self._here]
        for name in self._there if places else ():
            yield Path(*parts[: places[-1]], name, *parts[places[-1] + 1 :])

    def _names(self, folder: Path) -> dict[str, list[str]]:
        """The files of a folder by their stems; none if there is no such folder."""
        if folder not in self._folders:
            names: dict[str, list[str]] = {}
            for name in os.listdir(folder) if folder.is_dir() else ():  # noqa: PTH208
                names.setdefault(os.path.splitext(name)[0], []).append(name)  # noqa: PTH122
            self._folders[folder] = names
        return self._folders[folder]
