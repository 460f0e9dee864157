"""Galleries and the report in a real browser: scripts that run, screens, colours, paper."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

import pixsieve
from browser_case import NARROW, brightness, browsing, opened, overflow, settle
from gallery_case import hostile

GALLERIES = (
    *("duplicates", "leaks", "outliers", "similarity"),
    *("mislabels", "component", "stats", "invalid"),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as found:
        yield found


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> pixsieve.Audit:
    return hostile(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def pages(audit: pixsieve.Audit) -> dict[str, Path]:
    made = {kind: Path(getattr(audit.vis, f"{kind}_gallery")()) for kind in GALLERIES}
    return {**made, "report": audit.report()}


@pytest.mark.parametrize("kind", [*GALLERIES, "report"])
class TestEveryPage:
    def test_wide_and_narrow(self, kind: str, browser: Browser, pages: dict[str, Path]) -> None:
        for options in ({}, {"viewport": NARROW, "is_mobile": True, "has_touch": True}):
            with opened(browser, pages[kind].as_uri(), **options) as page:
                expect(page.locator("h1")).to_be_visible()
                settle(page)
                broken = "(one) => one.src && one.complete && !one.naturalWidth"
                assert page.evaluate(f"[...document.images].filter({broken}).length") == 0
                assert overflow(page) <= 0

    def test_dark_light_and_paper(
        self, kind: str, browser: Browser, pages: dict[str, Path]
    ) -> None:
        shades = {}
        for scheme in ("dark", "light"):
            with opened(browser, pages[kind].as_uri(), color_scheme=scheme) as page:
                shades[scheme] = brightness(page)
                page.emulate_media(media="print")
                shades[f"{scheme}, printed"] = brightness(page)
                # A4 is about 794 pixels wide.
                page.set_viewport_size({"width": 700, "height": 1000})
                assert overflow(page) <= 0
        assert shades["dark"] < 60
        assert shades["light"] > 200
        assert min(shades["dark, printed"], shades["light, printed"]) > 250


class TestPairs:
    def test_blink_slider_difference(self, browser: Browser, pages: dict[str, Path]) -> None:
        with opened(browser, pages["leaks"].as_uri()) as page:
            pair = page.locator(".pair").first
            for name in ("Slider", "Blink", "Difference"):
                pair.get_by_role("button", name=name).click()
                expect(pair.locator(".stage")).to_have_attribute("data-mode", name.lower())
            pair.get_by_role("button", name="Blink").click()
            upper = pair.locator(".upper")
            assert upper.evaluate("one => getComputedStyle(one).animationName") == "blink"


class TestMap:
    def test_pointing_shows_a_picture(self, browser: Browser, pages: dict[str, Path]) -> None:
        with opened(browser, pages["report"].as_uri()) as page:
            page.locator("svg.map").scroll_into_view_if_needed()
            for mark in page.locator("svg.map .mark").all()[:5]:
                box = mark.bounding_box()
                assert box is not None
                page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
                card = page.locator(".floating")
                expect(card.locator("img")).to_be_visible()
                assert card.locator("img").evaluate("one => one.naturalWidth") > 0
                inside = card.bounding_box()
                assert inside is not None
                assert inside["x"] >= 0
                assert inside["x"] + inside["width"] <= 1280
