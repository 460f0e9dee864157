"""YOLO models of every layout: squares that are drawn are found where they are."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from detector_models import COLOURS, SCORES, fixed, locator, spread
from pixsieve import ModelError
from pixsieve.detectors.names import COCO
from pixsieve.detectors.session import Session
from pixsieve.detectors.yolo import Yolo

GRIDS = ("v5", "v6", "v7", "v8", "v9", "v11")
LAYOUTS = (*GRIDS, "v10", "v7-end2end", "v6-end2end")
#: x, y, width, height of the squares in pictures of these sizes.
PICTURES = {
    (640, 640): [(100, 200, 64, 48), (400, 20, 100, 200)],
    (300, 900): [(10, 700, 200, 90), (250, 5, 45, 45)],
    (1601, 333): [(1400, 30, 100, 280), (7, 100, 500, 60)],
    (97, 41): [(50, 10, 30, 20), (3, 4, 20, 30)],
}


def draw(size: tuple[int, int], squares: list[tuple[int, int, int, int]]) -> NDArray[np.uint8]:
    """A black picture with a square of each class, red and green."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    for number, (x, y, width, height) in enumerate(squares):
        pixels[y : y + height, x : x + width] = COLOURS[number]
    return pixels


def open_yolo(path: Path) -> Yolo:
    return Yolo(Session(path, "cpu"))


def assert_found(yolo: Yolo, size: tuple[int, int], labels: list[str], side: int = 640) -> None:
    found = yolo.detect(draw(size, PICTURES[size]))
    assert found.labels == labels
    assert found.confidences == pytest.approx([SCORES[0], SCORES[1]], abs=2e-3)
    expected = [(x, y, x + width, y + height) for x, y, width, height in PICTURES[size]]
    # A pixel of the model is so many of the picture; half a pixel more where edges are mixed.
    assert np.abs(found.boxes - expected).max() <= max(size) / side + 0.5
    assert found.boxes.dtype == found.confidences.dtype == np.float32
    assert found.corners is None


@pytest.mark.parametrize("size", PICTURES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_squares_are_found_where_they_are(
    tmp_path: Path, layout: str, size: tuple[int, int]
) -> None:
    yolo = open_yolo(locator(tmp_path / "m.onnx", layout))
    assert_found(yolo, size, ["red", "green"])


@pytest.mark.parametrize("layout", ["v5", "v8", "v10"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_the_model_says_how_it_takes_pictures(
    tmp_path: Path, layout: str, dtype: str, channels_last: bool
) -> None:
    path = locator(tmp_path / "m.onnx", layout, dtype=dtype, channels_last=channels_last)
    assert_found(open_yolo(path), (300, 900), ["red", "green"])


@pytest.mark.parametrize("layout", ["v5", "v8", "v10"])
@pytest.mark.parametrize("size", PICTURES)
def test_other_sizes_and_open_sizes(tmp_path: Path, layout: str, size: tuple[int, int]) -> None:
    oblong = locator(tmp_path / "oblong.onnx", layout, width=320, height=192)
    assert_found(open_yolo(oblong), size, ["red", "green"], side=160)
    opened = locator(tmp_path / "opened.onnx", layout, opened=True)
    assert_found(open_yolo(opened), size, ["red", "green"])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_picture_without_anything(tmp_path: Path, layout: str) -> None:
    yolo = open_yolo(locator(tmp_path / "m.onnx", layout))
    found = yolo.detect(np.zeros((33, 44, 3), np.uint8))
    assert (len(found), found.boxes.shape, found.confidences.shape) == (0, (0, 4), (0,))


@pytest.mark.parametrize("layout", GRIDS)
def test_without_names_the_shape_tells_the_layout(tmp_path: Path, layout: str) -> None:
    yolo = open_yolo(locator(tmp_path / "m.onnx", layout, names=None))
    assert_found(yolo, (640, 640), ["class 0", "class 1"])


@pytest.mark.parametrize("layout", GRIDS)
@pytest.mark.parametrize("classes", [2, 3, 80])
def test_how_many_classes_do_not_confuse(tmp_path: Path, layout: str, classes: int) -> None:
    names = None if classes == 80 else str([f"c{number}" for number in range(classes)])
    path = locator(tmp_path / "m.onnx", layout, classes=classes, names=names)
    labels = list(COCO[:2]) if classes == 80 else ["c0", "c1"]
    assert_found(open_yolo(path), (640, 640), labels)


@pytest.mark.parametrize("layout", ["v5", "v8"])
def test_segmenting_models_give_boxes(tmp_path: Path, layout: str) -> None:
    path = locator(tmp_path / "m.onnx", layout, masks=32)
    assert_found(open_yolo(path), (640, 640), ["red", "green"])


@pytest.mark.parametrize("layout", ["v5", "v8"])
def test_a_picture_so_small_that_boxes_are_as_many_as_numbers(tmp_path: Path, layout: str) -> None:
    # 80 classes and 64 x 64 pixels: v8 gives (1, 84, 84).
    names = str(list(COCO))
    path = locator(tmp_path / "m.onnx", layout, width=64, height=64, classes=80, names=names)
    assert_found(open_yolo(path), (640, 640), list(COCO[:2]), side=64)


def grid(
    width: int, height: int, *, anchors: int, objectness: bool, classes: int
) -> NDArray[np.float32]:
    table = spread(width, height, anchors)
    more = np.full((len(table), classes + objectness - 1), 0.01, np.float32)
    return np.concatenate([table, more], axis=1)


ROWS = grid(64, 64, anchors=3, objectness=True, classes=3)
COLUMNS = grid(64, 64, anchors=1, objectness=False, classes=3).T
REFUSED = {
    "three raw heads of v5": (
        {f"head{side}": np.zeros((1, 3, side, side, 8)) for side in (8, 4, 2)},
        "raw heads of several scales",
    ),
    "three raw heads of v8": (
        {f"head{side}": np.zeros((1, 67, side, side)) for side in (8, 4, 2)},
        "raw heads of several scales",
    ),
    "two tables": (
        {"one": COLUMNS[None], "two": COLUMNS[None]},
        "several of its outputs could hold the boxes",
    ),
    "one vector of classes": ({"logits": np.zeros((1, 1000))}, "not those of a YOLO"),
    "a single number": ({"score": np.zeros(())}, "not those of a YOLO"),
    "one picture": ({"mask": np.zeros((1, 1, 64, 64))}, "not those of a YOLO"),
    "two pictures": ({"out": np.stack([ROWS, ROWS])}, "not those of a YOLO"),
    "too few numbers": ({"out": np.zeros((1, 252, 4))}, "fits no YOLO"),
    "not a number": ({"out": np.full((1, 252, 8), np.nan)}, "NaN"),
    "infinite boxes": (
        {"out": np.concatenate([np.full((252, 4), np.inf), np.ones((252, 4))], axis=1)[None]},
        "NaN or infinity",
    ),
    "scores before the sigmoid": ({"out": ROWS[None] * np.float32(500)}, "sigmoid"),
    "boxes relative to the grid": (
        {"out": np.concatenate([ROWS[:, :4] / 64, ROWS[:, 4:]], axis=1)[None]},
        "not in pixels",
    ),
    "shares of the picture, as of RT-DETR": (
        {"out": np.random.default_rng(0).uniform(0, 1, (1, 300, 5 + 80))},
        "not in pixels",
    ),
    "a finished list of shares": (
        {"out": np.random.default_rng(0).uniform(0, 1, (1, 300, 6))},
        "not in pixels",
    ),
    "tokens of a transformer": (
        {"out": np.random.default_rng(0).normal(0, 2, (1, 197, 768))},
        "sigmoid",
    ),
    "boxes and scores apart": (
        {"boxes": np.zeros((1, 10_647, 1, 4)), "confs": np.zeros((1, 10_647, 80))},
        "fits no YOLO",
    ),
    "rows like those of v8 on COCO": (
        {"out": grid(64, 64, anchors=3, objectness=False, classes=80)[None]},
        "two ways",
    ),
    "columns like those of v5 on COCO": (
        {"out": grid(64, 64, anchors=3, objectness=True, classes=80).T[None]},
        "two ways",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_yolo_is_refused(tmp_path: Path, name: str) -> None:
    outputs, message = REFUSED[name]
    path = fixed(tmp_path / "odd.onnx", outputs)
    with pytest.raises(ModelError, match=message) as caught:
        open_yolo(path)
    assert str(caught.value).startswith("odd.onnx: ")


@pytest.mark.parametrize("task", ["pose", "obb", "classify"])
def test_models_for_other_tasks_are_refused(tmp_path: Path, task: str) -> None:
    path = fixed(tmp_path / "m.onnx", {"out": ROWS[None]}, metadata={"task": task})
    with pytest.raises(ModelError, match=f"made to {task}"):
        open_yolo(path)


def test_names_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = fixed(
        tmp_path / "m.onnx", {"out": ROWS[None]}, metadata={"names": "['a', 'b', 'c', 'd', 'e']"}
    )
    with pytest.raises(ModelError, match="names 5 classes: that fits no YOLO"):
        open_yolo(path)


def test_boxes_that_are_none_are_left_out(tmp_path: Path) -> None:
    table = ROWS.copy()
    table[10:16, 4:6] = 1
    table[10, 0] = np.nan
    table[11, 2] = np.inf
    table[12, 2:4] = 3e38  # all of the picture
    table[13, 2] = -5
    table[14, 3] = 0
    table[15, 0] = 1e6  # beyond the border
    yolo = open_yolo(fixed(tmp_path / "m.onnx", {"out": table[None]}))
    assert yolo.detect(np.zeros((30, 90, 3), np.uint8)).boxes.tolist() == [[0, 0, 90, 30]]


@pytest.mark.parametrize("layout", ["rows", "finished"])
def test_no_more_than_300_boxes_are_kept(tmp_path: Path, layout: str) -> None:
    # Every box has a class of its own, so that none gives way to another.
    table = grid(64, 64, anchors=3, objectness=True, classes=252)
    table[:, 4:] = np.concatenate([np.ones((252, 1)), np.eye(252)], axis=1)
    more = np.concatenate([table] * 3)
    finished = np.concatenate([more[:, :2] - 3, more[:, :2] + 3, more[:, 4:6]], axis=1)
    finished[:, 4] = np.linspace(0.3, 0.9, len(finished))
    outputs = {"rows": table, "finished": finished}[layout][None]
    names = str([str(number) for number in range(252)])
    path = fixed(tmp_path / "m.onnx", {"out": outputs}, metadata={"names": names})
    found = open_yolo(path).detect(np.zeros((64, 64, 3), np.uint8))
    assert len(found) == {"rows": 252, "finished": 300}[layout]
    assert (np.diff(found.confidences) <= 0).all()


@pytest.mark.parametrize("count", [0, 2, 99, -3, np.nan])
def test_a_counted_list_is_no_longer_than_it_is(tmp_path: Path, count: float) -> None:
    boxes = np.array([[10, 10, 30, 40], [20, 30, 60, 60], [5, 5, 9, 9]], float)[None]
    outputs = {
        "num_dets": np.array([[count]]),
        "det_boxes": boxes,
        "det_scores": np.array([[0.9, 0.8, 0.7]]),
        "det_classes": np.array([[1, 0, -7]]),
    }
    yolo = open_yolo(fixed(tmp_path / "m.onnx", outputs))
    found = yolo.detect(np.zeros((64, 64, 3), np.uint8))
    kept = {99: 3, 2: 2}.get(count, 0)
    assert found.boxes.tolist() == boxes[0, :kept].tolist()
    assert found.labels == ["class 1", "class 0", "class -1"][:kept]
