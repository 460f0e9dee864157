"""What the checks of settings have in common."""

import numbers
import os
from collections.abc import Mapping, Sequence
from typing import Any


def within(name: str, value: float, low: float, high: float) -> float:
    """The value.

    Raises:
        ValueError: If it is no number, or lies beyond `low` or `high`.
    """
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not number or not low <= value <= high:
        raise ValueError(f"{name} must be a number between {low:g} and {high:g}, not {value!r}")
    return value


def paths_as_text(given: Any) -> Any:
    """A path as text, several as a tuple of it; all else as it is."""
    if isinstance(given, list | tuple):
        return tuple(map(paths_as_text, given))
    return os.fspath(given) if isinstance(given, os.PathLike) else given


def unknown_setting(name: str, known: set[str]) -> str:
    """What to say of a setting that does not exist."""
    import difflib  # noqa: PLC0415 - only when something went wrong

    similar = difflib.get_close_matches(name, known, n=3)
    hint = f"; did you mean {', '.join(similar)}?" if similar else ""
    return f"run() has no setting {name!r}{hint}"


def plain(value: Any) -> Any:
    """The value as JSON can hold it; functions and mappings by their kind only."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return f"mapping of {len(value)}"
    if isinstance(value, Sequence):
        return list(value)
    return f"function {getattr(value, '__name__', '?')}"
