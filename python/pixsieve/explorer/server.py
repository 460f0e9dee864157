"""The explorer as a running server."""

import asyncio
import logging
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from types import TracebackType
from typing import Self

import uvicorn
from markupsafe import escape

from pixsieve.audit import Audit, load
from pixsieve.explorer.api import Current
from pixsieve.explorer.guard import Door, Guard, names_of
from pixsieve.explorer.routes import app_of
from pixsieve.progress import notebook

#: Seconds that requests under way have to finish in when the server is stopped.
GRACE = 2
#: Bytes of an address and its headers: a filter by a label of 10,000 characters has nine for each.
LONGEST_ADDRESS = 256 * 1024


class Explorer:
    """A running explorer: `url` leads there, `stop()` ends it; a context manager."""

    def __init__(self, audit: Audit, *, host: str, port: int) -> None:
        self._socket = _listening(host, port)
        number = self._socket.getsockname()[1]
        self._door = Door(number, names_of(host))
        self._current = Current(audit.snapshot(), _loader(audit))
        shown = "127.0.0.1" if host in ("0.0.0.0", "::", "localhost") else host  # noqa: S104
        written = f"[{shown}]" if ":" in shown else shown
        #: The address, with the token that opens it.
        self.url = f"http://{written}:{number}{self._door.place}?token={self._door.token}"
        settings = uvicorn.Config(
            Guard(app_of(self._current), self._door),
            log_config=None,
            log_level="error",
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_keep_alive=60,
            http="h11",
            h11_max_incomplete_event_size=LONGEST_ADDRESS,
            timeout_graceful_shutdown=GRACE,
        )
        self._server = uvicorn.Server(settings)
        self._thread = threading.Thread(
            target=self._server.run,
            kwargs={"sockets": [self._socket]},
            name="explorer",
            daemon=True,
        )

    def start(self) -> None:
        """Begins to serve."""
        self._thread.start()

    def open_browser(self) -> None:
        """Opens it in a browser; what the command line of that shows is good for one visit."""
        webbrowser.open(f"{self.url.partition('?')[0]}?token={self._door.ticket()}")

    def wait(self) -> None:
        """Returns when it has been stopped, by `stop()` or Ctrl-C."""
        try:
            while self._thread.is_alive():
                self._thread.join(timeout=0.2)
        except KeyboardInterrupt:
            self.stop()

    def stop(self) -> None:
        """Ends the server; does nothing where it has ended."""
        self._server.should_exit = True
        self._current.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=GRACE + 1)
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Explorer {self.url}>"

    def _repr_html_(self) -> str:
        return f'<a href="{escape(self.url)}" target="_blank" rel="noopener">Open the explorer</a>'


def _loader(audit: Audit) -> Callable[[], Audit]:
    """What loads the next run: with its own settings, unless others were put in their place."""
    work_dir, config = audit.work_dir, audit.config
    chosen = config.to_dict() != audit.info.get("settings")

    def again() -> Audit:
        fresh = load(work_dir)
        if chosen:
            fresh.config = config
        return fresh

    return again


def _is_worth_saying(record: logging.LogRecord) -> bool:
    """Whether a line of the server's log is of use: that it was stopped while busy is not."""
    error = record.exc_info[1] if record.exc_info else None
    stopped = isinstance(error, asyncio.CancelledError)
    return not stopped and "timeout graceful shutdown" not in record.getMessage()


logging.getLogger("uvicorn.error").addFilter(_is_worth_saying)


def _listening(host: str, port: int) -> socket.socket:
    """A socket that is bound, so that the port is known and is ours."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise OSError(f"explore: {host!r} is no address of this machine: {error}") from None
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(address)
        made.listen(128)
    except OSError as error:
        made.close()
        raise OSError(
            error.errno, f"explore: cannot listen on {host}:{port}: {error.strerror}"
        ) from None
    return made


def explore(
    audit: Audit, *, host: str, port: int, open_browser: bool, block: bool | None
) -> Explorer:
    """Starts the explorer; see `Audit.explore`."""
    _ = audit.info  # Says so if nothing has been run yet.
    explorer = Explorer(audit, host=host, port=port)
    explorer.start()
    print(f"Explorer: {explorer.url}", flush=True)  # noqa: T201 - asked for
    if open_browser and _has_screen():
        explorer.open_browser()
    if block is None:
        block = notebook() is None and not hasattr(sys, "ps1") and not sys.flags.interactive
    if block:
        explorer.wait()
    return explorer


def _has_screen() -> bool:
    """Whether a browser would open in a window: one in the terminal would take it over."""
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
