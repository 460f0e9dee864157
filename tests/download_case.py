"""A server on the loopback that misbehaves as it is told."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixsieve.models import Entry, fetch
from pixsieve.models.patience import Patience

#: Several chunks, none of them like another.
BODY = np.random.default_rng(0).bytes(1_500_000)
OTHER = np.random.default_rng(1).bytes(1_500_000)
ETAG = '"one"'
#: Waits for nothing longer than a test may.
HASTE = Patience(timeout=0.5, tries=3, pause=0.01, longest=0.05)

Answer = Callable[["Handler"], None]


@dataclass
class Script:
    """What the server does: an answer per request, then `last` for all further ones."""

    answers: list[Answer] = field(default_factory=list)
    last: Answer | None = None
    requests: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    released: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Any
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        script: Script = self.server.script
        script.requests.append({"path": self.path, **dict(self.headers)})
        answer = script.answers.pop(0) if script.answers else script.last
        assert answer is not None
        answer(self)
        self.close_connection = True

    def log_message(self, *arguments: object) -> None:
        """Nothing."""

    def begin(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Connection", "close")
        self.end_headers()


def whole(
    body: bytes = BODY,
    *,
    etag: str | None = ETAG,
    until: int | None = None,
    ranges: bool = True,
    stall: bool = False,
    **headers: object,
) -> Answer:
    """Sends `body` as a good server does, or the first `until` bytes of what was asked for."""

    def answer(handler: Handler) -> None:
        tags = {"ETag": etag} if etag else {}
        asked = handler.headers.get("Range")
        known = handler.headers.get("If-Range") in (etag, headers.get("Last_Modified"))
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and ranges and known else 0
        if start and start >= len(body):
            handler.begin(416, Content_Range=f"bytes */{len(body)}", Content_Length=0)
            return
        rest = body[start:]
        place = {"Content_Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if start else {}
        handler.begin(
            206 if start else 200,
            **({"Content_Length": len(rest)} | tags | place | headers),
        )
        handler.wfile.write(rest[:until])
        if stall:
            handler.wfile.flush()
            handler.server.script.released.wait(30)

    return answer


def says(status: int, **headers: object) -> Answer:
    """Answers with this status and no content."""
    return lambda handler: handler.begin(status, Content_Length=0, **headers)


@contextmanager
def serving() -> Iterator[Script]:
    script = Script(last=whole())
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.script = script  # type: ignore[attr-defined]
    script.url = f"http://127.0.0.1:{server.server_address[1]}/model.onnx"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield script
    finally:
        script.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def entry_of(script: Script, **changes: Any) -> Entry:
    """A file of the catalogue's kind at the server."""
    values = {
        "name": "thing",
        "description": "a test",
        "urls": (script.url,),
        "sha256": hashlib.sha256(BODY).hexdigest(),
        "size": len(BODY),
        "about": len(BODY),
        "license": "MIT",
        "license_url": "https://example.org/license",
        "source": "https://example.org",
        "known_from": "the test",
    }
    return Entry(**(values | changes))


def get(entry: Entry, cache: Path, **settings: Any) -> bytes:
    return fetch(entry, cache=cache, patience=HASTE, **settings).path.read_bytes()


def fails(entry: Entry, cache: Path, kind: type[Exception], **settings: Any) -> str:
    with pytest.raises(kind) as caught:
        get(entry, cache, **settings)
    return str(caught.value)


def left(cache: Path) -> set[str]:
    """What lies in the cache, locks aside."""
    return {path.name for path in cache.iterdir() if path.suffix != ".lock"}
