"""A server on loopback that speaks enough S3, with faults and latency as tests want them."""

import asyncio
import json
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

import polars as pl

from pixsieve.sources.places import LISTED

DATE = "Tue, 21 Oct 2025 07:28:00 GMT"
STAMP = "2025-10-21T07:28:00.000Z"
MODIFIED = 1_761_031_680_000_000_000
REASONS = {200: "OK", 206: "Partial Content", 404: "Not Found", 416: "Range Not Satisfiable"}


@dataclass
class Fault:
    """What happens to the first `times` requests for an object."""

    kind: str
    """`status`, `truncate`, `reset`, `stall`, `slow`, `chunked`, `no_range` or `no_head`."""
    times: int = 1 << 30
    status: int = 500


@dataclass
class FakeServer:
    """Buckets at `url/bucket/key`; may also be used as a plain web server."""

    objects: dict[str, bytes] = field(default_factory=dict)
    """By bucket/key."""
    faults: dict[str, Fault] = field(default_factory=dict)
    latency: float = 0.0
    page: int = 1000
    generated: Callable[[int], str] | None = None
    """Names of a bucket `generated` that holds `count` objects."""
    count: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    ranges: list[tuple[str, str | None]] = field(default_factory=list)
    methods: Counter[str] = field(default_factory=Counter)
    connections: set[asyncio.Transport] = field(default_factory=set)
    now: int = 0
    """Requests in flight; `most` is the most of them."""
    most: int = 0

    def __enter__(self) -> "FakeServer":
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.new_event_loop()
        server = self._loop.run_until_complete(
            self._loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=512)
        )
        self.port = server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        ready.set()
        self._loop.run_forever()
        server.close()
        for connection in list(self.connections):
            connection.abort()
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    def put(self, bucket: str, **objects: bytes) -> None:
        self.objects |= {f"{bucket}/{key}": data for key, data in objects.items()}

    @property
    def buckets(self) -> set[str]:
        return {name.partition("/")[0] for name in self.objects} | {"empty", "generated"}


class _Connection(asyncio.Protocol):
    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.buffer = b""
        self.loop = server._loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.connections.add(transport)

    def connection_lost(self, _: Exception | None) -> None:
        self.server.connections.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            self.server.now += 1
            self.server.most = max(self.server.most, self.server.now)
            if self.server.latency:
                self.loop.call_later(self.server.latency, self._answer, head)
            else:
                self._answer(head)

    def _answer(self, head: bytes) -> None:
        self.server.now -= 1
        line, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ")
        headers = {
            name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)
        }
        parts = urlsplit(target)
        path, query = unquote(parts.path).removeprefix("/"), dict(parse_qsl(parts.query))
        self.server.requests[path] += 1
        self.server.methods[method] += 1
        self.server.ranges.append((path, headers.get("range")))
        if "list-type" in query or query.get("comp") == "list":
            self._list(path, query)
        else:
            self._object(method, path, headers.get("range"))

    def _list(self, path: str, query: dict[str, str]) -> None:
        azure = "comp" in query
        bucket = path.rpartition("/")[2] if azure else path.rstrip("/")
        fault = self._fault(bucket)
        if fault is not None:
            self._send(fault.status, b"<Error><Code>Fault</Code></Error>")
        elif bucket not in self.server.buckets:
            code = "ContainerNotFound" if azure else "NoSuchBucket"
            self._send(404, f"<Error><Code>{code}</Code></Error>".encode())
        elif azure:
            self._send(200, _azure_page(self._names(bucket, query), self.server.objects, bucket))
        else:
            self._send(200, self._page(bucket, query))

    def _names(self, bucket: str, query: dict[str, str]) -> list[str]:
        front = f"{bucket}/"
        names = (name.removeprefix(front) for name in self.server.objects if name.startswith(front))
        return sorted(name for name in names if name.startswith(query.get("prefix", "")))

    def _page(self, bucket: str, query: dict[str, str]) -> bytes:
        after = query.get("continuation-token") or query.get("start-after", "")
        if bucket == "generated" and self.server.generated is not None:
            start = int(after) if after else 0
            stop = min(start + self.server.page, self.server.count)
            entries = [(self.server.generated(n), 15_000) for n in range(start, stop)]
            return _s3_page(entries, [], str(stop) if stop < self.server.count else None)
        names = [name for name in self._names(bucket, query) if name > after]
        prefix, folders = query.get("prefix", ""), set()
        if "delimiter" in query:
            inner = [name for name in names if "/" in name[len(prefix) :]]
            folders = {prefix + name[len(prefix) :].partition("/")[0] + "/" for name in inner}
            names = [name for name in names if name not in set(inner)]
        page = names[: self.server.page]
        entries = [(name, len(self.server.objects[f"{bucket}/{name}"])) for name in page]
        return _s3_page(entries, sorted(folders), page[-1] if len(page) < len(names) else None)

    def _fault(self, path: str) -> Fault | None:
        fault = self.server.faults.get(path)
        return fault if fault and self.server.requests[path] <= fault.times else None

    def _object(self, method: str, path: str, wanted: str | None) -> None:
        fault = self._fault(path)
        kind = fault.kind if fault else ""
        data = self.server.objects.get(path)
        if fault is not None and (kind == "status" or (kind == "no_head" and method == "HEAD")):
            self._send(fault.status, b"")
        elif data is None:
            self._send(404, b"<Error><Code>NoSuchKey</Code></Error>" * (method != "HEAD"))
        elif kind == "reset":
            self.transport.abort()
        elif kind in {"truncate", "slow", "stall", "chunked"} and method == "GET":
            self._badly(kind, data)
        else:
            self._send_object(method, data, None if kind == "no_range" else wanted)

    def _badly(self, kind: str, data: bytes) -> None:
        front = f"HTTP/1.1 200 OK\r\nLast-Modified: {DATE}\r\n"
        if kind == "chunked":
            body = f"{len(data):x}\r\n".encode() + data + b"\r\n0\r\n\r\n"
            self.transport.write(f"{front}Transfer-Encoding: chunked\r\n\r\n".encode() + body)
            return
        self.transport.write(f'{front}ETag: "x"\r\nContent-Length: {len(data)}\r\n\r\n'.encode())
        half = len(data) // 2
        if kind == "truncate":
            self.transport.write(data[:half])
            self.transport.close()
        elif kind == "slow":
            pieces = [data[start : start + 1000] for start in range(0, len(data), 1000)]
            for number, piece in enumerate(pieces):
                self.loop.call_later(0.01 * number, self.transport.write, piece)

    def _send_object(self, method: str, data: bytes, wanted: str | None) -> None:
        status, extra, body = 200, "", data
        if wanted is not None:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, stop = int(first), min(int(last or len(data)) + 1, len(data))
            if start >= len(data):
                self._send(416, b"")
                return
            body = data[start:stop]
            status, extra = 206, f"Content-Range: bytes {start}-{stop - 1}/{len(data)}\r\n"
        extra += f'ETag: "{zlib.crc32(data)}"\r\nLast-Modified: {DATE}\r\n'
        extra += "Accept-Ranges: bytes\r\nx-ms-blob-type: BlockBlob\r\n"
        self._send(status, body, extra, hide=method == "HEAD")

    def _send(self, status: int, body: bytes, extra: str = "", *, hide: bool = False) -> None:
        reason = REASONS.get(status, "Answer")
        front = f"HTTP/1.1 {status} {reason}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
        self.transport.write(front.encode("latin-1") + (b"" if hide else body))


def _s3_page(entries: Iterable[tuple[str, int]], folders: Iterable[str], more: str | None) -> bytes:
    token = f"<NextContinuationToken>{escape(more)}</NextContinuationToken>" if more else ""
    contents = "".join(
        f"<Contents><Key>{escape(name)}</Key><LastModified>{STAMP}</LastModified>"
        f'<ETag>"x"</ETag><Size>{size}</Size></Contents>'
        for name, size in entries
    )
    prefixes = "".join(
        f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in folders
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult>{token}'
        f"<IsTruncated>{str(bool(more)).lower()}</IsTruncated>{contents}{prefixes}"
        "</ListBucketResult>"
    ).encode()


def _azure_page(names: Iterable[str], objects: dict[str, bytes], bucket: str) -> bytes:
    blobs = "".join(
        f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>{DATE}</Last-Modified>"
        f"<Content-Length>{len(objects[f'{bucket}/{name}'])}</Content-Length>"
        "<Content-Type>image/jpeg</Content-Type><Etag>0x1</Etag></Properties></Blob>"
        for name in names
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>'
        f"{blobs}</Blobs><NextMarker /></EnumerationResults>"
    ).encode()


def listed(*rows: dict[str, Any]) -> pl.DataFrame:
    """Rows of `LISTED` with `row`; what is not given is empty."""
    blank: dict[str, Any] = {"kind": "file", "offset": 0, "stored": 0, "size": 0, "modified": 0}
    full = [{"path": row["location"].decode(), "relative": ""} | blank | row for row in rows]
    return pl.DataFrame(full, schema=LISTED).with_row_index("row")


def serve(latency: float, objects: dict[str, bytes]) -> None:
    """The server alone, in a process of its own: says its URL, and ends with its input."""
    with FakeServer(objects=objects, latency=latency) as server:
        sys.stdout.write(json.dumps({"url": server.url}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


def until(ready: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether it becomes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():
            return True
        time.sleep(0.01)
    return ready()


def cleared(monkeypatch: Any, names: Sequence[str]) -> None:
    """Without the cloud settings of whoever runs the tests."""
    for name in names:
        monkeypatch.delenv(name, raising=False)


#: Of whoever runs the tests.
SETTINGS = (
    *("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE"),
    *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT", "FASTDUP_S3_ENDPOINT_URL"),
    *("AWS_SKIP_SIGNATURE", "AWS_NO_SIGN_REQUEST", "AWS_EC2_METADATA_DISABLED", "MC_CONFIG_DIR"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SHARED_CREDENTIALS_FILE"),
    *("AWS_CONFIG_FILE", "GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST"),
    *("AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_ACCOUNT_NAME"),
)


def quick(monkeypatch: Any, endpoint: str) -> None:
    """Keys and this endpoint, nothing else of the environment, and short pauses."""
    cleared(monkeypatch, SETTINGS)
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setattr("pixsieve.sources.cloud.stores.PAUSES", (0.01, 0.02))
