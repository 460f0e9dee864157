"""The first page: what the collection is, and how much of each kind was found."""

from typing import Any

from pixsieve.explorer.columns import brief
from pixsieve.explorer.session import Session
from pixsieve.explorer.views import FINDINGS, KINDS, kinds_of
from pixsieve.pages import text

#: Classes that are listed.
CLASSES = 200


def overview(session: Session, root: str) -> dict[str, Any]:
    """As JSON; a finding that is still being worked out has no size yet."""
    audit = session.audit
    images, info = audit.images, audit.info
    # Members, frames and boxes are no files of their own.
    sizes = images["file_size"].drop_nulls()
    return {
        "input": text.visible(info.get("input", "")),
        "root": text.visible(root),
        "work_dir": text.visible(str(audit.work_dir)),
        "version": str(info.get("version", "")),
        "date": info.get("date"),
        "model": text.visible(info.get("model", {}).get("name", "")),
        "images": images.height,
        "invalid": int(images["error_code"].count()),
        "bytes": text.size(int(sizes.sum())) if len(sizes) else None,
        "labels": images["label"].drop_nulls().n_unique(),
        "splits": _counts(session, "split"),
        "classes": _counts(session, "label"),
        "lists": [_list(session, name) for name in kinds_of(session.audit)],
        "counts": session.decision_counts(),
        "stale": session.decisions.stale,
        "damaged": session.decisions.damaged,
        "current": session.is_current(),
        "run": str(info["checksum"]),
        "trouble": session.trouble,
    }


def _list(session: Session, name: str) -> dict[str, Any]:
    kind = KINDS[name]
    said: dict[str, Any] = {
        "name": name,
        "title": kind.title,
        "unit": kind.unit,
        "text": kind.text,
        "nothing": _nothing(session, name),
        "tiles": kind.tiles,
        "advice": kind.advice,
        "total": None,
    }
    try:
        rows = session.prepared.get(name) if name in FINDINGS else session.audit.images
        if rows is not None:
            said["total"] = session.view(name).total
    except Exception as error:  # noqa: BLE001 - one list that fails leaves the others
        said["error"] = text.visible(error)
    return said


def _nothing(session: Session, name: str) -> str:
    """Why a list is empty, where it could not be otherwise."""
    images = session.audit.images
    if name == "mislabels" and not images["label"].count():
        return "The images have no labels to check: run with labels, from folders or a table."
    if name == "leaks" and images["split"].n_unique() < 2:
        return "The images are not split into train, validation and test: nothing can leak."
    return KINDS[name].nothing


def _counts(session: Session, column: str) -> list[dict[str, Any]]:
    """The most frequent values with the number of images of each."""
    counted = session.audit.images[column].drop_nulls().value_counts(sort=True, name="many")
    rows = counted.sort("many", column, descending=[True, False]).head(CLASSES).rows()
    return [{"value": value, "text": brief(value), "images": many} for value, many in rows]
