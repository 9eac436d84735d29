"""Who may call at all: programs on this computer, not web pages in its browser.

A page that a browser shows can reach 127.0.0.1, also under a name of its own that points there
(DNS rebinding). It cannot leave out ``Origin`` or ``Sec-Fetch-Site``, nor choose its ``Host``.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from typing import Any, NamedTuple

OWN_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", re.IGNORECASE)
FRIENDLY_SITES = {"none", "same-origin"}
LARGEST_BODY = 16 * 1024 * 1024
PIECE = 64 * 1024
DRAINED = 16 * LARGEST_BODY


class RequestRefused(NamedTuple):
    """Why a request is not answered."""

    status: int
    code: str
    message: str


FOREIGN_HOST = RequestRefused(
    403, "AccessDenied", "The sandbox answers to 127.0.0.1 and localhost only."
)
WEB_PAGE = RequestRefused(403, "AccessDenied", "The sandbox does not answer to web pages.")
UNREADABLE = RequestRefused(400, "MalformedQueryString", "The body cannot be read.")
TOO_LARGE = RequestRefused(
    413, "RequestEntityTooLarge", "The sandbox takes bodies of up to 16 MiB."
)


def refusal(environ: dict[str, Any]) -> RequestRefused | None:
    """Why to turn a request away, if so. Either way its body was read; a refused one is gone."""
    refused = _of_strangers(environ) or _of_length(environ)
    body = b""
    if refused is None:
        try:
            body = environ["wsgi.input"].read(_to_read(environ))
        except OSError:  # a chunk that is none
            refused = UNREADABLE
        if len(body) > LARGEST_BODY:
            refused = TOO_LARGE
    if refused:
        _drain(environ["wsgi.input"], DRAINED if _is_chunked(environ) else _to_read(environ))
        body = b""
    environ["wsgi.input"] = BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    return refused


def _of_strangers(environ: Mapping[str, Any]) -> RequestRefused | None:
    host = environ.get("HTTP_HOST", "")
    if host and not OWN_HOST.fullmatch(host):
        return FOREIGN_HOST
    friendly = environ.get("HTTP_SEC_FETCH_SITE", "none") in FRIENDLY_SITES
    return None if friendly and "HTTP_ORIGIN" not in environ else WEB_PAGE


def _of_length(environ: Mapping[str, Any]) -> RequestRefused | None:
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal():
        return UNREADABLE
    return TOO_LARGE if int(length) > LARGEST_BODY else None


def _is_chunked(environ: Mapping[str, Any]) -> bool:
    return bool(environ.get("wsgi.input_terminated"))


def _to_read(environ: Mapping[str, Any]) -> int:
    """How many bytes to ask for: those announced, or one more than may come in chunks."""
    if _is_chunked(environ):
        return LARGEST_BODY + 1
    length = environ.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() else 0


def _drain(source: Any, length: int) -> None:
    """Take what still comes: whoever is in the middle of sending would not hear the answer."""
    left = min(length, DRAINED)
    with suppress(OSError):
        while left > 0 and (piece := source.read(min(left, PIECE))):
            left -= len(piece)
