"""Passwords and signatures in URLs open what they should, and are written nowhere."""

import base64
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest

import pixsieve
from archive_case import tar_of
from conftest import Run, pngs
from pixsieve.explorer.pictures import picture
from pixsieve.sources.cloud import logins

USER, PASSWORD, SIGNATURE = "me", "pa55w0rd%21", "s1gnature"
LOGIN = "Basic " + base64.b64encode(b"me:pa55w0rd!").decode()
FILES = {**pngs(0, 4), "a.tar": tar_of(pngs(10, 4))}


class _Guarded(BaseHTTPRequestHandler):
    """Gives files to those who log in, or whose URL is signed."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        signed = parse_qs(parts.query).get("X-Amz-Signature") == [SIGNATURE]
        data = FILES.get(parts.path.removeprefix("/"))
        if not signed and self.headers.get("Authorization") != LOGIN:
            self._answer(401, b"")
        elif data is None:
            self._answer(404, b"")
        else:
            self._part(data, self.headers.get("Range"))

    def do_HEAD(self) -> None:
        self.do_GET()

    def _part(self, data: bytes, wanted: str | None) -> None:
        if wanted is None:
            self._answer(200, data)
            return
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, stop = int(first), min(int(last or len(data)) + 1, len(data))
        self._answer(206, data[start:stop], f"bytes {start}-{stop - 1}/{len(data)}")

    def _answer(self, status: int, body: bytes, span: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", "Tue, 21 Oct 2025 07:28:00 GMT")
        if span is not None:
            self.send_header("Content-Range", span)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr("pixsieve.sources.cloud.stores.PAUSES", (0.01, 0.02))
    monkeypatch.setenv("NETRC", "/nonexistent")
    forgotten()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Guarded)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()
    forgotten()


def forgotten() -> None:
    """As in another process."""
    logins._known.clear()
    logins._login.cache_clear()


def leaks(folder: Path) -> list[str]:
    """The files that hold a secret, names included."""
    secrets = (b"pa55w0rd", SIGNATURE.encode(), base64.b64encode(b"me:pa55w0rd!"))
    found = []
    for path in folder.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        if path.suffix == ".parquet":
            frame = pl.read_parquet(path)
            columns = [frame[name] for name, kind in frame.schema.items() if kind == pl.Binary]
            texts = [bytes(value or b"") for column in columns for value in column]
            data = frame.select(pl.exclude(pl.Binary)).write_json().encode() + b"".join(texts)
        if any(secret in data + str(path).encode() for secret in secrets):
            found.append(path.name)
    return found


def opened(host: str, how: str, name: str) -> str:
    if how == "login":
        return f"http://{USER}:{PASSWORD}@{host}/{name}"
    return f"http://{host}/{name}?X-Amz-Signature={SIGNATURE}&X-Amz-Credential=me&version=2"


@pytest.mark.parametrize("how", ["login", "signed"])
@pytest.mark.parametrize("copied", [False, True])
def test_secrets_open_and_are_not_written(
    host: str, run: Run, tmp_path: Path, how: str, copied: bool
) -> None:
    urls = [opened(host, how, name) for name in FILES]
    work = tmp_path / "work"
    known = {"path": urls[:4], "label": list("abcd")}
    audit = run(
        urls,
        work_dir=work,
        annotations=known,
        sync_s3_to_local=copied,
        delete_tar=True,
        delete_img=True,
        overwrite=True,
    )
    assert audit.images["error_code"].null_count() == 8
    assert audit.images.filter(pl.col("label").is_not_null()).height == 4
    assert audit.images["path"].str.starts_with(f"http://{host}/").all()
    audit.report()
    audit.vis.outliers_gallery()
    assert leaks(tmp_path) == []
    # Another process does not know them, and shows the pictures all the same.
    forgotten()
    again = pixsieve.load(work)
    for image in range(8):
        assert picture(again, image, 256)[1] == "image/jpeg"


@pytest.mark.parametrize("name", ["list.csv", "list.jsonl"])
def test_a_signed_list(
    host: str, run: Run, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = opened(host, "signed", "000.png")
    text = f"path,label\n{signed},a\n" if name == "list.csv" else f'{{"path": "{signed}"}}\n'
    monkeypatch.setitem(FILES, name, text.encode())
    audit = run(opened(host, "signed", name), work_dir=tmp_path / "work")
    assert audit.images["path"].to_list() == [f"http://{host}/000.png?version=2"]
    assert audit.images["error_code"].null_count() == 1
    assert leaks(tmp_path) == []
    assert audit.search(audit.images["path"][0])["image"].to_list() == [0]


def test_the_login_of_netrc(
    host: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login {USER} password pa55w0rd!\n")
    monkeypatch.setenv("NETRC", str(netrc))
    audit = run(f"http://{host}/a.tar", work_dir=tmp_path / "out" / "work")
    assert audit.images["error_code"].null_count() == 4
    assert picture(audit, 0, 64)[1] == "image/jpeg"
    assert leaks(tmp_path / "out") == []


@pytest.mark.parametrize("name", ["a.tar", "gone.tar", "nohost"])
def test_neither_the_command_line_nor_its_errors_say_them(
    host: str, tmp_path: Path, name: str
) -> None:
    server = "127.0.0.1:9" if name == "nohost" else host
    for url in (
        f"http://{USER}:{PASSWORD}@{server}/{name}",
        f"http://{server}/{name}?X-Amz-Signature={SIGNATURE}",
        f"s3://{USER}:{PASSWORD}@bucket/{name}",
    ):
        command = [sys.executable, "-m", "pixsieve", "run", url, "--overwrite", "-o", "work"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == (0 if name == "a.tar" and url.startswith("http") else 1)
        assert "pa55w0rd" not in done.stdout + done.stderr
        assert SIGNATURE not in done.stdout + done.stderr
    assert leaks(tmp_path) == []


def test_a_test_dir_with_a_login(host: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    for name, data in pngs(20, 3).items():
        (tmp_path / "here" / name).write_bytes(data)
    audit = run(tmp_path / "here", test_dir=opened(host, "login", "a.tar"))
    assert audit.images["split"].to_list().count("test") == 4
    assert audit.info["settings"]["test_dir"] == f"http://{host}/a.tar"
    assert leaks(tmp_path) == []
    pixsieve.load(audit.work_dir)


class _Circle(BaseHTTPRequestHandler):
    """Sends everybody to where he is."""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", self.path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815 - as the standard library calls it

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def test_a_server_that_sends_in_circles(run: Run) -> None:
    """It has no region, as a bucket has."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Circle) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        with pytest.raises(OSError, match="sends from address to address, and to no file"):
            run(f"http://127.0.0.1:{server.server_port}/a.tar")
        server.shutdown()
        thread.join()
