"""Ports of a machine on this computer, for as long as somebody wants them."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spotkeeper.errors import BadInput, NotFound, SpotkeeperError, Unreachable
from spotkeeper.lifecycle.power import comes_back
from spotkeeper.model.machine import InstanceState
from spotkeeper.ssh.remote import hold_ports
from spotkeeper.timings import FORWARD_PAUSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spotkeeper.keeper.machines import MachineReader
    from spotkeeper.lifecycle.ports import Clock, Talk
    from spotkeeper.ssh.shell import Login

_HERE = "127.0.0.1"
_PORTS = range(1, 65536)

#: Is told the URLs.
Opened = Callable[[tuple[str, ...]], None]


@dataclass(frozen=True)
class Forwarded:
    """A port of this computer that leads to one of the machine."""

    here: int
    there: int

    @classmethod
    def of(cls, text: str) -> Forwarded:
        """Read ``[LOCAL:]PORT``.

        Raises:
            BadInput: it is none.
        """
        here, _, there = text.rpartition(":")
        numbers = [int(each) if each.isascii() and each.isdigit() else 0 for each in (here, there)]
        if numbers[1] not in _PORTS or (here and numbers[0] not in _PORTS):
            raise BadInput(
                f"{text!r} is no port", next_step="Write 8888, or 9000:8888 for 9000 here."
            )
        return cls(numbers[0] or numbers[1], numbers[1])

    @property
    def url(self) -> str:
        """What a browser of this computer takes."""
        return f"http://{_HERE}:{self.here}/"

    @property
    def option(self) -> str:
        """What follows ``-L``; only this computer may use it."""
        return f"{_HERE}:{self.here}:localhost:{self.there}"


@dataclass(frozen=True, slots=True)
class Forwarding:
    """Keeps ports of a machine open on this computer, over interruptions of it and of the network.

    ``opened``  is told their URLs when they lead there for the first time.
    """

    name: str
    ports: tuple[Forwarded, ...]
    machines: MachineReader
    clock: Clock
    talk: Talk
    opened: Opened

    def keep(self, regions: Sequence[str]) -> None:
        """Until Ctrl-C.

        Raises:
            BadInput: a port of this computer is taken.
            NotFound: there is no such machine, or nobody will start it again.
            SpotkeeperError: it was never reached.
        """
        self._check_free()
        lost_at, tries, was_open = self.clock.now(), 0, False

        def announce() -> None:
            nonlocal tries, was_open
            tries = 0
            if was_open:
                self.talk.say(f"{self.name} answers again")
            else:
                self.opened(tuple(each.url for each in self.ports))
            was_open = True

        while True:
            try:
                why, login = self._login(regions)
                if login is not None:
                    hold_ports(login, [each.option for each in self.ports], announce)
            except SpotkeeperError as problem:
                if not was_open or not _may_pass(problem):
                    raise
                why = problem.message
            lost_at = lost_at if tries else self.clock.now()
            self.talk.waiting(f"Waiting for {self.name}: {why}", self.clock.now() - lost_at)
            self.clock.sleep(FORWARD_PAUSES[min(tries, len(FORWARD_PAUSES) - 1)])
            tries += 1

    def _login(self, regions: Sequence[str]) -> tuple[str, Login | None]:
        """What the machine does, and how to reach it; ``None`` while it is interrupted, or
        starts."""
        machine, _ = self.machines.find(self.name, regions)
        instance = machine.instance
        if instance and instance.has_way_in and instance.state is InstanceState.RUNNING:
            login = self.machines.reachable(self.name, (machine.region,), self.talk)
            return machine.summary(), login
        if not comes_back(machine):
            raise NotFound(
                f"{self.name} does not run: {machine.summary()}",
                next_step=f"Start it with `spot start {self.name}`.",
            )
        return machine.summary(), None

    def _check_free(self) -> None:
        for port in self.ports:
            with socket.socket() as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    tried.bind((_HERE, port.here))
                except OSError as problem:
                    raise BadInput(
                        f"Port {port.here} of this computer cannot be had: {problem.strerror}",
                        next_step=f"Take another one: spot forward {self.name} "
                        f"{port.here + 1}:{port.there}",
                    ) from problem


def _may_pass(problem: SpotkeeperError) -> bool:
    """Whether it may be another thing in a moment: a network that is away, not a machine that is
    gone."""
    return isinstance(problem, Unreachable) or "silent_regions" in problem.details
