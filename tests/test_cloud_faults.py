"""Servers that fail: each object is a row, and what heals is read."""

import asyncio
import threading
from typing import Any

import polars as pl
import pytest

from cloud_case import FakeServer, Fault, listed, until
from pixsieve.config import Config
from pixsieve.sources.cloud import RemoteFetcher, fetch, loop, members, open_remote, stores
from pixsieve.sources.places import Content, Failure

CONFIG = Config()


def fetched(rows: pl.DataFrame, config: Config = CONFIG) -> dict[int, Content]:
    answers = list(RemoteFetcher(config).fetch(rows))
    assert sorted(row for row, _ in answers) == list(range(rows.height)), "every row once"
    return dict(answers)


def files(*keys: str, size: int = 0) -> pl.DataFrame:
    return listed(*[{"location": f"s3://bkt/{key}".encode(), "size": size} for key in keys])


def code(content: Content) -> str:
    assert isinstance(content, Failure), content
    return content.code


@pytest.mark.parametrize("kind", ["status", "reset", "truncate"])
@pytest.mark.parametrize("size", [0, 4000])
def test_what_heals_is_read(server: FakeServer, kind: str, size: int) -> None:
    server.objects["bkt/a.jpg"] = bytes(range(250)) * 16
    server.faults["bkt/a.jpg"] = Fault(kind, times=3, status=503)
    assert fetched(files("a.jpg", size=size))[0] == server.objects["bkt/a.jpg"]
    assert server.requests["bkt/a.jpg"] == 4


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_statuses_are_tried_again(server: FakeServer, status: int) -> None:
    server.objects["bkt/a.jpg"] = b"picture"
    server.faults["bkt/a.jpg"] = Fault("status", times=2, status=status)
    assert fetched(files("a.jpg"))[0] == b"picture"


@pytest.mark.parametrize("kind", ["status", "reset", "truncate"])
def test_what_does_not_heal_is_a_row_after_five_tries(server: FakeServer, kind: str) -> None:
    server.objects |= {"bkt/bad.jpg": b"x" * 4000, "bkt/good.jpg": b"picture"}
    server.faults["bkt/bad.jpg"] = Fault(kind)
    contents = fetched(files("bad.jpg", "good.jpg"))
    assert contents[1] == b"picture"
    failure = contents[0]
    assert isinstance(failure, Failure)
    assert failure.code == "missing_file"
    assert failure.detail.startswith("s3://bkt/bad.jpg: cannot be read: ")
    assert ("HTTP 500" in failure.detail) == (kind == "status")
    assert server.requests["bkt/bad.jpg"] == stores.TRIES


@pytest.mark.parametrize(
    ("status", "expected"),
    [(403, "permission_denied"), (401, "permission_denied"), (404, "missing_file")],
)
def test_refusals_are_not_tried_again(server: FakeServer, status: int, expected: str) -> None:
    server.objects["bkt/a.jpg"] = b"picture"
    server.faults["bkt/a.jpg"] = Fault("status", status=status)
    assert code(fetched(files("a.jpg"))[0]) == expected
    assert server.requests["bkt/a.jpg"] == 1


def test_an_object_deleted_after_listing_says_so(server: FakeServer) -> None:
    server.objects["bkt/kept.jpg"] = b"picture"
    contents = fetched(files("gone.jpg", "kept.jpg", size=7))
    assert contents == {
        0: Failure(
            "missing_file",
            "s3://bkt/gone.jpg: the object has been deleted since it was listed",
        ),
        1: b"picture",
    }


@pytest.mark.parametrize("size", [0, 1, 5000, 9000])
@pytest.mark.parametrize("length", [0, 1, 4999, 5000, 5001, 20_000])
def test_an_object_whose_size_has_changed_is_read(
    server: FakeServer, size: int, length: int
) -> None:
    data = bytes(range(250)) * 80
    server.objects["bkt/a.jpg"] = data[:length]
    assert fetched(files("a.jpg", size=size))[0] == data[:length]


def test_a_slow_body_is_read(server: FakeServer) -> None:
    server.objects["bkt/a.jpg"] = bytes(range(250)) * 80
    server.faults["bkt/a.jpg"] = Fault("slow")
    assert fetched(files("a.jpg"))[0] == server.objects["bkt/a.jpg"]


def test_a_body_that_stops_is_given_up(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "SILENCE", 0.2)
    server.objects["bkt/a.jpg"] = b"x" * 4000
    server.faults["bkt/a.jpg"] = Fault("stall")
    assert code(fetched(files("a.jpg"))[0]) == "missing_file"
    assert server.requests["bkt/a.jpg"] == stores.TRIES


def test_no_try_begins_after_the_time_is_over(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "SECONDS", 5.0)
    monkeypatch.setattr(stores, "PAUSES", (5.0, 5.0))
    server.objects["bkt/a.jpg"] = b"picture"
    server.faults["bkt/a.jpg"] = Fault("status", status=500)
    code(fetched(files("a.jpg"))[0])
    assert server.requests["bkt/a.jpg"] == 1


def test_a_server_that_is_not_there_is_a_row(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert code(fetched(files("a.jpg"))[0]) == "missing_file"


@pytest.mark.parametrize("limit", [1, 5, 64])
def test_no_more_requests_than_asked_for_are_in_flight(server: FakeServer, limit: int) -> None:
    server.latency = 0.01
    server.objects |= {f"bkt/{number}.jpg": b"%d" % number for number in range(200)}
    rows = files(*[f"{number}.jpg" for number in range(200)])
    contents = fetched(rows, Config(num_requests=limit))
    assert contents == {number: b"%d" % number for number in range(200)}
    assert server.most <= limit
    assert server.most > limit // 2


def test_what_is_not_taken_is_not_fetched(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "BUDGET", 100_000)
    server.objects |= {f"bkt/{number}.jpg": b"x" * 10_000 for number in range(100)}
    rows = files(*[f"{number}.jpg" for number in range(100)], size=10_000)
    stream = RemoteFetcher(CONFIG).fetch(rows)
    next(stream)
    assert not until(lambda: sum(server.requests.values()) > 12, seconds=0.5)
    assert len(list(stream)) == 99


def test_one_object_larger_than_the_budget_is_read(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "BUDGET", 1000)
    server.objects |= {f"bkt/{number}.jpg": b"x" * 10_000 for number in range(9)}
    contents = fetched(files(*[f"{number}.jpg" for number in range(9)]))
    assert all(content == b"x" * 10_000 for content in contents.values())


def running() -> int:
    """Tasks on the event loop, the one that counts left out."""

    async def count() -> int:
        return len(asyncio.all_tasks()) - 1

    return loop.wait_for(count())


@pytest.mark.parametrize("taken", [0, 1, 30])
def test_a_fetch_that_is_closed_early_lets_go(server: FakeServer, taken: int) -> None:
    server.latency = 0.02
    server.objects |= {f"bkt/{number}.jpg": b"x" for number in range(500)}
    stream = RemoteFetcher(CONFIG).fetch(files(*[f"{number}.jpg" for number in range(500)]))
    for _ in range(taken):
        next(stream)
    threads = threading.active_count()
    stream.close()
    assert running() == 0
    asked = sum(server.requests.values())
    assert asked < 300
    assert not until(lambda: sum(server.requests.values()) > asked + 64, seconds=0.2)
    assert threading.active_count() <= threads


def test_two_fetches_at_a_time_do_not_mix(server: FakeServer) -> None:
    server.objects |= {f"bkt/{number}.jpg": b"%d" % number for number in range(60)}
    fetcher = RemoteFetcher(CONFIG)
    first = fetcher.fetch(files(*[f"{number}.jpg" for number in range(30)]))
    second = fetcher.fetch(files(*[f"{number}.jpg" for number in range(30, 60)]))
    pairs = list(zip(first, second, strict=True))
    assert dict(one for one, _ in pairs) == {number: b"%d" % number for number in range(30)}
    assert dict(two for _, two in pairs) == {row: b"%d" % (row + 30) for row in range(30)}


def test_an_object_too_large_for_memory_is_a_row(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixsieve.sources.cloud.transfer.MAX_BYTES", 1000)
    server.objects["bkt/a.jpg"] = b"x" * 1001
    contents = fetched(
        pl.concat([files("a.jpg", size=0), files("a.jpg", size=1001)]).with_columns(
            row=pl.int_range(pl.len(), dtype=pl.UInt32)
        )
    )
    assert [code(content) for content in contents.values()] == ["too_large", "too_large"]


def test_kinds_that_are_not_remote_are_rows(server: FakeServer) -> None:
    rows = files("a.jpg").with_columns(kind=pl.lit("frame", rows_kind()))
    assert code(fetched(rows)[0]) == "missing_file"
    assert not server.requests


def rows_kind() -> Any:
    return files("a.jpg").schema["kind"]


@pytest.mark.parametrize("fault", ["chunked", "no_range", "no_head", None])
def test_plain_servers_are_read_whatever_they_refuse(server: FakeServer, fault: str | None) -> None:
    data = bytes(range(250)) * 40
    server.objects["web/a b.jpg"] = data
    if fault:
        server.faults["web/a b.jpg"] = Fault(fault, status=405)
    url = f"{server.url}/web/a%20b.jpg"
    part = {"kind": "member", "offset": 300, "stored": 250, "location": url.encode()}
    contents = fetched(listed({"location": url.encode(), "size": len(data)}, part))
    assert contents == {0: data, 1: data[300:550]}
    with open_remote(url, CONFIG) as file:
        assert file.read(10) == data[:10]
        file.seek(-5, 2)
        assert file.read() == data[-5:]


def test_a_reader_goes_on_after_errors_that_heal(server: FakeServer) -> None:
    data = bytes(range(250)) * 20_000
    server.objects["bkt/film.mp4"] = data
    server.faults["bkt/film.mp4"] = Fault("status", times=2, status=500)
    with open_remote("s3://bkt/film.mp4", CONFIG) as file:
        server.faults["bkt/film.mp4"] = Fault("reset", times=server.requests["bkt/film.mp4"] + 2)
        assert file.read() == data


def test_a_reader_says_when_its_object_goes(server: FakeServer) -> None:
    server.objects["bkt/a.tar"] = b"x" * 5_000_000
    with open_remote("s3://bkt/a.tar", CONFIG) as file:
        del server.objects["bkt/a.tar"]
        file.seek(4_000_000)
        with pytest.raises(FileNotFoundError, match=r"s3://bkt/a\.tar"):
            file.read(1)


def test_headers_of_zips_are_not_trusted() -> None:
    part = members.Part(0, "zipped", "a.zip/x", 0, 10, 10, None)
    assert code(members.content_of(part, memoryview(b"PK"))) == "truncated"
    assert code(members.content_of(part, memoryview(b"\0" * 100))) == "corrupt"
