"""The headers on everything that the explorer answers, and what its own page may load."""

import asyncio
import re
from collections.abc import Iterator

import pytest
from starlette.types import Receive, Scope, Send

import pixsieve
from explorer_case import OURS, READ, Answer, Client, exploring
from gallery_case import hostile
from pixsieve.explorer.guard import HEADERS, Door, Guard, names_of


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> pixsieve.Audit:
    return hostile(tmp_path_factory.mktemp("headers"))


@pytest.fixture(scope="module")
def client(audit: pixsieve.Audit) -> Iterator[Client]:
    with exploring(audit) as one:
        yield one


class TestHeaders:
    @pytest.fixture
    def failing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise ZeroDivisionError("on\nthe \ud800 way")

        monkeypatch.setattr("pixsieve.explorer.api.overview", fail)

    def answers(self, client: Client) -> list[tuple[int, Answer]]:
        """The status that is meant, and what came."""
        ask = client.ask
        broken = self.broken(client)
        return [
            *((200, ask("GET", path)) for path in READ if path != "/api/overview"),
            (200, ask("HEAD", "/")),
            (200, ask("GET", f"/thumb/{broken}")),
            (307, ask("GET", "/thumb/0/")),
            (400, ask("GET", "/api/list/images?start=x")),
            (401, ask("GET", "/", headers={"Cookie": ""})),
            (403, ask("GET", "/", headers={"Origin": "null"})),
            (404, ask("GET", "/nothing")),
            (404, ask("GET", "/thumb/999999")),
            (405, ask("GET", "/api/decide")),
            (413, ask("POST", "/api/decide", b"x", {**OURS, "Content-Length": "1000001"})),
            (500, ask("GET", "/api/overview")),
        ]

    def broken(self, client: Client) -> int:
        return client.get("/api/list/invalid")["items"][0]["cards"][0]["image"]

    @pytest.mark.usefixtures("failing")
    def test_are_on_every_answer(self, client: Client):
        for status, answer in self.answers(client):
            assert answer.status == status, answer.body
            for name, value in HEADERS.items():
                assert answer.headers[name.lower()] == value
            assert "server" not in answer.headers

    @pytest.mark.usefixtures("failing")
    def test_what_fails_is_said_without_its_traceback(
        self, client: Client, capfd: pytest.CaptureFixture[str]
    ):
        answer = client.ask("GET", "/api/overview")
        assert answer.json() == {"error": "ZeroDivisionError: on↵the [U+D800] way"}
        assert "Traceback" not in capfd.readouterr().err

    def test_the_policy(self):
        policy = dict(part.split(" ", 1) for part in HEADERS["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["connect-src"] == "'self'"
        assert not re.search(r"unsafe|\*|data:|https?:", HEADERS["Content-Security-Policy"])

    def test_a_page_cannot_have_weaker_ones(self):
        async def careless(scope: Scope, receive: Receive, send: Send) -> None:
            weak = [(b"content-security-policy", b"default-src *"), (b"x-frame-options", b"ALLOW")]
            await send({"type": "http.response.start", "status": 200, "headers": weak})

        sent: list[dict] = []

        async def send(message: dict) -> None:
            sent.append(message)

        door = Door(8000, names_of("127.0.0.1"))
        cookie = f"{door.cookie}={door.session}".encode()
        headers = [(b"host", b"127.0.0.1:8000"), (b"cookie", cookie)]
        scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
        asyncio.run(Guard(careless, door)(scope, None, send))
        found = [value for name, value in sent[0]["headers"] if name == b"content-security-policy"]
        assert found == [HEADERS["Content-Security-Policy"].encode()]


class TestPages:
    def test_our_page_loads_nothing_that_the_policy_forbids(self, client: Client):
        page = client.ask("GET", "/").body.decode()
        assert not re.search(r"<script(?![^>]* src=)|<style| on[a-z]+=|style=|javascript:", page)
        assert not re.search(r"(src|href)=\"?(https?:)?//", page)

    def test_json_is_not_taken_for_a_page(self, client: Client):
        for path in ("/api/overview", "/api/list/images", "/api/image/0", "/api/decisions"):
            assert client.ask("GET", path).headers["content-type"] == "application/json"
        answer = client.ask("GET", "/api/list/<script>alert(1)")
        assert answer.status == 404
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() == {"error": "there is no '<script>alert(1)'"}
