"""The names of the classes that a YOLO tells apart."""

import ast
import warnings
from collections.abc import Mapping

#: No list of names that a file brings is longer, in characters.
LONGEST = 1_000_000

#: The 80 classes of COCO, in the order that detectors number them.
COCO = (
    *("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat"),
    *("traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat"),
    *("dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack"),
    *("umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball"),
    *("kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket"),
    *("bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple"),
    *("sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair"),
    *("couch", "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse"),
    *("remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink"),
    *("refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier"),
    "toothbrush",
)


def read_names(metadata: Mapping[str, str]) -> dict[int, str]:
    """The names that an ONNX file gives its classes, by number; empty where it gives none.

    They are a Python mapping or list, or JSON, as text under the key `names`.
    """
    text = metadata.get("names", "")
    if not text or len(text) > LONGEST:
        return {}
    try:
        with warnings.catch_warnings():
            # A backslash in a name is no reason to say anything.
            warnings.simplefilter("ignore")
            found = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return {}
    items = found.items() if isinstance(found, dict) else enumerate(_sequence(found))
    try:
        return {int(key): str(name) for key, name in items}
    except (ValueError, TypeError, OverflowError):
        return {}


def name_classes(names: Mapping[int, str], count: int | None) -> "Names":
    """How the classes of a model are called; `count` is None where it does not show."""
    if not names and count == len(COCO):
        names = dict(enumerate(COCO))
    return Names(names)


class Names:
    """Class names by number; a class that has none is called by its number."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self._names = names

    def __getitem__(self, number: int) -> str:
        return self._names.get(number, f"class {number}")


def _sequence(found: object) -> list[object] | tuple[object, ...]:
    return found if isinstance(found, list | tuple) else []
