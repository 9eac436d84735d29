"""What a sandbox is started with, and what it says about itself. Standard library only."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args

from ec2_sandbox.clock import utc
from ec2_sandbox.errors import BadInput

Scenario = Literal[
    "living", "calm", "article", "drought", "storm", "reclaim-soon", "fresh-account"
]
Account = Literal["generous", "fresh"]
GuestMode = Literal["none", "jailed", "plain"]
SCENARIOS: tuple[Scenario, ...] = get_args(Scenario)
ACCOUNTS: tuple[Account, ...] = get_args(Account)
GUEST_MODES: tuple[GuestMode, ...] = get_args(GuestMode)
HIGHEST_PORT = 65_536


@dataclass(frozen=True)
class SandboxOptions:
    """How the simulated account and market are set up.

    ``scenario``    "living" is the whole market; "calm" is it without shortage and interruption;
                    "article" is calm, and six types in eu-west-1 cost what the article says;
                    "drought": GPU pools are dry; "storm": waves of interruptions; "reclaim-soon":
                    every Spot instance gets its notice five minutes after its start;
                    "fresh-account" is living with a fresh account.
    ``seed``        another seed is another market; the same seed is the same market for ever.
    ``account``     "fresh" has the Spot quotas of a new AWS account: Standard 5 vCPU, GPUs none
                    (UserGuide/using-spot-limits.html), and no Spot service-linked role.
    ``speed``       sandbox seconds per real second; 0 stands still but for ``step`` and `advance`.
    ``step``        sandbox seconds that every AWS call takes when the speed is 0.
    ``begins``      sandbox time of the first day, ISO 8601; None is the real time of the start.
    ``dwell``       how long pending, stopping and shutting-down last: 1 as on EC2, 0 not at all.
    ``visibility``  seconds for which a new id answers NotFound, as EC2 is eventually consistent.
    ``replay``      a price history file that drives the pools it names.
    ``guests``      "jailed": machines really run, each in a jail of bubblewrap; "plain": as the
                    user's own processes, which their user data may harm; "none": they are names.
    ``port``        None takes the former port when it is free, else any.
    """

    scenario: Scenario = "living"
    seed: int = 1
    account: Account = "generous"
    speed: float = 1.0
    step: float = 1.0
    begins: str | None = None
    dwell: float = 1.0
    visibility: float = 0.0
    replay: str | None = None
    guests: GuestMode = "none"
    port: int | None = None

    @property
    def first_moment(self) -> datetime | None:
        """``begins`` as a time; UTC unless it says otherwise."""
        return utc(datetime.fromisoformat(self.begins) if self.begins else None)

    @property
    def has_own_addresses(self) -> bool:
        """Whether each machine has addresses of this computer; only Linux has more than one."""
        return self.guests != "none" and sys.platform == "linux"

    @property
    def is_fresh(self) -> bool:
        """Whether the account is a new one."""
        return self.account == "fresh" or self.scenario == "fresh-account"


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
        return self.last_url if self.running else ""

    @property
    def last_url(self) -> str:
        """The same, or what it was when the sandbox last ran; empty when nobody knows."""
        return f"http://127.0.0.1:{self.port}" if self.port else ""


def checked(given: Mapping[str, Any]) -> SandboxOptions:
    """Options out of names and values; ``BadInput`` says which of them cannot be used."""
    options, bad = usable(given)
    if bad:
        raise BadInput(f"The sandbox has no option {', '.join(bad)}")
    return options


def usable(given: Mapping[str, Any]) -> tuple[SandboxOptions, list[str]]:
    """The options with every value that can be used, and ``name=value`` of those that cannot."""
    known = {each.name for each in fields(SandboxOptions)}
    good = {n: value for n, value in given.items() if n in known and _FITS[n](value)}
    bad = [f"{name}={value!r}" for name, value in given.items() if name not in good]
    return SandboxOptions(**good), bad


def _is_number(value: Any) -> bool:
    """Zero or more, finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and value >= 0


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value) is not None
    except ValueError:
        return False


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_FITS: Mapping[str, Any] = {
    "scenario": lambda value: value in SCENARIOS,
    "seed": _is_whole,
    "account": lambda value: value in ACCOUNTS,
    "speed": _is_number,
    "step": _is_number,
    "begins": lambda value: value is None or _is_time(value),
    "dwell": _is_number,
    "visibility": _is_number,
    "replay": lambda value: value is None or isinstance(value, str),
    "guests": lambda value: value in GUEST_MODES,
    "port": lambda value: value is None or (_is_whole(value) and 0 < value < HIGHEST_PORT),
}
