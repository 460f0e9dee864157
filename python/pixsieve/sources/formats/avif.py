"""AVIF, through Pillow and libavif; FFmpeg where libavif is too strict or 8 bits are too few."""

import importlib.util
import io
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixsieve.sources.formats.colours import on_white, upright
from pixsieve.sources.formats.kinds import FFMPEG
from pixsieve.sources.formats.picture import Decoded, RefusedError, Request
from pixsieve.sources.formats.pillow import rgb
from pixsieve.sources.formats.stretch import to_bytes

#: The planes, the picture, its copy for Python, Pillow's, and RGB, as measured.
PER_PIXEL = 14
#: By FFmpeg with more than 8 bits: the planes, RGB of 16 bits, twice, and ours.
PER_PIXEL_OF_MORE = 24
#: In the configuration of AV1, of which it is the third byte: more than 8 bits.
HIGH_DEPTH = 0x40
#: What FFmpeg's frame does not tell: pictures that are mirrored, or cut by the container.
UNTOLD = (b"imir", b"clap")

ORIENTATION = 0x0112
#: What libavif says of boxes that break a rule of the standard, though all may be there.
STRICT = "BMFF parsing failed"
#: What makes an item the alpha of another.
ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"
#: FFmpeg's number of the range 16 to 235.
LIMITED = 1


def decode(data: bytes, request: Request) -> Decoded:
    """The first picture.

    More than 8 bits become 8 by their range; by percentiles, where that is asked for and PyAV is
    installed, which alone gives them all.
    """
    if request.stretch == "percentile" and _is_deep(data) and _has_ffmpeg():
        array = _by_ffmpeg(data, request, deep=True)
        if array is not None:
            return Decoded(array, "avif", array.shape[1], array.shape[0])
    try:
        return _by_pillow(data, request)
    except SyntaxError as error:
        if STRICT not in str(error):
            raise
        if not _has_ffmpeg():
            raise RefusedError("corrupt", f"{error}: libavif refuses it; {FFMPEG}") from None
        array = _by_ffmpeg(data, request)
        if array is None:
            raise
    return Decoded(array, "avif", array.shape[1], array.shape[0])


def _has_ffmpeg() -> bool:
    return importlib.util.find_spec("av") is not None


def _is_deep(data: bytes) -> bool:
    """Whether the picture has more than 8 bits, and FFmpeg can be trusted with it."""
    at = data.find(b"av1C")
    deep = at >= 0 and len(data) > at + 6 and bool(data[at + 6] & HIGH_DEPTH)
    return deep and not any(name in data for name in UNTOLD)


def _by_pillow(data: bytes, request: Request) -> Decoded:
    from PIL import AvifImagePlugin, Image  # noqa: PLC0415 - needed only for AVIF

    if not AvifImagePlugin.SUPPORTED:
        raise RefusedError("unknown_format", "the installed Pillow was built without AVIF")
    # Not `Image.open`, which has limits and warnings of its own for the whole process.
    with AvifImagePlugin.AvifImageFile(io.BytesIO(data)) as image:
        request.check(*image.size, image.width * image.height, PER_PIXEL)
        # Pillow writes there how the file says that the picture is to be turned.
        exif = Image.Exif()
        exif.load(image.info.get("exif", b""))
        array = rgb(image, request.stretch)
    array = upright(array, exif.get(ORIENTATION, 1))
    return Decoded(array, "avif", array.shape[1], array.shape[0])


def _by_ffmpeg(data: bytes, request: Request, *, deep: bool = False) -> NDArray[np.uint8] | None:
    """The picture, upright; None if FFmpeg cannot read it, either."""
    import av  # noqa: PLC0415 - needed only for AVIF that libavif refuses

    try:
        with av.open(io.BytesIO(data), "r", format="mov") as container:
            pictures: list[Any] = []
            rest: list[Any] = []
            for stream in container.streams.video:
                is_first = bool(stream.disposition & av.stream.Disposition.default)
                (pictures if is_first else rest).append(stream)
            # Tiles of a larger picture would be several streams, none of them the first.
            if len(pictures) != 1 or "av1" not in pictures[0].codec_context.codec.canonical_name:
                return None
            first = pictures[0]
            if not _says(data, first.width, first.height):
                return None
            each = PER_PIXEL_OF_MORE if deep else PER_PIXEL
            request.check(first.width, first.height, first.width * first.height, each)
            frame = _frame(container, first, request)
            colour = _colour(frame, request.stretch, deep=deep)
            if ALPHA in data and len(rest) == 1:
                container.seek(0)
                alpha = _grey(_frame(container, rest[0], request))
                if alpha.shape != colour.shape[:2]:
                    return None
                colour = on_white(colour, alpha)
    except (av.error.FFmpegError, StopIteration, ValueError):
        return None
    return np.ascontiguousarray(np.rot90(colour, round(frame.rotation / 90) % 4))


def _colour(frame: Any, stretch: str, *, deep: bool) -> NDArray[np.uint8]:
    if not deep:
        values: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
        return values
    return to_bytes(frame.to_ndarray(format="rgb48le"), stretch)


def _says(data: bytes, width: int, height: int) -> bool:
    """Whether no picture within is said to be of another size."""
    sizes = {part[4:12] for part in data.split(b"ispe")[1:]}
    return sizes == {struct.pack(">II", width, height)}


def _frame(container: Any, stream: Any, request: Request) -> Any:
    """The first frame of a stream, of the size that it says; else ValueError."""
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"max_pixels": str(request.max_pixels)}
    frame = next(container.decode(stream))
    if frame.is_corrupt or (frame.width, frame.height) != (stream.width, stream.height):
        raise ValueError("the frame is not what its header says")
    return frame


def _grey(frame: Any) -> NDArray[np.uint8]:
    """The lightness of a frame, 0..255."""
    # The plane itself: FFmpeg would not stretch the range.
    values: NDArray[np.uint8] = frame.reformat(format="gray").to_ndarray()
    if frame.color_range != LIMITED or frame.format.name != "gray":
        return values
    wide = (values.astype(np.float32) - 16) * (255 / 219) + 0.5
    stretched: NDArray[np.uint8] = np.clip(wide, 0, 255).astype(np.uint8)
    return stretched
