"""Patterns of paths, as shells have them: `photos/**/*.jpg`."""

import glob
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import polars as pl

from pixsieve.config import Config
from pixsieve.sources.archives.magic import HEAD, is_picture
from pixsieve.sources.expand import HOLDING
from pixsieve.sources.files import PICTURE_EXTENSIONS, Progress, extension_of, list_folder
from pixsieve.sources.listing import Listing, combined, is_url, shown
from pixsieve.sources.places import LISTED

#: The part of a pattern that stands for any number of folders.
DEEP = "**"
KNOWN = frozenset((*PICTURE_EXTENSIONS, *HOLDING))


def is_glob(path: str) -> bool:
    """Whether it is a pattern; a file or folder that is called so is none."""
    return glob.has_magic(path) and not os.path.lexists(path)


def is_remote_glob(url: str) -> bool:
    """Whether it is a pattern of objects in a bucket; servers have no list to compare it with."""
    key = "".join(url.split("/", 3)[3:])
    return is_url(url) and "*" in key and not url.lower().startswith(("http://", "https://"))


def fitting(listing: Listing, url: str) -> Listing:
    """Of the objects below the `front` of a pattern those that fit; one that is called so does.

    Raises:
        FileNotFoundError: If nothing fits.
    """
    pattern = url.removeprefix(front(url)).lstrip("/")
    found = _filtered(listing, pattern)
    if not len(found):
        raise FileNotFoundError(
            f"{url}: none of the {len(listing):,} pictures below {front(url)} fits this pattern"
        )
    return found


def front(pattern: str) -> str:
    """The folder that a pattern starts from."""
    parts = pattern.split("/")
    plain = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    return "/".join(parts[:plain]) or ("/" if pattern.startswith("/") else ".")


def _parts(pattern: str) -> list[str]:
    found: list[str] = []
    for part in pattern.split("/"):
        if part not in ("", ".") and not (part == DEEP and found[-1:] == [DEEP]):
            found.append(part)
    return found


def _fits(names: Sequence[str], parts: Sequence[str]) -> bool:
    if not parts:
        return True
    if parts[0] == DEEP:
        # The last name is that of the file.
        return any(_fits(names[start:], parts[1:]) for start in range(len(names)))
    return bool(names) and fnmatchcase(names[0], parts[0]) and _fits(names[1:], parts[1:])


def list_glob(
    pattern: str,
    read: Callable[[list[str]], Listing],
    *,
    config: Config,
    exclude: Path | None,
    progress: Progress,
) -> Listing:
    """The files that fit, and those below folders that fit.

    Of files whose extension the pattern does not name those are listed that a folder would list.

    Args:
        pattern: As `is_glob` says.
        read: Lists files that are given.
        config: `hidden` says whether names that begin with a dot fit a star.
        exclude: A folder that is left out.
        progress: Is told how many were found.

    Raises:
        FileNotFoundError: If nothing fits.
    """
    head, deep, tail = _split(pattern)
    paths = sorted(glob.glob(head, include_hidden=config.hidden), key=os.fsencode)  # noqa: PTH207
    folders = [path for path in paths if os.path.isdir(path)]  # noqa: PTH112
    # Folders are walked by the walk of folders, which goes through no link twice.
    parts = [
        list_folder(Path(path), config=config, exclude=exclude, progress=progress)
        for path in folders
    ]
    if deep:
        parts = [_filtered(part, f"{DEEP}/{tail}") for part in parts]
        files = []
    else:
        files = [path for path in paths if path not in set(folders)]
    wanted = [path for path in files if _is_named(path, pattern) or _holds_pictures(path)]
    if wanted:
        parts.append(read(wanted))
    found = combined(parts) if parts else Listing(pl.DataFrame(schema=LISTED))
    if not len(found):
        raise FileNotFoundError(f"{shown(pattern)}: no picture fits this pattern")
    left_out = found.notes.get("not_pictures", 0) + len(files) - len(wanted)
    return _named(replace(found, notes={**found.notes, "not_pictures": left_out}), front(pattern))


def _named(listing: Listing, begin: str) -> Listing:
    """The same, relative to the folder that the pattern starts from."""
    path = pl.col("path").str.strip_prefix("./") if begin == "." else pl.col("path")
    inside = "" if begin == "." else begin.rstrip("/") + "/"
    return replace(
        listing,
        frame=listing.frame.with_columns(
            path=path, relative=path.str.strip_prefix(shown(inside)) if inside else path
        ),
        folder=os.path.abspath(begin),  # noqa: PTH100 - names may not be UTF-8
    )


def _split(pattern: str) -> tuple[str, bool, str]:
    """What stands before the first part of any folders, whether there is one, and the rest."""
    parts = pattern.split("/")
    if DEEP not in parts:
        return pattern, False, ""
    place = parts.index(DEEP)
    head = "/".join(parts[:place])
    start = "/" if pattern.startswith("/") else "."
    return head or start, True, "/".join(parts[place + 1 :])


def _filtered(listing: Listing, pattern: str) -> Listing:
    parts = _parts(pattern)
    names = listing.frame["relative"]
    fit = [name == pattern or _fits(name.split("/"), parts) for name in names]
    return replace(listing, frame=listing.frame.filter(pl.Series(fit, dtype=pl.Boolean)))


def _is_named(path: str, pattern: str) -> bool:
    """Whether the pattern says the extension."""
    return bool(extension_of(pattern)) and extension_of(path) == extension_of(pattern)


def _holds_pictures(path: str) -> bool:
    if extension_of(path) in KNOWN:
        return True
    try:
        with Path(path).open("rb") as file:
            return is_picture(file.read(HEAD))
    except OSError:
        # Listed: the row will say why.
        return True
