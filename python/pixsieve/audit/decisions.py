"""What was decided of images in a review: written at once, read back as a frame."""

import datetime
import operator
import secrets
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from pixsieve import schema
from pixsieve.store import append_event, log_mark, read_events

#: Of an image the last of the first three holds; the fourth is said of one finding.
KEEP, DROP, RELABEL, NOT_AN_ISSUE = "keep", "drop", "relabel", "not_an_issue"
DECISIONS = (KEEP, DROP, RELABEL, NOT_AN_ISSUE)
FINDINGS = (
    *("duplicates", "leaks", "mislabels", "outliers", "components", "similarity"),
    *("placeholders", "flags", "invalid"),
)
#: Longer labels are a mistake.
LONGEST_LABEL = 10_000


@dataclass(frozen=True)
class Choice:
    """What shall become of some images."""

    images: tuple[int, ...]
    decision: str
    finding: str | None = None
    new_label: str | None = None


@dataclass(frozen=True)
class Decision:
    """One that holds."""

    image: int
    decision: str
    finding: str | None
    new_label: str | None
    time: datetime.datetime

    @property
    def slot(self) -> tuple[int, str | None]:
        """What a later decision must have in common with this one to take its place."""
        return self.image, self.finding if self.decision == NOT_AN_ISSUE else None


class Decisions:
    """The decisions on the images of one run, as the log in its work directory has them.

    Other processes may add to the log: each question looks whether it has grown. An image is the
    same one if it has the same path and the same bytes, so that decisions outlive another run.
    """

    def __init__(self, folder: Any, images: pl.DataFrame) -> None:
        self._folder, self._images = folder, images["path", "digest"]
        self._lock = threading.Lock()
        self._read, self._head = 0, b""
        #: Those that were not undone, in their order.
        self._events: dict[str, dict[str, Any]] = {}
        self._rows: dict[str, int] | None = None
        self._standing: dict[tuple[int, str | None], Decision] = {}
        #: Decisions on images that this run does not have, or has with other bytes.
        self.stale = 0
        #: Lines of the log that cannot be read.
        self.damaged = 0
        #: Raised by one whenever something changes.
        self.version = 0

    def standing(self) -> dict[tuple[int, str | None], Decision]:
        """What holds, by image and, for `not_an_issue`, finding. Not to be changed."""
        with self._lock:
            self._catch_up()
            return self._standing

    def decide(self, choices: Sequence[Choice]) -> str:
        """Writes decisions that are taken, and taken back, together; gives their key.

        Raises:
            ValueError: If there is no such decision, finding or image, or the label is missing.
            OSError: If the log cannot be written.
        """
        event = {
            "key": secrets.token_hex(8),
            "time": datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="milliseconds"),
            "choices": [self._described(choice) for choice in choices if choice.images],
        }
        if not event["choices"]:
            raise ValueError("decide: there are no images to decide on")
        append_event(self._folder, event)
        return str(event["key"])

    def _described(self, choice: Choice) -> dict[str, Any]:
        _check(choice.decision, choice.finding, choice.new_label)
        chosen = list(dict.fromkeys(map(_number, choice.images)))
        for image in chosen:
            if not 0 <= image < self._images.height:
                raise ValueError(f"decide: there is no image {image}")
        rows = self._images[chosen].rows()
        return {
            "decision": choice.decision,
            "finding": choice.finding,
            "new_label": choice.new_label,
            "images": [[image, *row] for image, row in zip(chosen, rows, strict=True)],
        }

    def undo(self) -> dict[str, Any] | None:
        """Takes the last decision back; gives its event, None where there is none.

        Raises:
            OSError: If the log cannot be written.
        """
        with self._lock:
            self._catch_up()
            if not self._events:
                return None
            key = next(reversed(self._events))
            event = self._events[key]
            append_event(self._folder, {"undo": key})
            self._catch_up()
            return event

    def images_of(self, event: dict[str, Any]) -> list[int]:
        """The images that an event was about, as far as this run has them."""
        described = [one for choice in event["choices"] for one in choice["images"]]
        found = (self._find(number, path, digest) for number, path, digest in described)
        return list(dict.fromkeys(image for image in found if image is not None))

    def _catch_up(self) -> None:
        size, head = log_mark(self._folder)
        if size < self._read or not head.startswith(self._head):
            # Somebody has put another log in its place, or taken it away.
            self._read, self._events, self.damaged = 0, {}, 0
            self._fold()
        self._head = head
        if size == self._read:
            return
        read = read_events(self._folder, self._read)
        if read.end == self._read:
            return
        self._read, self.damaged = read.end, self.damaged + read.damaged
        fresh, undone = [], False
        for event in read.events:
            if "undo" in event:
                undone = self._events.pop(str(event["undo"]), None) is not None or undone
            elif _is_sound(event):
                self._events[str(event["key"])] = event
                fresh.append(event)
            else:
                self.damaged += 1
        self._fold(None if undone else fresh)

    def _fold(self, fresh: list[dict[str, Any]] | None = None) -> None:
        """Puts these events on top of what holds; all events anew if none are given."""
        standing = {} if fresh is None else dict(self._standing)
        if fresh is None:
            self.stale = 0
        for event in self._events.values() if fresh is None else fresh:
            for decision in self._decisions_of(event):
                # The last one comes last.
                standing.pop(decision.slot, None)
                standing[decision.slot] = decision
        self._standing = standing
        self.version += 1

    def _decisions_of(self, event: dict[str, Any]) -> Iterator[Decision]:
        time = datetime.datetime.fromisoformat(event["time"])
        for choice in event["choices"]:
            said = (choice["decision"], choice["finding"], choice["new_label"], time)
            for number, path, digest in choice["images"]:
                image = self._find(number, path, digest)
                if image is None:
                    self.stale += 1
                else:
                    yield Decision(image, *said)

    def _find(self, number: int, path: str, digest: str | None) -> int | None:
        """The image of this run, whose number may be another than it was."""
        if number < self._images.height and self._images.row(number) == (path, digest):
            return number
        if self._rows is None:
            self._rows = {path: row for row, path in enumerate(self._images["path"])}
        row = self._rows.get(path)
        return row if row is not None and self._images["digest"][row] == digest else None

    def frame(self, images: pl.DataFrame) -> pl.DataFrame:
        """DECISIONS of what holds, with the columns that the user brought along."""
        standing = sorted(
            self.standing().values(), key=lambda one: (one.image, one.finding or "", one.decision)
        )
        columns = ("image", "decision", "finding", "new_label", "time")
        found = pl.DataFrame(
            {name: [getattr(one, name) for one in standing] for name in columns},
            schema={name: schema.DECISIONS[name] for name in columns},
        )
        users = schema.user_columns(images)
        names = schema.user_names("decisions", users)
        known = images.select("path", "label", "split", *users)[found["image"]].rename(names)
        return schema.conform(found.hstack(known), "decisions", names.values())


def _check(decision: str, finding: str | None, new_label: str | None) -> None:
    if decision not in DECISIONS:
        raise ValueError(f"decision must be one of {', '.join(DECISIONS)}, not {decision!r}")
    if finding is not None and finding not in FINDINGS:
        raise ValueError(f"finding must be one of {', '.join(FINDINGS)}, not {finding!r}")
    if decision == NOT_AN_ISSUE and finding is None:
        raise ValueError("not_an_issue: say of which finding")
    if (decision == RELABEL) != (new_label is not None):
        raise ValueError("new_label belongs to relabel, which needs one")
    if new_label is not None and not _is_label(new_label):
        raise ValueError(f"new_label must be a text of 1 to {LONGEST_LABEL:,} characters")


def _is_label(label: Any) -> bool:
    if not isinstance(label, str) or not label.strip() or len(label) > LONGEST_LABEL:
        return False
    # Halves of characters can be written as JSON, but neither shown nor put into a table.
    return not any("\ud800" <= character <= "\udfff" for character in label)


def _number(image: Any) -> int:
    """True and False are numbers to Python, and a mask where numbers are asked for."""
    if isinstance(image, bool | str | bytes) or not hasattr(image, "__index__"):
        raise ValueError(f"decide: images are given by their numbers, not as {image!r}")
    return operator.index(image)


def _is_sound(event: dict[str, Any]) -> bool:
    """Whether these are decisions as we write them: the log is a file that anyone may edit."""
    try:
        # A time without its zone would be anybody's guess.
        time = datetime.datetime.fromisoformat(event["time"])
        dated = time.tzinfo is not None and time.astimezone(datetime.UTC) is not None
        return dated and isinstance(event["key"], str) and all(map(_is_choice, event["choices"]))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return False


def _is_choice(choice: dict[str, Any]) -> bool:
    _check(choice["decision"], choice["finding"], choice["new_label"])
    return all(
        type(number) is int
        and number >= 0
        and isinstance(path, str)
        and isinstance(digest, str | None)
        for number, path, digest in choice["images"]
    )
