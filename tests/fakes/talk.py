"""Whoever listens, and whoever knocks at a machine's door."""

from datetime import timedelta


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

    def ssh_port(self, _address: str) -> int:
        return 22

    def answers(self, address: str) -> bool:
        return bool(address) and not self.deaf
