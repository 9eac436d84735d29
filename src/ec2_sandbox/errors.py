"""The errors of the sandbox itself; what AWS refuses is answered as AWS does."""

from typing import ClassVar


class SandboxError(Exception):
    """The sandbox cannot do what was asked; ``next_step`` is what to do, where there is a way."""

    kind: ClassVar[str] = "sandbox"

    def __init__(self, message: str, *, next_step: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


class SandboxProblem(SandboxError):
    """It does not run, does not answer, or cannot be started."""


class BadInput(SandboxError):
    """An option or a control verb's argument cannot be used."""

    kind = "bad-input"


class NotFound(SandboxError):
    """No machine, pool or region of that name."""

    kind = "not-found"
