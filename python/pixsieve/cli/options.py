"""The options of `pixsieve run`, made from the fields of `Config`."""

import dataclasses
import inspect
import typing
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from pixsieve.config import Config

#: Fields whose type the command line narrows to what can be typed there.
TYPES: dict[str, Any] = {"labels": str | None}


def settings() -> list[dataclasses.Field[Any]]:
    """The fields of `Config` that the command line offers, in their order."""
    return [field for field in dataclasses.fields(Config) if field.metadata["cli"]]


def flag(name: str) -> str:
    """How the option for a field is called."""
    return "--" + name.replace("_", "-")


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Replaces the command's `**settings` by one option per field of `Config`.

    Help and default are the field's own, so that neither is written twice.
    """
    hints = typing.get_type_hints(Config)
    own = [
        parameter
        for parameter in inspect.signature(command).parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    made = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=_default(field),
            annotation=Annotated[
                _type(field.name, hints[field.name]),
                typer.Option(flag(field.name), help=field.metadata["help"]),
            ],
        )
        for field in settings()
    ]
    signature = inspect.Signature([*own, *made])
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {
        name: parameter.annotation for name, parameter in signature.parameters.items()
    }
    return command


def _type(name: str, hint: Any) -> Any:
    if name in TYPES:
        return TYPES[name]
    return str if _is_sequence(hint) else hint


def _default(field: dataclasses.Field[Any]) -> Any:
    return ",".join(field.default) if isinstance(field.default, tuple) else field.default


def _is_sequence(hint: Any) -> bool:
    return typing.get_origin(hint) is Sequence


def parse(values: dict[str, Any]) -> dict[str, Any]:
    """The options as `Config` takes them: comma-separated lists become tuples."""
    hints = typing.get_type_hints(Config)
    return {
        name: tuple(part.strip() for part in value.split(",") if part.strip())
        if isinstance(value, str) and _is_sequence(hints[name])
        else value
        for name, value in values.items()
    }
