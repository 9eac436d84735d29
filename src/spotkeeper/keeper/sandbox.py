"""The sandbox's problems in our own words, with our exit codes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from spotkeeper.errors import BadInput, NotFound, SandboxProblem, SpotkeeperError

if TYPE_CHECKING:
    from ec2_sandbox.client import SandboxError


@contextmanager
def sandbox_problems() -> Iterator[None]:
    """Raise what the sandbox cannot do as a ``SpotkeeperError``."""
    from ec2_sandbox.client import SandboxError

    try:
        yield
    except SandboxError as problem:
        raise _ours(problem) from problem


def _ours(problem: "SandboxError") -> SpotkeeperError:
    from ec2_sandbox import client

    kinds: dict[type[client.SandboxError], type[SpotkeeperError]] = {
        client.BadInput: BadInput,
        client.NotFound: NotFound,
    }
    kind = kinds.get(type(problem), SandboxProblem)
    return kind(problem.message, next_step=problem.next_step)
