"""Where runs write."""

import glob
import itertools
import os
from pathlib import Path
from urllib.parse import urlsplit


def default_work_dir(input_dir: object) -> Path:
    """Where a run writes if nothing is said: by the name of its one folder, file or URL.

    Of a pattern it is the folder that it starts from.
    """
    if not isinstance(input_dir, str | os.PathLike):
        return Path("pixsieve-out") / "files"
    text = os.fspath(input_dir)
    if glob.has_magic(text) and "://" not in text and not os.path.lexists(text):
        parts = text.split("/")
        text = "/".join(itertools.takewhile(lambda part: not glob.has_magic(part), parts)) or "."
    path = Path(text).resolve()
    if "://" in text:
        # Neither who asks nor how he proves it belongs into a name.
        parts = urlsplit(text)
        path = Path(f"{parts.netloc.rpartition('@')[2]}{parts.path}")
    # photos.tar and photos/ are two collections.
    name = path.name if path.is_dir() else path.name.replace(".", "-").strip("-")
    return Path("pixsieve-out") / (name or "root")
