"""Whoever listens, and whoever knocks at a machine's door."""

from datetime import timedelta

from spotkeeper.model.connect import Connect, Route
from spotkeeper.model.machine import Instance


class FakeTalk:
    """Remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.waited: list[tuple[str, timedelta]] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def waiting(self, text: str, elapsed: timedelta, _detail: str = "") -> None:
        self.waited.append((text, elapsed))


class FakeReach:
    """A network in which machines answer, unless their address is said to be deaf."""

    def __init__(self, *, deaf: bool = False) -> None:
        self.deaf = deaf

    def require(self, _connect: Connect) -> None:
        """Every program is here."""

    def route(self, instance: Instance) -> Route:
        return Route(instance.public_ip or instance.id, 22)

    def answers(self, instance: Instance) -> bool:
        return instance.has_way_in and not self.deaf
