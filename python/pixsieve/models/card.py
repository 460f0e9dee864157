"""A model's card: what goes in, what comes out, and which similarities mean what."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pixsieve.errors import ModelError

DEFAULT = Path(__file__).parent / "default.onnx"

#: What a card given by hand must say; the rest has these defaults.
INPUT_DEFAULTS: Mapping[str, Any] = {
    "name": None,
    "dtype": "float32",
    "layout": "NCHW",
    "channels": "RGB",
    "resize": "stretch",
    "filter_down": "triangle-antialiased",
    "filter_up": "bicubic",
    "mean": None,
    "std": None,
    "padding": 0,
}
FILTERS = ("box", "triangle-antialiased", "bilinear", "bicubic", "lanczos")
INPUT_CHOICES: Mapping[str, Sequence[str]] = {
    "dtype": ("float32", "float16", "uint8"),
    "layout": ("NCHW", "NHWC", "patches"),
    "channels": ("RGB", "BGR"),
    "resize": ("stretch", "crop"),
    "filter_down": FILTERS,
    "filter_up": FILTERS,
}
NORMALIZE = ("l2", "none")
#: No number of a card is larger; neither NaN nor infinity passes.
LARGEST = 1e30
OUTPUT_DEFAULTS: Mapping[str, Any] = {"name": None, "normalize": "l2"}


@dataclass(frozen=True)
class Card:
    """A model file and all that is needed to use it."""

    name: str
    path: Path
    sha256: str
    input: Mapping[str, Any]
    output: Mapping[str, Any]
    thresholds: Mapping[str, float]
    """`candidate`, `similar`, `component`, `near_duplicate`: cosine similarities. May be empty."""

    def threshold(self, name: str, setting: str) -> float:
        """The card's threshold, for when the user gives none.

        Raises:
            ValueError: If the card has none; names the setting to give.
        """
        if name not in self.thresholds:
            raise ValueError(
                f"the card of model {self.name!r} has no threshold {name!r}: pass {setting}="
            )
        return float(self.thresholds[name])


def load_card(model_path: str | None, given: Mapping[str, Any] | None) -> Card:
    """The card of the model, checked; the built-in model's where `model_path` is None.

    Raises:
        FileNotFoundError: If the model, or its card, does not exist.
        ModelError: If the card lacks something or does not belong to the file.
    """
    path = DEFAULT if model_path is None else Path(model_path).absolute()
    if not path.is_file():
        raise FileNotFoundError(f"model_path: there is no file {path}")
    data = dict(given) if given is not None else _read(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if data.get("sha256", digest) != digest:
        raise ModelError(
            f"{path} is not the file that its card describes (SHA-256 {digest[:12]}…, the card "
            f"says {str(data['sha256'])[:12]}…)"
        )
    _check_parts(data, path)
    source = cast("Mapping[str, Any]", data.get("input", {}))
    unknown = set(source) - {*INPUT_DEFAULTS, "height", "width"}
    if unknown:
        raise ModelError(f"the card of {path.name}: input has unknown keys {sorted(unknown)}")
    for key in ("height", "width"):
        if not isinstance(source.get(key), int) or source[key] < 1:
            raise ModelError(f"the card of {path.name}: input.{key} must be a number of pixels")
    described = {**INPUT_DEFAULTS, **source}
    _check(described, path)
    output = {**OUTPUT_DEFAULTS, **data.get("output", {})}
    if output["normalize"] not in NORMALIZE:
        raise ModelError(
            f"the card of {path.name}: output.normalize must be one of {', '.join(NORMALIZE)}, "
            f"not {output['normalize']!r}"
        )
    thresholds = data.get("thresholds", {})
    for name, value in thresholds.items():
        if not _is_number(value) or not -1 <= value <= 1:
            raise ModelError(
                f"the card of {path.name}: thresholds.{name} must be a similarity from -1 to 1, "
                f"not {value!r}"
            )
    return Card(
        name=str(data.get("name", path.stem)),
        path=path,
        sha256=digest,
        input=described,
        output=output,
        thresholds=thresholds,
    )


def _is_number(value: Any) -> bool:
    """Finite, and no truth value, which Python counts among the numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def _check_parts(data: Mapping[str, Any], path: Path) -> None:
    """Raises ModelError where a part of the card has no names."""
    for part in ("input", "output", "thresholds"):
        if not isinstance(data.get(part, {}), Mapping):
            raise ModelError(
                f"the card of {path.name}: {part} must be an object with named values, not "
                f"{data[part]!r}"
            )


def _check(source: Mapping[str, Any], path: Path) -> None:
    """Raises ModelError where a value is not one of those that can be."""
    for key, allowed in INPUT_CHOICES.items():
        if source[key] not in allowed:
            raise ModelError(
                f"the card of {path.name}: input.{key} must be one of {', '.join(allowed)}, "
                f"not {source[key]!r}"
            )
    if (
        not _is_number(source["padding"])
        or source["padding"] % 1
        or not 0 <= source["padding"] <= 255
    ):
        raise ModelError(
            f"the card of {path.name}: input.padding must be a number from 0 to 255, not "
            f"{source['padding']!r}"
        )
    if source["layout"] == "patches" and (
        source["dtype"] != "uint8" or source["height"] % 2 or source["width"] % 2
    ):
        raise ModelError(
            f"the card of {path.name}: input.layout 'patches' needs dtype 'uint8' and an even "
            "width and height"
        )
    for key in ("mean", "std"):
        values = source[key]
        if values is not None and not (
            isinstance(values, Sequence)
            and len(values) == 3
            and all(map(_is_number, values))
            and not (key == "std" and 0 in values)
        ):
            raise ModelError(
                f"the card of {path.name}: input.{key} must be three numbers, one per channel"
                f"{', none of them 0' if key == 'std' else ''}; it is {values!r}"
            )


def _read(path: Path) -> Mapping[str, Any]:
    card = path.with_suffix(".json")
    if not card.is_file():
        raise FileNotFoundError(
            f"{path.name} has no card: write {card.name} beside it, or pass model_card="
            '{"input": {"height": 224, "width": 224, "dtype": "float32", "layout": "NCHW", '
            '"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}'
        )
    try:
        data = json.loads(card.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{card} is not valid JSON: {error}") from None
    if not isinstance(data, dict):
        raise ModelError(f"{card} must hold one JSON object")
    return data
