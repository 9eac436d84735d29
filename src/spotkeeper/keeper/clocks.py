"""Time as the account sees it: real, or the sandbox's."""

from __future__ import annotations  # a command imports only the edges that it uses

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from spotkeeper.keeper.sandbox import sandbox_problems


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        """The time, aware UTC."""
        return datetime.now(UTC)

    def sleep(self, length: timedelta) -> None:
        """Wait in real time."""
        time.sleep(max(0.0, length.total_seconds()))


class SandboxTime(Protocol):
    """What moves the sandbox's time; ``ec2_sandbox.client.Control`` does."""

    def now(self) -> datetime:
        """The sandbox's time, aware UTC."""

    def advance(self, by: timedelta) -> datetime:
        """Move it forwards; gives the time it is then."""


class PracticeClock:
    """The sandbox's time. Nobody waits in practice: to sleep is to move that time forwards."""

    def __init__(self, control: SandboxTime) -> None:
        self._control = control

    def now(self) -> datetime:
        """The sandbox's time, aware UTC."""
        with sandbox_problems():
            return self._control.now()

    def sleep(self, length: timedelta) -> None:
        """Let the sandbox's time go on by ``length``, at once."""
        with sandbox_problems():
            self._control.advance(max(timedelta(0), length))
