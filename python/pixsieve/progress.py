"""How long work reports where it is."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol, TextIO

#: Seconds between two drawings of a notebook's bar.
REDRAWN = 0.2


class Progress(Protocol):
    """Receives the stages of a run."""

    def stage(self, name: str, unit: str) -> None:
        """A stage begins; `unit` is what `update` counts."""

    def update(self, done: int, total: int) -> None:
        """The present stage has done `done` of `total`."""


class Silent:
    """Says nothing."""

    def stage(self, name: str, unit: str) -> None:
        """Nothing."""

    def update(self, done: int, total: int) -> None:
        """Nothing."""


class Lines:
    """A line per stage and tenth of the way, for logs."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._name = self._unit = ""
        self._tenth = 0

    def stage(self, name: str, unit: str) -> None:
        """Announces the stage."""
        self._name, self._unit, self._tenth = name, unit, 0

    def update(self, done: int, total: int) -> None:
        """Prints when another tenth is done."""
        tenth = 10 * done // total if total else 0
        if tenth > self._tenth:
            self._tenth = tenth
            text = f"{self._name}: {done:,} of {total:,} {self._unit}"
            # A log that cannot be written, as on a full disk, is no reason to stop.
            with suppress(OSError):
                print(text, file=self._stream, flush=True)


class Bar:
    """A bar with rate and time left, on a terminal."""

    def __init__(self) -> None:
        from rich.progress import (  # noqa: PLC0415 - costs 50 ms that a quiet run need not pay
            BarColumn,
            MofNCompleteColumn,
            Progress,
            ProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Task as RichTask  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        class Rate(ProgressColumn):
            def render(self, task: RichTask) -> Text:
                speed = task.finished_speed or task.speed
                unit = task.fields.get("unit", "")
                return Text("" if not speed else f"{speed:,.0f} {unit}/s", style="cyan")

        from rich.console import Console  # noqa: PLC0415

        self._bar = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(),
            MofNCompleteColumn(),
            Rate(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task("", visible=False, total=None)
        self._bar.start()

    def stage(self, name: str, unit: str) -> None:
        """A new line for the stage; one that never knew its length leaves none behind."""
        self._drop_endless()
        self._task = self._bar.add_task(name, total=None, unit=unit)

    def update(self, done: int, total: int) -> None:
        """Moves the bar."""
        self._bar.update(self._task, completed=done, total=total or None)

    def stop(self) -> None:
        """Leaves the finished bars on the screen."""
        self._drop_endless()
        self._bar.stop()

    def _drop_endless(self) -> None:
        if self._bar.tasks[-1].total is None:
            self._bar.remove_task(self._task)


class Notebook:
    """A line with a bar per stage below the cell that runs; needs no widgets.

    `display` is the module `IPython.display`.
    """

    def __init__(self, display: Any) -> None:
        self._html = display.HTML
        self._shown = display.display(self._html(""), display_id=True)
        self._lines: list[str] = []
        self._stage = ("", "")
        self._drawn = 0.0

    def stage(self, name: str, unit: str) -> None:
        """A new line for the stage, once it is known how long it is."""
        self._stage = (name, unit)
        self._lines.append("")

    def update(self, done: int, total: int) -> None:
        """Moves the bar; it is drawn a few times a second, and when it is full."""
        now = time.monotonic()
        if not total or (done < total and now - self._drawn < REDRAWN):
            return
        name, unit = self._stage
        self._lines[-1] = (
            f'<div style="display:flex;gap:10px;align-items:center"><span style="width:7em">{name}'
            f'</span><progress value="{done}" max="{total}" style="width:16em"></progress>'
            f"<span>{done:,} of {total:,} {unit}</span></div>"
        )
        self._drawn = now
        self._shown.update(self._html("".join(self._lines)))

    def stop(self) -> None:
        """Leaves the finished bars below the cell."""
        self._shown.update(self._html("".join(self._lines)))


def notebook() -> Any:
    """The module `IPython.display` where a notebook's kernel runs this, else None."""
    shell: Any = sys.modules.get("IPython")
    return shell.display if shell and hasattr(shell.get_ipython(), "kernel") else None


def running_cell() -> int | None:
    """The number of the cell that a notebook's kernel runs."""
    shell: Any = sys.modules.get("IPython")
    return getattr(shell.get_ipython(), "execution_count", None) if shell else None


def is_watched() -> bool:
    """Whether standard error is a terminal; a daemon may have none at all."""
    return sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def reporter(wanted: bool | Progress | None) -> Iterator[Progress]:
    """The reporter for `progress=`: None shows a bar where a person is watching."""
    if wanted is None:
        wanted = is_watched() or notebook() is not None
    if not isinstance(wanted, bool):
        yield wanted
        return
    if not wanted:
        yield Silent()
        return
    display = notebook()
    bar = Bar() if display is None else Notebook(display)
    try:
        yield bar
    finally:
        bar.stop()
