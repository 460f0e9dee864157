"""The explorer in a real browser: every page, names that attack it, screens and colours."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

import pixsieve
from browser_case import NARROW, brightness, go, opened, overflow, settle
from explorer_case import Client, exploring
from gallery_case import hostile
from pixsieve.pages.text import visible

LISTS = {
    "images": "All images",
    "duplicates": "Duplicates",
    "leaks": "Leaks",
    "mislabels": "Wrong labels",
    "outliers": "Outliers",
    "components": "Clusters",
    "similarity": "Similar pairs",
    "flags": "Poor pictures",
    "placeholders": "Placeholders",
    "invalid": "Broken files",
}
LONG = ("<script>long</script>" + "x" * 10_000)[:10_000]


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> pixsieve.Audit:
    return hostile(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def client(audit: pixsieve.Audit) -> Iterator[Client]:
    with exploring(audit) as found:
        for name in LISTS:
            found.get(f"/api/list/{name}")
        yield found


class TestEveryPage:
    def test_the_first_page_says_how_much_there_is_of_each(
        self, browser: Browser, client: Client, audit: pixsieve.Audit
    ) -> None:
        with opened(browser, client.explorer.url) as page:
            expect(page.locator(".numbers a").first).to_be_visible()
            counts = {
                tile.locator("small").inner_text(): tile.locator("b").inner_text()
                for tile in page.locator(".numbers a").all()
            }
            assert counts["Duplicates"] == str(audit.duplicates()["group"].n_unique())
            assert counts["Broken files"] == str(audit.invalid_instances().height)
            assert counts["Leaks"] == str(audit.leaks().height)
            assert page.url == client.explorer.url.split("?")[0]

    @pytest.mark.parametrize(("name", "title"), LISTS.items())
    def test_lists(self, name: str, title: str, browser: Browser, client: Client) -> None:
        with opened(browser, client.explorer.url) as page:
            go(page, f"#/list/{name}")
            expect(page.locator("h1")).to_have_text(title)
            total = client.get(f"/api/list/{name}")["total"]
            if total:
                expect(page.locator(".listhead .said")).to_contain_text(str(total))
                expect(page.locator(".card").first).to_be_visible()
            else:
                expect(page.locator(".empty")).to_be_visible()
            settle(page)
            assert overflow(page) <= 0

    @pytest.mark.parametrize("address", ["#/map", "#/search", "#/decisions", "#/similar/3"])
    def test_other_pages(self, address: str, browser: Browser, client: Client) -> None:
        with opened(browser, client.explorer.url) as page:
            go(page, address)
            expect(page.locator("h1")).not_to_have_text("Overview")
            settle(page)
            assert overflow(page) <= 0

    def test_every_image(self, browser: Browser, client: Client, audit: pixsieve.Audit) -> None:
        with opened(browser, client.explorer.url) as page:
            for image, path in enumerate(audit.images["path"]):
                go(page, f"#/image/{image}")
                shown = page.locator("#detail .bar bdi")
                expect(shown).to_have_attribute("title", visible(path))
            settle(page)

    def test_an_image_that_is_not_there_is_said(self, browser: Browser, client: Client) -> None:
        with opened(browser, client.explorer.url, noted="404 (Not Found)") as page:
            go(page, "#/image/99999")
            expect(page.locator("#toast")).to_contain_text("there is no image 99999")


class TestHostileNames:
    def test_they_are_text_everywhere(
        self, browser: Browser, client: Client, audit: pixsieve.Audit
    ) -> None:
        """A script or handler that ran would have opened a dialog, which is a failure."""
        (label,) = {one for one in audit.images["label"].drop_nulls() if "<b>" in one}
        with opened(browser, client.explorer.url) as page:
            go(page, "#/list/leaks")
            expect(page.get_by_title(re.compile("onerror=alert")).first).to_be_visible()
            assert page.locator("main img[src='x'], main b b, #main script").count() == 0
            go(page, "#/")
            expect(page.locator(".shares bdi", has_text=visible(label))).to_be_visible()
            assert not re.search("[\u202a-\u202e\u2066-\u2069]", page.inner_text("body"))

    def test_a_label_of_10_000_characters(self, browser: Browser, tmp_path: Path) -> None:
        own = hostile(tmp_path)
        own.decide([3], "relabel", new_label=LONG, finding="mislabels")
        with exploring(own) as client, opened(browser, client.explorer.url) as page:
            for address in ("#/decisions", "#/list/images", "#/image/3"):
                go(page, address)
                expect(page.locator(".decided .tag").first).to_be_visible()
                assert overflow(page) <= 0
            box = page.locator("#detail .large .decided").bounding_box()
            assert box is not None
            assert box["height"] < 80


class TestScreens:
    def test_narrow(self, browser: Browser, client: Client) -> None:
        options = {"viewport": NARROW, "has_touch": True, "is_mobile": True}
        with opened(browser, client.explorer.url, **options) as page:
            for address in ("#/", *(f"#/list/{name}" for name in LISTS), "#/map", "#/search"):
                go(page, address)
                expect(page.locator("h1")).to_be_visible()
                settle(page)
                assert overflow(page) <= 0
            go(page, "#/list/duplicates")
            page.locator(".card").first.tap()
            expect(page.locator("#detail .frame.large img")).to_be_visible()
            assert overflow(page) <= 0
            page.locator(".decide.keep").tap()
            expect(page.locator("#toast")).to_contain_text("Kept")
        client.post("/api/undo")

    def test_dark_and_light(self, browser: Browser, client: Client) -> None:
        shades = {}
        for scheme in ("dark", "light"):
            with opened(browser, client.explorer.url, color_scheme=scheme) as page:
                expect(page.locator(".numbers").first).to_be_visible()
                shades[scheme] = brightness(page)
        assert shades["dark"] < 60
        assert shades["light"] > 200


class TestWhatIsNotAsItWas:
    def test_a_picture_that_has_gone(self, browser: Browser, tmp_path: Path) -> None:
        own = hostile(tmp_path)
        for image in range(own.images.height):
            Path(own.location(image)).unlink()
        with exploring(own) as client, opened(browser, client.explorer.url) as page:
            go(page, "#/list/duplicates")
            settle(page)
            said = client.ask("GET", f"/thumb/{own.duplicates()['image'][0]}")
            assert b"the file has gone" in said.body
            # A drawing stands for it, as wide as it says.
            assert page.locator(".card img").first.evaluate("one => one.naturalWidth") == 256

    def test_another_run(self, browser: Browser, tmp_path: Path) -> None:
        own = hostile(tmp_path)
        with exploring(own) as client, opened(browser, client.explorer.url) as page:
            page.clock.install()
            page.reload()
            expect(page.locator("#banner")).to_be_hidden()
            (tmp_path / "pictures" / "train" / "empty.jpg").unlink()
            pixsieve.run(
                tmp_path / "pictures",
                work_dir=own.work_dir,
                overwrite=True,
                progress=False,
                device="cpu",
            )
            page.clock.fast_forward(11_000)
            expect(page.locator("#banner")).to_contain_text("Another run")
            page.locator("#banner button").click()
            expect(page.locator("#nav a", has_text="All images").locator("small")).to_have_text(
                str(own.images.height - 1)
            )

    def test_nothing_found_at_all(self, browser: Browser, seven: Path, tmp_path: Path) -> None:
        own = pixsieve.run(seven, work_dir=tmp_path / "out", progress=False, device="cpu")
        with exploring(own) as client, opened(browser, client.explorer.url) as page:
            for name in ("leaks", "mislabels", "invalid", "duplicates", "placeholders"):
                go(page, f"#/list/{name}")
                expect(page.locator(".empty")).to_have_text(
                    client.get("/api/overview")["lists"][list(LISTS).index(name)]["nothing"]
                )
