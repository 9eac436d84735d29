"""An EC2 with a living Spot market on this computer: ``with Sandbox(seed=7) as ec2:``."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spotkeeper.sandbox.options import SandboxOptions
    from spotkeeper.sandbox.practice import Sandbox

__all__ = ["Sandbox", "SandboxOptions"]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: the daemon needs none of it."""
    if name == "Sandbox":
        from spotkeeper.sandbox.practice import Sandbox

        return Sandbox
    if name == "SandboxOptions":
        from spotkeeper.sandbox.options import SandboxOptions

        return SandboxOptions
    raise AttributeError(name)
