"""A running explorer, and what a browser or an attacker sends to it."""

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pixsieve
from pixsieve.explorer import Explorer

#: What the page's own scripts send with what changes something.
OURS = {"X-Pixsieve": "1"}
#: One address of each kind that is read.
READ = (
    *("/", "/static/main.js", "/static/icon.svg", "/api/overview", "/api/columns"),
    *("/api/list/images", "/api/list/duplicates", "/api/image/0", "/api/card/0", "/api/similar/0"),
    *("/api/decisions", "/thumb/0", "/picture/0"),
)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    """Speaks to an explorer as one that has been let in, unless told otherwise."""

    explorer: Explorer
    cookie: str = ""
    port: int = field(init=False)
    #: The folder that everything is below; what is asked for is given without it.
    base: str = field(init=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.explorer.url)
        self.port, self.base = parts.port or 0, parts.path.rstrip("/")

    def enter(self) -> Answer:
        """Opens the address that was printed, and keeps the cookie."""
        answer = self.ask("GET", "/?" + urlsplit(self.explorer.url).query)
        self.cookie = answer.headers["set-cookie"].split(";")[0]
        return answer

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Any request; `headers` go over the usual ones."""
        sent = {"Host": f"127.0.0.1:{self.port}"}
        if self.cookie:
            sent["Cookie"] = self.cookie
        sent.update(headers or {})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(
                method, self.base + path, skip_host=True, skip_accept_encoding=True
            )
            data = body.encode() if isinstance(body, str) else body
            if data is not None and not {"Content-Length", "Transfer-Encoding"} & sent.keys():
                sent["Content-Length"] = str(len(data))
            for name, value in sent.items():
                connection.putheader(name, value)
            connection.endheaders(data)
            answer = connection.getresponse()
            lower = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, lower, answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """JSON, once it has been worked out."""
        while True:
            answer = self.ask("GET", path)
            if answer.status != 202:
                assert answer.status == 200, answer.body
                return answer.json()

    def post(self, path: str, said: object = None) -> Any:
        answer = self.ask("POST", path, json.dumps(said or {}), OURS)
        assert answer.status == 200, answer.body
        return answer.json()


@contextmanager
def exploring(audit: pixsieve.Audit) -> Iterator[Client]:
    """An explorer of the audit, and a client that has been let in."""
    with audit.explore(open_browser=False, block=False) as explorer:
        client = Client(explorer)
        client.enter()
        yield client
