"""Opens videos, and reads of them what can be read."""

import contextlib
from collections.abc import Iterator
from typing import Any, BinaryIO, TypeAlias

from pixsieve.sources.places import Failure

#: What may be opened: containers of pictures and sound, none that names other files to be read.
FORMATS = (
    *("mov,mp4,m4a,3gp,3g2,mj2", "avi", "matroska,webm", "mpeg", "mpegts", "mpegvideo"),
    *("flv", "live_flv", "asf"),
)
CONTAINER_OPTIONS = {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "file"}
#: So many parts of a file in a row may be unreadable before the rest is given up.
MOST_ERRORS = 1_000
#: So often the end of the file may come before what is looked for.
MOST_ENDS = 20

#: A path, or what reads and seeks as a file does.
Video: TypeAlias = BinaryIO | str


class UnreadableError(Exception):
    """The video cannot be read at all."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.failure = Failure(code, detail)


@contextlib.contextmanager
def opened(file: Video, options: dict[str, str]) -> Iterator[tuple[Any, Any]]:
    """The container and its first video stream, closed in the end.

    Raises:
        UnreadableError: If it is no video, or damaged beyond reading.
    """
    import av  # noqa: PLC0415 - needed only for videos

    try:
        container = av.open(
            file,
            "r",
            options=options,
            container_options=CONTAINER_OPTIONS,
            metadata_errors="replace",
        )
    except (OSError, av.error.FFmpegError) as error:
        raise UnreadableError(*_why(file, error)) from None
    with container:
        yield container, _video_stream(container)


def _why(file: Video, error: Exception) -> tuple[str, str]:
    """Error code and detail of a video that cannot be opened."""
    for kind, code in ((FileNotFoundError, "missing_file"), (PermissionError, "permission_denied")):
        if isinstance(error, kind):
            return code, str(error.strerror or error)
    head = _head(file)
    if not head:
        return "empty_file", "the file is empty"
    if not _is_container(head):
        return "unknown_format", "not a video of a known format"
    return "corrupt", f"the video cannot be opened: {said(error)}"


def said(error: Exception) -> str:
    """What an error of PyAV's says, without the place in its own code."""
    return str(getattr(error, "strerror", None) or error)


def _head(file: Video) -> bytes:
    with contextlib.suppress(OSError, ValueError):
        if isinstance(file, str):
            with open(file, "rb") as opened_file:  # noqa: PTH123 - names may not be UTF-8
                return opened_file.read(16)
        file.seek(0)
        return file.read(16)
    return b""


def _is_container(head: bytes) -> bool:
    boxes = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp")
    begins = (b"\x1aE\xdf\xa3", b"\0\0\1\xba", b"\0\0\1\xb3", b"FLV\1", b"0&\xb2u", b"G")
    riff = head.startswith(b"RIFF") and head[8:12] == b"AVI "
    return head[4:8] in boxes or head.startswith(begins) or riff


def _video_stream(container: Any) -> Any:
    import av  # noqa: PLC0415

    for stream in container.streams.video:
        cover = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
        if stream.disposition & cover:
            continue
        if stream.codec_context is None:
            raise UnreadableError("unknown_format", "there is no decoder for its video")
        _only(container, stream)
        return stream
    if not len(container.streams):
        raise UnreadableError("corrupt", "its header is damaged or cut off")
    raise UnreadableError("unknown_format", "there is no video in it, only sound or other streams")


def _only(container: Any, wanted: Any) -> None:
    """Other streams, such as sound, are not even read."""
    from av.stream import Discard  # noqa: PLC0415

    for stream in container.streams:
        if stream is not wanted:
            stream.discard = Discard.all


def packets(container: Any, stream: Any) -> Iterator[Any]:
    """The packets of the stream that can be read, then an empty one for the decoder to finish."""
    import av  # noqa: PLC0415

    errors = 0
    while errors < MOST_ERRORS:
        try:
            yield from container.demux(stream)
        except (OSError, av.error.FFmpegError):
            errors += 1
        else:
            return


def all_packets(container: Any, stream: Any) -> Iterator[Any]:
    """Likewise, and those behind places where the file seems to end before it should."""
    import av  # noqa: PLC0415

    seen, last = 0, None
    for again in range(MOST_ENDS):
        before = seen
        for packet in packets(container, stream):
            if packet.dts is not None and (last is None or packet.dts > last):
                last = packet.dts
            elif again:
                continue
            seen += 1
            yield packet
        if seen >= stream.frames or seen == before or last is None:
            return
        try:
            container.seek(last + 1, backward=False, stream=stream)
        except (OSError, OverflowError, av.error.FFmpegError):
            # There is nothing more.
            return


def is_counted(container: Any, stream: Any) -> bool:
    """Whether the stamps of packets say nothing of the order in which frames are shown."""
    return container.format.name == "avi" and bool(stream.codec_context.has_b_frames)


def stamp_of_frame(frame: Any) -> int | None:
    """The stamp of the packet that a frame was decoded from."""
    stamp: int | None = frame.pts if frame.pts is not None else frame.dts
    return stamp


def decoded(stream: Any, packet: Any) -> list[Any]:
    """The frames that come out of the decoder for a packet; none if it is damaged."""
    import av  # noqa: PLC0415

    try:
        return list(stream.codec_context.decode(packet))
    except (ValueError, av.error.FFmpegError):
        return []
