"""The findings of an audit, worked out behind the scenes, and kept beside its tables."""

import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

import polars as pl

from pixsieve.audit import Audit
from pixsieve.explorer import child
from pixsieve.explorer.views import FINDINGS, rows_of

Made = TypeVar("Made")


def result_of(made: Future[Made], wait: float) -> Made | None:
    """What is there within some seconds, or None.

    Raises:
        Exception: What went wrong; without the places where it was raised before, which would
            add up.
    """
    try:
        error = made.exception(timeout=wait)
    except TimeoutError:
        return None
    if error is not None:
        raise error.with_traceback(None)
    return made.result()


class Prepared:
    """Starts at once; who asks for a finding that is not there yet is told so."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._made: dict[str, Future[pl.DataFrame]] = {name: Future() for name in FINDINGS}
        self._stopped = threading.Event()
        self._child: child.Child | None = None
        self._thread = threading.Thread(target=self._run, name="findings", daemon=True)

    def start(self) -> None:
        """Begins to work."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the finding that is being worked on, or with the process that works on it."""
        self._stopped.set()
        if self._child is not None:
            self._child.stop()

    def get(self, name: str, wait: float = 0) -> pl.DataFrame | None:
        """The rows of a list; None while they are not there, after `wait` seconds at most.

        Raises:
            Exception: What went wrong when they were worked out.
        """
        return result_of(self._made[name], wait)

    def _run(self) -> None:
        # What was kept is there at once, whatever else has to be worked out.
        missing = [name for name in FINDINGS if not self._kept(name)]
        if missing and self._audit.images.height >= child.LARGE:
            # What another process cannot do, for want of room or of a place to write, we do.
            with suppress(OSError, RuntimeError, ValueError):
                self._by_a_child(missing)
        for name in missing:
            if self._stopped.is_set():
                return
            if not self._made[name].done():
                self._work_out(name)

    def _by_a_child(self, names: list[str]) -> None:
        """Waits for a process that works them out one by one, as far as it gets."""
        self._child = child.Child(self._audit, names)
        if self._stopped.is_set():
            self._child.stop()
        for name in self._child.done():
            self._kept(name)

    def _work_out(self, name: str) -> None:
        try:
            rows = rows_of(name, FINDINGS[name](self._audit))
        except Exception as error:  # noqa: BLE001 - told to whoever asks for it
            self._made[name].set_exception(error)
            return
        self._made[name].set_result(rows)
        child.keep(self._audit, name, rows)

    def _kept(self, name: str) -> bool:
        rows = child.kept(self._audit, name)
        if rows is not None:
            self._made[name].set_result(rows)
        return rows is not None
