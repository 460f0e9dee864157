"""What is kept of downloads, and what is said where they cannot be kept or had."""

import hashlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

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
    whole,
)
from pixsieve import ModelError
from pixsieve.models import Entry

MIDDLE = 600_000


class TestWrongFiles:
    def test_other_bytes(self, publisher: Script, entry: Entry, cache: Path):
        publisher.last = whole(OTHER)
        said = fails(entry, cache, ModelError)
        assert f"its SHA-256 should be {entry.sha256}, but is " in said
        assert hashlib.sha256(OTHER).hexdigest() in said
        assert not left(cache)
        assert len(publisher.requests) == 1

    def test_another_length_is_known_before_anything_comes(
        self, publisher: Script, entry: Entry, cache: Path
    ):
        publisher.last = whole(BODY[:-1], stall=True, until=0)
        said = fails(entry, cache, ConnectionError)
        assert "has a file of 1,499,999 bytes, but it should have 1,500,000" in said
        assert not left(cache)

    def test_more_than_was_announced_is_not_written(
        self, publisher: Script, entry: Entry, cache: Path
    ):
        def endless(handler: Any) -> None:
            handler.begin(200, Transfer_Encoding="chunked")
            piece = bytes(100_000)
            while not publisher.released.is_set():
                try:
                    handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                except OSError:
                    return

        publisher.last = endless
        assert "more came than the 1,500,000 bytes" in fails(entry, cache, ConnectionError)
        assert (cache / "thing.onnx.part").stat().st_size <= len(BODY)

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (b"<!DOCTYPE html><title>Log in</title>", "it is a web page, as of a proxy or a login"),
            (b"version https://git-lfs.github.com/spec/v1\n", "it is a pointer of Git LFS"),
            (b"", "it is empty"),
        ],
    )
    def test_what_is_no_model_for_sure(
        self, publisher: Script, cache: Path, body: bytes, said: str
    ):
        publisher.last = whole(body)
        for sha256 in (None, "0" * 64):
            entry = entry_of(publisher, sha256=sha256, size=None)
            assert said in fails(entry, cache, ModelError)
            assert not left(cache)

    def test_no_length_for_a_file_that_nobody_knows(self, publisher: Script, cache: Path):
        def answer(handler: Any) -> None:
            handler.begin(200)
            handler.wfile.write(BODY)

        publisher.last = answer
        said = fails(entry_of(publisher, size=None, sha256=None), cache, ConnectionError)
        assert "the server does not say how long the file is" in said

    def test_a_wrong_file_in_the_cache_stays_until_one_says_so(
        self, publisher: Script, entry: Entry, cache: Path
    ):
        cache.mkdir()
        (cache / "thing.onnx").write_bytes(OTHER)
        said = fails(entry, cache, ModelError)
        assert "`pixsieve models fetch thing --force` replaces it" in said
        assert (cache / "thing.onnx").read_bytes() == OTHER
        assert not publisher.requests
        assert get(entry, cache, force=True) == BODY

    def test_force_that_fails_leaves_what_was_there(
        self, publisher: Script, entry: Entry, cache: Path
    ):
        get(entry, cache)
        publisher.last = whole(OTHER)
        fails(entry, cache, ModelError, force=True)
        assert (cache / "thing.onnx").read_bytes() == BODY


class TestNobodyVouches:
    """The publisher gives no SHA-256: the first copy is kept to."""

    @pytest.fixture
    def entry(self, publisher: Script) -> Entry:
        return entry_of(publisher, sha256=None, size=None)

    def test_the_first_copy_is_kept_to(self, publisher: Script, entry: Entry, cache: Path):
        get(entry, cache)
        digest = hashlib.sha256(BODY).hexdigest()
        pin = cache / "thing.onnx.sha256"
        assert pin.read_text() == f"{digest}  thing.onnx\n"
        (cache / "thing.onnx").write_bytes(OTHER)
        assert f"its SHA-256 should be {digest}, but is " in fails(entry, cache, ModelError)
        (cache / "thing.onnx").unlink()
        publisher.last = whole(OTHER)
        assert f"its SHA-256 should be {digest}, but is " in fails(entry, cache, ModelError)
        assert left(cache) == {"thing.onnx.sha256"}
        assert get(entry, cache, force=True) == OTHER
        assert get(entry, cache) == OTHER

    def test_a_copy_put_there_by_hand_is_kept_to_as_well(self, entry: Entry, cache: Path):
        cache.mkdir()
        (cache / "thing.onnx").write_bytes(BODY)
        get(entry, cache)
        (cache / "thing.onnx").write_bytes(OTHER)
        fails(entry, cache, ModelError)

    def test_what_the_user_knows_counts(self, publisher: Script, entry: Entry, cache: Path):
        digest = hashlib.sha256(OTHER).hexdigest()
        assert f"should be {digest}, but is" in fails(entry, cache, ModelError, sha256=digest)
        publisher.last = whole(OTHER)
        assert get(entry, cache, sha256=digest.upper()) == OTHER
        assert "is another file" in fails(entry, cache, ModelError, sha256="0" * 64)

    @pytest.mark.parametrize("sha256", ["", "abc", "x" * 64])
    def test_what_is_no_sha256(self, entry: Entry, cache: Path, sha256: str):
        assert "64 hexadecimal digits" in fails(entry, cache, ValueError, sha256=sha256)

    def test_what_contradicts_the_catalogue(self, publisher: Script, cache: Path):
        said = fails(entry_of(publisher), cache, ValueError, sha256="0" * 64)
        assert said.startswith("the SHA-256 of thing is ")

    def test_an_md5_is_better_than_nothing(self, publisher: Script, cache: Path):
        md5 = hashlib.md5(BODY).hexdigest()
        entry = entry_of(publisher, sha256=None, size=None, md5=md5)
        publisher.last = whole(OTHER)
        assert f"its MD5 should be {md5}, but is" in fails(entry, cache, ModelError)
        publisher.last = whole()
        assert get(entry, cache) == BODY

    def test_a_spoilt_pin(self, entry: Entry, cache: Path):
        get(entry, cache)
        (cache / "thing.onnx.sha256").write_text("rubbish")
        assert "holds no SHA-256: delete it" in fails(entry, cache, ModelError)


class TestOffline:
    def test_says_where_to_put_the_file(self, publisher: Script, cache: Path):
        entry = entry_of(publisher, urls=("http://127.0.0.1:9/gone.onnx",))
        started = time.monotonic()
        assert fails(entry, cache, ConnectionError) == (
            "cannot fetch the model thing\n"
            "  from http://127.0.0.1:9/gone.onnx: Connection refused\n"
            f"Without a network, put the file at {cache / 'thing.onnx'}\n"
            f"  (1,500,000 bytes, SHA-256 {entry.sha256})"
        )
        assert time.monotonic() - started < 5
        cache.joinpath("thing.onnx").write_bytes(BODY)
        assert get(entry, cache) == BODY

    def test_names_what_is_known_of_a_file_without_sha256(self, publisher: Script, cache: Path):
        urls = ("http://127.0.0.1:9/gone.onnx",)
        entry = entry_of(publisher, urls=urls, sha256=None, size=None, md5="5" * 32)
        said = fails(entry, cache, ConnectionError)
        assert said.endswith(f"put the file at {cache / 'thing.onnx'}\n  (MD5 {'5' * 32})")


class TestDisk:
    def test_a_cache_that_is_a_file(self, entry: Entry, cache: Path):
        cache.write_text("")
        assert fails(entry, cache, OSError) == f"{cache}: the cache must be a folder"

    @pytest.mark.usefixtures("ordinary_user")
    def test_a_cache_that_may_not_be_written(self, entry: Entry, cache: Path):
        cache.mkdir(mode=0o555)
        said = fails(entry, cache, PermissionError)
        assert said.endswith("the cache may not be written; set PIXSIEVE_CACHE to another folder")

    @pytest.mark.usefixtures("ordinary_user")
    def test_a_shared_cache_that_may_only_be_read(self, publisher: Script, cache: Path):
        cache.mkdir()
        (cache / "thing.onnx").write_bytes(BODY)
        cache.chmod(0o555)
        assert get(entry_of(publisher, sha256=None), cache) == BODY
        assert get(entry_of(publisher), cache) == BODY

    def test_no_room(self, entry: Entry, cache: Path, monkeypatch: pytest.MonkeyPatch):
        class Full:
            free = 1000

        monkeypatch.setattr("shutil.disk_usage", lambda _: Full)
        with pytest.raises(OSError, match="the disk is full") as caught:
            get(entry, cache)
        assert caught.value.strerror == (
            "the disk is full (1,500,000 bytes are needed, and 1,000 are free); make room and try "
            "again: what came stays"
        )

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    def test_the_disk_fills_up_while_it_comes(self, entry: Entry, cache: Path):
        cache.mkdir()
        (cache / "thing.onnx.part").symlink_to("/dev/full")
        with pytest.raises(OSError, match="the disk is full"):
            get(entry, cache)


#: Fetches slowly: says when some of it is there, then goes on when a line comes.
SCRIPT = """
import json, sys
from pathlib import Path
from pixsieve.models import Entry, fetch

class Announce:
    said = False
    def stage(self, name, unit):
        pass
    def update(self, done, total):
        if done > 300 and not self.said:
            self.said = True
            print("busy", flush=True)

values = json.loads(sys.argv[1])
entry = Entry(**values | {"urls": tuple(values["urls"])})
print(fetch(entry, cache=Path(sys.argv[2]), progress=Announce()).path, flush=True)
"""


def process(entry: Entry, cache: Path) -> subprocess.Popen[str]:
    arguments = [json.dumps(vars(entry)), str(cache)]
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class TestProcesses:
    def test_ctrl_c_leaves_what_came_and_nothing_else(
        self, publisher: Script, entry: Entry, cache: Path
    ):
        publisher.answers = [whole(until=MIDDLE, stall=True)]
        child = process(entry, cache)
        assert child.stdout
        assert child.stdout.readline() == "busy\n"
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=30)
        assert child.returncode != 0
        assert "KeyboardInterrupt" in errors
        assert left(cache) == {"thing.onnx.part", "thing.onnx.part.json"}
        assert get(entry, cache) == BODY
        assert publisher.requests[1]["Range"].startswith("bytes=")

    def test_killed_in_the_midst(self, publisher: Script, entry: Entry, cache: Path):
        publisher.answers = [whole(until=MIDDLE, stall=True)]
        child = process(entry, cache)
        assert child.stdout
        assert child.stdout.readline() == "busy\n"
        child.kill()
        child.communicate(timeout=30)
        assert get(entry, cache) == BODY
        assert left(cache) == {"thing.onnx"}

    def test_two_at_once_fetch_it_once(self, publisher: Script, entry: Entry, cache: Path):
        def waits(handler: Any) -> None:
            handler.begin(200, Content_Length=len(BODY), ETag=ETAG)
            handler.wfile.write(BODY[:MIDDLE])
            handler.wfile.flush()
            publisher.released.wait(30)
            handler.wfile.write(BODY[MIDDLE:])

        publisher.answers = [waits]
        first = process(entry, cache)
        assert first.stdout
        assert first.stdout.readline() == "busy\n"
        second = process(entry, cache)
        time.sleep(0.5)
        assert second.poll() is None
        publisher.released.set()
        for child in (first, second):
            _, errors = child.communicate(timeout=30)
            assert child.returncode == 0, errors
        assert len(publisher.requests) == 1
        assert (cache / "thing.onnx").read_bytes() == BODY

    def test_two_at_once_on_a_disk_without_locks(
        self, entry: Entry, cache: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("pixsieve.models.cache._acquire", lambda *_: False)
        cache.mkdir()
        (cache / "thing.onnx.part").write_bytes(OTHER[:MIDDLE])
        assert get(entry, cache) == BODY
        assert left(cache) == {"thing.onnx", "thing.onnx.part"}
