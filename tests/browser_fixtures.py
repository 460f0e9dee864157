"""A collection to look through, and a browser to do so."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

import pixsieve
from browser_case import MANY, browsing, opened
from explorer_case import Client, exploring
from report_case import draw


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as found:
        yield found


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 small pictures of three classes; the first ten come again as JPEG, one of them turned."""
    folder = tmp_path_factory.mktemp("many")
    for seed in range(MANY):
        place = folder / f"class {seed % 3}"
        place.mkdir(exist_ok=True)
        picture = draw(seed, (96, 72) if seed % 2 else (72, 96))
        picture.save(place / f"{seed:04}.png")
        if seed < 10:
            copy = picture.transpose(Image.Transpose.ROTATE_90) if seed == 3 else picture
            copy.save(place / f"{seed:04} copy.jpg", quality=80)
    return folder


@pytest.fixture(scope="module")
def made(collection: Path, tmp_path_factory: pytest.TempPathFactory) -> pixsieve.Audit:
    out = tmp_path_factory.mktemp("made") / "out"
    return pixsieve.run(collection, work_dir=out, labels="folder", device="cpu", progress=False)


@pytest.fixture
def audit(made: pixsieve.Audit) -> Iterator[pixsieve.Audit]:
    """Without decisions."""
    yield made
    (made.work_dir / "decisions.jsonl").unlink(missing_ok=True)


@pytest.fixture
def client(audit: pixsieve.Audit) -> Iterator[Client]:
    with exploring(audit) as found:
        for name in ("duplicates", "mislabels", "similarity"):
            found.get(f"/api/list/{name}")
        yield found


@pytest.fixture
def page(browser: Browser, client: Client) -> Iterator[Page]:
    with opened(browser, client.explorer.url) as found:
        expect(found.locator(".numbers")).to_be_visible()
        yield found
