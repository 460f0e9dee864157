"""Plain GET, for servers whose answers obstore does not take: without a length, say."""

import re
import urllib.error
import urllib.request
from http.client import HTTPResponse
from urllib.parse import quote

from pixsieve.sources.cloud import stores
from pixsieve.sources.cloud.logins import apart
from pixsieve.sources.cloud.urls import RemoteURL

_HEADERS = re.compile(
    r"Content-Length Header missing|Invalid (last modified|content length)", re.IGNORECASE
)


def needed(error: BaseException, url: RemoteURL) -> bool:
    """Whether the server answered, but not as obstore wants it."""
    return url.is_http and _HEADERS.search(str(error)) is not None


def opened(url: RemoteURL) -> HTTPResponse:
    """The answer to a GET, to be read and closed.

    Raises:
        OSError: If there is none; `urllib.error.HTTPError` with the status, if it says no.
    """
    address, login = apart(url.typed + quote(url.key))
    request = urllib.request.Request(address)  # noqa: S310 - the scheme is http or https
    if login is not None:
        request.add_header("Authorization", login)
    answer = urllib.request.urlopen(request, timeout=stores.SILENCE)  # noqa: S310 - likewise
    assert isinstance(answer, HTTPResponse)  # noqa: S101 - for the type
    return answer


def read(url: RemoteURL, limit: int) -> bytes:
    """The whole body.

    Raises:
        ValueError: If it is longer than `limit`.
        OSError: As `opened`.
    """
    with opened(url) as answer:
        data = answer.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"more than {limit:,} bytes")
    return data
