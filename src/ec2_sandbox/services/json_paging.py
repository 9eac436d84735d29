"""Pages of the JSON services: MaxResults up to a hundred, and a token for the rest."""

from collections.abc import Mapping, Sequence
from typing import Any

from ec2_sandbox.protocol import paging
from ec2_sandbox.protocol.refusal import EC2Error

MOST = 100


class BadToken(ValueError):
    """A NextToken that no answer gave."""


def page(member: str, rows: Sequence[Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """One page as the answer's content."""
    size = min(int(body.get("MaxResults") or MOST), MOST)
    try:
        found, token = paging.page(rows, {**body, "MaxResults": size}, default=MOST)
    except EC2Error:
        raise BadToken("The pagination token is not valid.") from None
    return {member: list(found), **({"NextToken": token} if token else {})}
