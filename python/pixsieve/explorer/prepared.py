"""The findings of an audit, worked out behind the scenes, and kept beside its tables."""

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from pixsieve import __version__
from pixsieve.audit import Audit, load
from pixsieve.config import Config
from pixsieve.explorer.views import FINDINGS, rows_of
from pixsieve.store import WorkDir

#: From so many images on, a process of its own works findings out: what it needs for that is
#: several times what the server needs, and is given back when it ends.
LARGE = 100_000
#: Settings that no finding depends on, and that cannot be written down.
UNWRITTEN = ("labels", "model_card")


class Prepared:
    """Starts at once; who asks for a finding that is not there yet is told so."""

    def __init__(self, audit: Audit) -> None:
        self._audit, self._work = audit, WorkDir(audit.work_dir)
        self._made: dict[str, Future[pl.DataFrame]] = {name: Future() for name in FINDINGS}
        self._stopped = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="findings", daemon=True)

    def start(self) -> None:
        """Begins to work."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the finding that is being worked on, or with the process that works on it."""
        self._stopped.set()
        if self._child is not None:
            self._child.terminate()

    def get(self, name: str, wait: float = 0) -> pl.DataFrame | None:
        """The rows of a list; None while they are not there, after `wait` seconds at most.

        Raises:
            Exception: What went wrong when they were worked out.
        """
        try:
            return self._made[name].result(timeout=wait)
        except TimeoutError:
            return None

    def _run(self) -> None:
        # What was kept is there at once, whatever else has to be worked out.
        missing = [name for name in FINDINGS if not self._kept(name)]
        if missing and self._audit.images.height >= LARGE:
            # What another process cannot do, for want of room or of a place to write, we do.
            with suppress(OSError):
                self._by_a_child(missing)
            missing = [name for name in missing if not self._made[name].done()]
        for name in missing:
            if self._stopped.is_set():
                return
            try:
                rows = rows_of(name, FINDINGS[name](self._audit))
            except Exception as error:  # noqa: BLE001 - told to whoever asks for it
                self._made[name].set_exception(error)
                continue
            self._made[name].set_result(rows)
            keep(self._audit, name, rows)

    def _by_a_child(self, names: list[str]) -> None:
        """Waits for a process that works them out one by one, as far as it gets."""
        asked = {"work_dir": str(self._audit.work_dir), "settings": _settings(self._audit)}
        # The folder one happens to stand in may be one of pictures, and of anything beside them:
        # no module is taken from there.
        command = [sys.executable, "-P", "-m", "pixsieve.explorer.prepared"]
        self._child = subprocess.Popen(  # noqa: S603 - our own module, by our own Python
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        child = self._child
        if child.stdin is None or child.stdout is None:
            raise RuntimeError("a process without pipes")
        if self._stopped.is_set():
            child.terminate()
        with child:
            child.stdin.write(json.dumps({**asked, "names": names}).encode())
            child.stdin.close()
            for line in child.stdout:
                self._kept(line.decode().strip())

    def _kept(self, name: str) -> bool:
        rows = self._work.read_derived(f"findings-{name}", _key(self._audit, name))
        if rows is None:
            return False
        self._made[name].set_result(rows)
        return True


def _settings(audit: Audit) -> dict[str, Any]:
    """Those that findings may depend on."""
    return {key: value for key, value in audit.config.to_dict().items() if key not in UNWRITTEN}


def _key(audit: Audit, name: str) -> str:
    """From what a finding is made: the run, the settings, this version."""
    settings = json.dumps(_settings(audit), sort_keys=True, default=str)
    return json.dumps([name, __version__, audit.info["checksum"], settings])


def keep(audit: Audit, name: str, rows: pl.DataFrame) -> None:
    """Writes what was worked out, for the next time."""
    try:
        WorkDir(audit.work_dir).write_derived(f"findings-{name}", _key(audit, name), rows)
    except OSError:
        # A folder that cannot be written is looked at all the same; the next time takes longer.
        return


def _work_out(asked: dict[str, Any]) -> None:
    """What the process of its own does: says the name of each finding that it has kept."""
    if hasattr(os, "nice"):
        # Who looks at pages meanwhile comes first.
        os.nice(5)
    audit = load(Path(asked["work_dir"]))
    lists = {
        key: tuple(value) for key, value in asked["settings"].items() if isinstance(value, list)
    }
    audit.config = Config(**{**asked["settings"], **lists})
    for name in asked["names"]:
        keep(audit, name, rows_of(name, FINDINGS[name](audit)))
        print(name, flush=True)  # noqa: T201 - the server reads it


if __name__ == "__main__":
    _work_out(json.load(sys.stdin))
