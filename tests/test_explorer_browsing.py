"""Looking through a collection in a real browser: filter, sort, scroll, compare, point at a map."""

import pytest
from playwright.sync_api import Page, expect

import pixsieve
from browser_case import MANY, at, first, go, said


class TestLists:
    def test_filter_by_a_class_and_without_it(self, page: Page, audit: pixsieve.Audit) -> None:
        go(page, "#/list/images")
        expect(said(page)).to_have_text(f"{MANY + 10} images. ")
        page.locator(".adding summary").click()
        page.locator("#column").select_option("label")
        page.locator(".choices .value", has_text="class 1").click()
        many = audit.images["label"].eq("class 1").sum()
        expect(said(page)).to_have_text(f"{many} of {MANY + 10} images. ")
        expect(page.locator(".chip")).to_contain_text("label is class 1")
        expect(first(page).locator(".meta")).to_contain_text("class 1")
        page.locator(".chip button").click()
        expect(said(page)).to_have_text(f"{MANY + 10} images. ")

    def test_filter_by_a_number(self, page: Page, audit: pixsieve.Audit) -> None:
        go(page, "#/list/images")
        page.locator(".adding summary").click()
        page.locator("#column").select_option("blur")
        page.locator(".values select").select_option(">=")
        page.locator(".values input").fill("900")
        page.locator(".values form button").click()
        many = audit.img_stats()["blur"].ge(900).sum()
        assert 0 < many < MANY
        expect(said(page)).to_have_text(f"{many} of {MANY + 10} images. ")

    def test_sort_both_ways(self, page: Page, audit: pixsieve.Audit) -> None:
        stats = audit.img_stats().sort("entropy", "image")
        go(page, "#/list/images")
        page.locator("#sort").select_option("entropy")
        expect(first(page)).to_have_attribute("data-image", str(stats["image"][0]))
        page.locator("#direction").click()
        expect(first(page)).to_have_attribute("data-image", str(stats["image"][-1]))

    def test_search_as_one_types(self, page: Page) -> None:
        go(page, "#/list/images")
        first(page).wait_for()
        page.keyboard.press("/")
        page.keyboard.type("COPY")
        expect(page.locator(".empty")).to_have_text("Nothing fits what is asked for.")
        expect(page.locator("#search")).to_be_focused()
        page.keyboard.press("Control+a")
        page.keyboard.type("copy")
        expect(said(page)).to_have_text(f"10 of {MANY + 10} images. ")
        expect(page.locator("#search")).to_be_focused()

    def test_scroll_far_and_back(self, page: Page, audit: pixsieve.Audit) -> None:
        go(page, "#/list/images")
        expect(first(page)).to_be_visible()
        scroll = page.locator(".scroll")
        scroll.evaluate("one => { one.scrollTop = one.scrollHeight }")
        last = audit.images.height - 1
        expect(page.locator(f".card[data-image='{last}']")).to_be_visible()
        # What cannot be seen is not there.
        assert page.locator(".card").count() < 80
        scroll.evaluate("one => { one.scrollTop = one.scrollHeight / 2 }")
        expect(page.locator(f".card[data-image='{last // 2}']")).to_be_visible()
        expect(page.locator(f".card[data-image='{last}']")).to_have_count(0)
        scroll.evaluate("one => { one.scrollTop = 0 }")
        expect(page.locator(".card[data-image='0']")).to_be_visible()

    def test_a_million_items_scroll_by_rows_and_to_the_end(self, page: Page) -> None:
        """Browsers cannot lay out so much: the bar stands for more than it is long."""
        page.evaluate(
            """async () => {
              const { Scroller } = await import(`${location.pathname}static/scroller.js`);
              const place = document.createElement("div");
              place.className = "scroll";
              place.style.cssText = "";
              place.style.height = "600px";
              document.getElementById("main").replaceChildren(place);
              const draw = (item) => Object.assign(document.createElement("div"),
                { textContent: item.key, className: "made" });
              const part = async (start, limit) => Array.from({ length: limit },
                (_, at) => ({ key: start + at }));
              const layout = () => ({ columns: 4, height: 200 });
              window.made = new Scroller(place, { layout, page: part, draw, failed: alert });
              window.made.open(1_000_000, await part(0, 60));
            }"""
        )
        place = page.locator("#main .scroll")
        seen = page.locator(".made")
        expect(seen.first).to_have_text("0")
        assert place.evaluate("one => one.scrollHeight") < 9_000_000
        for _ in range(5):
            place.evaluate("one => { one.scrollTop += 200 }")
            page.wait_for_timeout(60)
        # Five rows of four are five rows, though the bar is six times too short.
        assert page.evaluate("made.top") == 1000
        page.wait_for_timeout(400)
        assert page.evaluate("made.top") == 1000
        place.evaluate("one => { one.scrollTop = one.scrollHeight }")
        expect(page.locator(".made", has_text="999999")).to_be_visible()
        assert page.evaluate("made.pages.size") <= 40
        end = page.evaluate("made.top")
        for _ in range(4):
            place.evaluate("one => { one.scrollTop -= 200 }")
            page.wait_for_timeout(350)
        # Near the end rows go by one by one, too.
        assert page.evaluate("made.top") == end - 800
        page.evaluate("made.reveal(500_000)")
        expect(page.locator(".made", has_text="500000")).to_be_visible()


class TestCards:
    def test_no_picture_is_stretched(self, page: Page) -> None:
        """Width and height are limited each for itself: the picture fits into what is left."""
        go(page, "#/list/images")
        first(page).wait_for()
        fits = page.locator(".card img").evaluate_all(
            "all => all.map((one) => getComputedStyle(one).objectFit)"
        )
        assert set(fits) == {"contain"}

    def test_names_that_differ_at_their_ends_look_different(self, page: Page) -> None:
        go(page, "#/list/images")
        first(page).wait_for()
        names = [
            "000000005802.jpg#xywh=percent:79.792,67.833,2.369,8.992",
            "000000005802.jpg#xywh=percent:79.792,67.833,2.369,8.993",
            "a/long/folder/name/carphone_pristine_and_more.mp4#t=12.345",
            "b.jpg#a/b",
            "short.jpg",
            "ab",
        ]
        for name in names:
            seen = (
                first(page)
                .locator("figcaption")
                .evaluate(
                    """async (caption, name) => {
                  const { path } = await import(`${location.pathname}static/cards.js`);
                  const made = path(name);
                  caption.querySelector(".path").replaceWith(made);
                  const end = made.querySelector(".end");
                  const right = caption.getBoundingClientRect().right;
                  return [made.textContent, end.textContent, end.scrollWidth - end.clientWidth,
                    end.getBoundingClientRect().right - right];
                }""",
                    name,
                )
            )
            assert seen[0] == name
            assert name.endswith(seen[1])
            assert len(seen[1]) >= min(len(name), 14)
            assert seen[2] <= 0
            assert seen[3] <= 0.5


class TestLookingClosely:
    def test_from_a_list_to_an_image_and_back(self, page: Page) -> None:
        go(page, "#/list/images")
        page.locator(".scroll").evaluate("one => { one.scrollTop = 4000 }")
        card = page.locator(".card").nth(30)
        expect(card).to_be_visible()
        image = card.get_attribute("data-image")
        card.click()
        scroll = page.locator(".scroll")
        place = scroll.evaluate("one => one.scrollTop")
        assert place > 500
        expect(page.locator(f"#detail .closely[data-image='{image}'] img")).to_be_visible()
        expect(page.locator("#detail .around .card").first).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#detail")).to_be_hidden()
        assert scroll.evaluate("one => one.scrollTop") == place
        assert page.evaluate("location.hash") == "#/list/images"

    def test_by_keys_from_one_to_the_next(self, page: Page) -> None:
        go(page, "#/list/images")
        expect(first(page)).to_be_visible()
        for key, image in [("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1)]:
            page.keyboard.press(key)
            assert at(page) == image
        page.keyboard.press("ArrowDown")
        assert at(page) > 2
        page.keyboard.press("Enter")
        before = at(page)
        expect(page.locator(f"#detail .closely[data-image='{before}']")).to_be_visible()
        page.keyboard.press("ArrowRight")
        expect(page.locator(f"#detail .closely[data-image='{before + 1}']")).to_be_visible()
        page.go_back()
        expect(page.locator("#detail")).to_be_hidden()

    def test_a_pair_slides_blinks_and_shows_its_difference(self, page: Page) -> None:
        go(page, "#/list/duplicates")
        first(page).wait_for()
        page.keyboard.press("c")
        expect(page.locator("#detail .row .card")).to_have_count(2)
        stage = page.locator("#detail .stage")
        for key, mode in [("s", "slider"), ("b", "blink"), ("f", "difference")]:
            page.keyboard.press(key)
            expect(stage).to_have_attribute("data-mode", mode)
        page.keyboard.press("b")
        upper = stage.locator(".upper")
        assert upper.evaluate("one => getComputedStyle(one).animationName") == "blink"

    def test_a_turned_copy_is_turned_back(self, page: Page, audit: pixsieve.Audit) -> None:
        frame = audit.duplicates()
        turned = frame.filter(frame["transform"].is_in(["rot90", "rot270"])).row(0, named=True)
        go(page, f"#/list/duplicates?q={turned['path'][-13:-9]}")
        page.locator(".compare-pair").first.click()
        page.locator("#detail [data-mode='slider']").click()
        image = page.locator("#detail .upper img")
        assert image.evaluate("one => getComputedStyle(one).transform") not in ("none", "")
        box, stage = image.bounding_box(), page.locator("#detail .stage").bounding_box()
        assert box is not None
        assert stage is not None
        assert box["width"] == pytest.approx(stage["width"], abs=2)
        assert box["height"] == pytest.approx(stage["height"], abs=2)

    def test_the_map_points_at_images(self, page: Page, audit: pixsieve.Audit) -> None:
        go(page, "#/map")
        canvas = page.locator(".map canvas")
        expect(page.locator(".legend .value")).to_have_count(3)
        box = canvas.bounding_box()
        assert box is not None
        for step in range(40):
            page.mouse.move(
                box["x"] + box["width"] * (0.3 + step / 100), box["y"] + box["height"] / 2
            )
            if page.locator(".tip").is_visible():
                break
        expect(page.locator(".tip .path")).to_contain_text("class")
        page.mouse.down()
        page.mouse.up()
        expect(page.locator("#detail .frame.large img")).to_be_visible()
        named = page.locator("#detail .bar bdi").get_attribute("title")
        assert named in set(audit.images["path"])
