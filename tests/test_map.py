"""The map of the report: what is drawn, which points have a picture, and that it is safe."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import pixsieve
from conftest import Pictures, Run
from pixsieve.pages import Cards
from pixsieve.pages.scatter import COLOURS, MARGIN, WIDTH, Mark, scatter
from pixsieve.report import Limits, build_report, write_report
from pixsieve.report.plane import plane, spread
from report_case import NAMES, Page, assert_safe, collect

PLACES = arrays(
    np.float64, st.tuples(st.integers(0, 30), st.just(2)), elements=st.floats(-1e3, 1e3, width=32)
)


def points(drawing: ET.Element, kind: str | None = None) -> list[tuple[float, float]]:
    """Where the points of a kind are, in the order in which they are drawn."""
    paths = [one for one in drawing.iter("path") if kind in (None, *one.get("class").split())]
    found = [one.get("d") for one in paths]
    return [(float(x), float(y)) for d in found for x, y in re.findall(r"M(\S+) (\S+?)h", d)]


def kinds(drawing: ET.Element) -> list[str]:
    return [one.get("class") for one in drawing.iter("path")]


# ---- the drawing ---- #


@given(PLACES)
def test_every_point_is_drawn_once_inside_the_plane(places):
    classes = np.arange(len(places)) % (COLOURS + 1) - 1
    drawing = ET.fromstring(scatter(places, classes, name="a <b> & c"))
    height = float(drawing.get("viewBox").split()[3])
    assert drawing.get("aria-label") == "a <b> & c"
    assert len(points(drawing, "dot")) == len(places)
    for x, y in points(drawing):
        assert MARGIN - 0.1 <= x <= WIDTH - MARGIN + 0.1
        assert MARGIN - 0.1 <= y <= height - MARGIN + 0.1


def test_distances_keep_their_proportions_and_up_is_up():
    places = np.array([[0, 0], [3, 0], [0, 1.0]])
    drawing = ET.fromstring(scatter(places, np.zeros(3, int), name="x"))
    (ax, ay), (bx, by), (cx, cy) = points(drawing)
    assert (ay, cx) == (by, ax)
    assert cy < ay
    assert (bx - ax) / (ay - cy) == pytest.approx(3, abs=0.01)
    assert bx - ax == pytest.approx(WIDTH - 2 * MARGIN, abs=0.1)


def test_equal_points_lie_in_the_middle():
    drawing = ET.fromstring(scatter(np.ones((3, 2)), np.zeros(3, int), name="x"))
    assert points(drawing) == [(WIDTH / 2, WIDTH / 4)] * 3


def test_marks_lie_over_rings_over_points_and_tell_their_image():
    places, hostile = np.array([[0, 0], [1, 0], [2, 1], [3, 0.0]]), "<script>\"'&"
    marks = {2: Mark(7, hostile, hostile), 0: Mark(5, "plain")}
    drawing = ET.fromstring(
        scatter(places, np.array([0, -1, 3, 3]), name="x", ringed=[2, 3], marks=marks)
    )
    order = ["dot other", "dot c3", "halo", "ring", "halo", "dot c3", "mark c0", "mark c3"]
    assert kinds(drawing) == order
    assert len(points(drawing, "ring")) == 2
    first, second = drawing.findall("path")[-2:]
    assert (first.get("data-image"), first.get("data-label")) == ("5", None)
    assert second.get("data-name") == second.get("data-label") == hostile


# ---- which points ---- #


@given(PLACES, st.integers(0, 5), st.integers(0, 40))
def test_pictures_are_spread_over_other_points(places, known, many):
    first = list(range(min(known, len(places))))
    found = spread(places, first, many)
    assert len(found) <= many
    taken = [tuple(places[row]) for row in found]
    assert len({*taken}) == len(taken)
    assert not {*taken} & {tuple(places[row]) for row in first}
    if len(found) < min(many, len(places)):
        assert {*taken, *(tuple(places[row]) for row in first)} == {*map(tuple, places)}


def test_the_next_picture_is_the_farthest():
    places = np.array([[0, 0], [1, 0], [9, 0], [5, 0.0]])
    assert spread(places, [0], 3) == [2, 3, 1]
    assert spread(places, [], 2) == [3, 0]


def mapped(
    labels: list[str | None], *, shown: tuple[int, ...] = (), strange: tuple[int, ...] = (), **most
):
    """The map of as many images on a line."""
    count = len(labels)
    frame = pl.DataFrame(
        {"image": range(count), "x": range(count), "y": [0] * count, "label": labels},
        schema={"image": pl.UInt32, "x": pl.Float32, "y": pl.Float32, "label": pl.String},
    )
    images = frame.with_columns(
        path=pl.format("in/{}.png", pl.col("image")), split=None, width=1, height=1,
        file_size=1, error_code=None,
    )  # fmt: skip
    outliers = pl.Series(strange, dtype=pl.UInt32)
    most = {"points": 100, "pictures": 8} | most
    return plane(frame, Cards(images), shown=shown, outliers=outliers, **most)


def test_frequent_classes_have_colours_others_are_grey():
    names = [f"class {number:02}" for number in range(10)]
    labels = [name for number, name in enumerate(names) for _ in range(12 - number)] + [None] * 3
    found = mapped(labels, points=1000)
    assert [(hue.label, hue.images) for hue in found.hues[:8]] == [
        (name, 12 - number) for number, name in enumerate(names[:8])
    ]
    assert [(hue.colour, hue.images, hue.classes) for hue in found.hues[8:]] == [
        ("other", 7, 2),
        ("other", 3, 0),
    ]
    drawing = ET.fromstring(found.drawn)
    assert len(points(drawing, "c0")) == 12
    assert len(points(drawing, "other")) == 10


def test_without_labels_there_is_one_colour_and_no_legend():
    found = mapped([None] * 9)
    assert found.hues == ()
    assert len(points(ET.fromstring(found.drawn), "c0")) == 9


def test_of_many_images_an_even_sample_is_drawn_with_all_that_are_shown():
    found = mapped(["a"] * 1000, points=50, shown=(7, 7, 8), strange=(7, 500))
    assert (found.total, found.points) == (1000, 50)
    drawing = ET.fromstring(found.drawn)
    assert len(points(drawing, "c0")) == 50
    assert len(points(drawing, "ring")) == found.ringed == 1
    assert {7, 8} < {*found.pictured}
    assert len(found.pictured) == 8
    xs = sorted(x for x, _ in points(drawing, "c0"))
    assert max(np.diff(xs)) < 3 * (WIDTH - 2 * MARGIN) / 48


def test_a_quarter_of_the_pictures_is_not_elsewhere_on_the_page():
    found = mapped(["a"] * 100, shown=tuple(range(20)), pictures=8)
    assert {*range(20)} < {*found.pictured}
    assert len(found.pictured) == 22


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_images_are_no_map(count):
    assert mapped(["a"] * count) is None


# ---- the page ---- #


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> pixsieve.Audit:
    folder = tmp_path_factory.mktemp("map")
    return pixsieve.run(
        collect(folder / "in"), work_dir=folder / "out", labels="folder", progress=False
    )


def pictures_of(text: str) -> list[int]:
    return [int(image) for image in re.findall(r'<img [^>]*data-image="(\d+)"', text)]


def test_every_marked_point_finds_its_picture_once(audit):
    report = build_report(audit)
    text = audit.report().read_text(encoding="utf-8")
    page = assert_safe(text, scripts=1)
    marked = [
        int(image) for image in re.findall(r'<path class="mark [^>]*data-image="(\d+)"', text)
    ]
    assert sorted(marked) == sorted(report.plane.pictured)
    assert {*marked} <= {*pictures_of(text)}
    hidden = pictures_of(text[text.index("<div hidden>") : text.index('id="duplicates"')])
    assert not {*hidden} & {*report.shown()}
    names = [value for name, value in page.attributes if name == "data-name"]
    assert len(names) == len(marked)
    assert "test/<b>&'\"↵[U+2067]label/[U+202E]gnp.exe.png" in names
    assert any(NAMES[0] in name for name in names)


def test_pictures_of_the_map_alone_go_first_where_there_is_no_room(audit, tmp_path):
    report = build_report(audit)
    for room in (0, 20_000, 300_000):
        limits = Limits(characters=room)
        page = write_report(audit, tmp_path / "page.html", limits=limits)
        text = page.read_text(encoding="utf-8")
        uris = re.findall(r'src="(data:[^"]*)"', text)
        assert sum(map(len, uris)) <= room
        marks = text.count('<path class="mark')
        assert marks == len(report.plane.pictured)
    assert {*report.shown()} & {*pictures_of(text)}


def test_limits_thin_the_map(audit):
    few = build_report(audit, limits=Limits(points=1, pictures=0)).plane
    whole = build_report(audit).plane
    assert few.points < whole.points == whole.total == audit.projection().height


def test_the_report_draws_the_map_that_was_asked_for_last(audit, monkeypatch):
    frame = audit.projection().with_columns(x=pl.lit(0, pl.Float32))
    monkeypatch.setattr(type(audit), "projection", lambda _: frame)
    xs = {x for x, _ in points(ET.fromstring(build_report(audit).plane.drawn))}
    assert xs == {WIDTH / 2}


def test_two_images_have_no_map_and_no_script(run: Run, pictures: Pictures, tmp_path: Path):
    pictures(tmp_path / "in", "a.png", "b.png")
    page = assert_safe(run(tmp_path / "in").report().read_text(encoding="utf-8"))
    assert not [value for name, value in page.attributes if (name, value) == ("id", "map")]


def test_the_map_of_a_plain_collection(run: Run, seven: Path):
    text = run(seven).report().read_text(encoding="utf-8")
    page = re.sub(r"\s+", " ", Page(text).text)
    assert "Map 7 images as a frame: audit.projection()" in page
    assert "legend" not in text[text.index("<main>") : text.index("</main>")]
