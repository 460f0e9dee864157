"""What the explorer answers to requests that are meant to lead it astray, and to pictures."""

import io
import json
import socket
import struct
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

import pytest
from PIL import Image

import pixsieve
from explorer_case import OURS, Answer, Client, exploring
from gallery_case import hostile
from pixsieve.explorer import pictures, routes
from report_case import draw

CHUNKED = {**OURS, "Transfer-Encoding": "chunked"}


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> pixsieve.Audit:
    return hostile(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def client(audit: pixsieve.Audit) -> Iterator[Client]:
    with exploring(audit) as one:
        yield one


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def png(width: int, height: int, rows: bytes = b"") -> bytes:
    """A PNG that promises so many pixels, whatever it has."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def encoded(kind: str, size: tuple[int, int] = (64, 48)) -> bytes:
    made = io.BytesIO()
    draw(3, size).save(made, kind)
    return made.getvalue()


def chunks(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))


def said(answer: Answer, status: int = 400) -> str:
    """The message of an error, which is fit to be read."""
    assert answer.status == status, answer.body[:200]
    message = answer.json()["error"]
    assert message
    assert "Traceback" not in message
    assert 'File "' not in message
    return message


def post(client: Client, path: str, body: bytes, headers: dict[str, str] = OURS) -> Answer:
    return client.ask("POST", path, body, headers)


class TestPaths:
    @pytest.mark.parametrize(
        "wrong",
        [
            *("../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e", "..", ".", "", "0/..", "/0"),
            *("-1", "+1", "1e3", "1.0", "0x1", "1_0", "%201", "1%00", "%00", "0%0a", "true"),
            *("99999999", "9" * 30, "9" * 5000, quote("٣"), quote("\uff11"), quote("²"), "%ff"),
            *("etc/passwd", "%2fetc%2fpasswd", "C:%5cboot.ini", "0;1", "0,1", "%F0%9F%A6%94"),
        ],
    )
    def test_images_are_asked_for_by_number_only(self, client: Client, wrong: str):
        for place in ("thumb", "picture", "api/image", "api/card", "api/similar"):
            answer = client.ask("GET", f"/{place}/{wrong}")
            assert answer.status in (307, 404), place
            if answer.status == 307:
                assert answer.headers["location"].startswith(f"http://127.0.0.1:{client.port}/")
            assert b"root:" not in answer.body

    @pytest.mark.parametrize(
        "wrong",
        [
            *("../api.py", "%2e%2e%2fapi.py", "..%5capi.py", "../../api.py", "%2e%2e/api.py"),
            *(
                "api.py",
                "main.js%00",
                "main.js%00.html",
                "./main.js",
                "MAIN.JS",
                "main.js.",
                "main",
            ),
            *("%2fetc%2fpasswd", "/etc/passwd", "%252e%252e%252fapi.py", "..;/api.py", "main.js/"),
        ],
    )
    def test_static_files_are_ours_only(self, client: Client, wrong: str):
        assert client.ask("GET", f"/static/{wrong}").status in (307, 404)
        assert client.ask("GET", "/static/main.js").status == 200

    def test_files_of_the_collection_are_in_no_answer(self, client: Client, audit: pixsieve.Audit):
        for image in range(audit.images.height):
            path = quote(audit.images["path"][image], safe="/")
            for place in ("", "/thumb", "/picture", "/static"):
                assert client.ask("GET", place + path).status == 404


class TestPictures:
    def test_are_always_made_by_us(self, client: Client, audit: pixsieve.Audit):
        kinds = set()
        for image, error in enumerate(audit.images["error_code"]):
            for place in ("thumb", "picture"):
                answer = client.ask("GET", f"/{place}/{image}")
                assert answer.status == 200
                kind = answer.headers["content-type"]
                kinds.add(kind)
                assert answer.body != Path(audit.location(image)).read_bytes()
                if error is None:
                    assert kind == "image/jpeg"
                    assert max(Image.open(io.BytesIO(answer.body)).size) <= pictures.SIDES[place]
                else:
                    assert kind == "image/svg+xml"
                    assert error in answer.body.decode()
        assert kinds == {"image/jpeg", "image/svg+xml"}

    @pytest.mark.parametrize(
        "reason",
        [
            "<script>alert(1)</script>",
            "a\x00\x1b\ud800b",
            "]]>&<!--",
            "\u202e'\"</svg>",
            "🦔" * 99,
            "",
        ],
    )
    def test_a_drawing_says_why_and_does_nothing(
        self, client: Client, monkeypatch: pytest.MonkeyPatch, reason: str
    ):
        monkeypatch.setattr(pictures, "thumbnail_bytes", lambda *_, **__: (None, reason))
        monkeypatch.setattr(pictures, "_unkept", lambda *_, **__: None)
        answer = client.ask("GET", "/thumb/0?v=")
        assert answer.headers["content-type"] == "image/svg+xml"
        assert answer.headers["cache-control"] == "no-store"
        drawing = ElementTree.fromstring(answer.body)
        tags = [tag.tag.rpartition("}")[2] for tag in drawing.iter()]
        assert tags[:3] == ["svg", "rect", "text"]
        assert set(tags[3:]) <= {"tspan"}

    def test_a_file_that_is_a_page_within_a_picture(self, client: Client, audit: pixsieve.Audit):
        made = encoded("PNG") + b"<script>alert(1)</script>"
        assert post(client, "/api/search", made).status == 200
        for image in range(audit.images.height):
            assert b"<script" not in client.ask("GET", f"/picture/{image}").body


class TestUploads:
    def test_a_picture_finds_itself(self, client: Client, audit: pixsieve.Audit, room: Path):
        image = 12
        found = post(client, "/api/search", Path(audit.location(image)).read_bytes()).json()
        copies = audit.images["digest"] == audit.images["digest"][image]
        best = {one["key"] for one in found["items"] if one["tags"][0]["text"] == "1.000"}
        assert best >= set(copies.arg_true().to_list())
        assert not list(room.iterdir())

    @pytest.mark.parametrize(
        ("sent", "why"),
        [
            (b"", "empty"),
            (b"\x00", "unknown_format"),
            (b"<html><script>alert(1)</script>" * 100, "unknown_format"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unknown_format"),
            (b"PK\x03\x04" + b"\x00" * 500, "unknown_format"),
            (png(60_000, 60_000, bytes(5_000_000)), "too_large"),
            (png(2**31 - 1, 2**31 - 1), ""),
            (png(100, 100), ""),
            (encoded("PNG", (1, 1)), "too_small"),
            (encoded("JPEG", (300, 200))[:200], "corrupt"),
            (b"/etc/passwd", "unknown_format"),
            (b'{"path": "/etc/passwd"}', "unknown_format"),
        ],
    )
    def test_what_is_no_picture(self, client: Client, room: Path, sent: bytes, why: str):
        message = said(post(client, "/api/search", sent))
        assert why in message
        assert str(room) not in message
        assert not list(room.iterdir())

    def test_what_is_left_of_a_picture_is_searched_with(self, client: Client):
        # As in collections: it has pixels.
        cut = encoded("JPEG", (300, 200))[:-1_000]
        assert post(client, "/api/search", cut).json()["total"] > 0

    def test_what_is_sent_in_pieces_is_taken(self, client: Client):
        picture = encoded("PNG")
        whole = post(client, "/api/search", picture).json()
        pieces = chunks(*(picture[at : at + 100] for at in range(0, len(picture), 100)))
        assert post(client, "/api/search", pieces, CHUNKED).json() == whole

    @pytest.mark.parametrize("path", ["/api/decide", "/api/undo", "/api/reload", "/api/search"])
    def test_too_much_is_refused(self, client: Client, path: str):
        largest = routes.LARGEST_PICTURE if path == "/api/search" else routes.LARGEST
        announced = {**OURS, "Content-Length": str(largest + 1)}
        assert f"{largest:,}" in said(post(client, path, b"x", announced), 413)

    def test_too_much_in_pieces_is_refused(self, client: Client):
        part = b"x" * 100_000
        assert post(client, "/api/decide", chunks(*[part] * 10), CHUNKED).status == 400
        # The eleventh is read, and no more of what was to come.
        unended = chunks(*[part] * 11).removesuffix(chunks())
        said(post(client, "/api/decide", unended, CHUNKED), 413)

    @pytest.mark.parametrize("length", ["-1", "1e3", "x", "", "0x10", "9" * 400, "1, 2", "\xb2"])
    def test_lengths_that_are_none(self, client: Client, length: str):
        answer = post(client, "/api/decide", b"", {**OURS, "Content-Length": length})
        assert answer.status in (400, 413)

    def test_more_than_was_announced_is_not_read(self, client: Client, audit: pixsieve.Audit):
        body = b'{"images": [0], "decision": "drop"}'
        said(post(client, "/api/decide", body, {**OURS, "Content-Length": "10"}))
        assert audit.decisions().is_empty()

    def test_both_kinds_of_length_at_once(self, client: Client):
        # What one server takes for the end, another may not: a second request could be smuggled.
        smuggled = b"0\r\n\r\nGET /api/overview HTTP/1.1\r\nHost: x\r\n\r\n"
        both = {**CHUNKED, "Content-Length": "4"}
        assert post(client, "/api/undo", smuggled, both).status in (200, 400)
        assert client.ask("GET", "/api/overview").status == 200

    def head(self, client: Client, path: str, length: int) -> bytes:
        host = f"127.0.0.1:{client.port}"
        return (
            f"POST {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {client.cookie}\r\nX-Pixsieve: 1\r\n"
            f"Content-Length: {length}\r\n\r\n"
        ).encode()

    def test_those_that_never_end_keep_nobody_waiting(
        self, client: Client, audit: pixsieve.Audit, room: Path, capfd: pytest.CaptureFixture[str]
    ):
        body = b'{"images": [0], "decision": "drop"}'
        lines = [socket.create_connection(("127.0.0.1", client.port)) for _ in range(80)]
        for number, line in enumerate(lines):
            path = ("/api/decide", "/api/search")[number % 2]
            line.sendall(self.head(client, path, len(body) + 1) + body)
        started = time.monotonic()
        assert client.get("/api/list/images")["total"] == audit.images.height
        assert time.monotonic() - started < 5
        for line in lines:
            line.close()
        time.sleep(0.3)
        assert client.get("/api/decisions")["total"] == 0
        assert not list(room.iterdir())
        assert capfd.readouterr().err == ""


BOMBS = (
    *(b"", b"nul", b"null", b"[]", b"0", b'"x"', b"{", b"\xff\xfe", b"{'images': [0]}", b"NaN"),
    *(b"[" * 400_000, b'{"a":' * 100_000, b'{"images":' + b"[" * 90_000 + b"]" * 90_000 + b"}"),
    *(b'{"images":[' + b"9" * 5_000 + b'],"decision":"drop"}', b"\x00" * 1_000),
)
WRONG = (
    *({"images": one} for one in (None, 0, "0", {}, {"0": 0}, [None], ["0"], [0.0], [[0]], [], -1)),
    *({"images": [one]} for one in (True, -1, 10**6, 10**300, 1e300, float("nan"), float("inf"))),
    *({"decision": one} for one in (None, 0, [], {}, "", "DROP", "drop ", "\ud800", "x" * 10_000)),
    *({"finding": one} for one in (0, [], {}, "", "images", "\ud800", "<script>", "x" * 10_000)),
    *({"decision": "relabel", "new_label": one} for one in (None, 0, [], "", " \n", "\ud800a")),
    *({"decision": "relabel", "new_label": one} for one in ("x" * 10_001, "a\udfff", {"a": 1})),
    *({"new_label": "x"}, {"decision": "relabel"}, {"decision": "not_an_issue", "finding": None}),
    *({"advised": True, "key": one} for one in (None, -1, "0", 0.0, True, 10**9, [0], 10**400)),
    *({"advised": True, "finding": one, "key": 0} for one in ("images", "similarity", None, 1, [])),
)


class TestDecisions:
    @pytest.mark.parametrize("number", range(len(BOMBS)))
    def test_json_that_is_none(self, client: Client, audit: pixsieve.Audit, number: int):
        said(post(client, "/api/decide", BOMBS[number]))
        assert audit.decisions().is_empty()

    @pytest.mark.parametrize("number", range(len(WRONG)))
    def test_what_is_no_decision(self, client: Client, audit: pixsieve.Audit, number: int):
        client.get("/api/list/duplicates")
        usual = {"images": [0], "decision": "drop", "finding": "duplicates", "new_label": None}
        answer = post(client, "/api/decide", json.dumps({**usual, **WRONG[number]}).encode())
        said(answer, answer.status if answer.status == 404 else 400)
        assert audit.decisions().is_empty()


QUERIES = (
    *({"filters": one} for one in ("", "[", "{}", "null", "1", '"ab"', "[1]", "[[]]", '[["a"]]')),
    *({"filters": json.dumps([one])} for one in ({}, [1, 2, 3], ["path", 1], ["path", [], 1])),
    *({"filters": json.dumps([["nope", "=", one]])} for one in (1, None)),
    *(
        {"filters": json.dumps([["path", one, "a"]])}
        for one in ("", "!=", "==", "LIKE", "__class__")
    ),
    *({"filters": json.dumps([["width", "=", one]])} for one in ([], {}, "x", 10**400, [[1]])),
    *({"filters": json.dumps([["is_grayscale", "=", one]])} for one in (1, "true", [], 2.0)),
    *({"filters": json.dumps([["path", "in", one]])} for one in ("a", None, 1, {})),
    *({"filters": json.dumps([["decision", *one]])} for one in (["in", ["keep"]], ["is_null"])),
    *(
        {"filters": json.dumps([["decision", "=", one]])}
        for one in ("Keep", None, [], {}, "\ud800")
    ),
    *({"filters": json.dumps([["path", "contains", "a"]] * 31)}, {"filters": "[" * 19_000}),
    *({"q": "x" * 20_001}, {"sort": "nope"}, {"sort": "detail\x00"}, {"sort": "neighbors"}),
    *({name: one} for name in ("start", "limit", "version") for one in ("-1", "", "1.5", "٣", "x")),
    *({"start": "9" * 13}, {"limit": "9" * 5_000}, {"of": "duplicates"}, {"of": ":"}),
    *({"of": f"duplicates:{one}"} for one in ("-1", "x", "\u0660", "9" * 5_000, "999", "0:0", "")),
    *({"of": "../x:0"}, {"of": "nope:0"}),
)


class TestQueries:
    @pytest.mark.parametrize("number", range(len(QUERIES)))
    def test_what_is_no_question(self, client: Client, number: int):
        for kind in ("images", "duplicates", "mislabels"):
            client.get(f"/api/list/{kind}")
            said(client.ask("GET", f"/api/list/{kind}?{urlencode(QUERIES[number])}"))

    @pytest.mark.parametrize(
        "text",
        ["(", "[a-z]", "%", "*", ".*", "\\", "'; --", "\x00", "(?i)a", "$", "\u202e", "x" * 9999],
    )
    def test_texts_are_taken_literally(self, client: Client, audit: pixsieve.Audit, text: str):
        expected = [image for image, path in enumerate(audit.images["path"]) if text in path]
        asked = {"filters": json.dumps([["path", "contains", text]])}, {"q": text}
        for one in asked:
            found = client.get(f"/api/list/images?limit=200&{urlencode(one)}")
            assert [item["key"] for item in found["items"]] == expected

    def test_many_at_once_get_what_one_gets(self, audit: pixsieve.Audit):
        filters = json.dumps([["blur", ">=", 1.0]])
        paths = [
            *("/api/image/3", "/api/columns", "/api/similar/5", "/api/card/7", "/api/decisions"),
            *(f"/api/list/{kind}" for kind in ("duplicates", "leaks", "mislabels", "outliers")),
            *(f"/api/list/images?sort={one}&desc=1" for one in ("width", "blur", "label")),
            *(f"/api/list/leaks?{urlencode({'filters': filters, 'start': one})}" for one in "012"),
        ]
        pictures_of = [f"/{place}/{n}" for place in ("thumb", "picture") for n in range(20)]
        with exploring(audit) as calm:
            for kind in ("mislabels", "similarity", "placeholders", "components"):
                calm.get(f"/api/list/{kind}")
            alone = {path: calm.ask("GET", path).body for path in paths + pictures_of}
        for folder in audit.work_dir.glob("thumbnails/*/*-1600.jpg"):
            folder.unlink()
        with exploring(audit) as busy:
            busy.get("/api/list/mislabels")
            asked = (paths + pictures_of) * 4
            barrier = threading.Barrier(16)

            def ask(number: int) -> list[tuple[str, bytes]]:
                barrier.wait()
                return [(path, busy.ask("GET", path).body) for path in asked[number::16]]

            with ThreadPoolExecutor(16) as crowd:
                answers = [one for part in crowd.map(ask, range(16)) for one in part]
        assert len(answers) == len(asked)
        assert {path for path, body in answers if body != alone[path]} == set()
