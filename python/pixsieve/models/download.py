"""One file over HTTP: resumed where it broke off, tried again where that may help."""

import errno
import http.client
import json
import re
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from pixsieve import _native
from pixsieve.models.patience import DownloadError, Patience

CHUNK = 1 << 18
#: No model is larger; a server that never ends must not fill the disk.
LARGEST = 16 << 30
#: Answers after which it may go better later.
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
FULL = (errno.ENOSPC, errno.EDQUOT)
REDIRECTS = 5

Report = Callable[[int, int], object]


class _PassingError(Exception):
    """It may go better at the next try."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


class _UnreachedError(_PassingError):
    """Not even a connection. Before anything has come, that is the end: one is offline."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = REDIRECTS
    max_repeats = 1

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:
        before, after = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if after not in {"http", "https"} or (before, after) == ("https", "http"):
            raise DownloadError(f"it redirects from {before} to {newurl}, which is refused")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """Speaks HTTP and HTTPS only, through the proxy of the environment if there is one."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        _Redirects,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener


class Download:
    """One address, and the `.part` file that it is written to.

    Beside it lies what the server called that version, so that two versions are never mixed.
    """

    def __init__(
        self, url: str, part: Path, *, size: int | None, report: Report, patience: Patience
    ) -> None:
        self._url = url
        self._part = part
        self._note = part.with_name(f"{part.name}.json")
        self._size = size
        self._report = report
        self._patience = patience
        self.resumed = False
        """Whether what is there came in more than one piece."""
        self._reached = False

    def run(self) -> None:
        """Brings all of it.

        Raises:
            DownloadError: If it does not come, or something else comes.
            OSError: If it cannot be written.
        """
        opener = _opener()
        furthest, failures = self._have(), 0
        self.resumed = False
        while True:
            try:
                self._attempt(opener)
            except _PassingError as error:
                if isinstance(error, _UnreachedError) and not self._reached:
                    raise DownloadError(str(error)) from None
                failures = 1 if self._have() > furthest else failures + 1
                furthest = max(furthest, self._have())
                if failures >= self._patience.tries:
                    raise DownloadError(f"{error}; given up after {failures} tries") from None
                pause = self._patience.pause * 2 ** (failures - 1)
                time.sleep(min(max(pause, error.pause), self._patience.longest))
            else:
                self._note.unlink(missing_ok=True)
                return

    def discard(self) -> None:
        """Removes what has come."""
        self._part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _have(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _attempt(self, opener: urllib.request.OpenerDirector) -> None:
        validator = self._validator()
        start = self._have() if validator else 0
        headers = {"User-Agent": f"pixsieve/{_native.__version__}", "Accept-Encoding": "identity"}
        if start and validator:
            headers |= {"Range": f"bytes={start}-", "If-Range": validator}
        request = urllib.request.Request(self._url, headers=headers)  # noqa: S310 - see _opener
        try:
            with opener.open(request, timeout=self._patience.timeout) as response:
                self._receive(response, start)
        except urllib.error.HTTPError as error:
            with error:
                self._refused(error, start)
        except urllib.error.URLError as error:
            raise _unreached(error.reason) from None
        except (http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as error:
            raise _network(error) from None

    def _refused(self, error: urllib.error.HTTPError, start: int) -> None:
        """Returns only where the answer says that all is there."""
        if error.code == 416 and start:
            if _total(error.headers.get("Content-Range")) == start:
                self.resumed = True
                return
            self.discard()
            raise _PassingError("the file has changed on the server")
        if error.code in PASSING:
            raise _PassingError(_answer(error), _seconds(error.headers.get("Retry-After")))
        if "is not allowed" in str(error.reason):
            raise DownloadError("it redirects to what is no web address, which is refused")
        if 300 <= error.code < 400:
            raise DownloadError(f"it redirects in a circle, or more than {REDIRECTS} times")
        raise DownloadError(_answer(error))

    def _receive(self, response: http.client.HTTPResponse, start: int) -> None:
        self._reached = True
        start, total = self._place(response, start)
        self._check_size(total)
        try:
            self._make_room(start, total)
            with self._part.open("r+b" if start else "wb") as file:
                # After the old file is emptied: its bytes must never have the new one's name.
                self._remember(response.headers)
                file.seek(start)
                done = self._copy(response, file, start, total or self._size or 0)
        except OSError as error:
            raise _unwritten(error, self._part) from None
        if total is not None and done != total:
            raise _PassingError(f"the connection broke off after {done:,} of {total:,} bytes")

    def _place(self, response: http.client.HTTPResponse, start: int) -> tuple[int, int | None]:
        """Where the answer begins, and the size of the whole."""
        if response.status == 206:
            first, total = _range(response.headers.get("Content-Range"))
            if first != start or _name(response.headers) not in (None, self._validator()):
                self.discard()
                raise _PassingError("the server went on with something else than asked for")
            self.resumed = True
            return start, total
        if response.status != 200:
            raise DownloadError(f"the server answered {response.status} {response.reason}")
        length = response.headers.get("Content-Length", "")
        if not length.isdecimal() and not response.chunked and self._size is None:
            raise DownloadError("the server does not say how long the file is")
        return 0, int(length) if length.isdecimal() else None

    def _copy(
        self, response: http.client.HTTPResponse, file: IO[bytes], done: int, total: int
    ) -> int:
        self._report(done, max(done, total))
        while chunk := _read(response):
            done += len(chunk)
            if done > min(total or LARGEST, LARGEST):
                raise DownloadError(f"more came than the {total or LARGEST:,} bytes that it has")
            file.write(chunk)
            self._report(done, max(done, total))
        return done

    def _check_size(self, total: int | None) -> None:
        if None not in (total, self._size) and total != self._size:
            raise DownloadError(
                f"the server has a file of {total:,} bytes, but it should have {self._size:,}"
            )

    def _make_room(self, start: int, total: int | None) -> None:
        needed = (total or self._size or 0) - start
        free = shutil.disk_usage(self._part.parent).free
        if needed > free:
            raise OSError(errno.ENOSPC, f"{needed:,} bytes are needed, and {free:,} are free")

    def _validator(self) -> str | None:
        """What the server called the version whose beginning is here."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        if not isinstance(note, dict) or note.get("url") != self._url:
            return None
        validator = note.get("validator")
        return validator if isinstance(validator, str) and validator.isprintable() else None

    def _remember(self, headers: Message) -> None:
        note = {"url": self._url, "validator": _name(headers)}
        self._note.write_text(json.dumps(note), encoding="utf-8")


def _read(response: http.client.HTTPResponse) -> bytes:
    """What has come; b"" at the end, or where the connection ended too early."""
    try:
        return response.read1(CHUNK)
    except http.client.IncompleteRead as error:
        raise _PassingError("the connection broke off") from error
    except (http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as error:
        # Here, since a failure to write is another matter.
        raise _network(error) from None


def _name(headers: Message) -> str | None:
    """What the server calls this version; None where it does not name it."""
    tag = headers.get("ETag", "")
    # A weak tag promises the same meaning, not the same bytes.
    return tag if tag.startswith('"') else headers.get("Last-Modified")


def _unreached(reason: object) -> Exception:
    error = _network(reason)
    timeout = isinstance(reason, TimeoutError)
    return (
        _UnreachedError(str(error)) if isinstance(error, _PassingError) and not timeout else error
    )


def _network(reason: object) -> Exception:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return DownloadError(f"its certificate is not trusted: {reason.verify_message}")
    if isinstance(reason, TimeoutError):
        return _PassingError("the server says nothing")
    text = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason)
    return _PassingError(text or type(reason).__name__)


def _unwritten(error: OSError, part: Path) -> OSError:
    """A failure to write, as it is to be told; what is none stays what it is."""
    if isinstance(error, DownloadError):
        return error
    if error.errno in FULL:
        reason = error.strerror if error.strerror and "bytes" in error.strerror else "it is full"
        return OSError(
            errno.ENOSPC,
            f"the disk is full ({reason}); make room and try again: what came stays",
            str(part),
        )
    if isinstance(error, PermissionError):
        return PermissionError(error.errno, "may not be written", str(part))
    return error


def _answer(error: urllib.error.HTTPError) -> str:
    return f"the server answered {error.code} {error.reason}"


def _range(text: str | None) -> tuple[int | None, int | None]:
    """First byte and size of the whole, of `bytes 5-9/10`."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", text or "")
    if match is None:
        return None, None
    return int(match[1]), int(match[2]) if match[2] != "*" else None


def _total(text: str | None) -> int | None:
    """The size of the whole, of `bytes */10`."""
    match = re.fullmatch(r"bytes \*/(\d+)", text or "")
    return int(match[1]) if match else None


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isdecimal() else 0.0
