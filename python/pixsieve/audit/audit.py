"""The object that users hold."""

import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pixsieve import findings
from pixsieve.annotations import Annotations
from pixsieve.audit import job as jobs
from pixsieve.audit.decisions import Choice, Decisions
from pixsieve.audit.questions import Questions
from pixsieve.audit.search import Query, Searcher
from pixsieve.progress import Progress, reporter

if TYPE_CHECKING:
    import polars as pl

    from pixsieve.explorer import Explorer
    from pixsieve.gallery import Vis


class Audit(Questions):
    """One run over a collection, and what it found.

    All frames are Polars and have exactly the columns of `pixsieve.schema`, followed by the
    columns that the annotations brought along. They are sorted, ties by `image`, so that two
    runs give the same frames.
    """

    def _forget(self) -> None:
        super()._forget()
        self._searcher: Searcher | None = None
        self._log: Decisions | None = None

    def run(
        self,
        *,
        annotations: Annotations | None = None,
        progress: bool | Progress | None = None,
        **settings: Any,
    ) -> Self:
        """Reads the collection, finds what is wrong, and writes the work directory.

        Args:
            annotations: A Polars or pandas frame, a mapping of columns, or a CSV or Parquet
                file, with a column `path` or `filename` and any of `label`, `split` and columns
                of your own, which travel into every result.
            progress: Whether to show a bar; None shows one where a person is watching.
            **settings: Fields of `Config`.

        Returns:
            This audit, ready to be asked.

        Raises:
            FileNotFoundError: If the input, the annotations or the model do not exist.
            NotADirectoryError: If the input or the work directory is a file.
            FileExistsError: If the work directory holds a finished run.
            BlockingIOError: If another run is using the work directory.
            PermissionError: If the input may not be read or the work directory not be written.
            ModelError: If the model does not do what its card says, or gives values that are
                not finite.
            OSError: If the disk is full; what was finished stays, and the run can go on.
            TypeError: If there is no such setting.
            ValueError: If a setting is wrong, or there is nothing to read.
        """
        if self._input is None:
            raise ValueError("there is no input: give a folder or a list of files as input_dir")
        config = self.config.replace(**settings)
        with reporter(progress) as shown:
            job = jobs.Job(self._work, self._input, config, shown)
            tables = jobs.execute(job, annotations)
        self.config, self._given = config, job.given
        return self._open(tables)

    # ---- summary and report ---- #

    def summarize(self) -> findings.Summary:
        """The lines of `summary()`, and the same numbers for programs."""
        duplicates = self.duplicates()
        return findings.summary(
            left_out=self.info["left_out"],
            annotations=self.info.get("annotations", {}),
            hint=self.info.get("hint"),
            unmatched=self.unmatched(),
            images=self.images,
            duplicates=duplicates,
            within_videos=self.within_videos(duplicates) if self.has_frames else None,
            connected_components=self.connected_components(),
            leaks=self.leaks(),
            outliers=self.outliers(),
            mislabels=self.mislabels(),
            flags=self.flags(),
            placeholders=self.placeholders(),
            duplicate_videos=self.duplicate_videos() if self.has_videos else None,
        )

    def summary(self, verbose: bool = True) -> list[str]:
        """What was found, a line each, with the call that lists it; prints unless told not to."""
        lines = [str(line) for line in self.summarize().lines]
        if verbose:
            print("\n".join(lines))  # noqa: T201
        return lines

    def report(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Writes everything on one self-contained HTML page.

        Args:
            path: Where; default: `reports/report.html` in the work directory.

        Returns:
            The path of the page.

        Raises:
            FileExistsError: If another file is there; an earlier report is replaced.
        """
        from pixsieve.report import write_report  # noqa: PLC0415 - a layer above, used on demand

        return write_report(self, path)

    # ---- search, review ---- #

    def search(
        self, query: Query, k: int = 10, *, threshold: float | None = None
    ) -> "pl.DataFrame":
        """The images that come nearest to a picture, the most similar first, by exact search.

        Args:
            query: A file, its bytes, pixels as (h, w, 3) uint8 RGB, an embedding of the run's
                model, the path of an image as frames show it, such as of a member of an archive,
                or the number of an image, which is not among its own neighbors.
            k: How many at most.
            threshold: Leave out what is less similar.

        Raises:
            FileNotFoundError: If there is no such file.
            IndexError: If there is no image of that number.
            ModelError: If the model of the run is not at hand.
            ValueError: If the picture cannot be read, or the query is of no kind that is known.
        """
        if self._searcher is None:
            self._searcher = Searcher(self)
        return self._searcher.nearest(query, k, threshold)

    @property
    def _decided(self) -> Decisions:
        if self._log is None:
            self._log = Decisions(self.work_dir, self.images)
        return self._log

    def decisions(self) -> "pl.DataFrame":
        """What was decided in reviews and holds, one row per image, by image.

        `decision` is `keep`, `drop` or `relabel`, of which the last one holds, or `not_an_issue`,
        which is said of one `finding` and stands beside them in a row of its own. `new_label`
        comes with `relabel`. Decisions are kept in the work directory, outlive another run, and
        are left out while their image is not there with the same path and bytes.

        Warns:
            RuntimeWarning: If lines of the log cannot be read.

        Raises:
            OSError: If the log is there and cannot be read.
        """
        frame = self._decided.frame(self.images)
        if self._decided.damaged:
            said = f"{self._decided.damaged} lines of decisions.jsonl in {self.work_dir}"
            warnings.warn(f"{said} cannot be read and are left out", RuntimeWarning, stacklevel=2)
        return frame

    def decide(
        self,
        images: "int | Iterable[int]",
        decision: str,
        *,
        finding: str | None = None,
        new_label: str | None = None,
    ) -> None:
        """Writes down what shall become of images; it is on the disk when this returns.

        Args:
            images: Their numbers.
            decision: `"keep"`, `"drop"`, `"relabel"` or `"not_an_issue"`.
            finding: What it was decided on, such as `"duplicates"`; `not_an_issue` needs it.
            new_label: For `relabel`.

        Raises:
            OSError: If it cannot be written.
            ValueError: If there is no such image, decision or finding.
        """
        chosen = tuple(images) if isinstance(images, Iterable) else (images,)
        self._decided.decide([Choice(chosen, decision, finding, new_label)])

    def undo(self) -> bool:
        """Takes the last decision back that was not taken back yet; whether there was one.

        Raises:
            OSError: If it cannot be written.
        """
        return self._decided.undo() is not None

    def explore(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        open_browser: bool = True,
        block: bool | None = None,
    ) -> "Explorer":
        """Serves the explorer, a web app on this machine, and prints where it is.

        Args:
            host: What to listen on; the default can be reached from this machine only.
            port: 0 takes one that is free.
            open_browser: Whether to open it in a browser.
            block: Whether to wait until it is stopped, by Ctrl-C; None waits unless this is a
                notebook or an interactive session.

        Returns:
            The running app: `url`, and `stop()`.

        Raises:
            OSError: If the port is taken.
            RuntimeError: If nothing has been run yet.
        """
        from pixsieve.explorer import explore  # noqa: PLC0415 - a layer above, used on demand

        return explore(self, host=host, port=port, open_browser=open_browser, block=block)

    @property
    def vis(self) -> "Vis":
        """The galleries: `audit.vis.duplicates_gallery()` and its like."""
        from pixsieve.gallery import Vis  # noqa: PLC0415 - a layer above, used on demand

        return Vis(self)

    def _repr_html_(self) -> str | None:
        """In a notebook, the summary."""
        if self._info is None:
            return None
        from pixsieve.pages.summary import summary_html  # noqa: PLC0415 - likewise

        return summary_html(self)

    def __repr__(self) -> str:
        if self._info is None:
            return f"<Audit {self.work_dir}: not run yet>"
        return f"<Audit {self.work_dir}: {self._info['counts']['images']:,} images>"
