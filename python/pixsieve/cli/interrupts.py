"""Ctrl-C in a command: raised once, and never lost.

Once, whatever follows: what is done about it would not be finished if it were raised again.
"""

import signal
import sys
from types import FrameType

from pixsieve.progress import Progress


class _State:
    """Whether the user has asked to stop."""

    asked = False


def listen() -> None:
    """From here on Ctrl-C raises KeyboardInterrupt.

    Unless the parent process had it ignored, as a shell does for its background jobs.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupt)


def listen_to_end() -> None:
    """From here on SIGTERM does what Ctrl-C does."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    first, _State.asked = not _State.asked, True
    # A query of Polars that meets the signal raises by itself, and Python then calls this too.
    if first and not isinstance(sys.exception(), KeyboardInterrupt):
        raise KeyboardInterrupt


class Watching:
    """A reporter that raises again what was swallowed: Python drops exceptions in destructors."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def stage(self, name: str, unit: str) -> None:
        """As the reporter does."""
        self._check()
        self._progress.stage(name, unit)

    def update(self, done: int, total: int) -> None:
        """As the reporter does."""
        self._check()
        self._progress.update(done, total)

    @staticmethod
    def _check() -> None:
        if _State.asked:
            raise KeyboardInterrupt
