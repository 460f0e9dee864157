"""Duplicate videos: runs of matching frames, found in what is known to be there."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixsieve.findings.video_edges import MARGIN, MOST, frame_edges
from pixsieve.findings.videos import duplicate_videos
from pixsieve.schema import DUPLICATE_VIDEOS

FRAMES = {"image": pl.UInt32, "source": pl.String, "frame": pl.UInt32, "time_s": pl.Float64}
EDGES = {"from": pl.UInt32, "to": pl.UInt32, "similarity": pl.Float32}


def videos(**content: list[tuple[float, object]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Frames and edges of videos given as times and what is seen then; None is like nothing."""
    rows = [
        (name, number, time, seen)
        for name, frames in content.items()
        for number, (time, seen) in enumerate(frames)
    ]
    frames = pl.DataFrame(
        [(image, *row[:3]) for image, row in enumerate(rows)], schema=FRAMES, orient="row"
    )
    edges = [
        (one, two, 0.9 + 0.01 * ((one + two) % 7))
        for one, first in enumerate(rows)
        for two, second in enumerate(rows)
        if one < two and first[3] is not None and first[3] == second[3]
    ]
    return frames, pl.DataFrame(edges, schema=EDGES, orient="row")


def scene(
    start: float, stop: float, *, step: float = 1.0, at: float = 0.0, speed: float = 1.0
) -> list[tuple[float, object]]:
    """The seconds from `start` to `stop` of a film that changes every second."""
    times = np.arange(start, stop, step * speed)
    return [(at + (time - start) / speed, int(time + 1e-9)) for time in times.tolist()]


def found(frames: pl.DataFrame, edges: pl.DataFrame, least: int = 3) -> list[dict[str, object]]:
    frame = duplicate_videos(frames, edges, min_frames=least, sure=0.9)
    assert frame.schema == DUPLICATE_VIDEOS
    return frame.to_dicts()


def test_two_of_the_same():
    (row,) = found(*videos(a=scene(0, 30), b=scene(0, 30)))
    assert row["kind"] == "video"
    assert (row["video_from"], row["video_to"]) == ("a", "b")
    assert (row["start_from"], row["end_from"]) == (0, 29) == (row["start_to"], row["end_to"])
    assert row["frames"] == 30
    assert row["share_from"] == row["share_to"] == 1
    assert (row["offset_s"], row["speed"]) == (0, 1)
    assert row["images_from"] == list(range(30))
    assert row["images_to"] == list(range(30, 60))
    assert 0.9 <= row["similarity"] <= 0.97


def test_a_clip_of_a_longer_one():
    (row,) = found(*videos(a=scene(0, 60), b=scene(20, 35)))
    assert row["kind"] == "clip"
    assert (row["start_from"], row["end_from"], row["start_to"], row["end_to"]) == (20, 34, 0, 14)
    assert row["offset_s"] == -20
    assert row["share_from"] == pytest.approx(15 / 60)
    assert row["share_to"] == 1


def test_a_common_intro_is_a_part():
    intro = scene(0, 8)
    (row,) = found(*videos(a=intro + scene(100, 140, at=8), b=intro + scene(200, 240, at=8)))
    assert row["kind"] == "part"
    assert (row["start_from"], row["end_from"], row["end_to"]) == (0, 7, 7)
    assert row["share_from"] == pytest.approx(8 / 48)


def test_intro_and_outro_at_the_same_offset_are_two_runs():
    def episode(first: float) -> list[tuple[float, object]]:
        return scene(0, 8) + scene(first, first + 40, at=8) + scene(50, 58, at=48)

    rows = found(*videos(a=episode(100), b=episode(200)))
    assert [(row["start_from"], row["end_from"]) for row in rows] == [(0, 7), (48, 55)]
    assert {row["kind"] for row in rows} == {"part"}


def test_runs_of_one_pair_at_several_offsets():
    moved = scene(0, 20) + scene(500, 510, at=20) + scene(20, 40, at=30)
    rows = found(*videos(a=scene(0, 40), b=moved))
    assert [(row["start_from"], row["end_from"], row["offset_s"]) for row in rows] == [
        (0, 19, 0),
        (20, 39, 10),
    ]


def test_a_static_scene_neither_hides_the_offset_nor_becomes_many_runs():
    still = [(float(time), "still") for time in range(40)]
    a = still + scene(0, 6, at=40)
    b = scene(300, 305) + [(time + 5, seen) for time, seen in a]
    (row,) = found(*videos(a=a, b=b))
    assert (row["offset_s"], row["frames"], row["kind"]) == (5, 46, "video")


def test_two_static_scenes_of_different_length_match_for_the_shorter():
    a = [(float(time), "still") for time in range(10)]
    b = [(float(time), "still") for time in range(50)]
    (row,) = found(*videos(a=a, b=b))
    assert row["kind"] == "clip"
    assert row["frames"] == 10
    assert row["end_to"] - row["start_to"] <= 12
    assert row["share_to"] <= 0.25


@pytest.mark.parametrize("speed", [0.5, 0.8, 24 / 25, 25 / 24, 1.1, 1.37, 2.0])
def test_another_speed(speed):
    (row,) = found(*videos(a=scene(0, 120), b=scene(0, 120, step=1 / speed, speed=speed)))
    assert row["kind"] == "video"
    assert row["speed"] == pytest.approx(1 / speed, rel=0.02)
    assert row["frames"] >= 110


def test_frames_that_do_not_match_do_not_cut_a_run_but_long_gaps_do():
    def with_gap(length: int) -> list[tuple[float, object]]:
        return [(time, None if 20 <= time < 20 + length else seen) for time, seen in scene(0, 60)]

    (row,) = found(*videos(a=scene(0, 60), b=with_gap(5)))
    assert (row["frames"], row["kind"]) == (55, "video")
    rows = found(*videos(a=scene(0, 60), b=with_gap(15)))
    assert [(row["start_from"], row["end_from"]) for row in rows] == [(35, 59), (0, 19)]


def test_encodings_with_key_frames_at_other_times():
    a = [(float(time), time // 4) for time in (0, 3, 9, 14, 22, 30, 33, 41)]
    b = [(float(time), time // 4) for time in (0, 5, 10, 15, 20, 25, 30, 35, 40)]
    rows = found(*videos(a=a, b=b))
    assert len(rows) == 1
    assert abs(rows[0]["offset_s"]) <= 4
    assert rows[0]["frames"] >= 4


def test_a_video_of_one_frame_needs_that_one_only():
    (row,) = found(*videos(a=[(0.0, 1)], b=[(0.0, 1)]))
    assert (row["kind"], row["frames"], row["share_from"], row["share_to"]) == ("video", 1, 1, 1)
    (row,) = found(*videos(a=[(0.0, 7)], b=scene(0, 20)))
    assert (row["kind"], row["start_to"], row["frames"]) == ("clip", 7, 1)


def test_too_few_frames_are_no_run():
    frames, edges = videos(
        a=scene(0, 2) + scene(100, 120, at=2), b=scene(0, 2) + scene(50, 70, at=2)
    )
    assert found(frames, edges) == []
    assert len(found(frames, edges, least=2)) == 1


def test_scattered_matches_are_no_run():
    random = np.random.default_rng(1)
    frames, _ = videos(a=scene(0, 200), b=scene(300, 500))
    pairs = random.permutation(200)[:20], random.permutation(200)[:20] + 200
    edges = pl.DataFrame({"from": pairs[0], "to": pairs[1], "similarity": 0.9}, schema=EDGES)
    assert all(row["frames"] <= 4 for row in found(frames, edges))
    assert found(frames, edges, least=5) == []


def test_many_videos_with_one_intro():
    rows = found(
        *videos(**{f"v{n}": scene(0, 4) + scene(50 * n + 50, 50 * n + 60, at=4) for n in range(8)})
    )
    assert len(rows) == 28
    assert {(row["kind"], row["frames"]) for row in rows} == {("part", 4)}


def test_a_run_needs_one_match_that_is_sure():
    frames, edges = videos(a=scene(0, 30), b=scene(0, 30))
    strongest = edges["similarity"].max()
    assert len(found(frames, edges)) == 1
    for sure, number in ((strongest, 1), (strongest + 1e-3, 0)):
        assert duplicate_videos(frames, edges, min_frames=3, sure=sure).height == number


def test_nothing_in_nothing_out():
    empty = pl.DataFrame(schema=FRAMES), pl.DataFrame(schema=EDGES)
    assert found(*empty) == []
    frames, _ = videos(a=scene(0, 5), b=scene(0, 5))
    assert found(frames, empty[1]) == []


def test_pairs_within_a_video_and_strangers_do_not_count():
    frames, edges = videos(a=scene(0, 5) + scene(0, 5, at=5))
    assert found(frames, edges) == []
    frames, edges = videos(a=scene(0, 5), b=scene(0, 5))
    assert found(frames.filter(pl.col("source") == "a"), edges) == []


def test_times_that_are_no_times():
    frames, edges = videos(a=scene(0, 5), b=scene(0, 5))
    broken = frames.with_columns(
        time_s=pl.when(pl.col("image") == 0)
        .then(float("nan"))
        .when(pl.col("image") == 6)
        .then(1e300)
        .when(pl.col("image") == 3)
        .then(-1e8)
        .otherwise("time_s")
    )
    rows = found(broken, edges, least=2)
    assert rows
    assert max(row["frames"] for row in rows) <= 4


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_neither_the_order_of_rows_nor_of_ends_matters(data):
    length = data.draw(st.integers(1, 12))
    seen = st.lists(st.integers(0, 5) | st.none(), min_size=length, max_size=length)
    frames, edges = videos(**{name: list(enumerate(data.draw(seen))) for name in "abc"})
    before = duplicate_videos(frames, edges, min_frames=2, sure=0)
    turned = edges.rename({"from": "to", "to": "from"}).select(*EDGES)
    mixed = pl.concat([edges, turned]).sample(fraction=1, shuffle=True, seed=3)
    after = duplicate_videos(frames.reverse(), mixed, min_frames=2, sure=0)
    assert before.equals(after)
    for row in before.iter_rows(named=True):
        assert len(row["images_from"]) == len(row["images_to"]) == row["frames"]
        assert len(set(row["images_from"])) == row["frames"] == len(set(row["images_to"]))
        assert 0 < row["share_from"] <= 1
        assert 0 < row["share_to"] <= 1
        assert row["start_from"] <= row["end_from"]


# ---- which frames look alike ---- #


def test_the_best_frames_of_each_other_video_are_found_whatever_crowds_around():
    random = np.random.default_rng(0)
    vectors = random.normal(size=(90, 16)).astype(np.float32)
    vectors[60:] = vectors[0] + 0.01 * random.normal(size=(30, 16)).astype(np.float32)
    frames = pl.DataFrame(
        {
            "image": pl.Series(range(90), dtype=pl.UInt32),
            "source": [f"{image // 30}" for image in range(90)],
        }
    )
    edges = frame_edges(frames, vectors, threshold=0.2)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    alike = unit @ unit.T
    expected = set()
    for image in range(90):
        for video in range(3):
            if video != image // 30:
                others = alike[image, video * 30 : video * 30 + 30]
                least = max(others.max() - MARGIN, 0.2)
                best = np.argsort(-others, kind="stable")[:MOST]
                for other in (video * 30 + best[others[best] >= least]).tolist():
                    expected.add((min(image, other), max(image, other)))
    assert set(edges.select("from", "to").rows()) == expected
    for one, two, similarity in edges.rows():
        assert similarity == pytest.approx(alike[one, two], abs=1e-5)
    order = np.random.default_rng(1).permutation(90)
    assert frame_edges(frames[order], vectors[order], threshold=0.2).equals(edges)
    assert frame_edges(frames.clear(), vectors[:0], threshold=0.2).is_empty()
    alone = frames["source"] == "1"
    assert frame_edges(frames.filter(alone), vectors[alone.to_numpy()], threshold=-1).is_empty()
