"""Brings frames of videos, decoding no more of them than that takes."""

import functools
import os
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from pixsieve.config import Config
from pixsieve.sources.places import Content, Failure, Pixels
from pixsieve.sources.videos.container import (
    MOST_ENDS,
    UnreadableError,
    Video,
    opened,
    packets,
    said,
    stamp_of_frame,
)
from pixsieve.sources.videos.crew import Answer, Task, at_once
from pixsieve.sources.videos.entry import entry_test
from pixsieve.sources.videos.listing import COUNTED, STAMPS, require

#: A frame that is further ahead is sought, not decoded up to.
FAR_S = 4.0
#: How long before a frame its second search begins, and the first where others are only skipped:
#: in some formats seeking ends too late.
BEFORE_S, KEYS_BEFORE_S = 12.0, 1.0
#: From this height on colours are those of BT.709 where the video does not say, as players have it.
HIGH = 720
UNSPECIFIED = 2

#: Pixels.
MARGIN = 1 << 20
UNDECODED = "the frame cannot be decoded"


class VideoFetcher:
    """Brings frames of videos, as upright RGB.

    The rotation that a video asks for is applied; its sample aspect ratio is not: pictures have
    as many pixels as were encoded.
    """

    def __init__(self, open_at: Callable[[str], Video], config: Config) -> None:
        """`open_at` gives what a location holds: a path, or a file that can seek.

        Raises:
            ImportError: If PyAV is not installed.
        """
        require()
        self._open_at = open_at
        self._config = config

    def fetch(self, rows: pl.DataFrame) -> Iterator[Answer]:
        """As `Fetcher`: `rows` are frames as `list_video` lists them."""
        videos = [
            (os.fsdecode(part["location"][0]), part["row"].to_list(), part["offset"].to_list())
            for part in rows.select("row", "location", "offset").partition_by(
                "location", maintain_order=True
            )
        ]
        several = min(self._config.threads, len(videos))
        if several <= 1:
            for video in videos:
                yield from self._of_video(*video, threads=self._config.threads)
        else:
            each = max(1, self._config.threads // several)
            yield from at_once([Task(self._of_video, video, each) for video in videos], several)

    def _of_video(
        self, location: str, rows: list[int], offsets: list[int], *, threads: int
    ) -> Iterator[Answer]:
        wanted = _Wanted.of(rows, offsets)
        keys = self._config.video_frames == "key"
        # What the first did not find is looked for more thoroughly.
        searches = [
            *([_Search("keys", KEYS_BEFORE_S)] if keys else []),
            _Search("stamped", 0.0),
            _Search("stamped", BEFORE_S),
            _Search("whole", 0.0),
        ]
        try:
            for search in [_Search("counted", 0.0)] if wanted.counted else searches:
                if wanted.left:
                    yield from self._searched(location, wanted, search, threads)
            failure = Failure("corrupt", f"{UNDECODED}: {wanted.error}")
        except UnreadableError as error:
            failure = error.failure
        for row in wanted.rest():
            yield row, failure

    def _searched(
        self, location: str, wanted: "_Wanted", search: "_Search", threads: int
    ) -> Iterator[Answer]:
        most = self._config.max_pixels
        file = _file(self._open_at, location)
        try:
            # Decoders work on somewhat more than what is shown.
            options = {"max_pixels": str(most + most // 4 + MARGIN)}
            with opened(file, options) as (container, stream):
                codec = stream.codec_context
                _check_size(codec.width, codec.height, most)
                codec.options = options
                codec.thread_count = threads
                # Frames are decoded side by side where many follow each other.
                codec.thread_type = "SLICE" if search.how == "keys" else "AUTO"
                yield from getattr(_Reader(container, stream, wanted, search, most), search.how)()
        finally:
            if not isinstance(file, str):
                file.close()


def _file(open_at: Callable[[str], Video], location: str) -> Video:
    try:
        return open_at(location)
    except FileNotFoundError:
        raise UnreadableError("missing_file", "the video is not there any more") from None
    except PermissionError as error:
        raise UnreadableError("permission_denied", said(error)) from None
    except OSError as error:
        raise UnreadableError("corrupt", f"the video cannot be read: {error}") from None


def _check_size(width: int, height: int, most: int) -> None:
    if width * height > most:
        raise UnreadableError(
            "too_large", f"{width} x {height} pixels are more than max_pixels={most:,}"
        )


@dataclass(frozen=True)
class _Search:
    how: str
    """Which method of `_Reader`."""
    before: float
    """So many seconds before a frame decoding begins."""


@dataclass
class _Wanted:
    """The frames that are still to be found."""

    left: dict[int, list[int]]
    """Rows by stamp, or by number where frames are counted; rising."""
    counted: bool
    error: str = "it is missing or damaged"

    @classmethod
    def of(cls, rows: list[int], offsets: list[int]) -> "_Wanted":
        counted = any(_is_number(offset) for offset in offsets)
        left: dict[int, list[int]] = {}
        signed = np.array(offsets, np.uint64).view(np.int64).tolist()
        numbers = [offset & ~COUNTED for offset in offsets]
        for key, row in sorted(zip(numbers if counted else signed, rows, strict=True)):
            left.setdefault(key, []).append(row)
        return cls(left, counted)

    def take(self, key: int | None) -> int | None:
        """The next row of this frame, if it is wanted."""
        if key is None or key not in self.left:
            return None
        rows = self.left[key]
        row = rows.pop(0)
        if not rows:
            del self.left[key]
        return row

    def rest(self) -> Iterator[int]:
        """All rows without an answer, which are not wanted any more."""
        while self.left:
            row = self.take(next(iter(self.left)))
            if row is not None:
                yield row


def _is_number(offset: int) -> bool:
    return offset >> 62 == COUNTED >> 62


class _Reader:
    """Reads the wanted frames of one open video."""

    def __init__(
        self, container: Any, stream: Any, wanted: _Wanted, search: _Search, most: int
    ) -> None:
        from av.video.reformatter import VideoReformatter  # noqa: PLC0415 - needed only for videos

        self._container, self._stream = container, stream
        self._wanted, self._search, self._most = wanted, search, most
        self._base = float(stream.time_base or 1)
        self._far_s = FAR_S + search.before
        self._moved = self._primed = self._lost = False
        self._is_entry = entry_test(container, stream.codec_context)
        self._entry: int | None = None
        self._convert = VideoReformatter()
        self._format = stream.codec_context.codec.canonical_name

    def counted(self) -> Iterator[Answer]:
        """By number, from the first frame on; not to be sought again."""
        for number, frame in enumerate(self._frames()):
            yield from self._answer(number, frame)
            if not self._wanted.left:
                return

    def whole(self) -> Iterator[Answer]:
        """By presentation time, from the first frame on."""
        last = max(self._wanted.left) + self._ticks(self._far_s)
        for frame in self._frames():
            stamp = stamp_of_frame(frame)
            yield from self._answer(stamp, frame)
            if not self._wanted.left or (stamp is not None and stamp > last):
                return

    def keys(self) -> Iterator[Answer]:
        """Key frames: each packet by itself, the others are not decoded."""
        if self._is_entry is None:
            return
        codec = self._stream.codec_context
        read = functools.partial(packets, self._container, self._stream)
        for packet in self._on_the_way(read, lambda packet: packet.pts):
            if not packet.size or (self._primed and packet.pts not in self._wanted.left):
                continue
            self._primed = True
            if not (packet.is_keyframe and self._is_entry(bytes(packet))):
                continue
            for frame in [*self._decoded(packet), *self._decoded(None)]:
                # The second field may be in another packet.
                if not frame.interlaced_frame:
                    yield from self._answer(stamp_of_frame(frame), frame)
            codec.flush_buffers()

    def stamped(self) -> Iterator[Answer]:
        """By presentation time: all frames from the key frame before each are decoded."""
        if self._is_entry is None:
            return
        for frame in self._on_the_way(self._frames, stamp_of_frame):
            stamp = stamp_of_frame(frame)
            # What is shown before the entry may refer to what is before it.
            if self._entry is None or (stamp is not None and stamp >= self._entry):
                yield from self._answer(stamp, frame)

    def _on_the_way(
        self, read: Callable[[], Iterator[Any]], stamp_of: Callable[[Any], int | None]
    ) -> Iterator[Any]:
        """What is read from shortly before each of the wanted frames up to it."""
        targets = list(self._wanted.left)
        place, ends = 0, 0
        while place < len(targets) and ends < MOST_ENDS:
            self._seek(targets[place])
            began = place
            for item in read():
                yield item
                stamp = stamp_of(item)
                place = place if stamp is None else bisect_right(targets, stamp, lo=place)
                if place == len(targets):
                    return
                if place > began and self._is_far(targets[place], stamp):
                    break
            else:
                if self._lost:
                    return
                # Here the file ends, or seems to: what is far ahead may be there all the same.
                ends += 1
                far = targets[place] + self._ticks(self._far_s)
                place = bisect_right(targets, far, lo=place)

    def _is_far(self, target: int, stamp: int | None) -> bool:
        return stamp is not None and target - stamp > self._ticks(self._far_s)

    def _ticks(self, seconds: float) -> int:
        return int(seconds / self._base)

    def _seek(self, target: int) -> None:
        import av  # noqa: PLC0415

        start = max(self._stream.start_time or 0, -STAMPS)
        begin = target - self._ticks(self._search.before)
        if begin <= start and not self._moved:
            return
        self._prime()
        self._moved = True
        try:
            self._container.seek(max(begin, start), stream=self._stream)
        except (OSError, OverflowError, av.error.FFmpegError) as error:
            # What cannot seek is decoded from where it stands.
            self._wanted.error = said(error)

    def _prime(self) -> None:
        """The decoder sees the first packet: it may say what holds for the whole video."""
        if not self._primed and not self._moved:
            for packet in packets(self._container, self._stream):
                if packet.size:
                    self._decoded(packet)
                    break
        self._primed = True

    def _frames(self) -> Iterator[Any]:
        """All frames from here on, or from the first entry after it; none if that is not clean."""
        entered = not self._moved
        for packet in packets(self._container, self._stream):
            if not entered:
                if not (packet.size and packet.is_keyframe):
                    continue
                if self._is_entry is None or not self._is_entry(bytes(packet)):
                    self._lost = True
                    return
                entered = True
                self._entry = packet.pts if packet.pts is not None else packet.dts
            self._primed = True
            yield from self._decoded(packet)

    def _decoded(self, packet: Any | None) -> list[Any]:
        import av  # noqa: PLC0415

        try:
            return list(self._stream.codec_context.decode(packet))
        except (ValueError, av.error.FFmpegError) as error:
            if not isinstance(error, EOFError):
                self._wanted.error = said(error)
            return []

    def _answer(self, key: int | None, frame: Any) -> Iterator[Answer]:
        if frame.is_corrupt:
            # Another search may find it whole.
            self._wanted.error = "data that it refers to is missing or damaged"
            return
        row = self._wanted.take(key)
        if row is not None:
            yield row, self._content(frame)

    def _content(self, frame: Any) -> Content:
        import av  # noqa: PLC0415
        from av.video.reformatter import Colorspace  # noqa: PLC0415

        if frame.width * frame.height > self._most:
            size = f"{frame.width} x {frame.height}"
            return Failure("too_large", f"{size} pixels are more than max_pixels={self._most:,}")
        space = frame.colorspace
        if space == UNSPECIFIED:
            space = int(Colorspace.ITU709 if frame.height >= HIGH else Colorspace.ITU601)
        try:
            picture = self._convert.reformat(
                frame, format="rgb24", src_colorspace=space, threads=1
            ).to_ndarray()
        except (ValueError, av.error.FFmpegError) as error:
            return Failure("corrupt", f"{UNDECODED}: {said(error)}")
        quarters = round(frame.rotation / 90) % 4
        return Pixels(np.ascontiguousarray(np.rot90(picture, quarters)), self._format)
