"""Where runs write."""

import glob
import itertools
import mimetypes
import os
from pathlib import Path
from urllib.parse import urlsplit

#: So many inputs are called by their names.
MOST = 4


def default_work_dir(input_dir: object) -> Path:
    """Where a run writes if nothing is said: by the name of its folder, file or URL.

    Of a pattern it is the folder that it starts from, of several the first one's, with how many
    more there are; pictures, longer lists and what has no name are `files`.
    """
    named = named_inputs(input_dir)
    if named is None:
        return Path("pixsieve-out") / "files"
    name = _name(named[0])
    return Path("pixsieve-out") / (f"{name}-and-{len(named) - 1}-more" if named[1:] else name)


def named_inputs(input_dir: object) -> list[str] | None:
    """The inputs by their names; None where they have none, are pictures, or too many."""
    several = isinstance(input_dir, list | tuple)
    inputs = list(input_dir) if isinstance(input_dir, list | tuple) else [input_dir]
    named = [os.fspath(one) for one in inputs if isinstance(one, str | os.PathLike)]
    if not named or len(named) < len(inputs) or len(named) > MOST:
        return None
    return None if several and any(map(_is_picture, named)) else named


def _is_picture(name: str) -> bool:
    return (mimetypes.guess_type(name)[0] or "").startswith("image/")


def _name(text: str) -> str:
    if glob.has_magic(text) and "://" not in text and not os.path.lexists(text):
        plain = itertools.takewhile(lambda part: not glob.has_magic(part), text.split("/"))
        text = "/".join(plain) or "."
    path = Path(text).resolve()
    if "://" in text:
        # Neither who asks nor how he proves it belongs into a name.
        parts = urlsplit(text)
        path = Path(f"{parts.netloc.rpartition('@')[2]}{parts.path}")
    # photos.tar and photos/ are two collections.
    name = path.name if path.is_dir() else path.name.replace(".", "-").strip("-")
    return name or "root"
