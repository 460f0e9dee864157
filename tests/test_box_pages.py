"""Boxes on pages: crops by themselves, or drawn over the pictures they are of."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

import pixsieve
from box_case import CORNERS, drawn, save, table
from explorer_case import exploring
from gallery_case import names, show

BOXES = {"a.png": (20, 15, 100, 75), "b.png": (0, 0, 40, 150), "c.png": (190, 0, 40, 40)}


@pytest.fixture
def audit(tmp_path: Path) -> pixsieve.Audit:
    """Three pictures of 200 x 150, a box in each; the last reaches beyond its picture."""
    for number, name in enumerate(BOXES):
        save(tmp_path / "in", name, drawn(number))
    return pixsieve.run(
        tmp_path / "in",
        work_dir=tmp_path / "out",
        annotations=table(*[(name, *box) for name, box in BOXES.items()], label=list("xyz")),
        progress=False,
        device="cpu",
    )


def drawn_boxes(text: str) -> list[list[float]]:
    found = re.findall(r'<polygon class="box" points="(.*?)"', text)
    return [[float(side) for side in re.split("[ ,]", points)] for points in found]


def shown(text: str) -> list[Image.Image]:
    found = re.findall(r'(?:src|href)="data:image/jpeg;base64,(.*?)"', text)
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in found]


def sizes(text: str) -> list[tuple[int, int]]:
    return sorted(picture.size for picture in shown(text))


def corners_of(left: float, top: float, width: float, height: float) -> list[float]:
    right, bottom = left + width, top + height
    return [left, top, right, top, right, bottom, left, bottom]


def alike(picture: Image.Image, pixels: object) -> bool:
    # Noise does not outlast a JPEG; other pictures differ by more than 60.
    return bool(np.abs(np.asarray(picture, float) - np.asarray(pixels, float)).mean() < 20)


class TestGalleries:
    def test_crops_are_shown_and_named_by_their_place(self, audit, tmp_path):
        text = show(audit, "stats", tmp_path / "page")
        assert sizes(text) == [(40, 150), (100, 75)]
        assert sorted(names(text)) == [
            "a.png [20, 15, 100 \u00d7 75]",
            "b.png [0, 0, 40 \u00d7 150]",
        ]
        assert drawn_boxes(text) == []

    def test_boxes_are_drawn_over_whole_pictures(self, audit, tmp_path):
        text = show(audit, "stats", tmp_path / "page", draw_bbox=True)
        assert sizes(text) == [(200, 150)] * 2
        expected = [corners_of(*BOXES[name.split(" ")[0]]) for name in names(text)]
        assert drawn_boxes(text) == expected
        for name, picture in zip(names(text), shown(text), strict=True):
            assert alike(picture, drawn("abc".index(name[0])))
        # A box that could not be cut out is shown all the same.
        text = show(audit, "invalid", tmp_path / "page", draw_bbox=True)
        assert sizes(text) == [(200, 150)]
        assert drawn_boxes(text) == [corners_of(*BOXES["c.png"])]
        # And crops are still crops.
        assert sizes(show(audit, "stats", tmp_path / "page")) == [(40, 150), (100, 75)]

    def test_whole_pictures_without_boxes(self, audit, tmp_path):
        text = show(audit, "stats", tmp_path / "page", load_crops=False)
        assert sizes(text) == [(200, 150)] * 2
        assert drawn_boxes(text) == []
        assert sizes(show(audit, "stats", tmp_path, load_crops=True)) == [(40, 150), (100, 75)]
        with pytest.raises(ValueError, match="draw_bbox draws over whole pictures: leave load_cr"):
            show(audit, "stats", tmp_path, load_crops=True, draw_bbox=True)

    def test_pictures_that_changed_are_read_anew(self, audit, tmp_path):
        show(audit, "stats", tmp_path / "page", draw_bbox=True)
        assert len(set((tmp_path / "out" / "thumbnails").rglob("*.jpg"))) >= 2
        path = tmp_path / "in" / "a.png"
        size, before = path.stat().st_size, path.read_bytes()
        Image.fromarray(np.zeros((150, 200, 3), np.uint8)).save(path)
        path.write_bytes(path.read_bytes() + b"\0" * (size - path.stat().st_size))
        text = show(audit, "stats", tmp_path / "page", draw_bbox=True)
        at = [name[0] for name in names(text)].index("a")
        assert np.asarray(shown(text)[at]).max() < 5
        path.write_bytes(before[:-1])
        text = show(audit, "stats", tmp_path / "page", draw_bbox=True)
        assert "the file has changed since the run" in text

    def test_beside_the_page(self, audit, tmp_path):
        show(audit, "stats", tmp_path / "page", draw_bbox=True, lazy_load=True)
        show(audit, "stats", tmp_path / "page", lazy_load=True)
        found = []
        for path in (tmp_path / "page" / "images").iterdir():
            with Image.open(path) as picture:
                found.append(picture.size)
        assert sorted(found) == [(40, 150), (100, 75), (200, 150), (200, 150)]

    def test_relative_and_rotated_boxes(self, tmp_path):
        save(tmp_path / "data" / "images", "a.png", drawn(1))
        labels = tmp_path / "data" / "labels"
        labels.mkdir()
        (labels / "a.txt").write_text("0 0.5 0.5 0.25 0.5\n1 0.5 0.2 0.8 0.5 0.5 0.8 0.2 0.5\n")
        (tmp_path / "data" / "data.yaml").write_text("train: images\nnames: [cat, dog]\n")
        audit = pixsieve.run(
            tmp_path / "data" / "data.yaml",
            work_dir=tmp_path / "out",
            progress=False,
            device="cpu",
        )
        text = show(audit, "stats", tmp_path / "page", draw_bbox=True)
        found = sorted(drawn_boxes(text))
        assert found == [corners_of(75, 37.5, 50, 75), [100, 30, 160, 75, 100, 120, 40, 75]]

    def test_boxes_of_the_users_own_over_crops(self, audit, tmp_path):
        text = show(audit, "stats", tmp_path, get_bounding_box_func=lambda _: [[0, 0, 20, 30]])
        assert drawn_boxes(text) == [corners_of(0, 0, 20, 30)] * 2
        assert sizes(text) == [(40, 150), (100, 75)]

    def test_the_report_shows_crops(self, audit, tmp_path):
        rows = table(*[(name, 20, 15, 100, 75) for name in ("a.png", "a.png", "b.png")])
        audit.run(annotations=rows, overwrite=True, progress=False)
        text = audit.report(tmp_path / "report.html").read_text(encoding="utf-8")
        plain = text.replace("<wbr>", "")
        assert "a.png#xywh=20,15,100,75" in plain
        assert "a.png#xywh=20,15,100,75&amp;n=2" in plain
        assert (100, 75) in {picture.size for picture in shown(text)}
        assert (200, 150) not in {picture.size for picture in shown(text)}


class TestExplorer:
    def test_the_whole_picture(self, audit):
        with exploring(audit) as client:
            known = client.get("/api/image/0")
            assert known["box"]["size"] == [200, 150]
            expected = [(0.1, 0.1), (0.6, 0.1), (0.6, 0.6), (0.1, 0.6)]
            assert np.allclose(known["box"]["corners"], expected)
            assert known["path"].endswith("a.png#xywh=20,15,100,75")
            crop = client.ask("GET", "/picture/0")
            whole = client.ask("GET", "/picture/0?whole=1")
        assert Image.open(io.BytesIO(crop.body)).size == (100, 75)
        picture = Image.open(io.BytesIO(whole.body))
        assert picture.size == (200, 150)
        assert alike(picture, drawn(0))
        assert whole.headers["cache-control"] == "no-store"

    def test_whole_pictures_are_what_they_were(self, tmp_path):
        save(tmp_path / "in", "a.png", drawn(0))
        audit = pixsieve.run(
            tmp_path / "in", work_dir=tmp_path / "out", progress=False, device="cpu"
        )
        with exploring(audit) as client:
            assert client.get("/api/image/0")["box"] is None
            picture = client.ask("GET", "/picture/0")
            assert client.ask("GET", "/picture/0?whole=1").body == picture.body

    def test_in_a_browser(self, browser: Browser, audit):
        with audit.explore(open_browser=False, block=False) as explorer:
            page = browser.new_page()
            page.goto(explorer.url)
            for image, box in enumerate(BOXES.values()):
                page.evaluate(f"location.hash = '#/image/{image}'")
                button = page.locator(f".closely[data-image='{image}'] .wholly")
                with page.expect_response(re.compile(r"whole=1")) as answer:
                    button.click()
                assert answer.value.status == 200
                assert answer.value.headers["content-type"] == "image/jpeg"
                drawing = page.locator(".frame.whole polygon")
                expect(drawing).to_have_count(1)
                points = drawing.get_attribute("points")
                assert points is not None
                found = [float(side) for side in re.split("[ ,]", points)]
                assert np.allclose(found, corners_of(*box))
                button.click()
                expect(page.locator(".frame.whole")).to_have_count(0)
            page.close()


def test_no_corners_of_upright_boxes(audit):
    assert audit.crops().select(CORNERS).null_count().row(0) == (2,) * 8
