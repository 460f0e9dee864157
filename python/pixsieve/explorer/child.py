"""A process of its own for what needs several times the memory of the server."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from pixsieve import __version__
from pixsieve.audit import Audit, load
from pixsieve.config import Config
from pixsieve.explorer.views import FINDINGS, rows_of
from pixsieve.store import WorkDir

#: From so many images on it is worth its start.
LARGE = 100_000
#: Settings that nothing here depends on, and that cannot be written down.
UNWRITTEN = ("labels", "model_card")
#: What it can do beside findings; `Audit.projection` keeps it by itself.
MAP = "projection"


class Child:
    """Works things out one by one; each is kept in the work directory when its name is said."""

    def __init__(self, audit: Audit, names: Sequence[str]) -> None:
        asked = {
            "work_dir": os.fspath(audit.work_dir),
            "settings": settings_of(audit),
            "names": list(names),
        }
        # The folder one happens to stand in may be one of pictures, and of anything beside them:
        # no module is taken from there.
        command = [sys.executable, "-P", "-m", "pixsieve.explorer.child"]
        self._process = subprocess.Popen(  # noqa: S603 - our own module, by our own Python
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._asked = json.dumps(asked)

    def done(self) -> Iterator[str]:
        """The names, each as soon as it is done; what is missing at the end could not be."""
        with self._process as process:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("a process without pipes")
            process.stdin.write(self._asked + "\n")
            # It stays open as long as we are there to read.
            process.stdin.flush()
            for line in process.stdout:
                yield line.strip()

    def stop(self) -> None:
        """Ends it, whatever it is at."""
        self._process.kill()


def settings_of(audit: Audit) -> dict[str, Any]:
    """Those that findings may depend on."""
    return {key: value for key, value in audit.config.to_dict().items() if key not in UNWRITTEN}


def _key(audit: Audit, name: str) -> str:
    """From what a finding is made: the run, the settings, this version."""
    settings = json.dumps(settings_of(audit), sort_keys=True, default=str)
    return json.dumps([name, __version__, audit.info["checksum"], settings])


def kept(audit: Audit, name: str) -> pl.DataFrame | None:
    """The rows of a finding that were worked out before."""
    return WorkDir(audit.work_dir).read_derived(f"findings-{name}", _key(audit, name))


def keep(audit: Audit, name: str, rows: pl.DataFrame) -> None:
    """Writes what was worked out, for the next time."""
    try:
        WorkDir(audit.work_dir).write_derived(f"findings-{name}", _key(audit, name), rows)
    except OSError:
        # A folder that cannot be written is looked at all the same; the next time takes longer.
        return


def _leave_with_the_server() -> None:
    """Ends the process when the server is gone, however it ended."""
    # Not by way of `sys.stdin`, which could not be taken apart at the end while one waits on it.
    while os.read(0, 1):
        pass
    os._exit(1)


def _work(asked: dict[str, Any]) -> None:
    if hasattr(os, "nice"):
        # Who looks at pages meanwhile comes first.
        os.nice(5)
    audit = load(Path(asked["work_dir"]))
    given = asked["settings"]
    lists = {key: tuple(value) for key, value in given.items() if isinstance(value, list)}
    audit.config = Config(**{**given, **lists})
    for name in asked["names"]:
        if name == MAP:
            audit.projection()
        else:
            keep(audit, name, rows_of(name, FINDINGS[name](audit)))
        print(name, flush=True)  # noqa: T201 - the server reads it


if __name__ == "__main__":
    _asked = json.loads(sys.stdin.readline())
    threading.Thread(target=_leave_with_the_server, daemon=True).start()
    _work(_asked)
