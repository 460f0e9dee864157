"""Pictures that Rust does not decode: HEIF, AVIF, JPEG 2000, JPEG XL, PSD, DICOM, camera RAW."""

import importlib
import re

from pixsieve.sources.formats.kinds import (
    HEAD,
    RAW_EXTENSIONS,
    installed_since,
    missing,
    needs,
)
from pixsieve.sources.formats.picture import Decoded, RefusedError, Request
from pixsieve.sources.places import Failure

__all__ = ["HEAD", "RAW_EXTENSIONS", "Decoded", "decode", "installed_since", "missing", "needs"]

#: Longer sentences of a library are cut.
LONGEST = 200
#: Where in memory an object is differs from run to run.
PLACE = re.compile(r" ?<[\w.]+ object at 0x[0-9a-f]+>")


def decode(
    data: bytes,
    *,
    extension: str | None,
    max_side: int,
    max_pixels: int,
    stretch: str,
    short_side: int | None = None,
) -> Decoded | Failure:
    """The picture, upright, alpha on white; of several, the primary or the first.

    It may be called from several threads at once: large pictures wait for each other, so that
    all together hold no more memory than `room.MOST`, or one of them alone. It cannot be stopped:
    what is too large is refused by its header, before it is decoded.

    Args:
        data: The whole file.
        extension: Of its name, without the dot; it tells camera RAW from TIFF.
        max_side: No side may be longer.
        max_pixels: No more pixels may be in memory, nor 7 bytes for each of these.
        stretch: How more than 8 bits a channel become 8: `range` or `percentile`.
        short_side: The picture may come out smaller, by a power of two, but its short side not
            below this; None asks for the whole.

    Returns:
        What was decoded, or why nothing was. No file, however broken, raises.
    """
    if not data:
        return Failure("empty_file", "the file has no bytes")
    name = needs(data[:HEAD], extension)
    if name is None:
        return Failure("unknown_format", "the content is of no known picture format")
    absent = missing(name)
    if absent is not None:
        return Failure("unknown_format", absent)
    request = Request(max_side, max_pixels, stretch, short_side)
    with request.turn:
        return _guarded(name, data, request)


def _guarded(name: str, data: bytes, request: Request) -> Decoded | Failure:
    """What the decoder gives, or says, or how it fails."""
    try:
        decoder = importlib.import_module(f"pixsieve.sources.formats.{name}")
        decoded: Decoded = decoder.decode(data, request)
    except RefusedError as refused:
        return Failure(refused.code, refused.detail)
    except ImportError as error:
        return Failure("unknown_format", _sentence(error))
    except MemoryError:
        return Failure("too_large", "there is not enough memory to decode it")
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - panics of libraries are no `Exception`
        return Failure("corrupt", _sentence(error))
    return decoded


def _sentence(error: BaseException) -> str:
    """What a library says, on one line, and the same every time."""
    text = PLACE.sub("", " ".join(str(error).split())) or type(error).__name__
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
