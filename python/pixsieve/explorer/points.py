"""The 2-D map as the browser gets it."""

import threading
from concurrent.futures import Future
from typing import Any

import numpy as np
import polars as pl

from pixsieve.audit import Audit
from pixsieve.explorer import child
from pixsieve.explorer.columns import brief
from pixsieve.explorer.prepared import result_of
from pixsieve.explorer.session import NotReadyError

#: Classes that have a colour of their own.
COLOURS = 8
#: Seconds that a request waits for the map before it is told to ask again.
PATIENCE = 0.3


class Points:
    """Worked out when the map is first looked at."""

    def __init__(self, audit: Audit) -> None:
        self._audit, self._lock = audit, threading.Lock()
        self._made: Future[tuple[dict[str, Any], bytes]] | None = None

    def described(self) -> dict[str, Any]:
        """How many points, and the names of the classes by their number.

        Raises:
            NotReadyError: While it is being worked out.
        """
        return self._known()[0]

    def packed(self) -> bytes:
        """All x, then all y as float32, their images as uint32, their classes as uint8.

        Little-endian; class 255 is none of those that have a colour.
        """
        return self._known()[1]

    def _known(self) -> tuple[dict[str, Any], bytes]:
        with self._lock:
            if self._made is None:
                self._made = Future()
                threading.Thread(target=self._run, args=(self._made,), daemon=True).start()
            made = self._made
        result = result_of(made, PATIENCE)
        if result is None:
            raise NotReadyError("map")
        return result

    def _run(self, made: Future[tuple[dict[str, Any], bytes]]) -> None:
        try:
            if self._audit.images.height >= child.LARGE:
                list(child.Child(self._audit, [child.MAP]).done())
            made.set_result(self._make())
        except Exception as error:  # noqa: BLE001 - told to whoever asks for it
            made.set_exception(error)

    def _make(self) -> tuple[dict[str, Any], bytes]:
        frame = self._audit.projection().select("image", "x", "y")
        images = self._audit.images[frame["image"]]
        column = "label" if images["label"].count() else "split"
        counted = images[column].drop_nulls().value_counts(sort=True, name="many")
        top = counted.sort("many", column, descending=[True, False]).head(COLOURS).rows()
        numbers = {value: number for number, (value, _) in enumerate(top)}
        classes = images[column].replace_strict(numbers, default=255, return_dtype=pl.UInt8)
        packed = b"".join(
            (
                np.ascontiguousarray(frame["x"].to_numpy(), "<f4").tobytes(),
                np.ascontiguousarray(frame["y"].to_numpy(), "<f4").tobytes(),
                np.ascontiguousarray(frame["image"].to_numpy(), "<u4").tobytes(),
                classes.fill_null(255).to_numpy().tobytes(),
            )
        )
        described = {
            "points": frame.height,
            "by": column,
            "classes": [{"text": brief(value), "images": many} for value, many in top],
            "others": frame.height - sum(many for _, many in top),
        }
        return described, packed
