"""The explorer's server against strangers: other sites, other programs, whoever gets near it."""

import http.client
import socket
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

import pixsieve
from explorer_case import OURS, READ, Answer, Client, exploring
from gallery_case import hostile
from pixsieve.explorer.guard import Door, names_of

#: All that are written to.
WRITTEN = ("/api/search", "/api/decide", "/api/undo", "/api/reload")
ELSEWHERE = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere 127.0.0.2 is no address of the machine"
)
NOWHERE = ("/nothing", "/api", "/api/list", "/static/", "/favicon.ico", "/docs", "/openapi.json")


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> pixsieve.Audit:
    return hostile(tmp_path_factory.mktemp("safety"))


@pytest.fixture(scope="module")
def client(audit: pixsieve.Audit) -> Iterator[Client]:
    with exploring(audit) as one:
        yield one


@pytest.fixture(scope="module")
def stranger(client: Client) -> Client:
    """Somebody on this machine who has not been let in."""
    return Client(client.explorer)


def token(client: Client) -> str:
    return urlsplit(client.explorer.url).query.partition("=")[2]


def raw(client: Client, request: bytes, *, cookie: bool = True) -> Answer:
    """Sends what no library would send; HOST and COOKIE stand for what is right."""
    request = request.replace(b"HOST", f"127.0.0.1:{client.port}".encode())
    request = request.replace(b"COOKIE", client.cookie.encode() if cookie else b"none=1")
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as line:
        line.sendall(request)
        answer = http.client.HTTPResponse(line)
        answer.begin()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, headers, answer.read())


def decided(audit: pixsieve.Audit) -> int:
    path = audit.work_dir / "decisions.jsonl"
    return path.stat().st_size if path.exists() else 0


class TestDoor:
    @ELSEWHERE
    def test_only_this_machine_is_listened_to(self, client: Client):
        # All of 127.0.0.0/8 is this machine: who listens to everything answers there, too.
        with (
            pytest.raises(ConnectionRefusedError),
            socket.create_connection(("127.0.0.2", client.port), timeout=5),
        ):
            pass

    @ELSEWHERE
    def test_all_addresses_when_asked_for(self, audit: pixsieve.Audit):
        with audit.explore(host="0.0.0.0", open_browser=False, block=False) as explorer:
            other = Client(explorer)
            with socket.create_connection(("127.0.0.2", other.port), timeout=5):
                pass
            secret = token(other)
            for name, status in {
                "192.168.7.9": 200,
                "127.0.0.2": 200,
                "[fe80::1]": 200,
                socket.gethostname(): 200,
                "evil.example": 403,
                "192.168.7.9.evil.example": 403,
                "1.evil.example": 403,
                "0x7f.evil": 403,
            }.items():
                answer = other.ask(
                    "GET", f"/?token={secret}", headers={"Host": f"{name}:{other.port}"}
                )
                assert answer.status == status, name
            other.enter()
            foreign = {"Host": f"192.168.7.9:{other.port}", "Origin": "http://evil.example"}
            assert other.ask("GET", "/api/overview", headers=foreign).status == 403

    @pytest.mark.parametrize("path", [*READ, *NOWHERE])
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_nothing_is_served_to_strangers(self, stranger: Client, method: str, path: str):
        answer = stranger.ask(method, path)
        assert answer.status == 401
        assert "set-cookie" not in answer.headers
        # The same words for what is there and what is not.
        assert answer.body == (stranger.ask("GET", "/").body if method == "GET" else b"")

    @pytest.mark.parametrize("path", WRITTEN)
    def test_nothing_is_taken_from_strangers(
        self, stranger: Client, audit: pixsieve.Audit, path: str
    ):
        before = decided(audit)
        assert stranger.ask("POST", path, b"{}", OURS).status == 401
        assert stranger.ask("POST", f"{path}?token={token(stranger)}", b"{}", OURS).status == 401
        assert decided(audit) == before

    def test_a_wrong_token(self, stranger: Client):
        right = token(stranger)
        for wrong in (
            "",
            right[:-1],
            right + "x",
            right.swapcase(),
            "%00" + right,
            "%C3%A9",
            "%ff",
        ):
            assert stranger.ask("GET", f"/?token={wrong}").status == 401
        assert stranger.ask("GET", f"/?Token={right}").status == 401
        assert stranger.ask("GET", f"/?x=1&token={right}").status == 200

    def test_the_token_opens_nothing_but_the_first_page(self, stranger: Client):
        right = token(stranger)
        for path in READ[1:]:
            answer = stranger.ask("GET", f"{path}?token={right}")
            assert answer.status == 401
            assert "set-cookie" not in answer.headers
        shown = {
            "Authorization": f"Bearer {right}",
            "X-Token": right,
            "Referer": f"/?token={right}",
        }
        assert stranger.ask("GET", "/api/overview", headers=shown).status == 401

    def test_the_cookie(self, client: Client, stranger: Client):
        entered = stranger.ask("GET", f"/?token={token(stranger)}")
        name, *rest = entered.headers["set-cookie"].split("; ")
        assert {"HttpOnly", "SameSite=Strict", f"Path={stranger.base}/"} == set(rest)
        assert name.startswith(f"pixsieve-{client.port}=")
        assert token(client) not in entered.headers["set-cookie"]
        secret = name.partition("=")[2]
        assert len(secret) >= 32
        for wrong in (
            f"pixsieve-{client.port}={token(client)}",
            f"pixsieve-{client.port}={secret[:-1]}",
            f"pixsieve-{client.port}=",
            f"pixsieve-{client.port}",
            f"pixsieve-{client.port + 1}={secret}",
            f"pixsieve={secret}",
            f"x{name}",
            secret,
            "é=é".encode().decode("latin-1"),
        ):
            assert stranger.ask("GET", "/api/overview", headers={"Cookie": wrong}).status == 401

    @pytest.mark.parametrize("other", ['a={"b": 1}', "[x]=y", "a b=c", '"', "=", "\xe9=1"])
    def test_cookies_of_other_servers_lock_nobody_out(self, client: Client, other: str):
        for both in (f"{other}; {client.cookie}", f"{client.cookie}; {other}"):
            assert client.ask("GET", "/api/overview", headers={"Cookie": both}).status == 200

    def test_two_servers_have_nothing_in_common(self, audit: pixsieve.Audit, client: Client):
        with exploring(audit) as other:
            assert other.cookie.partition("=")[2] != client.cookie.partition("=")[2]
            assert token(other) != token(client)
            both = {"Cookie": f"{other.cookie}; {client.cookie}"}
            assert client.ask("GET", "/api/overview", headers=both).status == 200
            assert (
                other.ask("GET", f"/?token={token(client)}", headers={"Cookie": ""}).status == 401
            )


class TestHost:
    @pytest.mark.parametrize(
        "host",
        [
            *("evil.example", "evil.example:PORT", "127.0.0.1", "127.0.0.1:1", "127.0.0.1:PORT0"),
            *("user@127.0.0.1:PORT", "user:PORT@127.0.0.1:PORT", "127.0.0.1.:PORT", ":PORT", ""),
            *("127.0.0.1.evil.example:PORT", "localhost.:PORT", "evil.example#127.0.0.1:PORT"),
            *("0.0.0.0:PORT", "2130706433:PORT", "127.1:PORT", "192.168.0.1:PORT", "::1:PORT"),
            *("127.0.0.1:PORT, evil.example", "localhost\\@evil.example:PORT", "127.0.0.1: PORT"),
        ],
    )
    def test_rebinding(self, client: Client, host: str):
        sent = host.replace("PORT", str(client.port))
        for path in ("/api/overview", "/thumb/0", f"/?token={token(client)}"):
            answer = client.ask("GET", path, headers={"Host": sent})
            # 400: the server below ours has not even let it through.
            assert answer.status in (400, 403)
            assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize("host", ["localhost:PORT", "LocalHost:PORT", "[::1]:PORT"])
    def test_names_of_ours(self, client: Client, host: str):
        sent = {"Host": host.replace("PORT", str(client.port))}
        assert client.ask("GET", "/api/overview", headers=sent).status == 200

    @pytest.mark.parametrize(
        "head",
        [
            b"GET /api/overview HTTP/1.1\r\n",
            b"GET /api/overview HTTP/1.0\r\n",
            b"GET /api/overview HTTP/1.1\r\nHost: HOST\r\nHost: evil.example\r\n",
            b"GET /api/overview HTTP/1.1\r\nHost: evil.example\r\nHost: HOST\r\n",
            b"GET /api/overview HTTP/1.0\r\nHost: HOST\r\nHost: HOST\r\n",
            b"GET /api/overview HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: HOST\r\n",
            b"GET http://HOST/api/overview HTTP/1.1\r\nHost: evil.example\r\n",
        ],
    )
    def test_none_or_several(self, client: Client, head: bytes):
        assert raw(client, head + b"Cookie: COOKIE\r\n\r\n").status in (400, 403)

    def test_the_usual_port_is_not_named(self):
        door = Door(80, names_of("127.0.0.1"))
        assert all(map(door.knows, ("127.0.0.1", "localhost:80", "[::1]", "[::1]:80")))
        assert not any(map(door.knows, ("evil.example", "", ":80", "127.0.0.1:81", "127.0.0.1:")))


class TestOtherSites:
    @pytest.mark.parametrize(
        "sent",
        [
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": ""},
            {"Origin": "http://127.0.0.1"},
            {"Origin": "http://127.0.0.1:1"},
            {"Origin": "https://127.0.0.1:PORT"},
            {"Origin": "http://localhost:PORT"},
            {"Origin": "http://127.0.0.1:PORT.evil.example"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": "Same-Origin, cross-site"},
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
            {
                "Sec-Fetch-Site": "cross-site",
                "Sec-Fetch-Mode": "navigate",
                "Sec-Fetch-Dest": "iframe",
            },
        ],
    )
    def test_are_refused(self, client: Client, audit: pixsieve.Audit, sent: dict[str, str]):
        before = decided(audit)
        sent = {name: value.replace("PORT", str(client.port)) for name, value in sent.items()}
        for path in READ:
            assert client.ask("GET", path, headers=sent).status == 403, path
        for path in WRITTEN:
            assert client.ask("POST", path, b"{}", {**OURS, **sent}).status == 403, path
        assert decided(audit) == before

    def test_a_link_from_elsewhere_leads_to_the_first_page_only(self, client: Client):
        followed = {
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
        }
        assert client.ask("GET", "/", headers=followed).status == 200
        for path in READ[1:]:
            assert client.ask("GET", path, headers=followed).status == 403
        assert client.ask("POST", "/", b"", {**followed, **OURS}).status == 403

    def test_our_own_pages(self, client: Client):
        ours = {"Origin": f"http://127.0.0.1:{client.port}", "Sec-Fetch-Site": "same-origin"}
        assert client.ask("GET", "/api/overview", headers=ours).status == 200
        assert client.ask("POST", "/api/reload", b"{}", {**ours, **OURS}).status == 200

    @pytest.mark.parametrize(
        "kind",
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/xml", ""],
    )
    def test_a_form_with_the_right_cookie(self, client: Client, audit: pixsieve.Audit, kind: str):
        before = decided(audit)
        body = '{"images": [0], "decision": "drop", "x": "=1"}'
        for path in WRITTEN:
            answer = client.ask("POST", path, body, {"Content-Type": kind})
            assert answer.status == 403
            assert "x-pixsieve" in answer.body.decode()
        assert decided(audit) == before

    @pytest.mark.parametrize("path", ["/", "/api/decide", "/thumb/0", "*"])
    def test_a_preflight_gets_no_leave(self, client: Client, path: str):
        asked = {
            "Origin": "http://evil.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "x-pixsieve",
            "Access-Control-Request-Private-Network": "true",
        }
        for sent in (asked, {**asked, "Origin": f"http://127.0.0.1:{client.port}"}):
            answer = client.ask("OPTIONS", path, headers=sent)
            assert answer.status == 403
            assert not [name for name in answer.headers if name.startswith("access-control")]

    def test_no_answer_gives_leave(self, client: Client):
        for path in READ:
            answer = client.ask("GET", path)
            assert not [name for name in answer.headers if name.startswith("access-control")]


class TestMethods:
    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "POSt"])
    @pytest.mark.parametrize("path", WRITTEN)
    def test_only_post_writes(self, client: Client, audit: pixsieve.Audit, method: str, path: str):
        before = decided(audit)
        over = {**OURS, "X-HTTP-Method-Override": "POST", "X-HTTP-Method": "POST"}
        answer = client.ask(
            method, f"{path}?_method=POST", b'{"images":[0],"decision":"drop"}', over
        )
        assert answer.status == 405
        assert decided(audit) == before

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
    @pytest.mark.parametrize("path", READ)
    def test_only_get_reads(self, client: Client, method: str, path: str):
        assert client.ask(method, path, b"", OURS).status == 405
        assert client.ask(method, path, b"").status == 403

    def test_no_other_protocol(self, client: Client):
        answer = raw(
            client,
            b"GET /api/overview HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        )
        assert answer.status != 101
