"""The object that users hold."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pixsieve import findings
from pixsieve.annotations import Annotations
from pixsieve.audit import job as jobs
from pixsieve.audit.questions import Questions
from pixsieve.progress import Progress, reporter

if TYPE_CHECKING:
    from pixsieve.gallery import Vis


class Audit(Questions):
    """One run over a collection, and what it found.

    All frames are Polars and have exactly the columns of `pixsieve.schema`, followed by the
    columns that the annotations brought along. They are sorted, ties by `image`, so that two
    runs give the same frames.
    """

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
            tables = jobs.execute(jobs.Job(self._work, self._input, config, shown), annotations)
        self.config = config
        return self._open(tables)

    # ---- summary and report ---- #

    def summarize(self) -> findings.Summary:
        """The lines of `summary()`, and the same numbers for programs."""
        return findings.summary(
            left_out=self.info["left_out"],
            images=self.images,
            duplicates=self.duplicates(),
            connected_components=self.connected_components(),
            leaks=self.leaks(),
            outliers=self.outliers(),
            mislabels=self.mislabels(),
            flags=self.flags(),
            placeholders=self.placeholders(),
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
