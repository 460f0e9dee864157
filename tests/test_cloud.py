"""Pictures in buckets, from the listing to their bytes."""

import io
import logging
import random
import signal
import subprocess
import sys
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

import pixsieve
from cloud_case import FakeServer, listed, quick, until
from pixsieve.config import Config
from pixsieve.sources.cloud import (
    RemoteFetcher,
    fetch,
    list_remote,
    open_remote,
    reader,
)
from pixsieve.sources.inputs import list_input
from pixsieve.sources.opening import Opener
from pixsieve.sources.places import Failure
from pixsieve.sources.tables.parquet import ParquetRows

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


@pytest.mark.parametrize("root", ["gs://bkt", "az://bkt", "abfs://bkt@account", "minio://lab/bkt"])
def test_other_stores_are_read(
    server: FakeServer, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    monkeypatch.setenv("MC_HOST_lab", server.url.replace("//", "//key:secret@"))
    monkeypatch.setenv(
        "AZURE_STORAGE_CONNECTION_STRING",
        f"AccountName=account;AccountKey=c2VjcmV0;BlobEndpoint={server.url}",
    )
    server.objects["bkt/a/é b.jpg"] = b"0123456789"
    frame = found(f"{root}/a").with_row_index("row")
    assert fetched(frame) == {f"{root}/a/é b.jpg": b"0123456789"}
    member = {"kind": "member", "offset": 3, "stored": 4, "location": frame["location"][0]}
    assert dict(RemoteFetcher(CONFIG).fetch(listed(member))) == {0: b"3456"}
    with open_remote(frame["location"][0].decode(), CONFIG) as file:
        assert file.read() == b"0123456789"


def test_films_are_read_in_place(server: FakeServer, shared: Path) -> None:
    av = pytest.importorskip("av")
    film = min((shared / "videos").glob("*.mp4"), key=lambda path: path.stat().st_size)
    server.objects["bkt/film.mp4"] = film.read_bytes()
    counts = []
    for source in (str(film), open_remote("s3://bkt/film.mp4", CONFIG)):
        with av.open(source) as container:
            counts.append(sum(1 for _ in container.decode(video=0)))
    assert counts[0] == counts[1] > 0


def test_parquet_files_are_read_in_place(server: FakeServer) -> None:
    data = [bytes([number]) * 50_000 for number in range(100)]
    file = io.BytesIO()
    pl.DataFrame({"image": data}).write_parquet(file, row_group_size=10, compression="uncompressed")
    server.objects["bkt/a.parquet"] = file.getvalue()
    listing = list_input("s3://bkt/a.parquet", config=CONFIG, work_dir=None, progress=None)
    assert listing.frame["path"][99] == "s3://bkt/a.parquet#row=99"
    wanted = listing.frame.with_row_index("row")[[99, 5]]
    assert dict(ParquetRows(Opener(CONFIG)).fetch(wanted)) == {99: data[99], 5: data[5]}
    server.objects.clear()
    (gone, _) = dict(ParquetRows(Opener(CONFIG)).fetch(wanted)).values()
    assert isinstance(gone, Failure)
    assert gone.code == "missing_file"


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
    assert contents[0] == Failure("corrupt", "the member is not what the zip says of it")


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


def without_obstore(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [name for name in sys.modules if name.startswith("obstore.")]
    for name in {"obstore", "obstore.store", *known}:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize("sync", [False, True])
@pytest.mark.parametrize("end", ["a.jpg", "a.zip", "a.mp4", "a.parquet", "a.txt", "a/"])
@pytest.mark.parametrize("start", ["https://127.0.0.1:9/", "s3://bkt/", "gs://b/", "az://c/"])
def test_no_input_is_read_without_obstore(
    start: str, end: str, sync: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_obstore(monkeypatch)
    url = start + end
    # A Parquet file among others is a row that says the same.
    inputs: list[Any] = [url] if end == "a.parquet" else [url, {"path": [url]}, [url]]
    for source in inputs:
        with pytest.raises(ImportError, match=r"needs obstore: pip install 'pixsieve\[cloud\]'"):
            pixsieve.run(source, work_dir=tmp_path / "out", sync_s3_to_local=sync, progress=False)


def test_without_obstore_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    without_obstore(monkeypatch)
    with pytest.raises(ImportError, match=r"pip install 'pixsieve\[cloud\]'"):
        found("s3://bkt/a")
    with pytest.raises(ImportError, match=r"pip install 'pixsieve\[cloud\]'"):
        list(RemoteFetcher(CONFIG).fetch(listed({"location": b"s3://bkt/a.jpg"})))
    with pytest.raises(ImportError, match=r"pip install 'pixsieve\[cloud\]'"):
        open_remote("s3://bkt/a.jpg", CONFIG)


INTERRUPTED = """
import sys
from pixsieve.config import Config
from pixsieve.sources.cloud import list_remote, open_remote
try:
    print("started", flush=True)
    if sys.argv[1] == "list":
        list_remote("s3://bkt", config=Config(), extensions=frozenset({"jpg"}), progress=None)
    else:
        open_remote("s3://bkt/a.jpg", Config())
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.parametrize("what", ["list", "open"])
def test_a_silent_server_can_be_interrupted(server: FakeServer, what: str) -> None:
    server.latency = 1000
    command = [sys.executable, "-c", INTERRUPTED, what]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert until(lambda: server.now == 1)
        process.send_signal(signal.SIGINT)
        output, complaints = process.communicate(timeout=20)
    assert output.split() == [b"started", b"interrupted"]
    assert complaints == b""
    assert process.returncode == 0
