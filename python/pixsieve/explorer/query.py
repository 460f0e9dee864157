"""Which items of a list are asked for, and in which order."""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve.audit.decisions import DECISIONS
from pixsieve.explorer.columns import DECISION, Columns, Filter, Mask, passing
from pixsieve.explorer.views import View

Keys: TypeAlias = NDArray[np.uint32]

#: Orders and selections that are kept, of 4 bytes per item.
KEPT = 48
#: Of an image on which nothing was decided.
UNDECIDED = "none"
#: More conditions are a mistake, or an attack.
MOST_FILTERS = 30
LONGEST = 20_000


@dataclass(frozen=True)
class Query:
    """What is asked of a list; equal questions have equal texts."""

    #: Part of a path.
    sought: str = ""
    #: JSON: a list of [column, op, value].
    filters: str = "[]"
    sort: str = ""
    descending: bool = False
    #: Only images of this item of another list: `duplicates:12`.
    of: str = ""

    @classmethod
    def parsed(cls, given: Mapping[str, str]) -> "Query":
        """From the parameters of a request.

        Raises:
            ValueError: If one is not what it should be.
        """
        if any(len(value) > LONGEST for value in given.values()):
            raise ValueError("the question is too long")
        query = cls(
            sought=given.get("q", ""),
            filters=given.get("filters", "[]"),
            sort=given.get("sort", ""),
            descending=given.get("desc", "") == "1",
            of=given.get("of", ""),
        )
        query.conditions()
        return query

    def conditions(self) -> list[Filter]:
        """The filters.

        Raises:
            ValueError: If they are no list of conditions.
        """
        try:
            parsed = json.loads(self.filters)
            filters = [Filter(*one) for one in parsed if isinstance(one, list)]
            if not isinstance(parsed, list) or len(filters) < len(parsed):
                raise TypeError
        except (TypeError, ValueError, RecursionError):
            raise ValueError("filters must be a JSON list of [column, op, value]") from None
        if len(filters) > MOST_FILTERS:
            raise ValueError(f"there are more than {MOST_FILTERS} filters")
        if not all(isinstance(one.column, str) and isinstance(one.op, str) for one in filters):
            raise ValueError("column and op of a filter must be texts")
        return filters


class Selector:
    """Answers queries on the lists of one audit, and keeps the latest answers."""

    def __init__(
        self,
        columns: Callable[[], Columns],
        decided: Callable[[str, str], Mask],
        members: Callable[[str], list[int]],
    ) -> None:
        #: Made when the first filter or order asks for it.
        self._columns_of = columns
        #: Which images were decided so, as far as it concerns the list of this name.
        self._decided = decided
        #: The images of an item of another list.
        self._members = members
        self._kept: OrderedDict[Any, Keys] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def _columns(self) -> Columns:
        return self._columns_of()

    def select(self, view: View, query: Query, version: int) -> Keys:
        """The items, in their order.

        Args:
            view: The list.
            query: The question.
            version: Answers are kept apart by it where they depend on decisions.

        Raises:
            ValueError: If a column is not there, or cannot be compared so.
        """
        depends = any(one.column == DECISION for one in query.conditions())
        key = (view.kind.name, query, version if depends else None)
        return self._remembered(key, lambda: self._selected(view, query))

    def _remembered(self, key: Any, find: Callable[[], Keys]) -> Keys:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = find()
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found

    def _selected(self, view: View, query: Query) -> Keys:
        rows = self._rows(view, query)
        chosen = None if rows is None else view.any_of(rows)
        if not query.sort:
            found = np.arange(view.total) if chosen is None else np.flatnonzero(chosen)
            found = found[::-1] if query.descending else found
            return np.ascontiguousarray(found, np.uint32)
        order = self._remembered(
            (view.kind.name, query.sort, query.descending), lambda: self._order(view, query)
        )
        return order if chosen is None else order[chosen[order]]

    def _rows(self, view: View, query: Query) -> Mask | None:
        """Which rows meet all conditions: those of the list itself, and those of their images."""
        own, images = [], []
        masks: list[Mask | None] = []
        for one in query.conditions():
            if one.column == DECISION:
                if one.op != "=" or one.value not in (UNDECIDED, *DECISIONS):
                    raise ValueError(f"filter {DECISION}: say which it equals")
                masks.append(self._images_to_rows(view, self._decided(one.value, view.kind.name)))
            elif one.column in view.kind.columns:
                own.append(one.expression(view.rows.schema[one.column]))
            else:
                images.append(one)
        masks.append(passing(view.rows, own))
        asked = images or query.sought
        of_images = self._columns.mask(images, query.sought) if asked else None
        masks.append(None if of_images is None else self._images_to_rows(view, of_images))
        if query.of:
            wanted = np.zeros(self._columns.height, dtype=bool)
            wanted[self._members(query.of)] = True
            masks.append(self._images_to_rows(view, wanted))
        given = [mask for mask in masks if mask is not None]
        return np.logical_and.reduce(given) if given else None

    def _images_to_rows(self, view: View, mask: Mask) -> Mask:
        """Rows with at least one image of these."""
        met = np.zeros(view.rows.height, dtype=bool)
        for name in view.kind.images:
            met |= mask[view.rows[name].to_numpy()]
        return met

    def _order(self, view: View, query: Query) -> Keys:
        """All items in the order of a column; what has no value comes last, ties as they came."""
        if query.sort in view.items.columns:
            values = view.items[query.sort]
        elif query.sort in self._columns.frame.columns:
            values = self._columns.frame[query.sort]
            if view.kind.name != "images":
                values = values.gather(view.leaders())
        else:
            raise ValueError(f"sort: there is no column {query.sort!r}")
        frame = pl.DataFrame({"value": values}).with_row_index("item")
        ordered = frame.sort(
            "value", descending=query.descending, nulls_last=True, maintain_order=True
        )
        return np.ascontiguousarray(ordered["item"].to_numpy(), np.uint32)
