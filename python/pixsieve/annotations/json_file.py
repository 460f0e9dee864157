"""JSON as others wrote it."""

import json
import numbers
from collections.abc import Callable, Mapping
from typing import Any


def load_json(read: Callable[[], bytes], place: str) -> Any:
    """What a file holds. Objects with a box lose their `segmentation`, which may be long.

    Raises:
        ValueError: If it is no JSON; begins with `place`.
        OSError: If it cannot be read.
    """
    raw = read()
    try:
        text = raw.decode(json.detect_encoding(raw))
    except UnicodeDecodeError as error:
        raise ValueError(f"{place} is no text: {error.reason} at byte {error.start:,}") from None
    del raw
    try:
        return json.loads(text, object_hook=_slim)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{place} is no valid JSON: {error.msg}, line {error.lineno:,}, column {error.colno:,}"
        ) from None
    except RecursionError:
        raise ValueError(f"{place} is nested too deeply to be read") from None
    except ValueError:
        raise ValueError(f"{place} holds a number of thousands of digits") from None


def _slim(found: dict[str, Any]) -> dict[str, Any]:
    if "segmentation" in found and found.get("bbox"):
        del found["segmentation"]
    return found


def key_of(value: Any) -> str | None:
    """An id as text, so that 7, 7.0 and "7" are one; None if it is neither number nor text."""
    if type(value) is int:  # by far the most, and asking what else it is takes long
        return str(value) if abs(value) < 2**64 else None
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    if isinstance(value, numbers.Integral):
        return str(int(value)) if abs(int(value)) < 2**64 else None
    number = float(value)
    return str(int(number) if number.is_integer() and abs(number) < 2**64 else number)


def clean(text: str) -> str:
    """Text that any table can hold: half characters are written as their numbers."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def text_of(value: Any) -> str | None:
    """Text, or a number as text; None for everything else, and for empty text."""
    return (key_of(value) or None) if value is not None else None


def listed(content: Mapping[str, Any], key: str, place: str) -> list[Mapping[str, Any]]:
    """The list of objects under a key; empty where there is none.

    Raises:
        ValueError: If it is none; begins with `place`.
    """
    return objects(content.get(key), f"{place}: {key}")


def objects(found: Any, place: str) -> list[Mapping[str, Any]]:
    """A list of objects; empty for nothing.

    Raises:
        ValueError: If it is none; begins with `place`.
    """
    if found is None:
        return []
    if not isinstance(found, list | tuple):
        raise ValueError(f"{place} is {kind_of(found)}, not a list")
    for number, item in enumerate(found):
        if type(item) is not dict and not isinstance(item, Mapping):
            raise ValueError(f"{place}[{number}] is {kind_of(item)}, not an object")
    return list(found)


def kind_of(value: Any) -> str:
    """What a value is called in JSON."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, numbers.Number):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "an object" if isinstance(value, Mapping) else "a list"
