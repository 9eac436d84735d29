"""How the metadata service answers one request. Decisions only; the server does the talking."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ec2_sandbox.services.imds import tokens
from ec2_sandbox.services.imds.tree import tree_of
from ec2_sandbox.world import world

TOKEN_PATH = "/latest/api/token"  # noqa: S105 - a path
TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN_HEADER = "X-aws-ec2-metadata-token"  # noqa: S105 - a header's name
HOSTS = {
    "127.0.0.1",
    "localhost",
    "169.254.169.254",
}  # a page in a browser that came by another name reads nothing
VERSIONS = ("1.0", "2016-09-02", "2018-09-24", "2021-03-23", "latest")  # cloud-init asks for them
LISTED_BY_NUMBER = "public-keys"
REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
}


@dataclass(frozen=True)
class Reply:
    """One HTTP answer of the service."""

    status: int
    body: bytes
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)


def reply(instance: Any, method: str, path: str, headers: Mapping[str, str]) -> Reply:
    """The answer to one request; header names of ``headers`` are in lower case."""
    is_disabled = instance.metadata_options.http_endpoint == "disabled"
    if is_disabled or headers.get("host", "").partition(":")[0] not in HOSTS:
        return refusal(403)
    path = path.partition("?")[0]
    if method == "PUT":
        return _token(instance, headers) if path == TOKEN_PATH else refusal(405)
    if method not in {"GET", "HEAD"}:
        return refusal(405)
    if not _may_read(instance, headers.get(TOKEN_HEADER.lower())):
        return refusal(401)
    return _content(instance, path)


def refusal(status: int) -> Reply:
    """A page that says no."""
    reason = REASONS[status]
    page = f"<html><head><title>{status} - {reason}</title></head><body>{reason}</body></html>\n"
    return Reply(status, page.encode(), "text/html")


def _token(instance: Any, headers: Mapping[str, str]) -> Reply:
    """A token, not to be had through a proxy (UserGuide/instancedata-data-retrieval.html)."""
    if "x-forwarded-for" in headers:
        return refusal(403)
    ttl = tokens.ttl_asked(headers.get(TTL_HEADER.lower()))
    if ttl is None:
        return refusal(400)
    seed, now = world().options.seed, world().now
    token = tokens.issue(instance.id, seed=seed, now=now, ttl=ttl)
    return Reply(200, token.encode(), headers={TTL_HEADER: str(ttl)})


def _may_read(instance: Any, token: str | None) -> bool:
    """A token must be good; none is needed where HttpTokens is optional."""
    if token is None:
        return bool(instance.metadata_options.http_tokens != "required")
    seed, now = world().options.seed, world().now
    return tokens.is_valid(token, instance.id, seed=seed, now=now)


def _content(instance: Any, path: str) -> Reply:
    parts = [part for part in path.split("/") if part]
    node: Any = dict.fromkeys(VERSIONS, tree_of(instance))
    for part in parts:
        if not isinstance(node, Mapping) or part not in node:
            return refusal(404)
        node = node[part]
    if isinstance(node, Mapping):
        return Reply(200, _listing(instance, node, parts).encode())
    kind = "application/octet-stream" if isinstance(node, bytes) else "text/plain"
    return Reply(200, node if isinstance(node, bytes) else str(node).encode(), kind)


def _listing(instance: Any, folder: Mapping[str, Any], parts: list[str]) -> str:
    """The names in a folder, those of folders with a slash, but at the top; keys by number."""
    if parts[-1:] == [LISTED_BY_NUMBER]:
        return f"0={instance.key_name}"
    slash = "/" if len(parts) > 1 else ""
    names = (f"{k}{slash}" if isinstance(folder[k], Mapping) else k for k in sorted(folder))
    return "\n".join(names)
