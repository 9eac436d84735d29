"""What this package wants remembered between commands; where that happens is not its business."""

from datetime import timedelta
from typing import Any, Protocol


class AnswerMemory(Protocol):
    """Documents by kind and key."""

    def get(self, kind: str, key: str, *, younger_than: timedelta) -> Any | None:
        """The document, if there is one so young."""

    def put(self, kind: str, key: str, document: Any) -> None:
        """Keep a document."""

    def drop(self, kind: str, key: str) -> None:
        """Forget a document."""
