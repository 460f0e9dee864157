"""A real browser, and what it must never show."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Locator, Page, sync_playwright

#: Images of the collection that is looked through, but for ten copies.
MANY = 600
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: A laptop's screen, and a phone's.
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


def executable() -> str:
    """A Chromium of this machine."""
    found = os.environ.get("PIXSIEVE_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), "")
    if not found:
        assert not os.environ.get("PIXSIEVE_REQUIRE_BROWSER"), "there is no Chromium"
        pytest.skip("no Chromium: install one, or set PIXSIEVE_CHROMIUM to its executable")
    return found


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser, whose pages share nothing with those of others."""
    with sync_playwright() as playwright:
        # Without a sandbox, which containers do not offer: it sees our own pages only.
        browser = playwright.chromium.launch(executable_path=executable(), args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(
    browser: Browser, url: str, *, noted: str | None = None, **options: object
) -> Iterator[Page]:
    """A page; whatever it complains of, or asks the network for, is a failure.

    `noted`: what the browser itself notes on its console, and shall.
    """
    context = browser.new_context(
        **{"viewport": WIDE, "reduced_motion": "no-preference", **options}
    )
    context.set_default_timeout(15_000)
    page, complaints = context.new_page(), []
    page.on("console", lambda said: complaints.append(said.text) if said.type != "log" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    own = ("data:", "blob:", "file:", url.split("?")[0])
    page.on("request", lambda one: None if one.url.startswith(own) else complaints.append(one.url))
    page.goto(url)
    yield page
    context.close()
    left = [one for one in complaints if noted is None or noted not in one]
    assert not left, left


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than the screen."""
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))


def brightness(page: Page, selector: str = "body") -> float:
    """Of the background, 0..255."""
    colour = page.eval_on_selector(selector, "one => getComputedStyle(one).backgroundColor")
    channels = [float(part) for part in colour.split("(")[1].rstrip(")").split(",")[:3]]
    return sum(channels) / 3


def settle(page: Page) -> None:
    """All pictures on the page are there, or what stands for them; hidden ones come when needed."""
    page.wait_for_load_state("networkidle")
    waits = "[...document.images].filter((one) => !one.complete && one.loading !== 'lazy')"
    for _ in range(200):
        if page.evaluate(f"{waits}.length") == 0:
            return
        page.wait_for_timeout(50)
    raise AssertionError(page.evaluate(f"{waits}.map((one) => one.src)"))


# ---- the explorer ---- #


def go(page: Page, address: str) -> None:
    page.evaluate("address => { location.hash = address }", address)


def said(page: Page) -> Locator:
    return page.locator(".listhead .said b")


def at(page: Page) -> int:
    """The image that the keys act on."""
    return int(page.locator("main .card.at").get_attribute("data-image") or -1)


def first(page: Page) -> Locator:
    return page.locator("[data-index='0'] .card").first
