"""One who is faster than the server, or leaves before it answers, or comes from elsewhere."""

import http.server
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

import pixsieve
from browser_case import at, first, go, opened
from explorer_case import Client


def late(page: Page, pattern: str, milliseconds: int) -> None:
    """Answers to these addresses take so long."""

    def answer(route: Route) -> None:
        page.wait_for_timeout(milliseconds)
        route.continue_()

    page.route(pattern, answer)


class TestKeys:
    def test_each_key_is_for_the_next_image(self, page: Page, audit: pixsieve.Audit) -> None:
        go(page, "#/list/images")
        first(page).wait_for()
        late(page, "**/api/decide", 300)
        for key in "dkd":
            page.keyboard.press(key)
        assert at(page) == 3
        expect(page.locator("[data-image='2'] .decided")).to_have_text("drop")
        decided = audit.decisions()
        assert decided.select("image", "decision").rows() == [
            (0, "drop"),
            (1, "keep"),
            (2, "drop"),
        ]

    def test_one_that_is_held_down_decides_once(self, page: Page, audit: pixsieve.Audit) -> None:
        go(page, "#/list/images")
        first(page).wait_for()
        for _ in range(5):
            page.keyboard.down("d")
        page.keyboard.up("d")
        expect(first(page).locator(".decided")).to_have_text("drop")
        assert audit.decisions().height == 1

    def test_none_is_for_what_one_has_left(self, page: Page, audit: pixsieve.Audit) -> None:
        go(page, "#/list/images")
        first(page).wait_for()
        for address in ("#/", "#/map", "#/search", "#/list/images?sort=nope"):
            go(page, address)
            expect(page.locator("#main")).not_to_be_empty()
            page.wait_for_load_state("networkidle")
            page.keyboard.press("d")
        page.wait_for_timeout(300)
        assert audit.decisions().is_empty()

    @pytest.fixture
    def page(self, browser: Browser, client: Client) -> Iterator[Page]:
        with opened(browser, client.explorer.url, noted="400 (Bad Request)") as found:
            expect(found.locator(".numbers")).to_be_visible()
            yield found


class TestLeaving:
    def test_before_an_image_is_there(self, page: Page) -> None:
        late(page, "**/api/image/30", 500)
        go(page, "#/image/30")
        page.wait_for_timeout(50)
        go(page, "#/list/flags")
        first(page).wait_for()
        page.wait_for_timeout(800)
        expect(page.locator("#detail")).to_be_hidden()

    def test_while_one_types(self, page: Page) -> None:
        go(page, "#/list/images")
        first(page).wait_for()
        page.keyboard.press("/")
        page.keyboard.type("00")
        go(page, "#/list/flags")
        page.wait_for_timeout(600)
        assert page.evaluate("location.hash") == "#/list/flags"

    def test_what_is_typed_is_one_step_back(self, page: Page) -> None:
        go(page, "#/list/images")
        first(page).wait_for()
        page.keyboard.press("/")
        page.keyboard.type("0 c", delay=300)
        expect(page.locator(".said b")).to_contain_text(" of ")
        page.go_back()
        assert page.evaluate("location.hash") in ("", "#/")


class TestAddresses:
    def test_straight_to_an_image_while_findings_are_made(
        self, browser: Browser, client: Client
    ) -> None:
        with opened(browser, client.explorer.url) as page:
            late(page, "**/api/overview", 200)
            page.goto(client.explorer.url + "#/image/5")
            page.reload()
            expect(page.locator("#detail .closely[data-image='5'] img")).to_be_visible()
            page.keyboard.press("Escape")
            expect(page.locator("#detail")).to_be_hidden()

    @pytest.mark.parametrize(
        "address",
        ["#/%", "#/list/%E0%A4%A", "#/constructor", "#/__proto__", "#/image/abc", "#/pair/1/x"],
    )
    def test_that_nobody_would_write(self, address: str, page: Page) -> None:
        go(page, address)
        expect(page.locator("#main")).not_to_be_empty()
        go(page, "#/list/images")
        expect(first(page)).to_be_visible()


class TestOthers:
    def test_another_server_is_not_sent_the_cookie(self, page: Page) -> None:
        heard: list[str] = []

        class Ears(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                heard.append(self.headers.get("Cookie", ""))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"<!doctype html>")

            def log_message(self, *_: object) -> None:
                """Quietly."""

        with http.server.HTTPServer(("127.0.0.1", 0), Ears) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            other = page.context.new_page()
            other.goto(f"http://127.0.0.1:{server.server_port}/")
            server.shutdown()
        assert heard
        assert set(heard) == {""}

    def test_another_run_that_another_page_has_loaded(
        self, browser: Browser, client: Client
    ) -> None:
        with opened(browser, client.explorer.url, noted="409 (Conflict)") as page:
            go(page, "#/list/images")
            first(page).wait_for()
            headers = {"X-Pixsieve-Run": "another"}
            assert client.ask("GET", "/api/overview", headers=headers).status == 409

            def of_another_run(route: Route) -> None:
                route.continue_(headers={**route.request.headers, "x-pixsieve-run": "another"})

            page.route("**/api/decide", of_another_run)
            page.keyboard.press("d")
            expect(page.locator("#banner")).to_contain_text("Another run")
            expect(first(page).locator(".decided")).to_be_empty()

    def test_a_ticket_opens_once(self, client: Client) -> None:
        door = client.explorer._door
        ticket = door.ticket()
        client.cookie = ""
        assert client.ask("GET", f"/?token={ticket}").status == 200
        assert client.ask("GET", f"/?token={ticket}").status == 401
        assert client.ask("GET", f"/?token={door.token}").status == 200
