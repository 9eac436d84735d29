"""Pages of the JSON services: MaxResults up to a hundred, and a token for the rest."""

from collections.abc import Mapping, Sequence
from typing import Any

from ec2_sandbox.protocol.paging import decode, encode
from ec2_sandbox.protocol.refusal import EC2Error

MOST = 100


class BadToken(ValueError):
    """A NextToken that no answer gave."""


def page(member: str, rows: Sequence[Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """One page as the answer's content."""
    size = min(int(body.get("MaxResults") or MOST), MOST)
    start = _start(body.get("NextToken"))
    content: dict[str, Any] = {member: list(rows[start : start + size])}
    if start + size < len(rows):
        content["NextToken"] = encode(str(start + size))
    return content


def _start(token: str | None) -> int:
    if not token:
        return 0
    try:
        text = decode(token)
    except (EC2Error, ValueError):
        text = ""
    if not text.isdigit():
        raise BadToken("The pagination token is not valid.")
    return int(text)
