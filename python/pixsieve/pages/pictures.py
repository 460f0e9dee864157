"""Thumbnails: made on demand, in parallel, once per digest, and kept in the work directory."""

import base64
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pixsieve import engine
from pixsieve.audit import Audit
from pixsieve.audit.whole import source_key
from pixsieve.progress import Progress, reporter
from pixsieve.store import WorkDir

#: The markers that a JPEG begins and ends with.
START, END = b"\xff\xd8", b"\xff\xd9"


@dataclass(frozen=True)
class Thumbnail:
    """A small picture, or why there is none."""

    #: A `data:` URI.
    uri: str | None = None
    reason: str | None = None


def load_thumbnails(
    audit: Audit,
    images: Iterable[int],
    *,
    side: int = engine.THUMBNAIL_SIDE,
    whole: bool = False,
    progress: bool | Progress | None = None,
) -> dict[int, Thumbnail]:
    """The thumbnails of the images; what is not in the work directory yet is made and kept.

    Args:
        audit: A finished run.
        images: Numbers of images.
        side: Pixels of the longer side, at most; smaller pictures are not enlarged.
        whole: Whether the pictures are shown that the images are parts of.
        progress: Whether to show a bar; None shows one where a person is watching.

    Returns:
        One entry per image, without a picture where its file has gone or cannot be read.
    """
    place = _places(audit, side)
    errors = audit.images["error_code"]
    reasons: dict[int, str] = {}
    sources: dict[str, int] = {}
    digests: dict[int, str | None] = {}
    for image in dict.fromkeys(images):
        digest = picture_key(audit, image, whole=whole)
        digests[image] = digest
        if digest is None:
            reasons[image] = errors[image] or "could not be read"
        elif not _whole(place(digest)):
            changed = audit.changed(image)
            if changed:
                reasons[image] = changed
            else:
                sources.setdefault(digest, image)
    failed = _make(audit, place, side, sources, progress, whole=whole)
    return {
        image: _load(place, digest, reasons.get(image) or failed.get(digest or ""))
        for image, digest in digests.items()
    }


def picture_key(audit: Audit, image: int, *, whole: bool) -> str | None:
    """What an image's thumbnail is called, or that of the whole picture; None if it has none."""
    digest = audit.images["digest"][image]
    return source_key(audit, image) if whole and audit.has_boxes and digest is not None else digest


def thumbnail_bytes(
    audit: Audit, image: int, *, side: int, whole: bool = False
) -> tuple[bytes | None, str | None]:
    """The JPEG of one image, made if need be, or None and the reason why there is none.

    Of a box it may be the `whole` picture.

    Raises:
        IndexError: If there is no such image.
    """
    digest = picture_key(audit, image, whole=whole)
    if digest is None:
        return None, audit.images["error_code"][image] or "could not be read"
    place = _places(audit, side)
    reason = None
    if not _whole(place(digest)):
        reason = audit.changed(image)
        if reason is None:
            made = _make(audit, place, side, {digest: image}, progress=False, whole=whole)
            reason = made.get(digest)
    return _read(place(digest), reason)


def _places(audit: Audit, side: int) -> Callable[[str], Path]:
    work, usual = WorkDir(audit.work_dir), side == engine.THUMBNAIL_SIDE
    return lambda digest: work.thumbnail(digest, "" if usual else f"-{side}")


def _whole(path: Path) -> bool:
    """Whether it is a JPEG from its first marker to its last."""
    try:
        with path.open("rb") as file:
            start = file.read(2)
            file.seek(-2, os.SEEK_END)
            return start == START and file.read(2) == END
    except OSError:
        return False


def _make(
    audit: Audit,
    place: Callable[[str], Path],
    side: int,
    sources: Mapping[str, int],
    progress: bool | Progress | None,
    *,
    whole: bool,
) -> dict[str, str]:
    """Writes a thumbnail per digest; gives the reasons where that failed."""
    if not sources:
        return {}
    with reporter(progress) as shown:
        shown.stage("thumbnails", "images")
        results = engine.write_thumbnails(
            audit.readable(sources.values(), whole=whole),
            [str(place(digest)) for digest in sources],
            side=side,
            config=audit.config,
            progress=shown.update,
        )
    return {digest: reason for digest, reason in zip(sources, results, strict=True) if reason}


def _load(place: Callable[[str], Path], digest: str | None, reason: str | None) -> Thumbnail:
    if digest is None:
        return Thumbnail(reason=reason)
    data, missing = _read(place(digest), reason)
    if data is None:
        return Thumbnail(reason=missing)
    return Thumbnail(uri=f"data:image/jpeg;base64,{base64.b64encode(data).decode()}")


def _read(path: Path, reason: str | None) -> tuple[bytes | None, str | None]:
    """A thumbnail, or why there is none: for this reason, or because of the file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return None, reason or error.strerror or "the thumbnail cannot be read"
    if not (data.startswith(START) and data.endswith(END)):
        return None, reason or "the thumbnail is damaged"
    return data, None


def characters_of(thumbnails: Mapping[int, Thumbnail], shown: Iterable[int]) -> int:
    """How many characters the pictures take that a page shows, as often as it does."""
    return sum(len(thumbnails[image].uri or "") for image in shown)


def within(
    thumbnails: Mapping[int, Thumbnail], shown: Iterable[int], *, characters: int
) -> dict[int, Thumbnail]:
    """The thumbnails that fit on the page; the others are left out, those shown last first.

    Args:
        thumbnails: Of every image in `shown`.
        shown: The images in the order of the page, once per time they are shown.
        characters: How many all URIs together may have.
    """
    room, fitting = characters, {}
    for image, times in Counter(shown).items():
        thumbnail = thumbnails[image]
        room -= times * len(thumbnail.uri or "")
        fits = room >= 0 or thumbnail.uri is None
        fitting[image] = thumbnail if fits else Thumbnail(reason="left out to keep the page small")
    return fitting
