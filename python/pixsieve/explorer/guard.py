"""Who may talk to the explorer, and what its pages may do.

It serves pictures that are nobody else's business, and writes decisions. Other pages in the same
browser, and other programs' pages on this machine, must be able to do neither.
"""

import hmac
import ipaddress
import secrets
import socket
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: What a page of ours may load: itself. Pictures that are dropped on it stay in the browser.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
#: Only a script of the same origin can send it without being asked for leave, which nobody gets.
HEADER = "x-pixsieve"
#: The port that an address has if it names none.
HTTP = 80
#: Methods that change nothing.
SAFE = ("GET", "HEAD")

LOST = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Pixsieve</title>
<h1>This address needs its token</h1>
<p>Open the whole address that Pixsieve printed when the explorer was started.</p></html>"""


@dataclass(frozen=True)
class Door:
    """The secrets of one server, and the names it answers to."""

    port: int
    hosts: frozenset[str]
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    session: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    #: The folder that everything is below. Browsers send a cookie to all ports of a host: this one
    #: goes to who asks below this folder only, and other servers do not know its name.
    place: str = field(default_factory=lambda: f"/{secrets.token_urlsafe(9)}/")
    #: Tokens that open the door once: those on command lines, which all users of a machine see.
    tickets: set[str] = field(default_factory=set)

    def ticket(self) -> str:
        """A token that is good for one visit."""
        made = secrets.token_urlsafe(24)
        self.tickets.add(made)
        return made

    def opens(self, token: str) -> bool:
        """Whether a token lets one in; a ticket is used up."""
        used = next((one for one in self.tickets if _same(token, one)), None)
        if used is not None:
            self.tickets.discard(used)
        return used is not None or _same(token, self.token)

    @property
    def cookie(self) -> str:
        """Cookies are shared by all ports of a host: each server has its own."""
        return f"pixsieve-{self.port}"

    def knows(self, host: str) -> bool:
        """Whether a Host header names us: a name that an attacker owns may lead here, too."""
        # Browsers leave the usual port out.
        written = host if self.port != HTTP or host.endswith(f":{HTTP}") else f"{host}:{HTTP}"
        name, _, port = written.rpartition(":")
        if not name or port != str(self.port):
            return False
        return name.lower() in self.hosts or (bool(self.hosts & ANYWHERE) and _is_address(name))


#: What one listens on to be reached from everywhere.
ANYWHERE = frozenset({"0.0.0.0", "[::]"})  # noqa: S104 - a name, not a choice


def names_of(host: str) -> frozenset[str]:
    """By which names a server is called that listens on `host`."""
    written = f"[{host}]" if ":" in host else host
    names = {written.lower(), "127.0.0.1", "localhost", "[::1]"}
    if written in ANYWHERE:
        names.add(socket.gethostname().lower())
    return frozenset(names)


def _is_address(name: str) -> bool:
    """An address in figures cannot be made to lead elsewhere."""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


class Guard:
    """Stands before the app: turns strangers away, and puts its headers on every answer."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app, self._door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI asks for."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered = MutableHeaders(scope=message)
                answered.update(HEADERS)
                if enters:
                    answered.append("Set-Cookie", self._set_cookie())
            await send(message)

        enters = False
        inner = self._below(scope)
        refusal = self._refusal(inner, headers)
        if refusal is not None:
            await PlainTextResponse(refusal, status_code=403)(scope, receive, guarded)
            return
        if inner["path"] is None or not self._is_inside(headers):
            enters = inner["path"] is not None and self._has_token(inner)
            if not enters:
                await HTMLResponse(LOST, status_code=401)(scope, receive, guarded)
                return
        await self._app(inner, receive, guarded)

    def _below(self, scope: Scope) -> Scope:
        """The request as seen from our folder; without a path if it is for another."""
        path, place = scope["path"], self._door.place
        return {**scope, "path": path[len(place) - 1 :] if path.startswith(place) else None}

    def _refusal(self, scope: Scope, headers: Headers) -> str | None:
        """Why a request is turned away that no page of ours can have made."""
        if len(headers.getlist("host")) != 1 or not self._door.knows(headers["host"]):
            return "this is not a name of this server"
        site = headers.get("sec-fetch-site", "none")
        if site not in ("same-origin", "none") and not _is_visit(scope, headers):
            return "requests of other sites are not answered"
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"http://{headers['host'].lower()}":
            return "requests of other origins are not answered"
        if scope["method"] not in SAFE and HEADER not in headers:
            return f"what changes something needs the header {HEADER}"
        return None

    def _is_inside(self, headers: Headers) -> bool:
        # Other servers on this machine send cookies along that no parser would take.
        shown = (one.strip().partition("=") for one in headers.get("cookie", "").split(";"))
        return any(
            name == self._door.cookie and _same(value, self._door.session)
            for name, _, value in shown
        )

    def _has_token(self, scope: Scope) -> bool:
        if scope["method"] not in SAFE or scope["path"] != "/":
            return False
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        return any(self._door.opens(one) for one in given)

    def _set_cookie(self) -> str:
        named = f"{self._door.cookie}={self._door.session}"
        return f"{named}; Path={self._door.place}; HttpOnly; SameSite=Strict"


def _is_visit(scope: Scope, headers: Headers) -> bool:
    """A link to the first page, followed from elsewhere, such as a notebook."""
    return (
        scope["method"] == "GET"
        and scope["path"] == "/"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode(), secret.encode())
