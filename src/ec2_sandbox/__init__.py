"""An EC2 with a living Spot market on this computer: ``with Sandbox(seed=7) as ec2:``."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ec2_sandbox.client.sandbox import Sandbox
    from ec2_sandbox.options import SandboxOptions

__all__ = ["Sandbox", "SandboxOptions"]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: the daemon needs none of it."""
    if name == "Sandbox":
        from ec2_sandbox.client.sandbox import Sandbox

        return Sandbox
    if name == "SandboxOptions":
        from ec2_sandbox.options import SandboxOptions

        return SandboxOptions
    raise AttributeError(name)
