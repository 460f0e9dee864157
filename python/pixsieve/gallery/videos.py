"""The gallery of videos that show the same: frames of each run, side by side."""

from typing import Any

import polars as pl

from pixsieve.audit import Audit
from pixsieve.gallery.data import Cluster, Content, Figure, Tag
from pixsieve.gallery.figures import Figures
from pixsieve.gallery.frames import Slice, content_of, names_of
from pixsieve.pages.text import clock, similarity

#: Pairs of frames of each run, spread over it.
SHOWN = 6
KINDS = {
    "video": Tag("the same video", "bad"),
    "clip": Tag("one is part of the other", "bad"),
    "part": Tag("they share a part", "note"),
}


def duplicate_videos(
    audit: Audit,
    figures: Figures,
    *,
    number: int,
    found: pl.DataFrame,
    wanted: Slice,
    ascending: bool,
) -> tuple[Content, pl.DataFrame]:
    """Each run of matching frames; `found` is DUPLICATE_VIDEOS of this audit.

    Raises:
        ValueError: If `wanted` is no kind of duplicate videos.
    """
    before = found.height
    if wanted is not None:
        kinds = names_of(wanted)
        unknown = [kind for kind in kinds if kind not in KINDS]
        if unknown:
            raise ValueError(f"slice must be of {', '.join(KINDS)}; not {unknown[0]!r}")
        found = found.filter(pl.col("kind").is_in(kinds))
    found = found.reverse() if ascending else found
    first = found.head(number)
    times = _times(audit.images, first)
    return content_of(
        found,
        before,
        number,
        lambda row: _run(row, figures, times),
        title="Duplicate videos",
        text="Runs of frames of two videos that match: some frames of each run, always one of the "
        "first video and the one it matches in the second, with their times. "
        f"{'Shortest' if ascending else 'Longest'} of each kind first.",
        unit="run",
        call="audit.duplicate_videos()",
        nothing="No videos show the same.",
    )


def _times(images: pl.DataFrame, found: pl.DataFrame) -> dict[int, float]:
    """Seconds of all frames that may be shown."""
    if found.is_empty():
        return {}
    ends = pl.concat([found["images_from"].explode(), found["images_to"].explode()]).drop_nulls()
    known = images.filter(pl.col("image").is_in(ends.unique().implode()))
    return dict(known.select("image", "time_s").iter_rows())


def _run(row: dict[str, Any], figures: Figures, times: dict[int, float]) -> Cluster:
    pairs = list(zip(row["images_from"], row["images_to"], strict=True))
    chosen = _spread(pairs)

    def figure(image: int, which: str) -> Figure:
        return figures(image, Tag(f"{which}, {clock(times[image])}"))

    members = [
        figure(image, which)
        for pair in chosen
        for image, which in zip(pair, ("first", "second"), strict=True)
    ]
    root = figures.cards.root
    names = [row[end].removeprefix(root) for end in ("video_from", "video_to")]
    return Cluster(
        title=" ↔ ".join(names),
        members=tuple(members),
        left_out=2 * (len(pairs) - len(chosen)),
        tags=tuple(_said(row)),
    )


def _said(row: dict[str, Any]) -> list[Tag]:
    spans = [f"{clock(row[f'start_{end}'])}-{clock(row[f'end_{end}'])}" for end in ("from", "to")]
    tags = [
        KINDS[row["kind"]],
        Tag(" matches ".join(spans)),
        Tag(f"{row['frames']:,} frames: {row['share_from']:.0%} and {row['share_to']:.0%} of all"),
        Tag(f"similarity {similarity(row['similarity'])}"),
    ]
    if row["speed"] != 1:
        tags.append(Tag(f"{1 / row['speed']:.2f} times as fast", "note"))
    return tags


def _spread(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """At most `SHOWN` of them, the first and the last among these."""
    if len(pairs) <= SHOWN:
        return pairs
    last = len(pairs) - 1
    return [pairs[round(place * last / (SHOWN - 1))] for place in range(SHOWN)]
