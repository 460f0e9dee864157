"""Deciding by keys and searching by picture, in a real browser."""

from pathlib import Path

from playwright.sync_api import Browser, Page, expect

import pixsieve
from browser_case import MANY, at, first, go, opened, said
from explorer_case import Client


class TestDeciding:
    def test_by_keys_and_after_a_reload(self, page: Page, audit: pixsieve.Audit) -> None:
        go(page, "#/list/duplicates")
        first(page).wait_for()
        kept = at(page)
        page.keyboard.press("k")
        expect(first(page).locator(".decided")).to_have_text("keep")
        dropped = at(page)
        assert dropped != kept
        page.keyboard.press("d")
        expect(page.locator("#toast")).to_contain_text("Marked to drop 1 image.")
        expect(page.locator("#nav a.here ~ a", has_text="Decisions").locator("small")).to_have_text(
            "2"
        )
        frame = audit.decisions()
        assert dict(zip(frame["image"], frame["decision"], strict=True)) == {
            kept: "keep",
            dropped: "drop",
        }
        assert set(frame["finding"]) == {"duplicates"}
        page.reload()
        expect(first(page).locator(".decided")).to_have_text("keep")
        expect(page.locator(f".card[data-image='{dropped}']")).to_have_class("card dropped settled")

    def test_undo(self, page: Page, audit: pixsieve.Audit) -> None:
        go(page, "#/list/images")
        first(page).wait_for()
        page.keyboard.press("d")
        expect(first(page).locator(".decided")).to_have_text("drop")
        page.keyboard.press("u")
        expect(first(page).locator(".decided")).to_be_empty()
        assert audit.decisions().is_empty()
        page.keyboard.press("u")
        expect(page.locator("#toast")).to_contain_text("nothing to take back")

    def test_relabel(self, page: Page, audit: pixsieve.Audit) -> None:
        go(page, "#/list/images")
        first(page).wait_for()
        page.keyboard.press("r")
        field = page.locator("#ask input")
        expect(field).to_have_value("class 0")
        # Letters that are keys elsewhere are letters here.
        page.keyboard.type("duck")
        page.keyboard.press("Enter")
        expect(first(page).locator(".decided")).to_have_text("→ duck")
        page.keyboard.press("r")
        page.keyboard.press("Escape")
        assert audit.decisions()["new_label"].to_list() == ["duck"]

    def test_what_is_no_issue_is_said_of_a_finding(self, page: Page, audit: pixsieve.Audit) -> None:
        alone = min(set(range(100)) - set(audit.duplicates()["image"]))
        go(page, "#/list/images")
        first(page).wait_for()
        for _ in range(alone):
            page.keyboard.press("ArrowRight")
        page.keyboard.press("n")
        expect(page.locator("#toast")).to_contain_text("Not an issue of which kind")
        go(page, "#/list/duplicates")
        first(page).wait_for()
        page.keyboard.press("n")
        expect(first(page).locator(".decided")).to_have_text("not an issue")
        assert audit.decisions().select("decision", "finding").rows() == [
            ("not_an_issue", "duplicates")
        ]

    def test_what_is_advised_for_a_group_is_one_step(
        self, page: Page, audit: pixsieve.Audit
    ) -> None:
        go(page, "#/list/duplicates")
        first(page).wait_for()
        page.keyboard.press("a")
        expect(page.locator("#toast")).to_contain_text("Decided: 1 to keep, 1 to drop.")
        group = audit.duplicates().filter(audit.duplicates()["group"] == 0)
        advised = dict(zip(group["image"], group["keep"], strict=True))
        frame = audit.decisions()
        decided = dict(zip(frame["image"], frame["decision"] == "keep", strict=True))
        assert decided == advised
        page.locator("#toast button").click()
        expect(page.locator("#toast")).to_contain_text("Taken back for 2 images: now undecided.")
        assert audit.decisions().is_empty()

    def test_the_undecided_stay_in_their_places_while_one_decides(
        self, page: Page, audit: pixsieve.Audit
    ) -> None:
        go(page, '#/list/images?filters=[["decision","%3D","none"]]')
        first(page).wait_for()
        for image in range(5):
            assert at(page) == image
            page.keyboard.press("k")
            expect(page.locator(f".card[data-image='{image}'] .decided")).to_have_text("keep")
        scroll = page.locator(".scroll")
        scroll.evaluate("one => { one.scrollTop = one.scrollHeight }")
        last = audit.images.height - 1
        expect(page.locator(f".card[data-image='{last}']")).to_be_visible()
        page.reload()
        expect(said(page)).to_have_text(f"{MANY + 5} of {MANY + 10} images. ")

    def test_the_page_of_decisions(self, page: Page, audit: pixsieve.Audit) -> None:
        audit.decide([3, 5], "drop", finding="outliers")
        go(page, "#/decisions")
        expect(page.locator(".card .decided")).to_have_text(["drop", "drop"])


class TestSearch:
    def test_by_a_file_that_is_dropped(self, page: Page, audit: pixsieve.Audit) -> None:
        sought = Path(audit.location(7)).read_bytes()
        page.evaluate(
            """(bytes) => {
              const data = new DataTransfer();
              const type = "image/png";
              data.items.add(new File([new Uint8Array(bytes)], "<b>query</b>.png", { type }));
              const drop = new DragEvent("drop", { dataTransfer: data, bubbles: true });
              document.body.dispatchEvent(drop);
            }""",
            list(sought),
        )
        expect(page.locator("h1")).to_have_text("Search by picture")
        expect(first(page)).to_have_attribute("data-image", "7")
        expect(first(page).locator(".tag").first).to_have_text("1.000")
        expect(page.locator(".query")).to_contain_text("<b>query</b>.png")
        assert page.locator(".query img").evaluate("one => one.naturalWidth") > 0

    def test_by_a_file_that_is_chosen(self, page: Page, audit: pixsieve.Audit) -> None:
        go(page, "#/search")
        page.locator("#file").set_input_files(audit.location(12))
        expect(first(page)).to_have_attribute("data-image", "12")

    def test_by_what_is_no_picture(self, browser: Browser, client: Client, tmp_path: Path) -> None:
        (tmp_path / "text.png").write_text("no picture")
        with opened(browser, client.explorer.url, noted="400 (Bad Request)") as page:
            go(page, "#/search")
            page.locator("#file").set_input_files(tmp_path / "text.png")
            expect(page.locator(".empty")).to_contain_text("the picture cannot be used")

    def test_by_an_image_of_the_collection(self, page: Page, audit: pixsieve.Audit) -> None:
        go(page, "#/image/4")
        page.get_by_text("All that is similar").click()
        expect(page.locator("h1")).to_have_text("Similar images")
        nearest = audit.search(4, k=1)["image"][0]
        expect(first(page)).to_have_attribute("data-image", str(nearest))
