"""Videos that show the same, whole or in part, found from runs of matching frames."""

import math

import numpy as np
import polars as pl

from pixsieve.findings.graph import both_ways, pairs
from pixsieve.findings.video_votes import Voters
from pixsieve.schema import DUPLICATE_VIDEOS

#: From the most to the least that two videos can share.
KINDS = ("video", "clip", "part")

#: Matching frames may be off the line by this share of the time between frames, within limits.
SLACK, LEAST_SLACK_S, MOST_SLACK_S = 0.75, 0.25, 5.0
#: A run goes on over so many frames of both videos that do not match, or this time.
MISSED, MISSED_S = 5, 2.0
#: What a video shares is nearly all of it from this share of its time on, if at least this share
#: of the frames there match, of the video that has fewer.
NEARLY, DENSE = 0.8, 0.5
#: Of two videos so many times a line is looked for, so many times of other speeds, too.
ROUNDS, SPEED_ROUNDS = 16, 4
#: How much faster one may run than the other, in steps of 2 %; 1 is preferred unless another
#: gets so many votes, of which this share is more than those of 1.
FASTEST, STEP, CONVINCING, PREFERENCE = 2.0, 1.02, 6, 0.67
#: Votes are whole numbers: their sum is the same in every order.
VOTE = 2**20
#: Frames that are not within so many seconds of the start have no place in time.
LATEST_S = 1e9

_ENDS = ("from", "to")


def duplicate_videos(
    frames: pl.DataFrame, edges: pl.DataFrame, *, min_frames: int, sure: float
) -> pl.DataFrame:
    """DUPLICATE_VIDEOS: runs of frames of one video that match frames of another in time.

    Args:
        frames: All frames that were read: `image`, `source`, `frame`, `time_s`. Those that show
            next to nothing are best left out.
        edges: Pairs of images that match: `from`, `to`, `similarity`, either way round; pairs
            within one video, or of anything that is not in `frames`, do not count.
        min_frames: So many frames must match, or all of a video that has fewer.
        sure: So similar must the two frames of one match of a run be, at least.

    For each two videos the line `time_to = speed * time_from + offset_s` is found that most
    matching frames lie near, where a frame with n matches in the other video gives each 1 / n of
    a vote: so a static scene, in which all match all, counts for its length. `speed` is between
    0.5 and 2, and 1 unless another explains much more. The matches near the line are cut into runs
    where more than 5 frames in a row of both videos, and 2 seconds, do not match. Then the next
    line is looked for among the frames that are left, each of which is part of one run only.

    `kind` is `video` where a run takes up nearly all of both videos, `clip` where it does of one,
    else `part`, such as a common intro. `frames` counts the matches, each frame in one at most, of
    which `images_from` and `images_to` are the ends, in their order in time, and `similarity` is
    the mean. `share_from` is the share of the frames of `video_from` that lie in the run and match
    any frame of it, `share_to` likewise.

    Videos are ordered by their smallest image. Rows are sorted by kind, then most frames first.
    """
    known = _places(frames)
    points = _points(known, edges, min_frames)
    found = []
    for number in range(ROUNDS):
        points = points.filter(pl.len().over("pair") >= pl.col("enough"))
        if points.is_empty():
            break
        members = _runs(_on_lines(points, speeds=_speeds() if number < SPEED_ROUNDS else []))
        matches = _one_to_one(members)
        runs = _measured(members, matches, known)
        found.append(runs.filter(pl.col("strongest") >= sure))
        points = _left(points, members, runs)
    return _named(pl.concat(found), known) if found else pl.DataFrame(schema=DUPLICATE_VIDEOS)


def _places(frames: pl.DataFrame) -> pl.DataFrame:
    """The frames in time, with what is known of their videos."""
    numbers = frames.group_by("source").agg(first=pl.col("image").min()).sort("first")
    return (
        frames.filter(pl.col("time_s").is_finite(), pl.col("time_s").abs() <= LATEST_S)
        .select("image", "source", "frame", time=pl.col("time_s").cast(pl.Float64))
        .join(numbers.select("source").with_row_index("video"), on="source")
        .sort("video", "time", "frame", "image")
        .with_columns(
            place=pl.int_range(pl.len(), dtype=pl.Int64).over("video"),
            count=pl.len().over("video"),
            gap=pl.col("time").diff().median().over("video").fill_null(0.0),
            span=(pl.col("time").max() - pl.col("time").min()).over("video"),
        )
    )


def _points(known: pl.DataFrame, edges: pl.DataFrame, min_frames: int) -> pl.DataFrame:
    """Each match once, from the earlier video to the later one."""
    about = known.select("image", "video", "time", "place", "gap", "count")
    alike = both_ways(pairs(edges.select(*_ENDS, "similarity")))
    forth = (
        alike.join(about, left_on="from", right_on="image")
        .join(about, left_on="to", right_on="image", suffix="_to")
        .filter(pl.col("video") < pl.col("video_to"))
    )
    slack = SLACK * pl.max_horizontal("gap", "gap_to")
    return forth.select(
        *_ENDS,
        "similarity",
        "time",
        "time_to",
        "place",
        "place_to",
        pair=pl.struct("video", "video_to").rank("dense").cast(pl.UInt32),
        slack=slack.clip(LEAST_SLACK_S, MOST_SLACK_S),
        enough=pl.min_horizontal(pl.lit(min_frames, pl.UInt32), "count", "count_to"),
    ).sort("pair", "time", "time_to", *_ENDS)


# ---- lines ---- #


def _off(speed: pl.Expr | float) -> pl.Expr:
    return pl.col("time_to") - speed * pl.col("time")


def _speeds() -> list[float]:
    steps = math.floor(math.log(FASTEST) / math.log(STEP))
    return [STEP**power for power in range(-steps, steps + 1) if power]


def _on_lines(points: pl.DataFrame, speeds: list[float]) -> pl.DataFrame:
    """The points near the best line of each pair of videos, with `speed` and `offset`.

    `speeds` are tried besides 1, which takes long.
    """
    voters = points.with_columns(
        vote=VOTE
        // pl.max_horizontal(pl.len().over("pair", "from"), pl.len().over("pair", "to")).cast(
            pl.Int64
        )
    )
    plain = _voted(Voters.of(voters), 1.0)
    every = voters.group_by("pair").agg(every=pl.col("vote").sum())
    unclear = plain.join(every, on="pair").filter(
        2 * pl.col("score") < pl.col("every"), pl.col("every") >= CONVINCING * VOTE
    )
    if unclear.height and speeds:
        rest = voters.join(unclear.select("pair"), on="pair", how="semi")
        some = Voters.of(rest)
        others = [_voted(some, speed) for speed in speeds]
        best = pl.concat([plain, *others]).sort(
            "pair",
            -pl.col("score"),
            pl.col("speed").log().abs(),
            "speed",
            (pl.col("bin") + 1).abs(),
            "bin",
        )
        plain = best.unique("pair", keep="first", maintain_order=True)
    lines = plain.select(
        "pair", "speed", offset=(pl.col("bin") + 1).cast(pl.Float64) * pl.col("slack")
    )
    near = _near(points, lines)
    for _ in range(2):
        near = _near(points, _fitted(near))
    return near


def _voted(voters: Voters, speed: float) -> pl.DataFrame:
    """The two neighboring bins of offsets that most votes are for, for each pair."""
    bins, votes = voters.best(speed)
    score = votes
    if speed != 1:
        convinced = votes >= CONVINCING * VOTE
        score = np.where(convinced, (votes * PREFERENCE).astype(np.int64), 0)
    found = {"pair": voters.pair, "bin": bins, "slack": voters.slack, "score": score}
    return pl.DataFrame({**found, "speed": np.full(bins.size, speed)})


def _near(points: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    off = _off(pl.col("speed")) - pl.col("offset")
    return points.join(lines, on="pair", maintain_order="left").filter(off.abs() <= pl.col("slack"))


def _fitted(near: pl.DataFrame) -> pl.DataFrame:
    """Lines through the points near the old ones: of another speed only where that shows."""
    x, y = (pl.col(name) - pl.col(name).mean() for name in ("time", "time_to"))
    fit = near.group_by("pair", maintain_order=True).agg(
        slope=(x * y).sum() / (x * x).sum(),
        old=pl.col("speed").first(),
        span=pl.col("time").max() - pl.col("time").min(),
        slack=pl.col("slack").first(),
        points=pl.len(),
    )
    shows = (
        pl.col("slope").is_between(1 / FASTEST, FASTEST)
        & ((pl.col("slope") - pl.col("old")).abs() * pl.col("span") > pl.col("slack"))
        & (pl.col("points") >= CONVINCING)
    )
    speeds = fit.select("pair", speed=pl.when(shows).then("slope").otherwise("old"))
    moved = near.drop("speed").join(speeds, on="pair", maintain_order="left")
    offsets = moved.group_by("pair").agg(offset=_off(pl.col("speed")).median())
    return speeds.join(offsets, on="pair")


# ---- runs ---- #


def _runs(near: pl.DataFrame) -> pl.DataFrame:
    """With `run`, which is the same for the points between two gaps."""
    ordered = near.sort("pair", "time", "time_to", *_ENDS)
    behind = {
        name: (pl.col(name) - pl.col(name).cum_max().shift(1)).over("pair")
        for name in ("place", "place_to", "time", "time_to")
    }
    missed = pl.min_horizontal(behind["place"], behind["place_to"]) > MISSED + 1
    late = pl.min_horizontal(behind["time"], behind["time_to"]) > MISSED_S
    cut = (missed & late).fill_null(value=False)
    return ordered.with_columns(run=cut.cast(pl.UInt32).cum_sum().over("pair"))


def _one_to_one(members: pl.DataFrame) -> pl.DataFrame:
    """Matches that share no frame, those nearest to the line before others."""
    off = (_off(pl.col("speed")) - pl.col("offset")).abs().round(6)
    ordered = members.sort("pair", "run", off, "time", "time_to", *_ENDS)
    for end in _ENDS:
        ordered = ordered.unique(["pair", "run", end], keep="first", maintain_order=True)
    return ordered.sort("pair", "run", "time", "time_to")


def _measured(members: pl.DataFrame, matches: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """One row per run that is long enough."""
    extent = members.group_by("pair", "run", maintain_order=True).agg(
        first_from=pl.col("from").first(),
        first_to=pl.col("to").first(),
        start_from=pl.col("time").min(),
        end_from=pl.col("time").max(),
        start_to=pl.col("time_to").min(),
        end_to=pl.col("time_to").max(),
        among_from=pl.col("place").max() - pl.col("place").min() + 1,
        among_to=pl.col("place_to").max() - pl.col("place_to").min() + 1,
        matched_from=pl.col("from").n_unique(),
        matched_to=pl.col("to").n_unique(),
        speed=pl.col("speed").first(),
        enough=pl.col("enough").first(),
    )
    listed = matches.group_by("pair", "run").agg(
        offset_s=_off(pl.col("speed")).median(),
        frames=pl.len(),
        similarity=pl.col("similarity").cast(pl.Float64).mean(),
        strongest=pl.col("similarity").max(),
        images_from=pl.col("from"),
        images_to=pl.col("to"),
    )
    about = known.select("image", "video", "count", "gap", "span")
    measured = (
        extent.join(listed, on=["pair", "run"])
        .join(about, left_on="first_from", right_on="image")
        .join(about, left_on="first_to", right_on="image", suffix="_to")
    )
    return measured.filter(pl.col("frames") >= pl.col("enough")).sort("pair", "run")


def _left(points: pl.DataFrame, members: pl.DataFrame, runs: pl.DataFrame) -> pl.DataFrame:
    """The points that no line has had yet, of frames that are in no run."""
    used = members.join(runs.select("pair", "run"), on=["pair", "run"], how="semi")
    points = points.join(members, on=["pair", *_ENDS], how="anti", maintain_order="left")
    for end in _ENDS:
        points = points.join(used, on=["pair", end], how="anti", maintain_order="left")
    return points


def _named(runs: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    names = known.select("video", "source").unique()
    named = (
        runs.with_columns(
            kind=_kind(),
            share_from=pl.col("matched_from") / pl.col("count"),
            share_to=pl.col("matched_to") / pl.col("count_to"),
        )
        .join(names.rename({"source": "video_from"}), on="video")
        .join(names.rename({"video": "video_to", "source": "named_to"}), on="video_to")
        .sort(
            pl.col("kind").replace_strict(
                {kind: place for place, kind in enumerate(KINDS)}, return_dtype=pl.Int8
            ),
            -pl.col("frames").cast(pl.Int64),
            "video",
            "video_to",
            "start_from",
            "start_to",
        )
        .drop("video_to")
        .rename({"named_to": "video_to"})
    )
    return named.select(pl.col(name).cast(dtype) for name, dtype in DUPLICATE_VIDEOS.items())


def _kind() -> pl.Expr:
    dense = pl.col("frames") >= DENSE * pl.min_horizontal("among_from", "among_to")
    whole = [
        dense
        & ((pl.col(f"end_{end}") - pl.col(f"start_{end}") + gap) >= NEARLY * (pl.col(span) + gap))
        for end, gap, span in (
            ("from", pl.col("gap"), "span"),
            ("to", pl.col("gap_to"), "span_to"),
        )
    ]
    return (
        pl.when(whole[0] & whole[1])
        .then(pl.lit("video"))
        .when(whole[0] | whole[1])
        .then(pl.lit("clip"))
        .otherwise(pl.lit("part"))
    )
