"""The frame of an answer of EC2, and the few values that need care."""

from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

#: The same for every call: an answer depends on the seed and the calls, on nothing else.
REQUEST_ID = "00000000-0000-0000-0000-000000000000"


def answer(operation: str, content: str) -> str:
    """The body of an answer around what the operation shows."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<{operation}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        f"<requestId>{REQUEST_ID}</requestId>{content}</{operation}Response>"
    )


def listing(operation: str, items: str, *, set_name: str, token: str | None) -> str:
    """The body around the items of one page."""
    tail = f"<nextToken>{token}</nextToken>" if token else ""
    return answer(operation, f"<{set_name}>{items}</{set_name}>{tail}")


def element(name: str, value: Any) -> str:
    """One element of text; nothing for None."""
    return "" if value is None else f"<{name}>{escape(str(value))}</{name}>"


def truth(value: Any) -> str:
    """A boolean; moto keeps some of them as text."""
    return "true" if value is True or str(value).lower() == "true" else "false"


def stamp(moment: datetime) -> str:
    """A time as EC2 writes it: UTC, whole seconds, three zeros."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"
