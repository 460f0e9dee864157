"""What opens a URL and is not written down: passwords and signatures."""

import base64
import contextlib
import functools
import netrc
import os
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

#: Query parameters that open what is not public.
_SECRETS = frozenset(
    {
        *("signature", "sig", "token", "access_token", "private_token", "jwt", "auth"),
        *("password", "passwd", "pwd", "secret", "api_key", "apikey", "awsaccesskeyid"),
        *("googleaccessid", "key-pair-id", "policy"),
    }
)
_FRONTS = ("x-amz-", "x-goog-")
#: URLs of this process that are not shown as they are, by how they are shown.
_known: dict[str, str] = {}


def shown(url: str) -> str:
    """The URL without what must not be seen by others: passwords and signatures."""
    if not url.lower().startswith(("http://", "https://")):
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    netloc = parts.netloc.rpartition("@")[2]
    pairs = parts.query.split("&") if parts.query else []
    query = "&".join(pair for pair in pairs if not _is_secret(pair))
    if netloc == parts.netloc and query == parts.query and not parts.fragment:
        return url
    return parts._replace(netloc=netloc, query=query, fragment="").geturl()


def _is_secret(pair: str) -> bool:
    name = pair.partition("=")[0].lower()
    return name in _SECRETS or name.startswith(_FRONTS)


def public(url: str) -> str:
    """The same, and `complete` of it is this URL, as long as the process lives."""
    bare = shown(url)
    if bare != url:
        _known[bare] = url
    return bare


def anything_left_out() -> bool:
    """Whether this process has met a URL that is not shown as it is."""
    return bool(_known)


def complete(url: str) -> str:
    """The URL with what `public` left out, else with the login that ~/.netrc has for its host."""
    if url in _known:
        return _known[url]
    try:
        parts = urlsplit(url)
        login = None if "@" in parts.netloc or not parts.hostname else _login(parts.hostname)
    except ValueError:
        return url
    return url if login is None else parts._replace(netloc=f"{login}@{parts.netloc}").geturl()


def apart(url: str) -> tuple[str, str | None]:
    """The URL without user and password, and the header that stands for them, if it had some."""
    parts = urlsplit(url)
    user, found, host = parts.netloc.rpartition("@")
    if not found:
        return url, None
    token = base64.b64encode(unquote(user).encode()).decode()
    return parts._replace(netloc=host).geturl(), f"Basic {token}"


@functools.lru_cache(maxsize=1024)
def _login(host: str) -> str | None:
    # One that cannot be read is one that does not help: the server will ask for a login.
    with contextlib.suppress(OSError, netrc.NetrcParseError, UnicodeDecodeError):
        path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
        found = netrc.netrc(path).authenticators(host) if path.is_file() else None
        if found is not None and found[0]:
            return f"{quote(found[0], safe='')}:{quote(found[2] or '', safe='')}"
    return None
