"""Many videos of one scene, as of a fixed camera: what is compared grows with the frames."""

import math
from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pixsieve.findings import duplicate_videos, video_edges, video_votes
from pixsieve.findings.video_edges import frame_edges
from pixsieve.findings.video_votes import Voters

VIDEOS, FRAMES = 12, 20


def films(seed: int = 0) -> tuple[pl.DataFrame, NDArray[np.float32]]:
    """One scene in all of them, a little noise; the third is a copy of the second."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=24) + 0.1 * random.normal(size=(VIDEOS * FRAMES, 24))
    vectors[2 * FRAMES : 3 * FRAMES] = vectors[FRAMES : 2 * FRAMES]
    frames = pl.DataFrame(
        {
            "image": pl.Series(range(VIDEOS * FRAMES), dtype=pl.UInt32),
            "source": np.repeat([f"{video:02}" for video in range(VIDEOS)], FRAMES),
            "frame": pl.Series(list(range(FRAMES)) * VIDEOS, dtype=pl.UInt32),
            "time_s": [float(second) for second in range(FRAMES)] * VIDEOS,
        }
    )
    return frames, vectors.astype(np.float32)


def test_each_frame_has_the_most_similar_of_the_most_similar_videos(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(video_edges, "OTHERS", 4)
    monkeypatch.setattr(video_edges, "TOGETHER", 12)
    frames, vectors = films()
    edges = frame_edges(frames, vectors, threshold=0.9)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    alike = (unit @ unit.T).reshape(VIDEOS * FRAMES, VIDEOS, FRAMES)
    expected = set()
    for image, of_videos in enumerate(alike):
        best = of_videos.max(axis=1)
        best[image // FRAMES] = -1
        videos = [one for one in np.argsort(-best, kind="stable")[:4] if best[one] >= 0.9]
        for video in videos:
            least = max(best[video] - video_edges.MARGIN, 0.9)
            places = np.argsort(-of_videos[video], kind="stable")[: max(2, 12 // len(videos))]
            for place in places[of_videos[video][places] >= least]:
                other = int(video * FRAMES + place)
                expected.add((min(image, other), max(image, other)))
    assert set(edges.select("from", "to").rows()) == expected
    assert edges.height <= VIDEOS * FRAMES * 12


def test_a_copy_is_found_among_all_that_look_alike(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(video_edges, "OTHERS", 4)
    monkeypatch.setattr(video_edges, "TOGETHER", 12)
    frames, vectors = films()
    edges = frame_edges(frames, vectors, threshold=0.9)
    found = duplicate_videos(frames, edges, min_frames=3, sure=0.99)
    first = found.row(0, named=True)
    assert (first["video_from"], first["video_to"], first["kind"]) == ("01", "02", "video")
    assert (first["frames"], first["offset_s"], first["speed"]) == (FRAMES, 0, 1)


def test_equal_frames_in_very_many_videos_are_bounded():
    count = 10 * video_edges.OTHERS
    frames = pl.DataFrame(
        {
            "image": pl.Series(range(count * 2), dtype=pl.UInt32),
            "source": np.repeat([f"{video:04}" for video in range(count)], 2),
        }
    )
    edges = frame_edges(frames, np.ones((count * 2, 4), np.float32), threshold=0.9)
    assert edges.height <= count * 2 * video_edges.OTHERS * video_edges.LEAST
    # Whatever of equals is chosen, each video is tied to some other.
    assert set(edges["from"]) | set(edges["to"]) == set(range(count * 2))


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.floats(0, 9), st.floats(0, 9), st.integers(1, 5)),
        min_size=1,
    ),
    st.sampled_from([1.0, 0.5, 1.02]),
    st.sampled_from([0, 1 << 22]),
)
def test_votes_are_counted_as_by_hand(rows, speed, spare):
    columns = {"pair": pl.UInt32, "time": pl.Float64, "time_to": pl.Float64, "vote": pl.Int64}
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    frame = frame.with_columns(slack=0.25 + pl.col("pair") / 8)
    sums: dict[int, Counter[int]] = {}
    for pair, time, time_to, vote, slack in frame.iter_rows():
        number = math.floor((time_to - speed * time) / slack)
        sums.setdefault(pair, Counter())[number] += vote
    expected = []
    for pair in sorted(sums):
        score = {at: votes + sums[pair].get(at + 1, 0) for at, votes in sums[pair].items()}
        chosen = min(score, key=lambda at: (-score[at], abs(at + 1), at))
        expected.append((pair, chosen, score[chosen]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(video_votes, "SPARE", spare)
        patch.setattr(video_votes, "DENSE", 4 if spare else 0)
        voters = Voters.of(frame)
        bins, votes = voters.best(speed)
    assert list(zip(voters.pair.tolist(), bins.tolist(), votes.tolist(), strict=True)) == expected


def test_videos_of_a_lifetime_take_no_memory_for_all_its_seconds():
    frame = pl.DataFrame(
        {"pair": [0, 0], "time": [0.0, 1e9], "time_to": [1e9, 0.0], "slack": 0.25, "vote": [1, 2]}
    )
    bins, votes = Voters.of(frame).best(1.0)
    assert (bins.tolist(), votes.tolist()) == ([-4_000_000_000], [2])
