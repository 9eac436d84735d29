"""What a sandbox is started with, and what it says about itself. Standard library only."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Scenario = Literal["calm", "article"]
Account = Literal["default", "fresh"]


@dataclass(frozen=True)
class SandboxOptions:
    """How the simulated account and market are set up.

    ``scenario``  "calm", or "article": six types in eu-west-1 cost what the article says.
    ``seed``      another seed is another market; the same seed is the same prices for ever.
    ``port``      None takes the former port when it is free, else any.
    ``account``   "fresh" has the Spot quotas of a new AWS account: Standard 5 vCPU, GPUs none
                  (UserGuide/using-spot-limits.html), and no Spot service-linked role.
    """

    scenario: Scenario = "calm"
    seed: int = 1
    port: int | None = None
    account: Account = "default"


@dataclass(frozen=True)
class SandboxStatus:
    """One look at a sandbox. ``notes`` are facts the user must hear once."""

    home: Path
    running: bool
    options: SandboxOptions = SandboxOptions()
    port: int | None = None
    pid: int | None = None
    token: str = field(default="", repr=False)
    notes: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """The endpoint for every AWS service; empty when the sandbox is not running."""
        return f"http://127.0.0.1:{self.port}" if self.running else ""
