"""The addresses of the explorer, and what each answers."""

import logging
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import TypeAlias

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pixsieve.errors import ModelError
from pixsieve.explorer.api import Api, Current
from pixsieve.explorer.pictures import SIDES
from pixsieve.explorer.session import NotReadyError
from pixsieve.pages.text import visible

#: A picture to search with, and whatever else is sent, in bytes.
LARGEST_PICTURE, LARGEST = 64_000_000, 1_000_000
STATIC = resources.files("pixsieve.explorer") / "static"
#: What all pages of Pixsieve share.
SHARED = resources.files("pixsieve.pages") / "templates"
TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}
#: With which a page says of which run the numbers are that it sends.
RUN = "x-pixsieve-run"
#: Which loads another run, and so is asked for by pages of the one before.
RELOAD = "/api/reload"
#: What went wrong, to the status that says so.
STATUSES: dict[type[Exception], int] = {
    IndexError: 404,
    KeyError: 404,
    ModelError: 409,
    ValueError: 400,
    OSError: 500,
    RuntimeError: 500,
}

_log = logging.getLogger(__name__)

Answer: TypeAlias = Callable[[Api, Request, bytes], Response]

GET: dict[str, Answer] = {
    "/": lambda _api, _request, _body: _static("index.html"),
    "/static/{name}": lambda _api, request, _body: _static(request.path_params["name"]),
    "/api/overview": Api.overview,
    "/api/columns": Api.columns,
    "/api/list/{kind}": Api.items,
    "/api/image/{image}": Api.image,
    "/api/card/{image}": Api.cards,
    "/api/similar/{image}": Api.similar,
    "/api/map": Api.map,
    "/api/map/points": Api.points,
    "/api/decisions": Api.decisions,
    **{f"/{size}/{{image}}": Api.picture for size in SIDES},
}
#: With the most bytes that each takes.
POST: dict[str, tuple[Answer, int]] = {
    "/api/search": (Api.search, LARGEST_PICTURE),
    "/api/decide": (Api.decide, LARGEST),
    "/api/undo": (Api.undo, LARGEST),
}


def app_of(current: Current) -> Starlette:
    """The app, without its guard."""
    post: dict[str, tuple[Answer, int]] = {
        **POST,
        RELOAD: (lambda _api, _request, _body: current.reload(), LARGEST),
    }
    answers = {("GET", path): (answer, 0) for path, answer in GET.items()}
    answers.update({("POST", path): how for path, how in post.items()})
    return Starlette(
        routes=[
            Route(path, _answering(current, *how), methods=[method])
            for (method, path), how in answers.items()
        ]
    )


def _answering(
    current: Current, answer: Answer, largest: int
) -> Callable[[Request], Awaitable[Response]]:
    """Reads what was sent, answers on a thread of its own, and says what went wrong."""

    async def endpoint(request: Request) -> Response:
        try:
            body = await _body(request, largest)
        except ClientDisconnect:
            # Nobody is there to hear of it.
            return _problem(400, "the rest never came")
        if body is None:
            return _problem(413, f"more than {largest:,} bytes are not taken")
        api = current.api
        if request.headers.get(RUN, api.run) != api.run and request.scope["path"] != RELOAD:
            said = "another run has been loaded: what this page shows is from before"
            return _problem(409, said, other_run=True)
        return await run_in_threadpool(_answered, answer, api, request, body)

    return endpoint


async def _body(request: Request, largest: int) -> bytes | None:
    """What was sent; None if it is more than is taken, of which no more is read."""
    if request.method in ("GET", "HEAD"):
        return b""
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced) > largest:
        return None
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > largest:
            return None
        parts.append(part)
    return b"".join(parts)


def _answered(answer: Answer, api: Api, request: Request, body: bytes) -> Response:
    try:
        return answer(api, request, body)
    except NotReadyError as pending:
        return JSONResponse({"pending": str(pending)}, status_code=202)
    except tuple(STATUSES) as error:
        status = next(code for kind, code in STATUSES.items() if isinstance(error, kind))
        said = f"there is no {error}" if isinstance(error, KeyError) else _words(error)
        return _problem(status, said)
    except Exception as error:  # noqa: BLE001 - who asked is told, and the server goes on
        _log.exception("explorer: %s", visible(request.url.path))
        return _problem(500, f"{type(error).__name__}: {error}")


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror is not None:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _problem(status: int, said: str, **more: object) -> Response:
    return JSONResponse({"error": visible(said), **more}, status_code=status)


def _static(name: str) -> Response:
    kind = TYPES.get(name.rpartition(".")[2])
    # Names are those of our own folders: nothing is looked up that could lead out of them.
    known = {entry.name: entry for folder in (SHARED, STATIC) for entry in folder.iterdir()}
    if kind is None or name not in known:
        return _problem(404, "there is no such page")
    headers = {"Cache-Control": "no-cache"}
    return Response(known[name].read_bytes(), media_type=kind, headers=headers)
