"""What this package wants remembered between commands; where that happens is not its business."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from spotkeeper.aws.session import AwsSession


class AnswerMemory(Protocol):
    """Documents by kind and key."""

    def get(self, kind: str, key: str, *, younger_than: timedelta) -> Any | None:
        """The document, if there is one so young."""

    def put(self, kind: str, key: str, document: Any) -> None:
        """Keep a document."""

    def drop(self, kind: str, key: str) -> None:
        """Forget a document."""


class Remembering:
    """An edge of AWS that remembers what it was told."""

    def __init__(
        self, session: "AwsSession", memory: AnswerMemory, now: Callable[[], datetime]
    ) -> None:
        self._aws = session
        self._memory = memory
        self._now = now
