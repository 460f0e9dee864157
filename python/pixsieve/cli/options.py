"""The options of `pixsieve run`, made from the fields of `Config`."""

import dataclasses
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

import click

from pixsieve.config import Config

#: Fields whose type the command line narrows to what can be typed there.
TYPES: dict[str, type] = {"labels": str, "video_frames": str}


def settings() -> list[dataclasses.Field[Any]]:
    """The fields of `Config` that the command line offers, in their order."""
    return [field for field in dataclasses.fields(Config) if field.metadata["cli"]]


def flag(name: str) -> str:
    """How the option for a field is called."""
    return "--" + name.replace("_", "-")


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Adds one option per field of `Config`.

    Help and default are the field's own, so that neither is written twice.
    """
    hints = typing.get_type_hints(Config)
    for field in reversed(settings()):
        kind = _type(field.name, hints[field.name])
        option = click.option(
            flag(field.name),
            field.name,
            type=kind,
            is_flag=kind is bool,
            default=_default(field),
            show_default=kind is not bool,
            help=field.metadata["help"],
        )
        command = option(command)
    return command


def _type(name: str, hint: Any) -> type:
    """What is typed for one value: lists come comma-separated, and what is left out is None."""
    if name in TYPES:
        return TYPES[name]
    hint = _given(hint)
    return str if _is_sequence(hint) else typing.cast("type", hint)


def _default(field: dataclasses.Field[Any]) -> Any:
    return ",".join(field.default) if isinstance(field.default, tuple) else field.default


def _given(hint: Any) -> Any:
    """The kind of a value that is not None."""
    if isinstance(hint, types.UnionType):
        return next(part for part in typing.get_args(hint) if part is not type(None))
    return hint


def _is_sequence(hint: Any) -> bool:
    return typing.get_origin(hint) is Sequence


def parse(values: dict[str, Any]) -> dict[str, Any]:
    """The options as `Config` takes them: comma-separated lists become tuples."""
    hints = typing.get_type_hints(Config)
    return {
        name: tuple(part.strip() for part in value.split(",") if part.strip())
        if isinstance(value, str) and _is_sequence(_given(hints[name]))
        else value
        for name, value in values.items()
    }
