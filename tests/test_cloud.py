"""Pictures in buckets, from the listing to their bytes."""

import io
import logging
import os
import random
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from cloud_case import MODIFIED, FakeServer, Fault, listed, quick
from pixsieve.config import Config
from pixsieve.sources.cloud import (
    RemoteFetcher,
    delete_synced,
    fetch,
    list_remote,
    open_remote,
    reader,
    sync_to_local,
)
from pixsieve.sources.cloud.sync import MANIFEST, files_of
from pixsieve.sources.cloud.urls import parse
from pixsieve.sources.places import Failure

CONFIG = Config()
EXTENSIONS = frozenset({"jpg", "tar", "zip"})


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty bucket `bkt`, which boto3 fills."""
    quick(monkeypatch, moto)
    bucket = boto3.resource("s3", region_name="us-east-1").create_bucket(Bucket="bkt")
    yield bucket
    bucket.objects.all().delete()
    bucket.delete()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    with FakeServer() as started:
        quick(monkeypatch, started.url)
        yield started


def found(url: str) -> pl.DataFrame:
    return list_remote(url, config=CONFIG, extensions=EXTENSIONS, progress=None)[0]


def fetched(rows: pl.DataFrame) -> dict[str, Any]:
    """Contents by path."""
    contents = dict(RemoteFetcher(CONFIG).fetch(rows))
    return {path: contents[row] for row, path in rows.select("row", "path").iter_rows()}


def test_pictures_of_a_bucket_arrive_whole(bucket: Any, shared: Path) -> None:
    pictures = sorted((shared / "scenes").rglob("*.jpg"))[:60]
    for path in pictures:
        bucket.upload_file(str(path), f"scenes/{path.relative_to(shared / 'scenes')}")
    frame = found("s3://bkt/scenes").with_row_index("row")
    assert frame["relative"].to_list() == [
        path.relative_to(shared / "scenes").as_posix() for path in pictures
    ]
    contents = fetched(frame)
    assert list(contents.values()) == [path.read_bytes() for path in pictures]


def test_minio_is_read_by_its_alias(
    bucket: Any, moto: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put_object(Key="a/b.jpg", Body=b"picture")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("MC_HOST_lab", moto.replace("//", "//access:secret@"))
    frame = found("minio://lab/bkt/a").with_row_index("row")
    assert fetched(frame) == {"minio://lab/bkt/a/b.jpg": b"picture"}


def test_a_bucket_that_does_not_exist(bucket: Any) -> None:
    with pytest.raises(FileNotFoundError, match="s3://nobkt: there is no such bucket"):
        found("s3://nobkt/a")


def archive_of(kind: str, members: dict[str, bytes]) -> tuple[bytes, list[dict[str, Any]]]:
    """An archive, and the rows of its members."""
    data, rows = io.BytesIO(), []
    if kind == "member":
        with tarfile.open(fileobj=data, mode="w") as tar:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        data.seek(0)
        with tarfile.open(fileobj=data) as tar:
            rows = [
                {"offset": info.offset_data, "stored": info.size, "size": info.size} for info in tar
            ]
    else:
        method = zipfile.ZIP_DEFLATED if kind == "deflated" else zipfile.ZIP_STORED
        with zipfile.ZipFile(data, "w", method) as archive:
            for name, content in members.items():
                info = zipfile.ZipInfo(name)
                info.compress_type = method
                info.extra = b"\x99\x99\xd0\x07" + bytes(2000) if name.startswith("9") else b""
                archive.writestr(info, content)
        rows = [
            {
                "offset": info.header_offset,
                "stored": info.compress_size,
                "size": info.file_size,
                "check": info.CRC,
            }
            for info in zipfile.ZipFile(data).infolist()
        ]
    location = b"s3://bkt/shard"
    named = "member" if kind == "member" else "zipped"
    return data.getvalue(), [{**row, "kind": named, "location": location} for row in rows]


def members(count: int, seed: int = 0) -> dict[str, bytes]:
    source = random.Random(seed)
    return {
        f"{number}/{number}.jpg": source.randbytes(source.choice([0, 10, 3000, 90_000]))
        + bytes(source.randrange(9000))
        for number in range(count)
    }


@pytest.mark.parametrize("kind", ["member", "stored", "deflated"])
@pytest.mark.parametrize("seed", range(3))
def test_members_are_read_by_few_ranges(server: FakeServer, kind: str, seed: int) -> None:
    content = members(100, seed)
    data, rows = archive_of(kind, content)
    server.objects["bkt/shard"] = data
    random.Random(seed).shuffle(rows)
    frame = listed(*rows)
    contents = dict(RemoteFetcher(CONFIG).fetch(frame))
    by_offset = frame.sort("offset")["row"].to_list()
    assert [contents[row] for row in by_offset] == list(content.values())
    assert server.requests["bkt/shard"] <= 2 + 10


@pytest.mark.parametrize("gap", [0, 100, 1 << 20])
def test_members_are_merged_as_far_as_they_are_near(
    server: FakeServer, gap: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "GAP", gap)
    monkeypatch.setattr(fetch, "REQUEST", 200_000)
    content = members(100)
    data, rows = archive_of("member", content)
    server.objects["bkt/shard"] = data
    frame = listed(*rows[::7])
    assert (
        list(dict(sorted(RemoteFetcher(CONFIG).fetch(frame))).values())
        == list(content.values())[::7]
    )
    largest = max(len(picture) for picture in content.values())
    for _, text in server.ranges:
        assert text is not None
        first, last = map(int, text.removeprefix("bytes=").split("-"))
        assert last - first < max(200_000, largest)


@pytest.mark.parametrize("kind", ["member", "stored", "deflated"])
def test_a_truncated_archive_costs_only_what_is_missing(server: FakeServer, kind: str) -> None:
    content = members(30)
    data, rows = archive_of(kind, content)
    cut = rows[20]["offset"] + 40
    server.objects["bkt/shard"] = data[:cut]
    contents = dict(RemoteFetcher(CONFIG).fetch(listed(*rows)))
    pictures = list(content.values())
    assert [contents[row] for row in range(20)] == pictures[:20]
    for row in range(21, 30):
        failure = contents[row]
        assert failure == b"" == pictures[row] or (
            isinstance(failure, Failure) and failure.code == "truncated"
        )


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.integers(0, 60_000), value=st.integers(0, 255))
def test_flipped_bytes_never_pass_for_pictures(server: FakeServer, place: int, value: int) -> None:
    content = members(12, 5)
    data, rows = archive_of("deflated", content)
    broken = bytearray(data)
    broken[place % len(data)] = value
    server.objects["bkt/shard"] = bytes(broken)
    contents = dict(RemoteFetcher(CONFIG).fetch(listed(*rows)))
    for row, picture in enumerate(content.values()):
        assert contents[row] == picture or isinstance(contents[row], Failure)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"size": 5}, "corrupt"),
        ({"size": 1 << 40}, "too_large"),
        ({"stored": 1 << 63}, "too_large"),
        ({"offset": 1 << 63}, "corrupt"),
        ({"offset": 1 << 50}, "truncated"),
        ({"offset": 1}, "corrupt"),
        ({"check": 7}, "corrupt"),
    ],
)
def test_entries_that_lie_are_rows(server: FakeServer, change: dict[str, int], code: str) -> None:
    data, rows = archive_of("deflated", {"a.jpg": bytes(100_000), "b.jpg": b"picture"})
    server.objects["bkt/shard"] = data
    contents = dict(RemoteFetcher(CONFIG).fetch(listed(rows[0] | change, rows[1])))
    assert isinstance(contents[0], Failure)
    assert contents[0].code == code
    assert contents[1] == b"picture"


def test_a_bomb_is_not_unpacked(server: FakeServer) -> None:
    data, rows = archive_of("deflated", {"a.jpg": bytes(50 << 20)})
    server.objects["bkt/shard"] = data
    contents = dict(RemoteFetcher(CONFIG).fetch(listed(rows[0] | {"size": 1000})))
    assert contents[0] == Failure(
        "corrupt", "s3://bkt/shard: it unpacks to more than the archive says"
    )


@pytest.mark.parametrize("length", [0, 1, reader.BLOCK, reader.BLOCK * 20 + 5])
def test_a_remote_file_reads_like_a_local_one(server: FakeServer, length: int) -> None:
    source = random.Random(length)
    data = source.randbytes(length)
    server.objects["bkt/film.mp4"] = data
    with open_remote("s3://bkt/film.mp4", CONFIG) as remote, io.BytesIO(data) as local:
        for _ in range(60):
            place = (source.randrange(-10, length + 10), source.choice([0, 2]))
            if place[0] >= 0 and place[1] == 0:
                assert remote.seek(*place) == local.seek(*place)
            size = source.choice([1, 100, 70_000, 2_000_000])
            assert remote.read(size) == local.read(size)
            assert remote.tell() == local.tell()
        assert remote.seek(0) == local.seek(0)
        assert remote.read() == data


def test_reading_on_takes_few_requests(server: FakeServer) -> None:
    data = random.Random(1).randbytes(40 << 20)
    server.objects["bkt/a.tar"] = data
    with open_remote("s3://bkt/a.tar", CONFIG) as file:
        assert b"".join(iter(lambda: file.read(10_000), b"")) == data
    assert server.requests["bkt/a.tar"] <= 9


def test_archives_are_opened_in_place(server: FakeServer) -> None:
    content = members(40)
    for kind in ("member", "deflated"):
        server.objects[f"bkt/{kind}"] = archive_of(kind, content)[0]
    with open_remote("s3://bkt/member", CONFIG) as file, tarfile.open(fileobj=file) as tar:
        assert tar.getnames() == list(content)
    with open_remote("s3://bkt/deflated", CONFIG) as file, zipfile.ZipFile(file) as archive:
        assert archive.namelist() == list(content)
        assert archive.read("7/7.jpg") == content["7/7.jpg"]


def synced(url: str, folder: Path) -> pl.DataFrame:
    return sync_to_local(found(url), folder, CONFIG, None)


def test_copies_are_made_once_and_deleted(server: FakeServer, tmp_path: Path) -> None:
    server.objects |= {f"bkt/a/{number}.jpg": b"%d" % number for number in range(40)}
    folder = tmp_path / "synced"
    rows = synced("s3://bkt/a", folder)
    assert rows["path"].to_list() == found("s3://bkt/a")["path"].to_list()
    paths = [Path(os.fsdecode(location)) for location in rows["location"]]
    assert [path.read_bytes() for path in paths] == [
        server.objects[path.removeprefix("s3://")] for path in rows["path"]
    ]
    assert paths[0].stat().st_mtime_ns == MODIFIED
    asked = server.requests.total()
    synced("s3://bkt/a", folder)
    assert server.requests.total() == asked + 1, "a listing, no copies"
    server.objects["bkt/a/7.jpg"] = b"longer than before"
    paths[8].unlink()
    synced("s3://bkt/a", folder)
    assert server.requests.total() == asked + 4
    assert (folder / "s3/bkt/a/7.jpg").read_bytes() == b"longer than before"

    own = folder / "s3/bkt/a/mine.jpg"
    own.write_bytes(b"mine")
    paths[3].write_bytes(b"changed since")
    deleted = delete_synced(folder, [*rows["location"], os.fsencode(own), b"/etc/passwd"])
    assert deleted == 39
    left = {path.name for path in folder.rglob("*") if path.is_file()}
    assert left == {MANIFEST, "mine.jpg", paths[3].name}


def test_a_manifest_that_lies_deletes_nothing(server: FakeServer, tmp_path: Path) -> None:
    folder, victim = tmp_path / "synced", tmp_path / "victim"
    server.objects["bkt/a.jpg"] = b"picture"
    synced("s3://bkt", folder)
    victim.write_bytes(b"keep")
    status = victim.stat()
    for name in ("../victim", str(victim)):
        with (folder / MANIFEST).open("a") as file:
            file.write(
                f'{{"location": "x", "file": "{name}", "size": 4, '
                f'"modified": {status.st_mtime_ns}}}\n'
            )
    places = [os.fsencode(folder.absolute() / "../victim"), os.fsencode(victim)]
    assert delete_synced(folder, places) == 0
    assert victim.exists()


def test_what_cannot_be_copied_is_a_row(server: FakeServer, tmp_path: Path) -> None:
    server.objects |= {"bkt/a.jpg": b"a", "bkt/b.jpg": b"x" * 3000, "bkt/c.jpg": b"c"}
    frame = found("s3://bkt")
    del server.objects["bkt/a.jpg"]
    server.faults["bkt/b.jpg"] = Fault("truncate")
    rows = sync_to_local(frame, tmp_path, CONFIG, None)
    assert rows["kind"].to_list() == ["nothing", "nothing", "file"]
    assert rows["error_code"].to_list() == ["missing_file", "missing_file", None]
    assert not [path for path in tmp_path.rglob("*") if path.suffix in {".part", ".tmp"}]
    assert not (tmp_path / "s3/bkt/b.jpg").exists()


def test_members_share_the_copy_of_their_archive(server: FakeServer, tmp_path: Path) -> None:
    data, rows = archive_of("member", members(5))
    server.objects["bkt/shard"] = data
    moved = sync_to_local(listed(*rows).drop("row"), tmp_path, CONFIG, None)
    assert moved["location"].unique().to_list() == [os.fsencode(tmp_path / "s3/bkt/shard")]
    assert (tmp_path / "s3/bkt/shard").read_bytes() == data
    assert server.requests["bkt/shard"] == 1


KEYS = st.lists(
    st.text(st.sampled_from("aA./\\:\0\n ~%é漢"), min_size=1, max_size=12)
    | st.sampled_from(
        ["../" * 30 + "etc/x", "a/" * 400 + "b", "x" * 300 + ".jpg", "con", "a", "A"]
    ),
    min_size=1,
    max_size=8,
    unique=True,
)


@given(KEYS)
def test_copies_never_leave_the_folder_nor_clash(keys: list[str]) -> None:
    urls = [parse(f"s3://bkt/{key}") for key in keys if "\0" not in key]
    files = files_of(urls)
    folded = [file.casefold() for file in files]
    assert len(set(folded)) == len({url.key for url in urls})
    for file in folded:
        parts = file.split("/")
        assert not {"", ".", ".."} & set(parts)
        assert not any(character in file for character in '\0\\:\n<>"|?*')
        assert all(len(part.encode()) < 255 for part in parts)
        assert not any(other.startswith(f"{file}/") for other in folded)
