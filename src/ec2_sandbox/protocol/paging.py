"""Pages of a list: MaxResults and NextToken as EC2 has them."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, TypeVar

from ec2_sandbox.protocol.refusal import invalid_value

Item = TypeVar("Item")


def encode(text: str) -> str:
    """A token nobody is tempted to read."""
    return urlsafe_b64encode(text.encode()).decode()


def decode(token: str) -> str:
    """What ``encode`` was given."""
    try:
        return urlsafe_b64decode(token.encode()).decode()
    except ValueError:
        raise invalid_value(f"Invalid value '{token}' for nextToken.") from None


def page_size(params: Any, default: int) -> int:
    """MaxResults, or what the operation uses without it."""
    size = int(params.get("MaxResults") or default)
    if size < 1:
        raise invalid_value(f"Value ( {size} ) for parameter maxResults is invalid.")
    return size


def page(items: Sequence[Item], params: Any, *, default: int) -> tuple[Sequence[Item], str | None]:
    """One page and the token of the next, None after the last."""
    token = params.get("NextToken")
    text = decode(token) if token else "0"
    if not text.isdigit():
        raise invalid_value(f"Invalid value '{token}' for nextToken.")
    start, size = int(text), page_size(params, default)
    end = start + size
    return items[start:end], encode(str(end)) if end < len(items) else None
