"""The gallery of duplicate videos: which frames it shows, and what it says of them."""

from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

import pixsieve
from gallery_case import titles
from pixsieve.findings.videos import duplicate_videos
from pixsieve.gallery import videos
from pixsieve.gallery.vis import Vis
from pixsieve.pages.text import clock
from pixsieve.schema import DUPLICATE_VIDEOS
from report_case import assert_safe, draw

HOSTILE = "<script>alert(1)<!--.mp4"


class Filmed:
    """An audit whose images are frames."""

    def __init__(self, audit: pixsieve.Audit, images: pl.DataFrame) -> None:
        self._audit, self.images = audit, images

    def __getattr__(self, name: str) -> Any:
        return getattr(self._audit, name)


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Ten frames each of two videos that show the same, and of one that shares the first four."""
    folder = tmp_path_factory.mktemp("films")
    (folder / "in").mkdir()
    for image in range(30):
        draw(image).save(folder / "in" / f"{image:02d}.png")
    audit = pixsieve.run(folder / "in", work_dir=folder / "out", device="cpu", progress=False)
    number = pl.int_range(30, dtype=pl.UInt32)
    root = str(folder / "in") + "/"
    images = audit.images.with_columns(
        source=pl.lit(root)
        + pl.Series(["a.mp4", HOSTILE, "c.mp4"]).gather(pl.Series(range(30)) // 10),
        frame=number % 10,
        time_s=(number % 10).cast(pl.Float64) * 7.5,
    )
    edges = [(image, image + 10, 0.97) for image in range(10)]
    edges += [(image, image + 20, 0.96) for image in range(4)]
    found = duplicate_videos(
        images,
        pl.DataFrame(edges, schema=["from", "to", "similarity"], orient="row"),
        min_frames=3,
        sure=0.9,
    )
    return SimpleNamespace(audit=Filmed(audit, images), found=found)


def page(filmed: SimpleNamespace, folder, found=None, ascending=False, **look: Any) -> str:
    wanted = look.pop("slice", None)
    gallery = Vis(filmed.audit)._publish(
        "duplicate_videos",
        videos.duplicate_videos,
        folder,
        look,
        found=filmed.found if found is None else found,
        wanted=wanted,
        ascending=ascending,
    )
    assert gallery.name == "duplicate_videos.html"
    return gallery.read_text(encoding="utf-8")


def test_each_run_shows_frames_from_its_first_to_its_last(filmed, tmp_path):
    text = page(filmed, tmp_path, save_artifacts=True)
    assert_safe(text, scripts=1)
    assert len(titles(text)) == filmed.found.height == 2
    assert titles(text)[0] == "a.mp4 ↔ &lt;script&gt;alert(1)&lt;!--.mp4"
    assert titles(text)[1] == "a.mp4 ↔ c.mp4"
    assert text.count(">first, ") == text.count(">second, ") == videos.SHOWN + 4
    assert ">first, 0:00.0<" in text
    assert ">second, 1:07.5<" in text
    assert "and 8 more" in text
    assert "10 frames: 100% and 100% of all" in text
    assert "0:00.0-0:22.5 matches 0:00.0-0:22.5" in text
    table = pl.read_csv(tmp_path / "duplicate_videos.csv")
    assert set(table.columns) == set(DUPLICATE_VIDEOS)


def test_slices_order_and_number(filmed, tmp_path):
    assert len(titles(page(filmed, tmp_path, slice="part"))) == 1
    assert len(titles(page(filmed, tmp_path, slice=["part", "video"]))) == 2
    assert "None of 2 runs fits" in page(filmed, tmp_path, slice="clip")
    assert titles(page(filmed, tmp_path, ascending=True))[0] == "a.mp4 ↔ c.mp4"
    assert len(titles(page(filmed, tmp_path, num_images=1))) == 1
    with pytest.raises(ValueError, match="slice must be of video, clip, part; not 'film'"):
        page(filmed, tmp_path, slice="film")


def test_nothing_found_says_so(filmed, tmp_path):
    text = page(filmed, tmp_path, found=pl.DataFrame(schema=DUPLICATE_VIDEOS))
    assert "No videos show the same." in text
    assert_safe(text, scripts=1)


def test_clock():
    assert [clock(time) for time in (0, 7.46, 59.96, 61, 3723)] == [
        *("0:00.0", "0:07.5", "1:00.0", "1:01.0", "1:02:03.0"),
    ]
