"""Several real `spot` processes about one name at once, on one computer and on two."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.conftest import Spot

from spotkeeper.timings import CLAIM_YOUNG

UP = ("up", "train", "--type", "g5.xlarge", "--yes")
ABROAD = ("up", "train", "--type", "m5.large", "--region", "eu-west-1", "--yes")
DOWN = ("down", "train", "--yes")
REGIONS = ("us-east-1", "eu-west-1")

#: How long a test may hang before it fails.
PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    line: tuple[str, ...]
    code: int
    err: str


def at_once(*lines: tuple[Path, Sequence[str]]) -> list[Ended]:
    """Run all commands side by side, each on the computer with that home."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "spotkeeper", *line],
            env={**os.environ, "SPOT_HOME": str(computer)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for computer, line in lines
    ]
    told = [process.communicate(timeout=PATIENCE_SECONDS)[1] for process in started]
    return [
        Ended(tuple(line), process.returncode, err)
        for (_, line), process, err in zip(lines, started, told, strict=True)
    ]


@pytest.fixture
def computers(home: Path, sandbox: Sandbox) -> list[Path]:
    """Two computers with the same login and one account."""
    other = home / "other"
    (other / "state").mkdir(parents=True)
    (other / "state" / "sandbox").symlink_to(sandbox.status.home, target_is_directory=True)
    return [home / "spot", other]


def running(sandbox: Sandbox) -> int:
    """How many machines there are, in the regions of these stories."""
    return sum(len(account.instances(sandbox, region)) for region in REGIONS)


def check_one_winner(ended: Sequence[Ended], sandbox: Sandbox) -> None:
    """Exactly one machine; each of the others says so with 9 and the way out."""
    codes = sorted(each.code for each in ended)
    assert codes == [0] + [9] * (len(ended) - 1), [each.err for each in ended]
    assert running(sandbox) == 1
    for loser in (each for each in ended if each.code):
        assert "Traceback" not in loser.err
        assert "train" in loser.err.splitlines()[-1]


@pytest.mark.soak
def test_of_three_launches_on_one_computer_one_wins(
    computers: list[Path], sandbox: Sandbox, spot: Spot
) -> None:
    here = computers[0]
    check_one_winner(at_once((here, UP), (here, UP), (here, ABROAD)), sandbox)
    assert spot("down", "train", "--yes").code == 0
    assert account.left(sandbox, *REGIONS) == []


@pytest.mark.parametrize("visibility", [0, pytest.param(120, marks=pytest.mark.soak)])
@pytest.mark.soak
def test_of_launches_on_two_computers_in_different_regions_one_wins(
    computers: list[Path], sandbox: Sandbox, spot: Spot, visibility: int
) -> None:
    sandbox.reset(visibility=visibility)
    here, there = computers

    ended = at_once((here, UP), (there, ABROAD))

    check_one_winner(ended, sandbox)
    for _ in range(3):  # the claim of a launch that this computer does not know is spared at first
        down = spot("down", "--all", "--yes")
        sandbox.control.advance(CLAIM_YOUNG)
        if down.code == 0:
            break
    assert account.left(sandbox, *REGIONS) == []


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(6))
def test_launches_and_ends_on_two_computers_never_make_two(
    computers: list[Path], sandbox: Sandbox, spot: Spot, seed: int
) -> None:
    sandbox.reset(seed=seed)
    here, there = computers
    lines = ((here, UP), (there, ABROAD), (there, DOWN), (here, UP), (here, DOWN), (there, UP))

    ended = at_once(*lines[seed:], *lines[:seed])

    assert running(sandbox) <= 1
    assert {each.code for each in ended} <= {0, 1, 7, 8, 9}, [each.err for each in ended]
    assert not any("Traceback" in each.err for each in ended)
    for _ in range(3):
        sandbox.control.advance(CLAIM_YOUNG)
        spot("down", "--all", "--yes")
    assert account.left(sandbox, *REGIONS) == []


@pytest.mark.soak
@pytest.mark.parametrize("verb", ["stop", "start"])
def test_a_stop_or_start_beside_a_launch_leaves_one_machine(
    computers: list[Path], sandbox: Sandbox, verb: str
) -> None:
    here, there = computers
    ended = at_once((here, UP), (here, (verb, "train")), (there, (verb, "train")))
    assert ended[0].code in {0, 9}
    assert {each.code for each in ended} <= {0, 1, 7, 9}, [each.err for each in ended]
    assert running(sandbox) <= 1
