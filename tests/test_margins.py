"""Boxes made larger, and the box that is given as text."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixsieve.detectors import is_global_box, parse_global_box, widen


def upright(x: float, y: float, width: float, height: float) -> list[float]:
    return [x, y, x + width, y, x + width, y + height, x, y + height]


def grow(box: list[float], size: tuple[int, int], **margins: object) -> list[float]:
    settings = {"horiz": 0.0, "vert": 0.0, "additive": 0.0} | margins
    found = widen(np.array([box]), np.array([size]), **settings)
    return [round(float(value), 9) for value in found[0]]


def test_shares_are_added_on_each_side() -> None:
    box, size = upright(200, 300, 100, 100), (1000, 1000)
    assert grow(box, size, horiz=0.2, vert=0.2) == upright(180, 280, 140, 140)
    assert grow(box, size, horiz=0.5) == upright(150, 300, 200, 100)
    assert grow(box, size, vert=1.0) == upright(200, 200, 100, 300)
    assert grow(box, size, additive=15) == upright(185, 285, 130, 130)
    assert grow(box, size, horiz=0.2, additive=15) == upright(165, 285, 170, 130)
    assert grow(box, size) == box


def test_only_the_margin_is_cut_at_the_border() -> None:
    assert grow(upright(5, 40, 20, 20), (100, 70), additive=10) == upright(0, 30, 35, 40)
    # This one reaches beyond the border on its left already.
    assert grow(upright(-8, 40, 20, 20), (100, 70), additive=10) == upright(-8, 30, 30, 40)
    assert grow(upright(5, 40, 20, 20), (100, 70), additive=10, clip=False) == upright(
        -5, 30, 40, 40
    )


def test_rotated_boxes_grow_in_their_own_axes() -> None:
    # 50 wide and 25 high, along (0.6, 0.8).
    box = [100.0, 100.0, 130.0, 140.0, 110.0, 155.0, 80.0, 115.0]
    assert grow(box, (1000, 1000), horiz=0.2) == [94, 92, 136, 148, 116, 163, 74, 107]
    assert grow(box, (1000, 1000), vert=0.2) == [104, 97, 134, 137, 106, 158, 76, 118]
    assert grow(box, (1000, 1000), additive=5) == [101, 93, 137, 141, 109, 162, 73, 114]
    # The picture ends at 131: the right side has room for 1 of 30 pixels.
    assert grow(box, (131, 1000), horiz=1.0)[2:6] == pytest.approx(
        [131, 141.3333333, 111, 156.3333333]
    )


@given(
    corner=st.tuples(st.floats(0, 300), st.floats(0, 200)),
    sides=st.tuples(st.floats(0, 100), st.floats(0, 80)),
    angle=st.floats(-math.pi, math.pi),
    margins=st.tuples(*[st.floats(0, 2)] * 2, st.floats(0, 100)),
)
def test_widened_boxes_hold_the_old_ones_and_stay_inside(
    corner: tuple[float, float],
    sides: tuple[float, float],
    angle: float,
    margins: tuple[float, float, float],
) -> None:
    across = sides[0] * np.array([math.cos(angle), math.sin(angle)])
    down = sides[1] * np.array([-math.sin(angle), math.cos(angle)])
    start = np.array(corner)
    box = np.concatenate([start, start + across, start + across + down, start + down])
    size = np.array([[320, 240]])
    horiz, vert, additive = margins
    widened = widen(box[None], size, horiz=horiz, vert=vert, additive=additive)
    old, new = box.reshape(4, 2), widened.reshape(4, 2)
    assert (new >= np.minimum(old.min(axis=0), 0) - 1e-9).all()
    assert (new <= np.maximum(old.max(axis=0), size[0]) + 1e-9).all()
    inside = ((old >= 0) & (old <= size[0])).all(axis=1)
    assert ((new[inside] >= 0) & (new[inside] <= size[0])).all()
    # Seen along its axes, it reaches at least as far as before, at most the margins farther.
    for number, (side, share) in enumerate(((across, horiz), (down, vert))):
        length = sides[number]
        if length < 1e-3:
            continue
        before, after = (points @ side / length for points in (old, new))
        most = share * length + additive
        assert before.min() - most - 1e-6 <= after.min() <= before.min() + 1e-6
        assert before.max() - 1e-6 <= after.max() <= before.max() + most + 1e-6


def test_no_boxes_and_bad_margins() -> None:
    none = widen(np.zeros((0, 8)), np.zeros((0, 2)), horiz=0.2, vert=0.2, additive=1)
    assert none.shape == (0, 8)
    for margin in (-0.1, math.nan, math.inf):
        with pytest.raises(ValueError, match="vert must be a number of at least 0"):
            grow(upright(0, 0, 1, 1), (10, 10), vert=margin)


def test_the_box_that_is_meant_is_left_alone() -> None:
    boxes = np.array([upright(2, 2, 3, 3)])
    before = boxes.copy()
    widen(boxes, np.array([[50, 50]]), horiz=1, vert=1, additive=1)
    assert (boxes == before).all()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("row_y=10,col_x=20,height=30,width=40", (20, 10, 40, 30)),
        (" width = 40 , height=30.5, col_x=0,row_y=0 ", (0, 0, 40, 30.5)),
        ("width=1e2,height=1_0,col_x=0,row_y=0", (0, 0, 100, 10)),
    ],
)
def test_a_box_as_text(text: str, expected: tuple[float, ...]) -> None:
    assert is_global_box(text)
    assert parse_global_box(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("row_y=1,col_x=2,height=3", "lacks width"),
        ("width=1", "lacks row_y, col_x, height"),
        ("row_y=1,col_x=2,height=3,width=4,width=5", "gives width twice"),
        ("row_y=1,col_x=2,height=3,w=4", "'w=4' is no part of"),
        ("row_y=1,col_x=2,height=3,width=4,", "'' is no part of"),
        ("row_y=1,col_x=2,height=3,width", "'width' is no part of"),
        ("row_y=1,col_x=2,height=3,width=", "width is no number: ''"),
        ("row_y=1,col_x=2,height=3,width=4px", "width is no number: '4px'"),
        ("row_y=1,col_x=-2,height=3,width=4", "col_x must be at least 0, not -2"),
        ("row_y=1,col_x=2,height=nan,width=4", "height must be at least 0, not nan"),
        ("row_y=1,col_x=2,height=3,width=inf", "width must be at least 0, not inf"),
        ("row_y=1,col_x=2,height=0,width=4", "height must be more than 0"),
        ("row_y=1=1,col_x=2,height=3,width=4", "row_y is no number: '1=1'"),
    ],
)
def test_a_box_as_text_that_is_none(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        parse_global_box(text)
    assert str(caught.value).startswith("bounding_box=")


def test_detectors_are_no_boxes() -> None:
    assert not any(map(is_global_box, ("face", "ocr", "yolov5s", "runs/lr=0.1/best.onnx")))
