"""Pictures for the browser: always made by us, so that no file of a collection is ever sent."""

import tempfile
import textwrap
from pathlib import Path

from pixsieve import engine
from pixsieve.audit import Audit
from pixsieve.pages.pictures import thumbnail_bytes
from pixsieve.pages.text import shorten, visible
from pixsieve.store import RUN

#: Longer side of the pictures in lists, and of the one that is looked at closely.
SIDES = {"thumb": engine.THUMBNAIL_SIDE, "picture": 1_600}

#: Lines of a drawing that says something, and characters of each.
LINES, LINE = 7, 40


def picture(audit: Audit, image: int, side: int, *, whole: bool = False) -> tuple[bytes, str]:
    """A JPEG of the image and its media type, or a drawing that says why there is none.

    Of a box it may be the `whole` picture.
    """
    if not (audit.work_dir / RUN).exists():
        # Nothing is made anew where somebody has cleared up.
        return _drawn("the work directory has gone").encode(), "image/svg+xml"
    data, reason = thumbnail_bytes(audit, image, side=side, whole=whole)
    if data is None:
        data = _unkept(audit, image, side, whole=whole)
    if data is not None:
        return data, "image/jpeg"
    return _drawn(reason or "no picture").encode(), "image/svg+xml"


def _unkept(audit: Audit, image: int, side: int, *, whole: bool) -> bytes | None:
    """The JPEG where the work directory cannot keep it, being full or not ours to write."""
    if audit.images["digest"][image] is None or audit.changed(image):
        return None
    try:
        with tempfile.TemporaryDirectory(prefix="pixsieve-") as folder:
            made = Path(folder) / "picture.jpg"
            engine.write_thumbnails(
                audit.readable([image], whole=whole),
                [str(made)],
                side=side,
                config=audit.config,
                progress=None,
            )
            return made.read_bytes()
    except OSError:
        return None


def _drawn(reason: str) -> str:
    from markupsafe import escape  # noqa: PLC0415 - seldom needed

    said = textwrap.wrap(shorten(visible(reason), LINES * LINE), LINE, max_lines=LINES)
    top = 84 - 7 * (len(said) - 1)
    lines = "".join(
        f'<tspan x="128" y="{top + 14 * number}">{escape(line)}</tspan>'
        for number, line in enumerate(said)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="256" height="160">'
        '<rect width="256" height="160" fill="#8882"/><text fill="#888" '
        f'font-family="sans-serif" font-size="11" text-anchor="middle">{lines}</text></svg>'
    )
