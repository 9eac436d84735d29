"""The side of whoever uses the sandbox: start it, reach it, play EC2's part in it.

Imports neither moto nor flask, so that it can be had where they are not installed.
"""

from ec2_sandbox.client import daemon
from ec2_sandbox.client.control import Control
from ec2_sandbox.errors import BadInput, NotFound, SandboxError, SandboxProblem
from ec2_sandbox.history import HappeningKind
from ec2_sandbox.options import ACCOUNTS, GUEST_MODES, SCENARIOS, SandboxOptions, SandboxStatus

__all__ = [
    "ACCOUNTS",
    "GUEST_MODES",
    "SCENARIOS",
    "BadInput",
    "Control",
    "HappeningKind",
    "NotFound",
    "SandboxError",
    "SandboxOptions",
    "SandboxProblem",
    "SandboxStatus",
    "daemon",
]
