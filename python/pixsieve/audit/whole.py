"""The pictures that boxes were cut out of."""

import hashlib
import json
import math
import os
from pathlib import Path

from pixsieve.annotations import RELATIVE, WHOLE
from pixsieve.audit.tables import Tables
from pixsieve.sources import is_url

#: Corners of a box, each as shares of the picture's width and height, in order around it.
Outline = tuple[tuple[float, float], ...]


def source_size(audit: Tables, image: int) -> tuple[int, int] | None:
    """Width and height of the picture that an image is a part of; None if it was not read."""
    if not audit.has_boxes:
        return None
    width, height = audit.internal("_source_width", "_source_height").row(image)
    return (width, height) if width and height else None


def outline(audit: Tables, image: int) -> Outline | None:
    """Where an image lies in its picture; None if it is no box, or a box of no place."""
    size = source_size(audit, image)
    if size is None:
        return None
    kind, box = audit.internal("_box_kind", "_box").row(image)
    if kind & WHOLE or box is None or not all(map(math.isfinite, box)):
        return None
    width, height = (1, 1) if kind & RELATIVE else size
    return tuple((box[place] / width, box[place + 1] / height) for place in range(0, 8, 2))


def source_key(audit: Tables, image: int) -> str:
    """64 hexadecimal digits that tell an image's whole picture, as it is now, from all others."""
    location = audit.location(image)
    state: list[object] = [location, *audit.place(image)]
    try:
        here = None if is_url(location) else Path(location).stat()
    except OSError:
        here = None
    # What cannot be looked at is that of this run.
    known = [audit.info["checksum"]] if here is None else [here.st_size, here.st_mtime_ns]
    told = json.dumps([*state, *known]).encode("utf-8", "surrogateescape")
    return hashlib.sha256(os.fsencode("whole picture ") + told).hexdigest()
