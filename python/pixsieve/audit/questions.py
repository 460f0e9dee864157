"""What can be asked of a finished run."""

import numpy as np
import polars as pl

from pixsieve import findings, schema
from pixsieve.audit import nearest, projection, videos
from pixsieve.audit.tables import Tables
from pixsieve.config import LIMITS, OUTLIER_PERCENTILE, within


class Questions(Tables):
    """The findings of a run, each as a frame.

    All frames are Polars and have exactly the columns of `pixsieve.schema`, followed by the
    columns that the annotations brought along. They are sorted, ties by `image`, so that two
    runs give the same frames.
    """

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
                asked = f"the card of model {self.info['model']['name']!r} with this run's distance"
                raise ValueError(
                    f"precision: {asked}, {self.config.distance}, has no calibration for this: "
                    "pass threshold="
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
        self,
        threshold: float | None = None,
        *,
        precision: float | None = None,
        within_videos: bool = True,
    ) -> pl.DataFrame:
        """One row per image of a duplicate group.

        Every member is a duplicate of its group's representative.

        Args:
            threshold: Similarity from which images are near duplicates, whatever a comparison of
                the pictures says.
            precision: The share of the near duplicates that shall be true, 0..1: they are those
                with a `match` that promises it, which is another number. More than the model's
                card promises, 0.995 for the built-in one, is not to be had: asking for more gives
                the same. Default, where neither is given: as set.
            within_videos: False leaves out the frames whose representative is of the same video,
                and groups of nothing else; the numbers of the others stay.

        Raises:
            ValueError: If one is out of range, both are given, or the model's card does not say
                what a match promises.
        """
        found = self._duplicates(self._rule(threshold, precision))
        if within_videos:
            return found
        between = found.filter(~self.within_videos(found))
        return between.filter(pl.len().over("group") > 1)

    @property
    def has_frames(self) -> bool:
        """Whether any image is a frame of a video, or a part of one."""
        return videos.any_frame(self._images)

    def within_videos(self, duplicates: pl.DataFrame) -> pl.Series:
        """Which rows of `duplicates()` are frames of the same video as their representative."""
        return videos.within_one(self._images, duplicates)

    def _duplicates(self, rule: tuple[float | None, float]) -> pl.DataFrame:
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

    @property
    def has_videos(self) -> bool:
        """Whether any image is a frame of a video."""
        return videos.any_in(self._images)

    def duplicate_videos(self, threshold: float | None = None) -> pl.DataFrame:
        """The videos that show the same, whole or in part, one row per run of matching frames.

        `kind` is `video` where nearly all of both match, `clip` where one is part of the other,
        else `part`, such as a common intro; `start_from` to `end_from` of the one matches
        `start_to` to `end_to` of the other (seconds), `frames` times, of which `images_from` and
        `images_to` are the ends; `share_from` and `share_to` are shares of the frames that were
        read. A run has three frames at least, or all of a shorter video. Frames that show next to
        nothing do not count.

        Args:
            threshold: Similarity from which two frames match; default: as for `similarity()`. One
                match of each run is more similar, 0.93 where the threshold is 0.9.
        """
        limit = self._threshold(threshold, "similar")
        return self._remembered(
            ("duplicate_videos", limit),
            lambda: self._duplicate_videos(limit),
        )

    def _duplicate_videos(self, threshold: float) -> pl.DataFrame:
        frames = videos.frames_of(self._images, self._plain())
        if frames["source"].n_unique() < 2:
            return schema.empty("duplicate_videos")
        edges = videos.matching(frames, *self._embedded(), threshold=threshold)
        return findings.duplicate_videos(
            frames, edges, min_frames=videos.FEWEST, sure=videos.sure(threshold)
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

    def _plain(self) -> pl.DataFrame:
        """The images that show next to nothing."""
        return self._remembered(
            ("plain",),
            lambda: findings.plain(self.img_stats(), limits=self._limits),
        )

    def outliers(
        self, outlier_percentile: float | None = None, *, outlier_cut: str | None = None
    ) -> pl.DataFrame:
        """The strangest images first, one row each.

        `score` is higher for stranger images, `percentile` the share of all images that are less
        strange; `nearest` is what comes nearest to it, exact copies aside, at this `similarity`;
        `reason` is `low_information` for images that show next to nothing, else `strange`.

        Args:
            outlier_percentile: List this share of the images, 0..1, whatever they are like.
            outlier_cut: `"auto"` lists those whose score departs from the bulk, which may be none;
                `"percentile"` a share. Default, where neither is given: as set.

        Raises:
            ValueError: If one is out of range, or a share is given with `"auto"`.
        """
        share = self._outlier_share(outlier_percentile, outlier_cut)
        return self._cached(
            "outliers", self._nearest, self._table("typicality"), self._plain(), percentile=share
        )

    def _outlier_share(self, share: float | None, cut: str | None) -> float | None:
        """The share to list; None where the scores decide."""
        if share is not None and cut == "auto":
            raise ValueError('outliers: outlier_cut="auto" takes no outlier_percentile')
        if share is None and cut != "auto":
            share = self.config.outlier_percentile
            cut = self.config.outlier_cut if cut is None else cut
        # Raises for what cannot be.
        chosen = self.config.replace(
            outlier_cut="percentile" if cut is None else cut, outlier_percentile=share
        )
        if chosen.outlier_percentile is None and chosen.outlier_cut == "percentile":
            return OUTLIER_PERCENTILE
        return chosen.outlier_percentile

    def _opinions(self) -> findings.Opinions | None:
        """What is said of every label; None where there is none."""
        if self._said is None and self._images["label"].count():
            self._said = findings.opinions(
                self.images,
                self._nearest,
                self._near(self._rule(None, None)),
                self._pixels,
                self.embeddings(),
                findings.blank(self.img_stats()),
                separator=self.info.get("label_separator"),
            )
        return self._said

    def mislabels(self, threshold: float | None = None) -> pl.DataFrame:
        """The images whose label is in doubt, one row each, the least probable label first.

        `score` is the probability that the label is right; `suggested_label` is what neighbors
        and the means of the classes would have, `neighbors` are the nearest that carry it, at most
        10; `agreement` is the share of all voters that carry the given label.

        Before all others, and whatever the threshold, come images of which a duplicate carries
        another label: `conflict` is the kind of that duplicate, which is among the `neighbors` if
        it carries the suggested label, and `score` is the label's part of the evidence. Of such
        images those are listed for whose label not more speaks than for the other. Blank pictures
        are neither judged nor asked.

        Args:
            threshold: Labels are listed against which more speaks than for them, and whose
                probability to be right is lower, 0..1; default: as set.
        """
        limit = self._label_limit(threshold)
        return self._cached("mislabels", self._opinions(), threshold=limit)

    def confusion(self, threshold: float | None = None) -> pl.DataFrame:
        """The pairs of classes that are taken for each other, most frequent first.

        `images` counts the images of class `label` that would rather be `suggested_label`, `share`
        is their part of the class; `suspected` counts those that `mislabels` lists.

        Args:
            threshold: Below which a label is `suspected`, as for `mislabels`.
        """
        limit = self._label_limit(threshold)
        return self._remembered(
            ("confusion", limit), lambda: findings.confusion(self._opinions(), threshold=limit)
        )

    def _label_limit(self, threshold: float | None) -> float:
        limit = self.config.mislabel_threshold if threshold is None else threshold
        return within("threshold", limit, 0, 1)

    def leaks(
        self,
        threshold: float | None = None,
        *,
        precision: float | None = None,
        all: bool = False,  # noqa: A002 - what it says
    ) -> pl.DataFrame:
        """The images of a later split that have a duplicate in an earlier one.

        One row for each such image and earlier split: `image_to`, and `image_from`, the strongest
        of its duplicates there by `kind` and similarity. Remove `image_to` to be rid of a leak:
        of `image_from` there may be more copies. Asked as `duplicates()` is.

        Args:
            threshold: As for `duplicates`.
            precision: As for `duplicates`.
            all: Also give every other image of a later split, with the image of each earlier one
                that looks most like it: their `kind` is null. This searches the embeddings.
        """
        rule = self._rule(threshold, precision)
        return self._remembered(
            ("leaks", *rule, all),
            lambda: findings.leaks(
                self.images,
                self._near(rule),
                self._pixels,
                nearest.across_splits(self) if all else None,
            ),
        )

    def leak_counts(
        self, threshold: float | None = None, *, precision: float | None = None
    ) -> pl.DataFrame:
        """How many images of each class leak, by pair of splits and kind; asked as `leaks()` is."""
        return findings.leak_counts(self.images, self.leaks(threshold, precision=precision))

    def projection(self, method: str | None = None) -> pl.DataFrame:
        """A map: `x` and `y` of every image that has an embedding; what looks alike lies close.

        The last map that was made is kept in the work directory, where that can be written; the
        report draws it.

        Args:
            method: `"pca"`, the first two principal components of the embeddings, which is fast, or
                `"tsne"` (van der Maaten and Hinton 2008), which takes longer and keeps groups
                apart; it needs `pip install 'pixsieve[map]'`. Default: the map that was kept, else
                that of `"pca"`.

        Raises:
            ImportError: If openTSNE is asked for and not installed.
            ValueError: If there is no such method, or a file of the work directory is damaged.
        """
        projection.check(method)
        found = self._derived(
            "projection",
            lambda kept: projection.fits(kept, method, self.config),
            lambda: projection.made(*self._embedded(), method or "pca", self.config),
        )
        return findings.attach(found, self.images, "projection")

    def img_stats(self) -> pl.DataFrame:
        """Statistics of every image that could be read."""
        return self._cached("img_stats", self._statistics)

    @property
    def _limits(self) -> dict[str, float]:
        return {name: getattr(self.config, name) for name in LIMITS}

    def flags(self, flag: str | None = None) -> pl.DataFrame:
        """Dark, bright, blurry, empty, oddly sized or shaped pictures, one row per image and flag.

        `value` is what the image has of the statistic `metric`, `threshold` what it passed; `rule`
        is `absolute` where that is a setting, `relative` where it is far out among the images of
        this collection, as at most one in twenty is. By flag, the worst first.

        Args:
            flag: Only this one.

        Raises:
            ValueError: If there is no such flag.
        """
        found = self._remembered(
            ("flags",),
            lambda: findings.flags(self.images, self.img_stats(), limits=self._limits),
        )
        if flag is None:
            return found
        if flag not in findings.FLAGS:
            raise ValueError(f"flag must be one of {', '.join(findings.FLAGS)}, not {flag!r}")
        return found.filter(pl.col("flag") == flag)

    def placeholders(self, threshold: float | None = None) -> pl.DataFrame:
        """Clusters of pictures that show nothing, or the same next to nothing, many times over.

        One row per image, largest cluster first; `kind` is `near_empty` for blank and nearly blank
        pictures, `placeholder` for a simple picture that comes three times or more; `size` counts
        the images of the cluster.

        Args:
            threshold: Similarity from which two of them are alike; default: as for near
                duplicates.
        """
        return self._cached(
            "placeholders",
            self._edges,
            self.img_stats(),
            contrast_threshold=self.config.contrast_threshold,
            threshold=self._threshold(threshold, "near_duplicate"),
        )
