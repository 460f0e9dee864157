"""Downloads, from servers that stall, break off, lie and change their mind."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.request import Request

import pytest

from download_case import (
    BODY,
    ETAG,
    OTHER,
    Script,
    entry_of,
    fails,
    get,
    left,
    says,
    whole,
)
from pixsieve.models import Entry
from pixsieve.models.download import _Redirects
from pixsieve.models.patience import DownloadError

MIDDLE = 600_000
DATE = "Wed, 01 Jan 2025 00:00:00 GMT"


class Seen:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, str]] = []
        self.updates: list[tuple[int, int]] = []

    def stage(self, name: str, unit: str) -> None:
        self.stages.append((name, unit))

    def update(self, done: int, total: int) -> None:
        self.updates.append((done, total))


class TestAllIsWell:
    def test_it_comes_once_and_is_then_there(self, publisher: Script, entry: Entry, cache: Path):
        seen = Seen()
        assert get(entry, cache, progress=seen) == BODY
        assert get(entry, cache) == BODY
        assert len(publisher.requests) == 1
        assert left(cache) == {"thing.onnx"}
        assert seen.stages == [("fetch thing", "kB")]
        assert seen.updates[-1] == (1500, 1500)
        assert seen.updates == sorted(seen.updates)

    def test_nothing_is_asked_where_a_file_was_put_by_hand(
        self, publisher: Script, entry: Entry, cache: Path
    ):
        cache.mkdir()
        (cache / "thing.onnx").write_bytes(BODY)
        assert get(entry, cache) == BODY
        assert not publisher.requests

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_followed(
        self, publisher: Script, entry: Entry, cache: Path, status: int
    ):
        publisher.answers = [says(status, Location="/elsewhere")]
        assert get(entry, cache) == BODY
        assert [request["path"] for request in publisher.requests] == ["/model.onnx", "/elsewhere"]

    def test_chunks_without_a_length(self, publisher: Script, cache: Path):
        def answer(handler: Any) -> None:
            handler.begin(200, Transfer_Encoding="chunked")
            for start in range(0, len(BODY), 400_000):
                piece = BODY[start : start + 400_000]
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            handler.wfile.write(b"0\r\n\r\n")

        publisher.last = answer
        assert get(entry_of(publisher, size=None), cache) == BODY

    def test_the_second_address_where_the_first_has_nothing(self, publisher: Script, cache: Path):
        publisher.answers = [says(404)]
        assert get(entry_of(publisher, urls=(publisher.url, publisher.url + "2")), cache) == BODY

    def test_the_second_address_where_the_first_has_another_file(
        self, publisher: Script, cache: Path
    ):
        publisher.answers = [whole(OTHER)]
        assert get(entry_of(publisher, urls=(publisher.url, publisher.url + "2")), cache) == BODY


class TestBrokenOff:
    def test_goes_on_where_it_broke_off(self, publisher: Script, entry: Entry, cache: Path):
        publisher.answers = [whole(until=MIDDLE)]
        assert get(entry, cache) == BODY
        second = publisher.requests[1]
        assert (second["Range"], second["If-Range"]) == (f"bytes={MIDDLE}-", ETAG)

    def test_many_times_as_long_as_something_comes(
        self, publisher: Script, entry: Entry, cache: Path
    ):
        publisher.last = whole(until=100_000)
        assert get(entry, cache) == BODY
        assert len(publisher.requests) == 15

    def test_goes_on_by_date_where_the_tag_is_weak(
        self, publisher: Script, entry: Entry, cache: Path
    ):
        publisher.last = whole(etag='W/"one"', Last_Modified=DATE)
        publisher.answers = [whole(etag='W/"one"', Last_Modified=DATE, until=MIDDLE)]
        assert get(entry, cache) == BODY
        assert publisher.requests[1]["If-Range"] == DATE

    @pytest.mark.parametrize("settings", [{"etag": None}, {"etag": 'W/"one"'}])
    def test_starts_again_where_versions_have_no_name(
        self, publisher: Script, entry: Entry, cache: Path, settings: dict[str, Any]
    ):
        publisher.answers = [whole(until=MIDDLE, **settings)]
        assert get(entry, cache) == BODY
        assert "Range" not in publisher.requests[1]

    def test_starts_again_where_the_server_ignores_ranges(
        self, publisher: Script, entry: Entry, cache: Path
    ):
        publisher.answers = [whole(until=MIDDLE)]
        publisher.last = whole(ranges=False)
        assert get(entry, cache) == BODY

    def test_does_not_try_for_ever_where_nothing_new_comes(
        self, publisher: Script, entry: Entry, cache: Path
    ):
        publisher.last = whole(ranges=False, until=MIDDLE)
        said = fails(entry, cache, ConnectionError)
        assert f"broke off after {MIDDLE:,} of {len(BODY):,} bytes; given up after 3 tries" in said
        assert len(publisher.requests) == 3

    def test_two_versions_are_never_mixed(self, publisher: Script, cache: Path):
        publisher.answers = [whole(OTHER, etag='"two"', until=MIDDLE)]
        assert get(entry_of(publisher, sha256=None), cache) == BODY

    def test_a_server_that_does_not_heed_if_range(self, publisher: Script, cache: Path):
        def heedless(handler: Any) -> None:
            rest = BODY[MIDDLE:]
            place = f"bytes {MIDDLE}-{len(BODY) - 1}/{len(BODY)}"
            handler.begin(206, Content_Length=len(rest), Content_Range=place, ETag=ETAG)
            handler.wfile.write(rest)

        publisher.answers = [whole(OTHER, etag='"two"', until=MIDDLE), heedless]
        assert get(entry_of(publisher, sha256=None), cache) == BODY

    def test_a_server_that_goes_on_elsewhere(self, publisher: Script, entry: Entry, cache: Path):
        def elsewhere(handler: Any) -> None:
            place = f"bytes 5-{len(BODY) - 1}/{len(BODY)}"
            handler.begin(206, Content_Length=len(BODY) - 5, Content_Range=place, ETag=ETAG)
            handler.wfile.write(BODY[5:])

        publisher.answers = [whole(until=MIDDLE), elsewhere]
        assert get(entry, cache) == BODY

    def test_an_earlier_process_was_killed(self, publisher: Script, entry: Entry, cache: Path):
        self.interrupted(publisher.url, cache, BODY[:MIDDLE])
        assert get(entry, cache) == BODY
        assert publisher.requests[0]["Range"] == f"bytes={MIDDLE}-"

    def test_an_earlier_process_was_killed_when_all_had_come(
        self, publisher: Script, entry: Entry, cache: Path
    ):
        self.interrupted(publisher.url, cache, BODY)
        assert get(entry, cache) == BODY

    @pytest.mark.parametrize("spoilt", [OTHER[:MIDDLE], BODY + b"more", OTHER])
    def test_what_an_earlier_process_left_is_spoilt(
        self, publisher: Script, entry: Entry, cache: Path, spoilt: bytes
    ):
        self.interrupted(publisher.url, cache, spoilt)
        assert get(entry, cache) == BODY

    @pytest.mark.parametrize("note", ["", "[]", "{", '{"url": 5}', '{"url": "U", "validator": 5}'])
    def test_a_note_that_is_none(self, publisher: Script, entry: Entry, cache: Path, note: str):
        self.interrupted(publisher.url, cache, OTHER[:MIDDLE])
        (cache / "thing.onnx.part.json").write_text(note.replace("U", publisher.url))
        assert get(entry, cache) == BODY

    def interrupted(self, url: str, cache: Path, came: bytes) -> None:
        cache.mkdir()
        (cache / "thing.onnx.part").write_bytes(came)
        note = {"url": url, "validator": ETAG}
        (cache / "thing.onnx.part.json").write_text(json.dumps(note))


class TestFailingServers:
    def test_a_stall_is_ended_and_the_rest_fetched(
        self, publisher: Script, entry: Entry, cache: Path
    ):
        publisher.answers = [whole(until=MIDDLE, stall=True)]
        assert get(entry, cache) == BODY
        assert publisher.requests[1]["Range"] == f"bytes={MIDDLE}-"

    def test_a_server_that_says_nothing_at_all(self, publisher: Script, entry: Entry, cache: Path):
        publisher.last = lambda _: publisher.released.wait(30)
        assert "the server says nothing; given up after 3 tries" in fails(
            entry, cache, ConnectionError
        )

    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    def test_a_failure_that_heals(self, publisher: Script, entry: Entry, cache: Path, status: int):
        publisher.answers = [says(status, Retry_After="0"), whole(until=MIDDLE), says(status)]
        assert get(entry, cache) == BODY

    def test_a_failure_that_does_not(self, publisher: Script, entry: Entry, cache: Path):
        publisher.last = says(500)
        said = fails(entry, cache, ConnectionError)
        assert "the server answered 500 Internal Server Error; given up after 3 tries" in said
        assert len(publisher.requests) == 3

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
    def test_an_answer_that_will_not_change(
        self, publisher: Script, entry: Entry, cache: Path, status: int
    ):
        publisher.last = says(status)
        assert f"{publisher.url}: the server answered {status} " in fails(
            entry, cache, ConnectionError
        )
        assert len(publisher.requests) == 1

    def test_a_redirect_in_a_circle(self, publisher: Script, entry: Entry, cache: Path):
        publisher.last = says(302, Location="/model.onnx")
        assert "it redirects in a circle" in fails(entry, cache, ConnectionError)
        assert len(publisher.requests) <= 3

    def test_redirects_without_end(self, publisher: Script, entry: Entry, cache: Path):
        count = iter(range(1000))
        publisher.last = lambda handler: handler.begin(
            302, Content_Length=0, Location=f"/{next(count)}"
        )
        assert "or more than 5 times" in fails(entry, cache, ConnectionError)
        assert len(publisher.requests) == 6

    @pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"])
    def test_redirects_to_what_is_no_web(
        self, publisher: Script, entry: Entry, cache: Path, target: str
    ):
        publisher.last = says(302, Location=target)
        assert "which is refused" in fails(entry, cache, ConnectionError)
        assert not (cache / "thing.onnx").exists()

    @pytest.mark.parametrize("url", ["http://example.org/x", "ftp://example.org/x"])
    def test_a_redirect_that_gives_up_encryption(self, url: str):
        asked = Request("https://example.org/model.onnx")
        with pytest.raises(DownloadError, match=f"from https to {url}, which is refused"):
            _Redirects().redirect_request(asked, BytesIO(), 302, "Found", {}, url)

    def test_garbage_in_place_of_http(self, publisher: Script, entry: Entry, cache: Path):
        publisher.last = lambda handler: handler.wfile.write(b"\x00\x01\x02 no HTTP\r\n\r\n")
        fails(entry, cache, ConnectionError)
        assert left(cache) <= {"thing.onnx.part", "thing.onnx.part.json"}
