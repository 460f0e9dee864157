"""Names one hopes never to meet: in a collection, and in a report made by hand."""

import base64
import hashlib
import os
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from PIL import Image

from pixsieve.pages import Card, Thumbnail
from pixsieve.pages.plots import Cut, heat_map, histogram
from pixsieve.pages.scatter import Mark, scatter
from pixsieve.pages.text import visible
from pixsieve.report import Report
from pixsieve.report.data import (
    Broken,
    ClassRow,
    Cluster,
    Footage,
    Group,
    Hue,
    Look,
    Member,
    Number,
    Pair,
    Plane,
    Plot,
    Repeated,
    Section,
    Setting,
    Stranger,
    Suspect,
)

NAMES = (
    "<img src=x onerror=alert(1)>.png",
    "\"quotes' & more.png",
    "two\nlines.png",
    "\u202egnp.exe.png",
    "קיפוד.png",
    "🦔🎈.png",
    "long" * 60 + ".png",
    os.fsdecode(b"caf\xe9.png"),
)


def draw(seed: int, size: tuple[int, int] = (200, 150)) -> Image.Image:
    """Smooth colours and hard edges, different for each seed."""
    chance = np.random.default_rng(seed)
    field = Image.fromarray(chance.integers(0, 256, (3, 4, 3), np.uint8))
    picture = field.resize(size, Image.Resampling.BICUBIC)
    for _ in range(6):
        x, y = chance.integers(0, 150), chance.integers(0, 100)
        colour = tuple(chance.integers(0, 256, 3).tolist())
        picture.paste(colour, (x, y, x + chance.integers(20, 50), y + chance.integers(20, 50)))
    return picture


def collect(root: Path) -> Path:
    """30 pictures; copies of some under hostile names in test; one near copy; three broken."""
    for seed in range(30):
        folder = root / "train" / ("cat" if seed % 2 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        draw(seed).save(folder / f"{seed:02}.png")
    hostile = root / "test" / "<b>&'\"\n\u2067label"
    hostile.mkdir(parents=True)
    for seed, name in enumerate(NAMES):
        folder = root / "train" / ("cat" if seed % 2 else "dog")
        shutil.copy(folder / f"{seed:02}.png", hostile / name)
    draw(20).save(root / "test" / "near.jpg", quality=70)
    Image.new("RGB", (64, 64)).save(root / "train" / "dark.png")
    (root / "train" / "corrupt.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"nonsense" * 9)
    (root / "train" / "empty.jpg").touch()
    (root / "train" / "text.jpg").write_text("no picture")
    return root


# ---- the page, read again ---- #


class Page(HTMLParser):
    """Tags, attributes and text of a page; complains where tags are not closed in order."""

    VOID = frozenset({"meta", "img", "wbr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += data


def assert_safe(text: str, *, scripts: int = 0) -> Page:
    """The page; `scripts` says how many it shall have, each of them named by its digest."""
    page = Page(text)
    assert not {"iframe", "object", "link", "base", "form"} & set(page.tags)
    written = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(written) == page.tags.count("script") == scripts
    for script in written:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"script-src 'sha256-{digest}'" in text
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    links = [value for name, value in page.attributes if name in ("src", "href", "srcset")]
    assert all(value.startswith(("data:image/jpeg;base64,", "#")) for value in links)
    assert "http://" not in text
    assert "https://" not in text
    assert ("http-equiv", "Content-Security-Policy") in page.attributes
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f]", text)
    return page


# ---- a report made by hand ---- #

SCRIPT = "</style></title><script>alert('pixsieve')</script>"
ROOT = "/data/pictures/"
URI = "data:image/jpeg;base64,/9j/4AAQSkZJRg=="


def card(image: int, name: str, **details: object) -> Card:
    known = {"width": 640, "height": 480, "file_size": 81_234, "label": "boat", "split": "train"}
    return Card(image=image, path=ROOT + name, name=name, **{**known, **details})


def section(key: str, items: tuple = (), total: int | None = None) -> Section:
    return Section(
        key=key,
        title=key.capitalize(),
        unit="thing",
        total=len(items) if total is None else total,
        call=f"audit.{key}()",
        text=f"What {key} are.",
        nothing=f"No {key}.",
        items=items,
    )


PLAIN = card(0, "train/boat.jpg")
HOSTILE = card(1, f"test/<img src=x onerror=alert(1)>\"'&\n\u202egpj.exe{SCRIPT}", label=SCRIPT)
FOREIGN = card(2, "test/קיפוד 🦔.png", split="test", label="קיפוד", width=None, file_size=None)
LONG = card(3, "train/" + "very_" * 60 + "long.jpg", error_code="truncated")


def report(**changes: object) -> Report:
    members = tuple(
        Member(one, "exact" if one is PLAIN else "near", 0.98, one is PLAIN, one is PLAIN, "flip_h")
        for one in (PLAIN, HOSTILE, FOREIGN)
    )
    group = Group(0, 12, {"near": 11}, 0.97, ("boat", SCRIPT), ("train", "test"), members)
    pair = Pair("train", "test", "near", 0.9996, PLAIN, FOREIGN, "rot90")
    suspect = Suspect(HOSTILE, SCRIPT, "boat", 0.01, 0.1, (PLAIN, LONG), "near")
    footage = Footage(
        "clip",
        ("a.mp4", SCRIPT),
        ("0:00.0-0:07.5", "1:00.0-1:07.5"),
        16,
        0.97,
        ((PLAIN, "0:00.0"), (HOSTILE, "1:00.0")),
    )
    cluster = Cluster(0, 30, 0.96, 1.0, (("boat", 29), (SCRIPT, 1)), (PLAIN, LONG))
    whole = {
        "title": "Pixsieve report",
        "input": ROOT,
        "root": ROOT,
        "date": "2026-01-02 03:04",
        "version": "1.2.3",
        "facts": (("Model", "default (0123456789ab)"), ("Left out", SCRIPT)),
        "seconds": (("extract", 123.4), ("graph", 0.5)),
        "settings": (Setting("labels", "folder", True), Setting("seed", "0", False)),
        "numbers": (
            Number(1234, "images"),
            Number(11, "extra copies", "duplicates"),
            Number(0, "bright", "bright"),
        ),
        "lines": (("1,234 images", "audit.annotations()"), (SCRIPT, None)),
        "duplicates": section("duplicates", (group,), 7),
        "leaks": section("leaks", (pair,)),
        "videos": section("videos", (footage,), 3),
        "mislabels": section("mislabels", (suspect,)),
        "outliers": section("outliers", (Stranger(LONG, PLAIN, 0.4, 0.8, 0.99, plain=True),)),
        "components": section("components", (cluster,)),
        "looks": (
            section("dark", (Look(HOSTILE, 3.21),)),
            section("bright"),
            section("blurry", (Look(PLAIN, 49.9),)),
        ),
        "invalid": section("invalid", (Broken(LONG, "truncated", SCRIPT),)),
        "placeholders": section("placeholders", (Repeated(9, empty=True, cards=(PLAIN, HOSTILE)),)),
        "classes": (ClassRow(SCRIPT, 1000, 3, 2, 1, 0),),
        "labels": 2,
        "confusion": Plot(
            "Confusion",
            heat_map([SCRIPT, "boat"], np.array([[0, 0.5], [0.1, 0]]), np.eye(2, k=1, dtype=int)),
        ),
        "similarities": Plot(
            "Similarity", histogram(np.arange(9.0), [Cut(7, SCRIPT, True)], name=SCRIPT)
        ),
        "plane": plane(),
        "statistics": (Plot("Brightness", histogram(np.arange(30.0), [], name="x", width=360)),),
    }
    return Report(**{**whole, **changes})


def plane() -> Plane:
    marks = {
        row: Mark(one.image, visible(one.name), visible(one.label))
        for row, one in enumerate((PLAIN, HOSTILE, FOREIGN, LONG))
    }
    places = np.array([[0, 0], [1, 2], [3, 1], [2, 2], [1, 1.0]])
    classes = np.array([0, 1, -1, 0, -1])
    hues = (Hue("c0", "boat", 2), Hue("c1", SCRIPT, 1), Hue("other", None, 9, 3))
    drawn = scatter(places, classes, name=f"Map of {SCRIPT}", ringed=[1, 4], marks=marks)
    return Plane(drawn, 13, 5, (0, 1, 2, 3), (*hues, Hue("other", None, 1)), ringed=True)


def smaller() -> dict[int, Thumbnail]:
    return {2: Thumbnail(uri=URI), 3: Thumbnail(reason=SCRIPT)}


def thumbnails() -> dict[int, Thumbnail]:
    return {0: Thumbnail(uri=URI), 1: Thumbnail(uri=URI), 3: Thumbnail(reason=SCRIPT)}
