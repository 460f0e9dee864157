"""Copies of remote files: made once, within their folder, and deleted."""

import os
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_case import MODIFIED, FakeServer, Fault, listed
from pixsieve.config import Config
from pixsieve.sources.cloud import (
    delete_synced,
    list_remote,
    sync_to_local,
)
from pixsieve.sources.cloud.sync import MANIFEST, files_of
from pixsieve.sources.cloud.urls import parse

CONFIG = Config()
EXTENSIONS = frozenset({"jpg", "tar", "zip"})


def found(url: str) -> pl.DataFrame:
    return list_remote(url, config=CONFIG, extensions=EXTENSIONS, progress=None)[0]


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
    data = bytes(range(250))
    place = {"kind": "member", "stored": 10, "location": b"s3://bkt/shard"}
    rows = [place | {"offset": offset} for offset in (10, 50, 200)]
    server.objects["bkt/shard"] = data
    moved = sync_to_local(listed(*rows).drop("row"), tmp_path, CONFIG, None)
    assert moved["location"].unique().to_list() == [os.fsencode(tmp_path / "s3/bkt/shard")]
    assert (tmp_path / "s3/bkt/shard").read_bytes() == data
    assert server.methods["GET"] == 1


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


def test_a_folder_that_cannot_be_written_into_is_an_error(
    server: FakeServer, tmp_path: Path
) -> None:
    server.objects["bkt/a.jpg"] = b"picture"
    (tmp_path / "s3").write_bytes(b"in the way")
    with pytest.raises(OSError, match="s3"):
        synced("s3://bkt", tmp_path)
    assert (tmp_path / "s3").read_bytes() == b"in the way"


def test_progress_ends_with_all(server: FakeServer, tmp_path: Path) -> None:
    server.objects |= {f"bkt/{number}.jpg": b"x" for number in range(9)}
    seen: list[tuple[int, int]] = []
    sync_to_local(found("s3://bkt"), tmp_path, CONFIG, lambda *done: seen.append(done))
    assert seen[-1] == (9, 9)
