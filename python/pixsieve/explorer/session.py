"""One audit as the explorer sees it: its columns, lists and decisions."""

import threading
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve.audit import Audit
from pixsieve.audit.decisions import NOT_AN_ISSUE, Decision, Decisions
from pixsieve.explorer.columns import Columns, Mask
from pixsieve.explorer.prepared import Prepared
from pixsieve.explorer.query import UNDECIDED, Keys, Query, Selector
from pixsieve.explorer.views import FINDINGS, KINDS, View
from pixsieve.store import WorkDir


class NotReadyError(Exception):
    """What was asked for is still being worked out."""


class Session:
    """What is known of one audit; made anew when its work directory holds another run."""

    def __init__(self, audit: Audit) -> None:
        self.audit = audit
        self.prepared = Prepared(audit)
        self.decisions = Decisions(audit.work_dir, audit.images)
        #: Why the log of decisions cannot be read, if it cannot.
        self.trouble: str | None = None
        self._views: dict[str, View] = {}
        # Who waits for one of them need not wait for the others.
        self._lock, self._columns_lock = threading.Lock(), threading.Lock()
        self._edges_lock = threading.Lock()

    def start(self) -> None:
        """Begins to work out what is not there yet."""
        self.prepared.start()
        threading.Thread(target=self._warm, name="columns", daemon=True).start()

    def stop(self) -> None:
        """Ends what is done behind the scenes."""
        self.prepared.stop()

    def _warm(self) -> None:
        """Makes what the first filter and the first image would wait for."""
        try:
            _ = self.columns.described
            self.neighbors(0)
        except (OSError, ValueError):
            # Who asks for it is told what is wrong.
            return

    def is_current(self) -> bool:
        """Whether the work directory still holds the run that was loaded."""
        try:
            info = WorkDir(self.audit.work_dir).load()
        except (OSError, ValueError):
            # Another run is writing it, or it has gone.
            return False
        return bool(info["checksum"] == self.audit.info["checksum"])

    @cached_property
    def _columns(self) -> Columns:
        return Columns(self.audit)

    @property
    def columns(self) -> Columns:
        """What images can be filtered by; made once, however many ask."""
        with self._columns_lock:
            return self._columns

    @cached_property
    def _selector(self) -> Selector:
        return Selector(lambda: self.columns, self._decided, self._members)

    @cached_property
    def _edges(self) -> tuple[NDArray[np.uint32], pl.DataFrame]:
        edges = self.audit.edges
        return edges["from"].to_numpy(), edges

    def _graph(self) -> tuple[NDArray[np.uint32], pl.DataFrame]:
        with self._edges_lock:
            return self._edges

    def neighbors(self, image: int) -> pl.DataFrame:
        """The edges of an image, `to` and `similarity`; of exact copies one has them."""
        return self.neighbors_of_any([image])

    def neighbors_of_any(self, images: list[int]) -> pl.DataFrame:
        """The edges of the first of these that has any."""
        sources, edges = self._graph()
        starts = np.searchsorted(sources, images)
        ends = np.searchsorted(sources, images, side="right")
        found = np.flatnonzero(ends > starts)
        if not len(found):
            return edges[:0].select("to", "similarity")
        start, end = int(starts[found[0]]), int(ends[found[0]])
        return edges[start:end].select("to", "similarity")

    def copies(self, image: int) -> list[int]:
        """The images of the same bytes, without this one."""
        digests = self.audit.images["digest"]
        if digests[image] is None:
            return []
        same = (digests == digests[image]).arg_true().to_list()
        return [other for other in same if other != image]

    def view(self, name: str, wait: float = 0) -> View:
        """A list.

        Raises:
            KeyError: If there is none of this name.
            NotReadyError: If it is still being worked out.
        """
        kind = KINDS[name]
        with self._lock:
            if name in self._views:
                return self._views[name]
        if name in FINDINGS:
            rows = self.prepared.get(name, wait)
            if rows is None:
                raise NotReadyError(name)
        else:
            rows = self.audit.images.select("image")
        with self._lock:
            return self._views.setdefault(name, View(kind, rows))

    def ready(self, name: str) -> View | None:
        """A list, if it is there and nothing went wrong with it."""
        try:
            return self.view(name)
        except Exception:  # noqa: BLE001 - who asks for the list itself is told
            return None

    def select(self, view: View, query: Query, version: int) -> Keys:
        """The items that were asked for, in their order; see `Selector.select`."""
        return self._selector.select(view, query, version)

    def _members(self, of: str) -> list[int]:
        """The images of an item, given as `duplicates:12`."""
        name, _, number = of.partition(":")
        whole = number.isascii() and number.isdecimal() and len(number) <= 12
        if name not in KINDS or not whole or int(number) >= self.view(name).total:
            raise ValueError(f"there is no item {of!r}")
        return self.view(name).images_of(int(number))

    # ---- decisions ---- #

    def standing(self) -> dict[tuple[int, str | None], Decision]:
        """What holds; nothing where the log cannot be read: one may look all the same."""
        try:
            standing = self.decisions.standing()
        except OSError as error:
            self.trouble = f"the decisions cannot be read: {error.strerror}"
            return {}
        self.trouble = None
        return standing

    def decisions_version(self) -> int:
        """Another number after each decision."""
        self.standing()
        return self.decisions.version

    def fates(self) -> dict[int, str]:
        """Of each image that was decided on, whether to keep, drop or relabel it."""
        return {
            image: one.decision for (image, slot), one in self.standing().items() if slot is None
        }

    def decision_counts(self) -> dict[str, int]:
        """How many of each hold."""
        return dict(Counter(one.decision for one in self.standing().values()))

    def _decided(self, value: str, finding: str) -> Mask:
        """Which images were decided so; in the list of a finding, `not_an_issue` is of it."""
        mask = np.zeros(self.audit.images.height, dtype=bool)
        for decision in self.standing().values():
            if decision.decision == NOT_AN_ISSUE and finding not in ("images", decision.finding):
                continue
            if value in (UNDECIDED, decision.decision):
                mask[decision.image] = True
        return ~mask if value == UNDECIDED else mask

    def decided(self, images: Iterable[int], finding: str) -> dict[int, list[dict[str, Any]]]:
        """What holds of each of these images, as far as it concerns the finding."""
        standing, found = self.standing(), {}
        for image in images:
            slots = [(image, None), *((image, name) for name in _concerned(finding))]
            held = [standing[slot] for slot in slots if slot in standing]
            if held:
                found[image] = [_as_json(one) for one in held]
        return found


def _concerned(finding: str) -> Iterable[str]:
    return (finding,) if finding in FINDINGS else FINDINGS


def _as_json(decision: Decision) -> dict[str, Any]:
    return {
        "decision": decision.decision,
        "finding": decision.finding,
        "new_label": decision.new_label,
    }
