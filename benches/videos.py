"""Duplicate videos: how many of the copies are found, and how much of what is found is right.

    python benches/videos.py [--frames key 1.0 0.5] [--keep FOLDER]

The videos of `shared/data/videos` and pans over photos are edited as people edit them. Copies of
one original are pairs to be found; what is found of two originals is wrong, but for the clip that
stands in front of another on purpose. Still scenes and black openings are there to mislead.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av
import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image

import pixsieve
from copies import DATA
from table import machine, print_table

Picture = NDArray[np.uint8]

ORIGINALS = ("bikes", "cockatoo", "carphone_pristine", "realshort")
PANS, SHOTS, SHOT_S, RATE = 6, 6, 4, 10
STILLS, MANNEQUINS = 6, 60
#: Seconds in front: of another video, or black.
INTRO_S = 2.0
#: A run is at the right place if its offset is off by no more.
NEAR_S = 1.0


@dataclass(frozen=True)
class Clip:
    """Pictures, and how many of them a second."""

    pictures: list[Picture]
    rate: float

    def seconds(self, start: float, end: float) -> "Clip":
        """The part between two times."""
        first, last = round(start * self.rate), round(end * self.rate)
        return Clip(self.pictures[first:last], self.rate)

    def each(self, change: Callable[[Picture], Picture]) -> "Clip":
        """Every picture changed."""
        return Clip([change(picture) for picture in self.pictures], self.rate)

    @property
    def length(self) -> float:
        """In seconds."""
        return len(self.pictures) / self.rate


@dataclass(frozen=True)
class Edit:
    """A way to change a video, how it is encoded then, and where its start comes to lie."""

    change: Callable[[Clip, Clip], Clip]
    codec: str = "h264"
    suffix: str = "mp4"
    options: tuple[tuple[str, str], ...] = (("crf", "28"),)
    offset: Callable[[Clip], float] = lambda _: 0.0


def _resized(picture: Picture, width: int, height: int) -> Picture:
    size = max(16, width // 2 * 2), max(16, height // 2 * 2)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def _half(picture: Picture) -> Picture:
    return _resized(picture, picture.shape[1] // 2, picture.shape[0] // 2)


def _cropped(picture: Picture) -> Picture:
    height, width = (side // 20 for side in picture.shape[:2])
    return picture[height:-height, width:-width]


def _brighter(picture: Picture) -> Picture:
    return np.clip(picture.astype(np.int16) + 40, 0, 255).astype(np.uint8)


def _slower(clip: Clip) -> Clip:
    rate = min(12.0, clip.rate * 0.6)
    count = int(clip.length * rate)
    chosen = [clip.pictures[int(place / rate * clip.rate)] for place in range(count)]
    return Clip(chosen, rate)


def _black(clip: Clip) -> Clip:
    dark = np.zeros_like(clip.pictures[0])
    return Clip([dark] * round(INTRO_S * clip.rate), clip.rate)


def _after(front: Clip, clip: Clip) -> Clip:
    height, width = clip.pictures[0].shape[:2]
    head = Clip(
        [
            _resized(front.pictures[int(place / clip.rate * front.rate)], width, height)
            for place in range(round(min(INTRO_S, front.length - 0.1) * clip.rate))
        ],
        clip.rate,
    )
    return Clip([*(_resized(p, width, height) for p in head.pictures), *clip.pictures], clip.rate)


EDITS = {
    "same": Edit(lambda clip, _: clip, options=(("crf", "23"), ("g", "50"))),
    "half": Edit(lambda clip, _: clip.each(_half)),
    "codec": Edit(lambda clip, _: clip, "mpeg4", "avi", (("b", "200000"),)),
    "fps": Edit(lambda clip, _: _slower(clip)),
    "cut": Edit(
        lambda clip, _: clip.seconds(0.25 * clip.length, 0.75 * clip.length),
        offset=lambda clip: -0.25 * clip.length,
    ),
    "crop": Edit(lambda clip, _: clip.each(_cropped)),
    "bright": Edit(lambda clip, _: clip.each(_brighter)),
    "intro": Edit(lambda clip, other: _after(other, clip), offset=lambda _: INTRO_S),
    "mirror": Edit(lambda clip, _: clip.each(lambda picture: picture[:, ::-1])),
    "black": Edit(lambda clip, _: _after(_black(clip), clip), offset=lambda _: INTRO_S),
}


# ---- the collection ---- #


def read(path: Path) -> Clip:
    """All pictures of a video."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or 25)
        return Clip([frame.to_ndarray(format="rgb24") for frame in container.decode(stream)], rate)


def write(path: Path, clip: Clip, edit: Edit) -> None:
    """Encodes it."""
    with av.open(str(path), "w") as container:
        rate = Fraction(clip.rate).limit_denominator(1001)
        stream = container.add_stream(edit.codec, rate=rate, options=dict(edit.options))
        height, width = (side // 2 * 2 for side in clip.pictures[0].shape[:2])
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in clip.pictures:
            cut = np.ascontiguousarray(picture[:height, :width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(cut, format="rgb24")))
        container.mux(stream.encode(None))


def pan(photos: list[Path]) -> Clip:
    """A slow move over each photo in turn."""
    pictures = []
    for photo in photos:
        with Image.open(photo) as opened:
            whole = np.asarray(opened.convert("RGB").resize((400, 300)))
        for step in range(SHOT_S * RATE):
            left, top = 80 * step // (SHOT_S * RATE), 60 * step // (SHOT_S * RATE)
            pictures.append(whole[top : top + 240, left : left + 320])
    return Clip(pictures, RATE)


def still(photo: Path, rng: np.random.Generator) -> Clip:
    """A photo, with noise, for some seconds."""
    with Image.open(photo) as opened:
        picture = np.asarray(opened.convert("RGB").resize((320, 240))).astype(np.int16)
    noisy = [picture + rng.integers(-4, 5, picture.shape) for _ in range(8 * RATE)]
    return Clip([np.clip(one, 0, 255).astype(np.uint8) for one in noisy], RATE)


def originals() -> Iterator[tuple[str, Clip]]:
    """By name; still scenes too."""
    for name in ORIGINALS:
        yield name, read(DATA / "videos" / f"{name}.mp4")
    rng = np.random.default_rng(0)
    scenes, clothes = (
        iter(rng.permutation(sorted((DATA / name).rglob("*.jpg"))).tolist())
        for name in ("scenes", "photos")
    )
    for number in range(PANS):
        yield f"pan{number}", pan(list(islice(scenes, SHOTS)))
    for number in range(STILLS):
        yield f"still{number}", still(next(scenes), rng)
    for number in range(MANNEQUINS):
        yield f"clothes{number}", still(next(clothes), rng)


def make(folder: Path) -> dict[str, float]:
    """Writes all videos, named `original.edit.suffix`; where copies start, by name."""
    clips = dict(originals())
    offsets = {}
    following = dict(pairwise([*clips, next(iter(clips))]))
    for name, clip in clips.items():
        for way, edit in EDITS.items() if not name.startswith("clothes") else [*EDITS.items()][:1]:
            path = folder / f"{name}.{way}.{edit.suffix}"
            if not path.exists():
                write(path, edit.change(clip, clips[following[name]]), edit)
            offsets[path.name] = edit.offset(clip)
    for name in (*ORIGINALS, "carphone_distorted"):
        path = folder / f"{name.replace('_pristine', '').replace('_', '.')}.given.mp4"
        path.write_bytes((DATA / "videos" / f"{name}.mp4").read_bytes())
        offsets[path.name] = 0.0
    return offsets


# ---- what was found ---- #


def origin(name: str) -> str:
    """What a video was made from."""
    return name.split(".", maxsplit=1)[0].removesuffix("_pristine")


def judge(found: pl.DataFrame, offsets: dict[str, float]) -> dict[str, tuple[int, int, int]]:
    """By edit, of the pairs with the copy that was only encoded: all, found, at the right place."""
    rows: dict[tuple[str, str], list[float]] = {}
    for row in found.iter_rows(named=True):
        one, two = (Path(row[end]).name for end in ("video_from", "video_to"))
        rows.setdefault((one, two), []).append(row["offset_s"])
        rows.setdefault((two, one), []).append(-row["offset_s"])
    counts: dict[str, tuple[int, int, int]] = {}
    for name, offset in offsets.items():
        edit = name.split(".", 1)[1].rsplit(".", 1)[0]
        base = f"{origin(name)}.same.mp4"
        base = base if base in offsets else f"{origin(name)}_pristine.same.mp4"
        if name == base:
            continue
        got = rows.get((base, name), [])
        near = any(abs(one - offset) <= NEAR_S for one in got)
        every, hits, places = counts.get(edit, (0, 0, 0))
        counts[edit] = every + 1, hits + bool(got), places + near
    return counts


def wrong(found: pl.DataFrame) -> tuple[int, list[str]]:
    """How many pairs of videos were found that could be wrong, and those that are."""
    pairs = {
        tuple(sorted(Path(row[end]).name for end in ("video_from", "video_to")))
        for row in found.iter_rows(named=True)
    }
    sure = [pair for pair in pairs if not any(".intro." in name for name in pair)]
    bad = [" + ".join(pair) for pair in sure if origin(pair[0]) != origin(pair[1])]
    return len(sure), sorted(bad)


def main() -> None:
    """Makes the collection, runs over it, and prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--frames", nargs="+", default=["key", "1.0", "0.5"])
    parser.add_argument("--threshold", type=float)
    parser.add_argument("--keep", type=Path, help="where the videos are, or shall be")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch) / "videos"
        folder.mkdir(exist_ok=True, parents=True)
        offsets = make(folder)
        results = {}
        for frames in options.frames:
            work_dir = Path(scratch) / f"run-{frames}"
            started = time.perf_counter()
            audit = pixsieve.run(folder, work_dir=work_dir, video_frames=frames, progress=False)
            ran = time.perf_counter()
            found = audit.duplicate_videos(options.threshold)
            results[frames] = found
            read_s, found_s = ran - started, time.perf_counter() - ran
            every, bad = wrong(found)
            right = f"{every - len(bad)} of {every}"
            print(
                f"{frames}: {audit.images.height} frames of {len(offsets)} videos in {read_s:.1f} s"
                f", duplicates in {found_s:.2f} s; right: {right}; wrong: {', '.join(bad) or '-'}"
            )
    judged = {frames: judge(found, offsets) for frames, found in results.items()}
    rows = [
        [edit, counts[0], *(f"{judged[f][edit][1]} ({judged[f][edit][2]})" for f in results)]
        for edit, counts in next(iter(judged.values())).items()
    ]
    print()
    print_table(["edit", "pairs", *results], rows)
    print(f"\nFound (and at the right place within {NEAR_S:g} s); {machine()}")


if __name__ == "__main__":
    main()
