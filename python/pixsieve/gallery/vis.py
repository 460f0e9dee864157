"""`audit.vis`: the galleries by their names."""

import os
from collections.abc import Callable
from typing import Any, Unpack

import polars as pl

from pixsieve.audit import Audit
from pixsieve.gallery import clusters, pairs, singles, strips, videos
from pixsieve.gallery.data import Content
from pixsieve.gallery.figures import Figures
from pixsieve.gallery.frames import Slice
from pixsieve.gallery.look import LookOptions, look_of
from pixsieve.gallery.page import Gallery, publish

#: What makes the content of a gallery, and the frame of what it shows.
Build = Callable[..., tuple[Content, pl.DataFrame]]
SavePath = str | os.PathLike[str] | None


class Vis:
    """Pages of findings, to look through.

    Every gallery writes one HTML page, shows it where a notebook is running, and returns its path.

    All take, by name, what `Look` describes: `num_images` (20), `max_width`, `label_col`,
    `lazy_load`, `draw_bbox`, `save_artifacts`, `show`, `load_crops`, `get_label_func`,
    `get_reformat_filename_func`, `get_extra_col_func`, `get_bounding_box_func`. And:

    - `save_path`: a folder, which gets a page named after the gallery, or a file that ends in
      `.html`. Default: `galleries` in the work directory.
    - `slice`: `"diff"` for images with different labels, `"same"` for those with the same, or a
      label, or a list of labels.
    - `ascending`: the order; each gallery says what is first by default.
    - `threshold`: asks with another threshold, as the audit's method of that name does.
    - `external_df`: shows these rows, in their order, in place of what was found; images are
      given by number or path. Columns may be called as in fastdup.

    Raises:
        FileExistsError: If a file that is no page of Pixsieve stands at the place.
        OSError: If the page cannot be written.
        RuntimeError: If nothing has been run yet.
        TypeError: If there is no such argument.
        ValueError: If an argument is out of range, or a label, column or image is not there.
    """

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def _publish(
        self, name: str, build: Build, save_path: SavePath, options: LookOptions, **asked: Any
    ) -> Gallery:
        look = look_of(options)
        figures = Figures(self._audit, look)
        content, frame = build(self._audit, figures, number=look.num_images, **asked)
        return publish(self._audit, name, content, frame, save_path, look, whole=figures.whole)

    def duplicates_gallery(
        self,
        save_path: SavePath = None,
        *,
        slice: Slice = None,  # noqa: A002 - fastdup's name
        ascending: bool = False,
        threshold: float | None = None,
        external_df: Any = None,
        **look: Unpack[LookOptions],
    ) -> Gallery:
        """Each duplicate beside the image that is kept instead of it, most similar first.

        `external_df` has the columns `from`, `to` and `similarity` (or `distance`).
        """
        return self._publish(
            "duplicates",
            pairs.duplicates,
            save_path,
            look,
            threshold=threshold,
            wanted=slice,
            ascending=ascending,
            given=external_df,
        )

    def duplicate_videos_gallery(
        self,
        save_path: SavePath = None,
        *,
        slice: Slice = None,  # noqa: A002
        ascending: bool = False,
        threshold: float | None = None,
        **look: Unpack[LookOptions],
    ) -> Gallery:
        """Each run of matching frames of two videos, side by side, longest of each kind first.

        `slice` is a kind or kinds: `"video"`, `"clip"`, `"part"`.
        """
        return self._publish(
            "duplicate_videos",
            videos.duplicate_videos,
            save_path,
            look,
            found=self._audit.duplicate_videos(threshold),
            wanted=slice,
            ascending=ascending,
        )

    def leaks_gallery(
        self,
        save_path: SavePath = None,
        *,
        slice: Slice = None,  # noqa: A002
        ascending: bool = False,
        threshold: float | None = None,
        **look: Unpack[LookOptions],
    ) -> Gallery:
        """Each image of a later split beside its duplicate in an earlier one, strongest first."""
        return self._publish(
            "leaks",
            pairs.leaks,
            save_path,
            look,
            threshold=threshold,
            wanted=slice,
            ascending=ascending,
        )

    def outliers_gallery(
        self,
        save_path: SavePath = None,
        *,
        how: str = "one",
        slice: Slice = None,  # noqa: A002
        ascending: bool = True,
        external_df: Any = None,
        **look: Unpack[LookOptions],
    ) -> Gallery:
        """Each outlier beside its nearest neighbor, strangest first.

        `how="all"` leaves out those that look like any other image at the threshold of
        `similarity()`. `slice` is a label or labels. `external_df` has the columns `outlier` (or
        `image`), `nearest` and `similarity` (or `distance`).
        """
        return self._publish(
            "outliers",
            pairs.outliers,
            save_path,
            look,
            how=how,
            wanted=slice,
            ascending=ascending,
            given=external_df,
        )

    def similarity_gallery(
        self,
        save_path: SavePath = None,
        *,
        slice: Slice = None,  # noqa: A002
        ascending: bool | None = None,
        threshold: float | None = None,
        min_items: int = 2,
        max_items: int | None = None,
        external_df: Any = None,
        **look: Unpack[LookOptions],
    ) -> Gallery:
        """Each image beside those that look like it, most similar first.

        `slice="diff"` and `"label_score"` begin with the images whose look-alikes carry other
        labels, by fastdup's label score, `"same"` with those that agree. Only images with at
        least `min_items` and at most `max_items` look-alikes. `external_df` has the columns
        `from`, `to` and `similarity` (or `distance`).
        """
        return self._publish(
            "similarity",
            strips.look_alikes,
            save_path,
            look,
            threshold=threshold,
            wanted=slice,
            ascending=ascending,
            least=min_items,
            most=max_items,
            given=external_df,
        )

    def mislabels_gallery(
        self,
        save_path: SavePath = None,
        *,
        slice: Slice = None,  # noqa: A002
        ascending: bool = True,
        threshold: float | None = None,
        **look: Unpack[LookOptions],
    ) -> Gallery:
        """Each image whose label is in doubt beside the neighbors that say otherwise.

        The least probable label first. `slice` is a label or labels.
        """
        return self._publish(
            "mislabels",
            strips.mislabels,
            save_path,
            look,
            threshold=threshold,
            wanted=slice,
            ascending=ascending,
        )

    def component_gallery(
        self,
        save_path: SavePath = None,
        *,
        slice: Slice = None,  # noqa: A002
        group_by: str = "visual",
        min_items: int | None = None,
        max_items: int | None = None,
        threshold: float | None = None,
        metric: str | None = None,
        sort_by: str = "comp_size",
        ascending: bool = False,
        external_df: Any = None,
        **look: Unpack[LookOptions],
    ) -> Gallery:
        """Clusters of look-alikes, largest first, with the labels in each.

        `group_by="label"` shows the images of each label instead, with the clusters they are in.
        `slice="diff"` takes clusters of several labels, `"same"` those of one, a label those that
        it occurs in. `metric`, a statistic, is averaged over each cluster, and they are sorted by
        it; `sort_by` may also be `"comp_size"` or `"similarity"` (or `"distance"`), of the least
        similar pair. `external_df` has the columns `component` (or `component_id`) and `image`
        (or `files`, `files_ids`, `filename`), one row per image or lists.
        """
        return self._publish(
            "components",
            clusters.components,
            save_path,
            look,
            threshold=threshold,
            wanted=slice,
            group_by=group_by,
            least=min_items,
            most=max_items,
            metric=metric,
            sort_by=sort_by,
            ascending=ascending,
            given=external_df,
        )

    def stats_gallery(
        self,
        save_path: SavePath = None,
        *,
        metric: str = "dark",
        slice: Slice = None,  # noqa: A002
        ascending: bool | None = None,
        external_df: Any = None,
        **look: Unpack[LookOptions],
    ) -> Gallery:
        """The images at one end of a statistic, below its histogram with the cut marked.

        `metric` is a flag (`"dark"`, `"bright"`, `"blurry"`, `"odd_size"`, …), `"blur"`, `"sharp"`,
        `"size"`, or a column of `img_stats()`; dark, blurred and empty ones come lowest first, all
        others highest first. `slice` is a label or labels. `external_df` has the columns
        `filename` (or `image`) and the metric.
        """
        return self._publish(
            metric,
            singles.statistics,
            save_path,
            look,
            metric=metric,
            wanted=slice,
            ascending=ascending,
            given=external_df,
        )

    def invalid_gallery(
        self,
        save_path: SavePath = None,
        *,
        slice: Slice = None,  # noqa: A002
        **look: Unpack[LookOptions],
    ) -> Gallery:
        """The images that could not be read, or not wholly, and why; `slice` is an error code."""
        return self._publish("invalid", singles.invalid, save_path, look, wanted=slice)
