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


#: Where a connection comes from that is to be one of IPv4.
ANY_IPV4 = ("0.0.0.0", 0)  # noqa: S104 - nobody listens there


def get(
    url: str,
    *,
    most_bytes: int,
    timeout_seconds: float,
    headers: Mapping[str, str] | None = None,
    over_ipv4: bool = False,
) -> WebPage:
    """Ask once; no redirect is followed. ``over_ipv4`` whatever other addresses the server has.

    The proxy is the one that ``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY`` name, but for this
    computer itself.

    Raises:
        Unreachable: no answer, or no web address.
    """
    from http.client import HTTPException

    try:
        source = ANY_IPV4 if over_ipv4 else None
        return _asked(url, most_bytes, timeout_seconds, headers or {}, source)
    except (HTTPException, OSError, ValueError, MemoryError) as problem:
        told = getattr(problem, "reason", problem)
        raise Unreachable(f"{url} does not answer: {told or type(problem).__name__}") from None


def _asked(
    url: str,
    most_bytes: int,
    timeout_seconds: float,
    headers: Mapping[str, str],
    source: tuple[str, int] | None,
) -> WebPage:
    from http import client
    from urllib import request

    class Http(request.HTTPHandler):
        def http_open(self, req: request.Request) -> client.HTTPResponse:
            return self.do_open(client.HTTPConnection, req, source_address=source)

    class Https(request.HTTPSHandler):
        def https_open(self, req: request.Request) -> client.HTTPResponse:
            context, kind = tls(), client.HTTPSConnection
            return self.do_open(kind, req, context=context, source_address=source)

    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Unreachable(f"{url} is no web address")
    opener = request.OpenerDirector()  # it has no handler that follows a redirect
    opener.add_handler(request.ProxyHandler({} if is_on_this_computer(url) else None))
    opener.add_handler(Https() if parts.scheme == "https" else Http())
    host = parts.netloc.rpartition("@")[2]
    asked = request.Request(  # noqa: S310 - the scheme was looked at
        parts._replace(netloc=host, path=parts.path or "/").geturl(),
        headers={"User-agent": USER_AGENT, **headers},
    )
    with opener.open(asked, timeout=timeout_seconds) as answer:
        return WebPage(answer.status, answer.headers, answer.read(most_bytes))
