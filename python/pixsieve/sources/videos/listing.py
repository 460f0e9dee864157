"""Videos: which of their frames are pictures to read, found without decoding where that works."""

import importlib.util
import os
from array import array
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixsieve.sources.places import LISTED, Failure
from pixsieve.sources.videos.container import (
    UnreadableError,
    Video,
    all_packets,
    decoded,
    is_counted,
    opened,
    packets,
    stamp_of_frame,
)
from pixsieve.sources.videos.entry import entry_test

VIDEO_EXTENSIONS = (
    *("mp4", "avi", "mov", "mkv", "webm", "m4v", "mpg", "mpeg", "flv", "wmv", "3gp"),
)

#: One row per frame: what is known of any picture, and where in which video it is.
FRAMES = pl.Schema(
    {
        **LISTED,
        "source": pl.String(),  # the path of the video, as users see it
        "frame": pl.UInt32(),  # its number, from 0, in the order of presentation
        "time_s": pl.Float64(),  # seconds after the first frame
    }
)

NEEDS_PYAV = "reading videos needs PyAV: pip install 'pixsieve[video]'"

#: In `offset`, this bit says that frames of the video are told apart by their number alone; else
#: it is a presentation time stamp, in two's complement, of less than 2**62 either way.
COUNTED = 1 << 63
STAMPS = 1 << 62

#: While frames are listed, larger ones are not decoded.
MOST_PIXELS = 1 << 28
#: The type of a picture that refers to no other.
INTRA = 1
#: Where key frames are farther apart, others stand in for them; also at each quarter of a video
#: that has fewer than so many.
SPARSE_S, FEW = 30.0, 4
#: Times are compared with this tolerance.
INSTANT_S = 1e-6


def available() -> bool:
    """Whether PyAV is installed."""
    return importlib.util.find_spec("av") is not None


def require() -> None:
    """Raises ImportError, with what to do, if PyAV is not installed."""
    if not available():
        raise ImportError(NEEDS_PYAV)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A video as a source lists it; terms as in `LISTED`."""

    shown: str
    relative: str
    location: bytes
    modified: int

    def nothing(self, failure: Failure) -> pl.DataFrame:
        """The one row of a video without frames."""
        known = self._same(1, "nothing").with_columns(
            path=pl.lit(self.shown),
            relative=pl.lit(self.relative),
            error_code=pl.lit(failure.code),
            detail=pl.lit(failure.detail),
        )
        return _conform(known)

    def frames(self, found: "Found") -> pl.DataFrame:
        """One row per frame."""
        names = _names(found)
        known = self._same(len(names), "frame").with_columns(
            path=pl.Series([self.shown + name for name in names], dtype=pl.String),
            relative=pl.Series([self.relative + name for name in names], dtype=pl.String),
            offset=pl.Series(found.offset),
            stored=pl.Series(np.where(found.far, found.number, 0)),
            frame=pl.Series(found.number),
            time_s=pl.Series(found.time_s),
        )
        return _conform(known)

    def _same(self, rows: int, kind: str) -> pl.DataFrame:
        every: dict[str, Any] = {
            "location": self.location,
            "kind": kind,
            "size": 0,
            "modified": self.modified,
            "source": self.shown,
        }
        return pl.select(pl.repeat(value, rows).alias(name) for name, value in every.items())


def _conform(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in FRAMES.items()
    ).with_columns(pl.col("offset", "stored").fill_null(0))


@dataclass(frozen=True)
class Found:
    """Frames in the order of presentation, one entry each."""

    offset: NDArray[np.uint64]
    number: NDArray[np.uint32]
    time_s: NDArray[np.float64]
    key: NDArray[np.bool_]
    far: NDArray[np.bool_]
    """Whether decoding up to it begins with the first frame: none before it is a clean entry."""

    def select(self, rows: NDArray[Any]) -> "Found":
        """Some of them."""
        return Found(*(column[rows] for column in self._columns))

    @property
    def _columns(self) -> tuple[NDArray[Any], ...]:
        return self.offset, self.number, self.time_s, self.key, self.far


def _names(found: Found) -> list[str]:
    times = [f"#t={time:.3f}" for time in found.time_s.tolist()]
    _, group, count = np.unique(found.time_s.round(3), return_inverse=True, return_counts=True)
    alone = (count == 1)[group].tolist()
    return [
        name if only else f"{name}&frame={number}"
        for name, only, number in zip(times, alone, found.number.tolist(), strict=True)
    ]


def unread_video(
    *, shown: str, relative: str, location: str | bytes, modified: int, failure: Failure | None
) -> pl.DataFrame:
    """The one row, FRAMES, of a video that is not read: for lack of PyAV where nothing is said."""
    place = Place(shown=shown, relative=relative, location=os.fsencode(location), modified=modified)
    return place.nothing(failure or Failure("unknown_format", NEEDS_PYAV))


def list_video(
    file: Video,
    *,
    shown: str,
    relative: str,
    location: str | bytes,
    size: int | None,
    modified: int,
    frames: str | float,
) -> pl.DataFrame:
    """FRAMES: the wanted frames of a video, in the order of presentation.

    `frames` is `"key"`, the key frames; `"all"`; or a number of seconds, for the first frame at
    or after each multiple of it. Where there is no key frame for 30 seconds, or in a quarter of a
    video that has fewer than four, the first frame stands in for them. Time starts with the
    first frame. Only the container is read, nothing is decoded, unless it does not say which
    frames are key frames, or in which order frames are shown: then the first frame that can be
    decoded and all I-frames count as key frames, and frames are found again by their number.

    A file in which there is no frame to be found is one row that says why. `size` is that of the
    file, None where it is not known.

    Raises:
        ImportError: If PyAV is not installed.
    """
    require()
    place = Place(shown=shown, relative=relative, location=os.fsencode(location), modified=modified)
    if size == 0:
        return place.nothing(Failure("empty_file", "the file is empty"))
    try:
        found = _wanted(_found(file, frames), frames)
    except UnreadableError as error:
        return place.nothing(error.failure)
    if not found.number.size:
        return place.nothing(Failure("corrupt", "the video holds no frame that can be found"))
    return place.frames(found)


def _found(file: Video, frames: str | float) -> Found:
    """All frames of the video.

    Raises:
        UnreadableError: If it is none.
    """
    with opened(file, {"max_pixels": str(MOST_PIXELS)}) as (container, stream):
        found = None if is_counted(container, stream) else _stamped(container, stream)
    if found is not None and (frames != "key" or found.key.any()):
        return found
    if not isinstance(file, str):
        file.seek(0)
    with opened(file, {"max_pixels": str(MOST_PIXELS)}) as (container, stream):
        return _decoded(container, stream, found)


def _stamped(container: Any, stream: Any) -> Found | None:
    """What the container says, in the order of presentation; None if it does not say enough.

    Stamps that several frames share do not tell them apart.
    """
    stamps, keys, entries = array("q"), bytearray(), bytearray()
    is_entry = entry_test(container, stream.codec_context) or (lambda _: False)
    for packet in all_packets(container, stream):
        if not packet.size or packet.is_discard:
            continue
        _check_clear(packet)
        stamp = _stamp_of_packet(packet, stream)
        if stamp is None:
            return None
        stamps.append(stamp)
        keys.append(packet.is_keyframe)
        entries.append(packet.is_keyframe and is_entry(bytes(packet)))
    if len(set(stamps)) < len(stamps):
        return None
    flags = np.array([keys, entries], bool)
    return _ordered(np.array(stamps, np.int64), flags, stream)


def _check_clear(packet: Any) -> None:
    if packet.has_sidedata("encryption_info"):
        raise UnreadableError("corrupt", "the video is encrypted")


def _stamp_of_packet(packet: Any, stream: Any) -> int | None:
    stamp = packet.pts
    if stamp is None and not stream.codec_context.has_b_frames:
        stamp = packet.dts
    return stamp if stamp is not None and -STAMPS <= stamp < STAMPS else None


def _ordered(stamps: NDArray[np.int64], flags: NDArray[np.bool_], stream: Any) -> Found:
    order = np.argsort(stamps, kind="stable")
    stamps, (keys, entries) = stamps[order], flags[:, order]
    number = np.arange(stamps.size, dtype=np.uint32)
    # Exact as integers; the difference of two stamps is less than 2**63.
    ticks = (stamps - stamps[:1]).astype(np.float64)
    base = stream.time_base or Fraction(1, 1)
    times = ticks * base.numerator / base.denominator
    last = np.maximum.accumulate(np.where(keys, number, 0)) if number.size else number
    return Found(stamps.view(np.uint64), number, times, keys, ~entries[last])


def _decoded(container: Any, stream: Any, stamped: Found | None) -> Found:
    """What is found by decoding all; frames keep the stamps of `stamped`, if there are any."""
    keys, stamps, times = bytearray(), array("q"), array("d")
    for packet in packets(container, stream):
        if packet.size and packet.dts is not None:
            times.append(float(packet.dts * (stream.time_base or 1)))
        for frame in decoded(stream, packet):
            # The first one is the picture that there is where no other is whole by itself.
            whole = bool(frame.key_frame) or frame.pict_type == INTRA or not keys
            keys.append(whole)
            stamp = stamp_of_frame(frame)
            if whole and stamp is not None and -STAMPS <= stamp < STAMPS:
                stamps.append(stamp)
    if stamped is not None:
        known = np.isin(stamped.offset.view(np.int64), np.array(stamps, np.int64))
        return replace(stamped, key=known)
    number = np.arange(len(keys), dtype=np.uint32)
    offset = number.astype(np.uint64) | np.uint64(COUNTED)
    shown = _times(len(keys), times, stream)
    return Found(offset, number, shown, np.array(keys, bool), np.ones(len(keys), bool))


def _times(count: int, times: "array[float]", stream: Any) -> NDArray[np.float64]:
    """When frames are shown that only have an order: when they are decoded, but for the start."""
    if len(times) == count:
        ordered = np.sort(np.array(times, np.float64))
        return ordered - ordered[:1]
    return np.arange(count) / float(stream.average_rate or 25)


def _wanted(found: Found, frames: str | float) -> Found:
    if frames == "all":
        return found
    if frames == "key":
        return found.select(np.flatnonzero(found.key | _stand_ins(found)))
    return found.select(np.flatnonzero(_begins(_steps(found, float(frames)))))


def _steps(found: Found, every_s: float) -> NDArray[np.float64]:
    """How many multiples of an interval have passed, frame by frame."""
    return np.floor((found.time_s + INSTANT_S) / every_s)


def _begins(steps: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The first frame at or after a multiple: it lies between this frame and the one before."""
    return np.diff(steps, prepend=-1.0) > 0


def _stand_ins(found: Found) -> NDArray[np.bool_]:
    """A frame of each interval that has no key frame."""
    if not found.number.size:
        return found.key
    every_s = SPARSE_S
    if np.count_nonzero(found.key) < FEW:
        every_s = min(every_s, max(float(found.time_s[-1]) / FEW, INSTANT_S))
    steps = _steps(found, every_s)
    # The last frame of a video of quarters begins a fifth.
    last = steps >= FEW if every_s < SPARSE_S else np.zeros(steps.size, bool)
    return _begins(steps) & ~np.isin(steps, steps[found.key]) & ~last
