"""What the browser gets of a list, and of an image, as JSON."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import polars as pl

from pixsieve.audit.whole import outline, source_size
from pixsieve.explorer.advice import advised
from pixsieve.explorer.columns import brief
from pixsieve.explorer.query import Keys
from pixsieve.explorer.session import Session
from pixsieve.explorer.views import FINDINGS, KINDS, View
from pixsieve.pages import text
from pixsieve.pages.cards import common_folder

#: What two videos are to each other.
VIDEOS = {
    "video": "the same video",
    "clip": "one is part of the other",
    "part": "they share a part",
}
#: Images of an item that a list shows; the others are seen when it is opened.
MEMBERS = 24
#: Evidence beside a suspected label.
EVIDENCE = 8
#: A smaller probability is said to be under it.
LEAST = 0.01
#: Longest value shown with a single image.
LONGEST = 10_000

_CARD = (
    *("path", "label", "split", "width", "height", "file_size"),
    *("format", "digest", "error_code"),
)


class Pages:
    """Makes the answers of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._images = session.audit.images
        self.root = common_folder(self._images["path"])

    # ---- lists ---- #

    def items(self, view: View, keys: Keys, finding: str) -> dict[str, Any]:
        """Some items of a list, and the cards of all images they show."""
        items = [self._item(view, int(key)) for key in keys]
        shown = {card["image"] for item in items for card in item["cards"]}
        return {"items": items, "images": self.cards(shown, finding)}

    def _item(self, view: View, key: int) -> dict[str, Any]:
        rows = view.rows_of(key)
        part = view.rows[rows.start : min(rows.stop, rows.start + MEMBERS)]
        records = part.rows(named=True)
        cards = [card for record in records for card in _members(view.kind.name, record)]
        hidden = len(rows) - len(records)
        return {
            "key": key,
            "tags": _tags(view.kind.name, view.said(key), records[0]),
            "cards": cards,
            "more": hidden,
            "advice": bool(advised(view, key)),
            "suggested": records[0].get("suggested_label"),
        }

    def cards(self, images: Iterable[int], finding: str) -> dict[int, dict[str, Any]]:
        """What every list says of these images."""
        chosen = sorted(images)
        decided = self._session.decided(chosen, finding)
        frame = self._images.select(_CARD)[chosen]
        return {
            image: {**self._card(row), "decided": decided.get(image, [])}
            for image, row in zip(chosen, frame.iter_rows(named=True), strict=True)
        }

    def _card(self, row: dict[str, Any]) -> dict[str, Any]:
        name = row["path"][len(self.root) :] or row["path"]
        return {
            "name": brief(text.short_name(name)),
            "label": None if row["label"] is None else brief(row["label"]),
            # Whether that is the label itself, to the letter.
            "plain": row["label"] is not None and brief(row["label"]) == row["label"],
            "split": None if row["split"] is None else brief(row["split"]),
            "width": row["width"],
            "height": row["height"],
            "size": None if row["file_size"] is None else text.size(row["file_size"]),
            "error": row["error_code"],
            # A picture that is another has another address.
            "version": (row["digest"] or "")[:16],
            "seen": row["digest"] is not None and row["width"] is not None,
        }

    # ---- one image ---- #

    def image(self, image: int) -> dict[str, Any]:
        """All that is known of an image, its neighbors, copies, and what was found of it."""
        session = self._session
        copies = session.copies(image)
        neighbors = session.neighbors(image)
        if neighbors.is_empty() and copies:
            # Of exact copies one stands for all.
            neighbors = session.neighbors_of_any(copies).filter(pl.col("to") != image)
        near = [
            {"image": other, "tags": [_tag(text.similarity(similarity))]}
            for other, similarity in neighbors.rows()
        ]
        shown = [image, *copies[:MEMBERS], *(one["image"] for one in near)]
        return {
            "image": image,
            "cards": self.cards(dict.fromkeys(shown), "images"),
            "path": text.visible(self._images["path"][image]),
            "label": _whole(self._images["label"][image]),
            "facts": self._facts(image),
            "box": self._box(image),
            "copies": copies[:MEMBERS],
            "more_copies": max(0, len(copies) - MEMBERS),
            "neighbors": near,
            "found": self._found(image),
        }

    def _box(self, image: int) -> dict[str, Any] | None:
        """Of a box, where it is in its picture, in shares of it, and how large that is."""
        corners = outline(self._session.audit, image)
        if corners is None:
            return None
        return {"corners": corners, "size": source_size(self._session.audit, image)}

    def _facts(self, image: int) -> list[list[str]]:
        columns = self._session.columns
        row = {**columns.frame.row(image, named=True)}
        whole = self._images.row(image, named=True).items()
        row.update({columns.names.get(name, name): value for name, value in whole})
        # What nobody reads comes last.
        row = {**row, "digest": row.pop("digest")}
        return [
            [name, _fact(name, value)]
            for name, value in row.items()
            if name not in ("image", "path", "label") and value is not None
        ]

    def _found(self, image: int) -> list[dict[str, Any]]:
        """The findings that are about this image, with the item of each."""
        found: list[dict[str, Any]] = []
        for name in FINDINGS:
            view = self._session.ready(name)
            if name == "similarity" or view is None:
                continue
            of = [view.rows[column].to_numpy() == image for column in view.kind.images]
            rows = np.flatnonzero(np.logical_or.reduce(of))
            items = {view.item_of(int(row)): int(row) for row in rows[:MEMBERS]}
            found += [
                {
                    "finding": name,
                    "title": KINDS[name].title,
                    "key": item,
                    "tags": _tags(name, view.said(item), view.rows.row(row, named=True)),
                }
                for item, row in items.items()
            ]
        return found


def _fact(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (
        text.size(value) if name == "file_size" and isinstance(value, int) else _whole(value) or ""
    )


def _whole(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, float):
        return f"{value:.6g}"
    return text.shorten(text.visible(value), LONGEST)


def _tag(said: str, tone: str = "") -> dict[str, str]:
    return {"text": said, "tone": tone}


def _members(name: str, record: dict[str, Any]) -> list[dict[str, Any]]:
    """The cards that a row of a list makes: numbers of images, and what is said of each."""
    if name == "duplicates":
        # The one to keep is what the others are compared with.
        tags = [_tag("best", "good")] if record["keep"] else _kind_tags(record)
        return [_card(record["image"], tags, transform=record["transform"])]
    if name in ("leaks", "similarity", "videos"):
        ends = ("from", "to") if name == "similarity" else ("image_from", "image_to")
        transform = record.get("transform")
        return [_card(record[ends[0]], []), _card(record[ends[1]], [], transform=transform)]
    if name == "mislabels":
        evidence = record["neighbors"][:EVIDENCE]
        return [
            _card(record["image"], []),
            *(_card(other, [], beside=True) for other in evidence),
        ]
    if name == "outliers" and record["nearest"] is not None:
        nearest = [_tag(f"nearest {text.similarity(record['similarity'])}")]
        return [_card(record["image"], []), _card(record["nearest"], nearest, beside=True)]
    return [_card(record["image"], [])]


def _card(
    image: int,
    tags: Sequence[dict[str, str]],
    *,
    beside: bool = False,
    transform: str | None = None,
) -> dict[str, Any]:
    """`beside`: shown for comparison, not what was found."""
    return {"image": image, "tags": list(tags), "beside": beside, "transform": transform}


def _kind_tags(record: dict[str, Any]) -> list[dict[str, str]]:
    kind, transform = record["kind"], record.get("transform")
    tags = []
    if kind == "near":
        tags.append(_tag(f"near {text.similarity(record['similarity'])}", "note"))
    elif kind is not None:
        tags.append(_tag(kind, "bad"))
    if transform not in (None, "none"):
        tags.append(_tag(transform.replace("_", " ")))
    return tags


def _tags(name: str, item: dict[str, Any], record: dict[str, Any]) -> list[dict[str, str]]:
    """What the head of an item says; `record` is its first row."""
    if name == "duplicates":
        least = item["similarity"]
        similar = [] if least is None else [_tag(f"similarity {text.similarity(least)}")]
        return [_tag(text.count(item["size"], "image")), *similar]
    if name == "leaks":
        splits = f"{brief(record['split_from'])} → {brief(record['split_to'])}"
        return [_tag(splits, "bad"), *_kind_tags(record)]
    if name == "mislabels":
        return _label_tags(record)
    if name in ("components", "placeholders"):
        size = _tag(text.count(item["size"], "image"))
        if name == "placeholders":
            return [size, _tag(item["kind"].replace("_", " "), "note")]
        ends = (item["similarity_min"], item["similarity_max"])
        return [size, _tag(f"similarity {' to '.join(map(text.similarity, ends))}")]
    return _row_tags(name, record)


def _likely(score: float) -> str:
    return text.share(score) if score >= LEAST else f"under {text.share(LEAST)}"


def _label_tags(record: dict[str, Any]) -> list[dict[str, str]]:
    suggested = record["suggested_label"]
    return [
        *([_tag(f"rather {brief(suggested)}", "good")] if suggested is not None else []),
        _tag(f"{_likely(record['score'])} likely right", "bad"),
        *([_tag(f"a copy disagrees: {record['conflict']}", "note")] if record["conflict"] else []),
    ]


def _row_tags(name: str, record: dict[str, Any]) -> list[dict[str, str]]:
    if name == "similarity":
        return [_tag(text.similarity(record["similarity"]))]
    if name == "videos":
        shares = " and ".join(text.share(record[end]) for end in ("share_from", "share_to"))
        return [
            _tag(VIDEOS[record["kind"]], "note" if record["kind"] == "part" else "bad"),
            _tag(f"{text.count(record['frames'], 'frame')}, {shares} of the two"),
            _tag(f"similarity {text.similarity(record['similarity'])}"),
        ]
    if name == "outliers":
        reason = [_tag("low information", "note")] if record["reason"] != "strange" else []
        return [_tag(f"score {text.measure(record['score'])}", "bad"), *reason]
    if name == "flags":
        value = "" if record["value"] is None else text.measure(_number(record["value"]))
        return [_tag(record["flag"].replace("_", " "), "note"), _tag(value)]
    if name == "invalid":
        detail = [] if record["detail"] is None else [_tag(brief(record["detail"]))]
        return [_tag(record["error_code"].replace("_", " "), "bad"), *detail]
    return []


def _number(value: float) -> float:
    return value if math.isfinite(value) else 0.0
