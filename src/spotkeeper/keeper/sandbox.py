"""The sandbox's problems in our own words, with our exit codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spotkeeper.agent import boot_script
from spotkeeper.errors import BadInput, NotFound, SandboxProblem, SpotkeeperError
from spotkeeper.model.connect import Route
from spotkeeper.ssh.shell import SSH_PORT

if TYPE_CHECKING:
    from ec2_sandbox.client import Control, SandboxError
    from spotkeeper.model.connect import Connect
    from spotkeeper.model.machine import Instance


@contextmanager
def sandbox_problems() -> Iterator[None]:
    """Raise what the sandbox cannot do as a ``SpotkeeperError``."""
    from ec2_sandbox.client import SandboxError

    try:
        yield
    except SandboxError as problem:
        raise _ours(problem) from problem


def _ours(problem: SandboxError) -> SpotkeeperError:
    from ec2_sandbox import client

    kinds: dict[type[client.SandboxError], type[SpotkeeperError]] = {
        client.BadInput: BadInput,
        client.NotFound: NotFound,
    }
    kind = kinds.get(type(problem), SandboxProblem)
    return kind(problem.message, next_step=problem.next_step)


def sandbox_home(folder: Path) -> Path:
    """The user's sandbox, whose machines run unless it was set up otherwise."""
    from ec2_sandbox.client import daemon

    daemon.set_up(folder, boot_script(), guests="jailed")
    return folder


class GuestReach:
    """Machines of the sandbox are reached where it says; one that is a name only needs nothing
    more than to run."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._known: dict[str, Any] = {}

    def require(self, connect: Connect) -> None:
        """Nothing: they are on this computer, whatever way is practised."""

    def answers(self, instance: Instance) -> bool:
        """Whether it lets this computer in now."""
        self._known = self._control.logins()
        return self._known["guests"] == "none" or bool(self._login(instance).get("port"))

    def route(self, instance: Instance) -> Route:
        """Where its server listens now, which changes with every boot; at 22 while it does not, at
        0 where machines are names only."""
        if self._known.get("guests") != "none":
            self._known = self._control.logins()
        known = self._login(instance)
        address = instance.public_ip or known.get("address") or instance.id
        if self._known["guests"] == "none":
            return Route(address, 0)
        return Route(address, known.get("port") or SSH_PORT)

    def _login(self, instance: Instance) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._known.get("machines", {}).get(instance.id, {})
        return found
