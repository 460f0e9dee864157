"""`pixsieve demo`: planted, found, false alarms."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

import pixsieve
from pixsieve import demo
from pixsieve.progress import Progress

#: The work directory, beside the pictures.
AUDIT = "audit"


@dataclass(frozen=True)
class DemoResult:
    """The score of the demo, and where to look."""

    score: pl.DataFrame
    lines: list[str]
    pictures: Path
    report: Path

    @property
    def counts(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "score": self.score.to_dicts(),
            "pictures": str(self.pictures),
            "report": str(self.report),
        }

    def text(self) -> str:
        """The table and the places, coloured where standard output is a terminal."""
        table = Table("problem", title="What was planted, and what was found", title_justify="left")
        for column in ("planted", "found", "false alarms"):
            table.add_column(column, justify="right")
        for row in self.score.iter_rows():
            table.add_row(*("" if cell is None else str(cell) for cell in row))
        console = Console()
        with console.capture() as captured:
            console.print(table)
        note = "offtopic: looked for among the strangest 5 % of the images\n"
        places = (
            f"\nPictures: {self.pictures}\nReport:   {self.report}\nExplore:  pixsieve explore "
        )
        places += shlex.quote(str(self.pictures.with_name(AUDIT)))
        return "\n".join((captured.get().rstrip("\n"), note, *self.lines, places))


def run_demo(folder: Path, progress: Progress) -> DemoResult:
    """Draws the collection into `folder/pictures` and audits it into `folder/audit`."""
    pictures = folder / "pictures"
    progress.stage("draw", "pictures")
    truth = demo.build(pictures)
    audit = pixsieve.run(
        pictures, work_dir=folder / AUDIT, labels="folder", overwrite=True, progress=progress
    )
    config = audit.config
    score = demo.score(
        truth,
        demo.frames_of(audit),
        dark_threshold=config.dark_threshold,
        bright_threshold=config.bright_threshold,
        blur_threshold=config.blur_threshold,
    )
    lines = [str(line) for line in audit.summarize().lines]
    return DemoResult(score, lines, pictures, audit.report())
