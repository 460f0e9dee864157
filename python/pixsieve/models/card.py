"""A model's card: what goes in, what comes out, and which similarities mean what."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixsieve.errors import ModelError
from pixsieve.models import catalog
from pixsieve.models.cache import digest_of
from pixsieve.models.fetching import fetch
from pixsieve.progress import Progress

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
#: What becomes of an output (n, t, d) of t tokens.
POOL = ("first", "mean")
#: No number of a card is larger; neither NaN nor infinity passes.
LARGEST = 1e30
OUTPUT_DEFAULTS: Mapping[str, Any] = {
    "name": None,
    "normalize": "l2",
    "dim": None,
    "pool": None,
}
THRESHOLDS = ("candidate", "similar", "component", "near_duplicate")
#: Weights of what `match` is worked out from, and `precision`: rising pairs of a precision and the
#: match from which on pairs are copies with it.
MATCH = (
    *("intercept", "similarity", "correlation", "detail", "texture", "area", "turned"),
    "precision",
)
#: The names that each part of a card may use; "" is the card itself.
KEYS: Mapping[str, Collection[str]] = {
    "": (
        *("name", "version", "license", "description", "source", "file", "sha256"),
        *("input", "output", "thresholds", "match"),
    ),
    "input": {*INPUT_DEFAULTS, "height", "width"},
    "output": OUTPUT_DEFAULTS.keys(),
    "thresholds": THRESHOLDS,
    "match": MATCH,
}
#: No picture is given to a model at more pixels a side, and no embedding is longer.
LARGEST_SIDE = 65_535


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
    match: Mapping[str, Any] | None
    """How sure it is that a pair is one of copies (`MATCH`); None where that is not known."""

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


def load_card(
    model_path: str | None,
    given: Mapping[str, Any] | None,
    *,
    progress: Progress | None = None,
) -> Card:
    """The card of the model, checked; the built-in model's where `model_path` is None.

    A name of the catalogue is a model that is fetched if it is not in the cache; `progress` is
    told of that. A file of that name comes first.

    Raises:
        FileNotFoundError: If the model, or its card, does not exist.
        ModelError: If the card lacks something or does not belong to the file.
        OSError: If a model asked for by name cannot be fetched.
    """
    if not isinstance(given, Mapping | None):
        raise ModelError(f"model_card must be an object with named values, not {given!r}")
    entry = _entry(model_path)
    if entry is None:
        path = DEFAULT if model_path is None else Path(model_path).absolute()
        if not path.is_file():
            raise FileNotFoundError(_missing(model_path, path))
        data = _read(path) if given is None else given
        digest = digest_of(path)
    else:
        found = fetch(entry, progress=progress)
        path, digest = found.path, found.sha256
        data = {"name": entry.name, **(entry.card or {})} if given is None else given
    if data.get("sha256", digest) != digest:
        raise ModelError(
            f"{path} is not the file that its card describes (SHA-256 {digest[:12]}…, the card "
            f"says {str(data['sha256'])[:12]}…)"
        )
    try:
        _check_parts(data)
        source = {**INPUT_DEFAULTS, **data.get("input", {})}
        output = {**OUTPUT_DEFAULTS, **data.get("output", {})}
        _check_input(source)
        _check_output(output)
        _check_thresholds(data.get("thresholds", {}))
        if "match" in data:
            _check_match(data["match"])
    except ValueError as error:
        raise ModelError(f"the card of {path.name}: {error}") from None
    return Card(
        name=str(data.get("name", path.stem)),
        path=path,
        sha256=digest,
        input=source,
        output=output,
        thresholds=data.get("thresholds", {}),
        match=data.get("match"),
    )


def _entry(model_path: str | None) -> catalog.Entry | None:
    """The catalogue's entry, where that is meant; None where a file is."""
    if model_path is None or Path(model_path).is_file():
        return None
    entry = catalog.find(str(model_path))
    if entry is not None and entry.card is None:
        raise ModelError(f"{entry.name} finds things in pictures; it makes no embeddings")
    return entry


def _missing(model_path: str | None, path: Path) -> str:
    text = f"model_path: there is no file {path}"
    name = str(model_path)
    if Path(name).suffix or Path(name).name != name:
        return text
    # A word alone was rather meant as a name.
    return f"{text}, and no model of that name{catalog.suggestion(name)}"


def _is_number(value: Any) -> bool:
    """Finite, and no truth value, which Python counts among the numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and _is_number(value) and 1 <= value <= LARGEST_SIDE


def _check_parts(data: Mapping[str, Any]) -> None:
    """Raises ValueError where a part of the card is none, or has a name that nothing reads."""
    for part, known in KEYS.items():
        named = data.get(part, {}) if part else data
        if not isinstance(named, Mapping):
            raise ValueError(f"{part} must be an object with named values, not {named!r}")
        unknown = sorted(str(key) for key in named if key not in known)
        if unknown:
            raise ValueError(
                f"{part or 'it'} has unknown keys {unknown}; known are {', '.join(sorted(known))}"
            )


def _check_choices(part: str, named: Mapping[str, Any], choices: Mapping[str, Any]) -> None:
    for key, allowed in choices.items():
        if named[key] not in allowed:
            raise ValueError(
                f"{part}.{key} must be one of {', '.join(allowed)}, not {named[key]!r}"
            )


def _check_name(part: str, named: Mapping[str, Any]) -> None:
    if not isinstance(named["name"], str | None):
        raise ValueError(f"{part}.name must be a string, not {named['name']!r}")


def _check_input(source: Mapping[str, Any]) -> None:
    """Raises ValueError where a value is not one of those that can be."""
    _check_name("input", source)
    for key in ("height", "width"):
        if not _is_size(source.get(key)):
            raise ValueError(f"input.{key} must be a number of pixels, at most {LARGEST_SIDE:,}")
    _check_choices("input", source, INPUT_CHOICES)
    padding = source["padding"]
    if not _is_number(padding) or padding % 1 or not 0 <= padding <= 255:
        raise ValueError(f"input.padding must be a number from 0 to 255, not {padding!r}")
    if source["layout"] == "patches" and (
        source["dtype"] != "uint8" or source["height"] % 2 or source["width"] % 2
    ):
        raise ValueError("input.layout 'patches' needs dtype 'uint8' and an even width and height")
    for key in ("mean", "std"):
        values = source[key]
        if values is not None and not (
            isinstance(values, Sequence)
            and len(values) == 3
            and all(map(_is_number, values))
            and not (key == "std" and 0 in values)
        ):
            raise ValueError(
                f"input.{key} must be three numbers, one per channel"
                f"{', none of them 0' if key == 'std' else ''}; it is {values!r}"
            )


def _check_output(output: Mapping[str, Any]) -> None:
    _check_name("output", output)
    _check_choices("output", output, {"normalize": NORMALIZE})
    if output["pool"] not in (None, *POOL):
        raise ValueError(f"output.pool must be one of {', '.join(POOL)}, not {output['pool']!r}")
    if output["dim"] is not None and not _is_size(output["dim"]):
        raise ValueError(f"output.dim must be a whole number, not {output['dim']!r}")


def _check_thresholds(thresholds: Mapping[str, Any]) -> None:
    for name, value in thresholds.items():
        if not _is_number(value) or not -1 <= value <= 1:
            raise ValueError(f"thresholds.{name} must be a similarity from -1 to 1, not {value!r}")


def _check_match(match: Mapping[str, Any]) -> None:
    for name in MATCH[:-1]:
        if not _is_number(match.get(name)):
            raise ValueError(f"match.{name} must be a number, not {match.get(name)!r}")
    steps = match.get("precision")
    if not (isinstance(steps, Sequence) and steps and all(map(_is_step, steps))):
        raise ValueError(f"match.precision must be pairs of numbers from 0 to 1, not {steps!r}")
    for column in zip(*steps, strict=True):
        if list(column) != sorted(column):
            raise ValueError(f"match.precision must rise, precisions and matches: {steps!r}")


def _is_step(step: Any) -> bool:
    return (
        isinstance(step, Sequence)
        and len(step) == 2
        and all(_is_number(value) and 0 <= value <= 1 for value in step)
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
