"""A look at a page of the public web, through the proxy that boto3 would use."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from spotkeeper.aws.endpoint import USER_AGENT, is_on_this_computer, tls
from spotkeeper.errors import Unreachable

if TYPE_CHECKING:
    from email.message import Message


class WebPage(NamedTuple):
    """What a server answered, whatever its status; ``body`` may be cut at what was to be read."""

    status: int
    headers: "Message"
    body: bytes


def get(
    url: str, *, most_bytes: int, timeout_seconds: float, headers: Mapping[str, str] | None = None
) -> WebPage:
    """Ask once; no redirect is followed.

    The proxy is the one that ``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY`` name, but for this
    computer itself.

    Raises:
        Unreachable: no answer, or no web address.
    """
    from http.client import HTTPException

    try:
        return _asked(url, most_bytes, timeout_seconds, headers or {})
    except (HTTPException, OSError, ValueError, MemoryError) as problem:
        told = getattr(problem, "reason", problem)
        raise Unreachable(f"{url} does not answer: {told or type(problem).__name__}") from None


def _asked(
    url: str, most_bytes: int, timeout_seconds: float, headers: Mapping[str, str]
) -> WebPage:
    from urllib import request

    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Unreachable(f"{url} is no web address")
    opener = request.OpenerDirector()  # it has no handler that follows a redirect
    opener.add_handler(request.ProxyHandler({} if is_on_this_computer(url) else None))
    is_secure = parts.scheme == "https"
    opener.add_handler(request.HTTPSHandler(context=tls()) if is_secure else request.HTTPHandler())
    host = parts.netloc.rpartition("@")[2]
    asked = request.Request(  # noqa: S310 - the scheme was looked at
        parts._replace(netloc=host, path=parts.path or "/").geturl(),
        headers={"User-agent": USER_AGENT, **headers},
    )
    with opener.open(asked, timeout=timeout_seconds) as answer:
        return WebPage(answer.status, answer.headers, answer.read(most_bytes))
