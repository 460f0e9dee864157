"""What the explorer's page asks for, and is given."""

import json
import threading
from collections.abc import Callable, Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pixsieve.audit import Audit
from pixsieve.audit.decisions import Choice
from pixsieve.explorer import pictures
from pixsieve.explorer.advice import advised, undecided
from pixsieve.explorer.overview import overview
from pixsieve.explorer.page import Pages
from pixsieve.explorer.points import Points
from pixsieve.explorer.query import Query
from pixsieve.explorer.session import Session
from pixsieve.explorer.views import KINDS
from pixsieve.pages.text import shorten, similarity

#: Items per answer, at most.
MOST = 200
#: How many images a search gives.
FOUND = 120
#: Seconds that a request waits for a finding before it is told to ask again.
PATIENCE = 0.1


class Api:
    """Answers for one audit."""

    def __init__(self, audit: Audit) -> None:
        self._session = Session(audit)
        self._pages = Pages(self._session)
        self._points = Points(audit)

    @property
    def run(self) -> str:
        """Tells one run from another: numbers of images and items are those of one run."""
        return str(self._session.audit.info["checksum"])

    @property
    def session(self) -> Session:
        """What is known of the audit."""
        return self._session

    # ---- reading ---- #

    def overview(self, _request: Request, _body: bytes) -> Response:
        """What there is: lists with their sizes, the collection, the decisions so far."""
        return JSONResponse(overview(self._session, self._pages.root))

    def columns(self, _request: Request, _body: bytes) -> Response:
        """What can be filtered and sorted by."""
        lists = {
            name: [
                {"name": column, "kind": "number" if dtype.is_numeric() else "text"}
                for column, dtype in view.items.schema.items()
            ]
            for name in KINDS
            if (view := self._session.ready(name)) is not None and name != "images"
        }
        return JSONResponse({"images": self._session.columns.described, "lists": lists})

    def items(self, request: Request, _body: bytes) -> Response:
        """Some items of a list, as filtered and sorted."""
        given = request.query_params
        view = self._session.view(request.path_params["kind"], wait=PATIENCE)
        query = Query.parsed(given)
        start, limit = _whole(given, "start", 0), min(_whole(given, "limit", 60), MOST)
        # A version that is yet to come would be answered with what holds today, and kept.
        latest = self._session.decisions_version()
        version = min(_whole(given, "version", latest), latest)
        keys = self._session.select(view, query, version)
        answer = self._pages.items(view, keys[start : start + limit], view.kind.name)
        return JSONResponse(
            {**answer, "total": len(keys), "before": view.total, "version": version, "start": start}
        )

    def image(self, request: Request, _body: bytes) -> Response:
        """One image, and what is known of it."""
        return JSONResponse(self._pages.image(self._known(request)))

    def cards(self, request: Request, _body: bytes) -> Response:
        """What lists say of an image that is in none of them."""
        return JSONResponse({"images": self._pages.cards([self._known(request)], "images")})

    def similar(self, request: Request, _body: bytes) -> Response:
        """What comes nearest to an image, by its embedding."""
        image = self._known(request)
        return self._found(image)

    def search(self, _request: Request, body: bytes) -> Response:
        """What comes nearest to a picture that was sent."""
        if not body:
            raise ValueError("the picture is empty")
        return self._found(body)

    def _found(self, query: int | bytes) -> Response:
        found = self._session.audit.search(query, k=FOUND).select("image", "similarity").rows()
        items = _items(dict(found), {image: similarity(value) for image, value in found})
        cards = self._pages.cards([image for image, _ in found], "images")
        return JSONResponse({"items": items, "images": cards, "total": len(items)})

    def map(self, _request: Request, _body: bytes) -> Response:
        """What the points of the map are, and their classes."""
        return JSONResponse(self._points.described())

    def points(self, _request: Request, _body: bytes) -> Response:
        """The points of the map: x and y as float32, then image as uint32, class as uint8."""
        return Response(self._points.packed(), media_type="application/octet-stream")

    def picture(self, request: Request, _body: bytes) -> Response:
        """A picture of an image, by its number."""
        side = pictures.SIDES[request.url.path.split("/")[1]]
        image, version = self._known(request), request.query_params.get("v", "")
        if not (self._session.audit.images["digest"][image] or "").startswith(version):
            raise IndexError("this picture was of another run")
        whole = request.query_params.get("whole") == "1"
        data, kind = pictures.picture(self._session.audit, image, side, whole=whole)
        # The address changes with the picture; what stands in for one may be gone the next time.
        lasting = kind == "image/jpeg" and "v" in request.query_params and not whole
        headers = {"Cache-Control": "private, max-age=86400" if lasting else "no-store"}
        return Response(data, media_type=kind, headers=headers)

    def _known(self, request: Request) -> int:
        asked = request.path_params["image"]
        image = int(asked) if _is_whole(asked) else None
        if image is None or image >= self._session.audit.images.height:
            raise IndexError(f"there is no image {shorten(asked, 60)}")
        return image

    # ---- decisions ---- #

    def decisions(self, _request: Request, _body: bytes) -> Response:
        """Everything that was decided, latest first."""
        standing = sorted(self._session.standing().values(), key=lambda one: one.time, reverse=True)
        # One image may have several: it is shown once, with all of them.
        decided = list(dict.fromkeys(one.image for one in standing))
        images = decided[:MOST]
        cards = self._pages.cards(images, "images")
        return JSONResponse({"items": _items(images, {}), "images": cards, "total": len(decided)})

    def decide(self, _request: Request, body: bytes) -> Response:
        """Writes a decision: on images, or the one that is advised for an item."""
        given = _object(body)
        finding = given.get("finding")
        if given.get("advised") is True:
            view = self._session.view(str(finding))
            key = given.get("key")
            if type(key) is not int or not 0 <= key < view.total:
                raise ValueError("decide: there is no such item")
            advice = advised(view, key)
            if not advice:
                raise ValueError("decide: nothing is advised here")
            choices = undecided(advice, self._session.fates())
        else:
            choices = [_choice(given, finding)]
        if choices:
            self._session.decisions.decide(choices)
        images = [image for choice in choices for image in choice.images]
        return self._decided(images, finding)

    def undo(self, _request: Request, _body: bytes) -> Response:
        """Takes the last decision back."""
        event = self._session.decisions.undo()
        images = [] if event is None else self._session.decisions.images_of(event)
        return self._decided(images, None, undone=event is not None)

    def _decided(self, images: list[int], finding: Any, **more: object) -> Response:
        """What holds of these images now."""
        found = self._session.decided(images, finding if isinstance(finding, str) else "images")
        return JSONResponse(
            {
                "decided": {image: found.get(image, []) for image in images},
                "counts": self._session.decision_counts(),
                **more,
            }
        )


class Current:
    """The audit that is explored now; another takes its place as a whole, between answers."""

    def __init__(self, audit: Audit, load: Callable[[], Audit]) -> None:
        self._load, self._lock = load, threading.Lock()
        self.api = Api(audit)
        self.api.session.start()

    def stop(self) -> None:
        """Ends what is done behind the scenes."""
        self.api.session.stop()

    def reload(self) -> Response:
        """Loads the work directory anew, after another run has written it."""
        with self._lock:
            if not self.api.session.is_current():
                fresh = Api(self._load())
                self.stop()
                self.api = fresh
                fresh.session.start()
        return JSONResponse({"done": True})


def _whole(given: Any, name: str, usual: int) -> int:
    value = given.get(name, str(usual))
    if not _is_whole(value):
        raise ValueError(f"{name} must be a whole number")
    return int(value)


def _is_whole(value: str) -> bool:
    """Other scripts have digits, too, and Python reads them; more of them are a mistake."""
    return value.isascii() and value.isdecimal() and len(value) <= 12


def _object(body: bytes) -> dict[str, Any]:
    """A JSON object that was sent.

    Raises:
        ValueError: If it is none.
    """
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise ValueError("a JSON object is needed")
    return given


def _choice(given: dict[str, Any], finding: Any) -> Choice:
    images = given.get("images")
    if not isinstance(images, list) or not all(type(image) is int for image in images):
        raise ValueError("decide: images must be a list of numbers")
    label = given.get("new_label")
    if not isinstance(label, str | None) or not isinstance(finding, str | None):
        raise ValueError("decide: finding and new_label must be texts")
    return Choice(tuple(images), str(given.get("decision")), finding, label)


def _items(images: Iterable[int], said: dict[int, str]) -> list[dict[str, Any]]:
    """A list of single images, in the form of all lists."""
    return [
        {
            "key": image,
            "tags": [{"text": said[image], "tone": ""}] if image in said else [],
            "cards": [{"image": image, "tags": [], "beside": False, "transform": None}],
            "more": 0,
            "advice": False,
        }
        for image in images
    ]
