"""`spot down --all` of fifty boxes against that of one, in EC2's time: that is what they cost.

Exits with 1 when the limit is missed. The machines are the sandbox's, whose clock moves only while
the command waits, so that the seconds are those that EC2 needs and not those of this computer.
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import spotkeeper
from ec2_sandbox.client import Control, SandboxOptions, daemon

BOXES = 50
#: At most so many times the EC2 time of one.
LIMIT = 2.0

REGION, TYPE, QUOTA = "us-east-1", "m5.large", "L-34B43A08"
OPTIONS = SandboxOptions(scenario="calm", speed=0, step=0, begins="2026-01-05T08:00:00")


class Cost(NamedTuple):
    """What it took to end some boxes."""

    boxes: int
    ec2_seconds: float
    real_seconds: float
    calls: int


def down_all(control: Control, boxes: int) -> Cost:
    """Launch boxes and end them all."""
    keeper = spotkeeper.connect(region=REGION, sandbox=True)
    for number in range(boxes):
        keeper.up(keeper.plan(f"box{number}", types=[TYPE], regions=[REGION]))
    calls, began, began_here = len(control.calls()), control.now(), time.monotonic()
    if left := keeper.down(everything=True).left:
        raise SystemExit(f"left behind: {left}")
    took = (control.now() - began).total_seconds()
    return Cost(boxes, took, time.monotonic() - began_here, len(control.calls()) - calls)


def main() -> int:
    """End one box, then fifty, print what it took, and say whether the limit was held."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"HOME": home, "SPOT_HOME": home}
        sandbox = Path(home, "state", "sandbox")
        control = Control(daemon.start(sandbox, options=OPTIONS, tied=True))
        try:
            control.quota(QUOTA, 10_000)
            found = [down_all(control, 1), down_all(control, BOXES)]
        finally:
            daemon.stop(sandbox)
    ratio = found[1].ec2_seconds / found[0].ec2_seconds
    print(f"`spot down --all`\n\n{'boxes':>6}{'EC2 s':>8}{'real s':>8}{'calls':>7}")
    for cost in found:
        print(f"{cost.boxes:>6}{cost.ec2_seconds:>8.1f}{cost.real_seconds:>8.1f}{cost.calls:>7}")
    print(f"\n{ratio:.2f} times the EC2 time of one, at most {LIMIT:.1f}")
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
