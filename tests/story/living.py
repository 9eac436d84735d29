"""A sandbox at EC2's own pace: states take their time, and time stands still between the calls."""

from typing import Any

from tests.conftest import Sandbox
from tests.story import account

BEGINS = "2026-01-05T08:00:00+00:00"

#: Nobody's patience is part of a story: only calls and waits move this time.
PACE: dict[str, Any] = {"dwell": 1, "speed": 0, "begins": BEGINS}


def at_ec2s_pace(sandbox: Sandbox, **chosen: Any) -> None:
    """Begin anew with states that last, and with whatever else the story needs."""
    sandbox.reset(**{**PACE, **chosen})


def lives(sandbox: Sandbox) -> list[str]:
    """Every instance that ever came to life, in that order."""
    told = sandbox.control.events(kind="instance")
    ids = (each["subject"] for each in told if each["facts"]["state"] == "pending")
    return list(dict.fromkeys(ids))


def states(sandbox: Sandbox) -> list[str]:
    """The states of all instances that EC2 still lists."""
    reservations = sandbox.client("ec2").describe_instances()["Reservations"]
    return [one["State"]["Name"] for each in reservations for one in each["Instances"]]


def stop_time(sandbox: Sandbox, **chosen: Any) -> None:
    """From the beginning, and no time passes at all unless a command waits."""
    at_ec2s_pace(sandbox, step=0, **chosen)


def calls(sandbox: Sandbox, operation: str) -> int:
    """How often an operation was called."""
    return sum(name == operation for name, _ in sandbox.control.calls())


def machine(sandbox: Sandbox) -> dict[str, Any]:
    """The only instance of the account."""
    [found] = account.instances(sandbox)
    return found
