"""The object that users hold."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl

from pixsieve import findings, schema
from pixsieve.annotations import Annotations
from pixsieve.audit import job as jobs
from pixsieve.config import Config, within
from pixsieve.progress import Progress, reporter
from pixsieve.sources.files import Input
from pixsieve.store import WorkDir, open_shard

#: Columns of `images.parquet` that are ours alone.
INTERNAL = ("_location",)


class Audit:
    """One run over a collection, and what it found.

    All frames are Polars and have exactly the columns of `pixsieve.schema`, followed by the
    columns that the annotations brought along. They are sorted, ties by `image`, so that two
    runs give the same frames.
    """

    def __init__(self, work_dir: str | os.PathLike[str], input_dir: Input | None = None) -> None:
        self._work = WorkDir(Path(work_dir).absolute())
        self._input = input_dir
        self._info: dict[str, Any] | None = None
        self.config = Config()

    @property
    def work_dir(self) -> Path:
        """The folder that holds everything this run has written."""
        return self._work.path

    @property
    def info(self) -> dict[str, Any]:
        """What `run.json` holds: settings, versions, thresholds, counts, seconds per stage."""
        if self._info is None:
            raise RuntimeError("nothing has been run yet: call run(), or pixsieve.load(work_dir)")
        return self._info

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

    def _open(self, tables: dict[str, pl.DataFrame]) -> Self:
        self._info = self._work.load()
        #: Read or worked out when first asked for.
        self._tables = tables
        self._findings: dict[tuple[Any, ...], pl.DataFrame] = {}
        return self

    # ---- tables ---- #

    def _table(self, name: str) -> pl.DataFrame:
        """One of the work directory's tables."""
        if name not in self._tables:
            self._tables[name] = self._work.read_table(name, self.info)
        return self._tables[name]

    @property
    def _images(self) -> pl.DataFrame:
        return self._table("images")

    @property
    def _edges(self) -> pl.DataFrame:
        return self._table("edges")

    @property
    def _nearest(self) -> pl.DataFrame:
        """The first k edges of each image: the graph has more where there are more duplicates."""
        if "nearest" not in self._tables:
            first = pl.int_range(pl.len()).over("from") < int(self.info["graph"]["k"])
            self._tables["nearest"] = self._edges.filter(first)
        return self._tables["nearest"]

    @property
    def _pixels(self) -> pl.DataFrame:
        return self._table("pixel_digests")

    @property
    def _statistics(self) -> pl.DataFrame:
        return self._table("statistics")

    @property
    def images(self) -> pl.DataFrame:
        """IMAGES, one row per image: `annotations()` with the details of errors."""
        return self._images.drop(INTERNAL)

    def location(self, image: int) -> Path:
        """The file of an image, as an absolute path."""
        return Path(os.fsdecode(self._images["_location"][image]))

    def _cached(self, name: str, *arguments: Any, **keywords: Any) -> pl.DataFrame:
        """Findings are pure: the same question has the same answer."""
        key = (name, *sorted(keywords.items()))
        return self._remembered(
            key, lambda: getattr(findings, name)(self.images, *arguments, **keywords)
        )

    def _remembered(self, key: tuple[Any, ...], find: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        if key not in self._findings:
            self._findings[key] = find()
        return self._findings[key]

    def _threshold(self, given: float | None, name: str) -> float:
        if given is None:
            return float(self.info["thresholds"][name])
        return within("threshold", given, -1, 1)

    # ---- findings ---- #

    def annotations(self) -> pl.DataFrame:
        """One row per image: what it is, its label, split, size, digest and error code."""
        frame = self.images
        return schema.conform(frame, "annotations", schema.user_columns(frame))

    def invalid_instances(self) -> pl.DataFrame:
        """The images that could not be read, or only in part (`truncated`), and why."""
        return self._cached("invalid_instances")

    def _rule(self, threshold: float | None, precision: float | None) -> tuple[float | None, float]:
        """What near duplicates are told by, as asked for, else as set: match, or similarity."""
        if threshold is not None and precision is not None:
            raise ValueError("ask with a threshold (of similarity) or with a precision, not both")
        match, known = None, self.info["match"]
        if threshold is None and (precision is not None or self.config.duplicate_threshold is None):
            share = self.config.duplicate_precision if precision is None else precision
            within("precision", share, 0, 1)
            if known is not None:
                match = findings.match_threshold(share, np.array(known["precision"]))
            elif precision is not None:
                raise ValueError(
                    f"precision: the card of model {self.info['model']['name']!r} has no "
                    "calibration for this: pass threshold="
                )
        return match, self._threshold(threshold, "near_duplicate")

    def _near(self, rule: tuple[float | None, float]) -> pl.DataFrame:
        match, similarity = rule
        return self._remembered(
            ("near", *rule),
            lambda: findings.near_pairs(
                self._edges, self._table("pairs"), match=match, similarity=similarity
            ),
        )

    def duplicates(
        self, threshold: float | None = None, *, precision: float | None = None
    ) -> pl.DataFrame:
        """One row per image of a duplicate group.

        Every member is a duplicate of its group's representative.

        Args:
            threshold: Similarity from which images are near duplicates, whatever a comparison of
                the pictures says.
            precision: The share of the near duplicates that shall be true, 0..1: they are those
                with a `match` that promises it. Default, where neither is given: as set.

        Raises:
            ValueError: If one is out of range, both are given, or the model's card does not say
                what a match promises.
        """
        rule = self._rule(threshold, precision)
        return self._remembered(
            ("duplicates", *rule),
            lambda: findings.duplicates(
                self.images,
                self._near(rule),
                self._pixels,
                format_order=self.config.prefer_formats,
                split_order=self.config.prefer_splits,
            ),
        )

    def similarity(self, threshold: float | None = None) -> pl.DataFrame:
        """The pairs at or above the threshold, each once, most similar first.

        Pairs are those of the neighbor graph: each image with its `nearest_neighbors_k` nearest,
        and with all its near duplicates; of exact copies, each with the one that stands for them.
        """
        return self._cached(
            "similarity", self._edges, threshold=self._threshold(threshold, "similar")
        )

    def connected_components(self, threshold: float | None = None) -> pl.DataFrame:
        """One row per image of a component of at least two, largest first; sizes count images."""
        return self._cached(
            "connected_components",
            self._edges,
            threshold=self._threshold(threshold, "component"),
        )

    def outliers(self, percentile: float | None = None) -> pl.DataFrame:
        """The strangest images first.

        Args:
            percentile: The share of the images to list, 0..1; default: as set.
        """
        share = self.config.outlier_percentile if percentile is None else percentile
        return self._cached("outliers", self._nearest, percentile=within("percentile", share, 0, 1))

    def mislabels(self, threshold: float | None = None) -> pl.DataFrame:
        """The images whose neighbors say another label, most certain first.

        Args:
            threshold: Labels with a lower score are listed, 0..1; default: as set.
        """
        limit = self.config.mislabel_threshold if threshold is None else threshold
        return self._cached("mislabels", self._nearest, threshold=within("threshold", limit, 0, 1))

    def leaks(
        self, threshold: float | None = None, *, precision: float | None = None
    ) -> pl.DataFrame:
        """The duplicate pairs whose splits differ; asked as `duplicates()` is."""
        rule = self._rule(threshold, precision)
        return self._remembered(
            ("leaks", *rule),
            lambda: findings.leaks(self.images, self._near(rule), self._pixels),
        )

    def img_stats(self) -> pl.DataFrame:
        """Statistics of every image that could be read."""
        return self._cached("img_stats", self._statistics)

    def embeddings(self) -> pl.DataFrame:
        """One row per image that has one: `image`, `path`, `embedding` (Array of Float32).

        `frame["embedding"].to_numpy()` is the (n, d) matrix, without a copy.

        Raises:
            ValueError: If a file of the work directory is missing or damaged.
        """
        parts, images, start, number = [], [], 0, 0
        total = self._images.height
        while start < total:
            shard = open_shard(self._work.shards, number)
            parts.append(np.asarray(shard.embeddings))
            images.append(shard.rows + np.uint32(start))
            start, number = start + shard.images.height, number + 1
        rows = np.concatenate(images) if images else np.empty(0, np.uint32)
        dim = int(self.info["model"]["dim"])
        matrix = np.concatenate(parts) if parts else np.empty((0, dim), np.float32)
        paths = self._images["path"].gather(rows)
        embedding = pl.Series("embedding", matrix, dtype=pl.Array(pl.Float32, dim))
        return pl.DataFrame(
            {"image": pl.Series(rows, dtype=pl.UInt32), "path": paths, "embedding": embedding}
        )

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
            img_stats=self.img_stats(),
            dark_threshold=self.config.dark_threshold,
            bright_threshold=self.config.bright_threshold,
            blur_threshold=self.config.blur_threshold,
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

    def __repr__(self) -> str:
        if self._info is None:
            return f"<Audit {self.work_dir}: not run yet>"
        return f"<Audit {self.work_dir}: {self._info['counts']['images']:,} images>"


def create(
    work_dir: str | os.PathLike[str] = "pixsieve-out", input_dir: Input | None = None
) -> Audit:
    """An audit that has not run yet; `run()` starts it.

    Args:
        work_dir: Folder for what the run writes.
        input_dir: A folder, or a list of files.
    """
    return Audit(work_dir, input_dir)


def run(
    input_dir: Input,
    *,
    work_dir: str | os.PathLike[str] = "pixsieve-out",
    annotations: Annotations | None = None,
    progress: bool | Progress | None = None,
    **settings: Any,
) -> Audit:
    """Audits a folder or a list of files; arguments and errors as `Audit.run`.

    Returns:
        The audit, ready to be asked.
    """
    audit = create(work_dir, input_dir)
    return audit.run(annotations=annotations, progress=progress, **settings)


def load(work_dir: str | os.PathLike[str]) -> Audit:
    """An earlier run, with its settings.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it holds no finished run that this version can read.
    """
    audit = Audit(work_dir)
    audit._open({})
    audit.config = _settings(audit.info)
    return audit


def _settings(info: dict[str, Any]) -> Config:
    """The stored settings; what cannot be stored (functions, mappings) is left at its default."""
    stored = info.get("settings", {})
    usable: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in stored.items()
        if name not in ("labels", "model_card")
    }
    try:
        return Config(**usable)
    except (TypeError, ValueError) as error:
        raise ValueError(f"run.json holds settings that this version cannot use: {error}") from None
