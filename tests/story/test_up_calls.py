"""`spot up` asks EC2 no more than it needs, and in the safe order."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.conftest import Sandbox
from tests.story.computer import usual_key
from tests.story.conftest import Spot
from tests.story.living import at_ec2s_pace

UP = ("--type", "g5.xlarge", "--yes", "--debug")


def ec2_calls(told: str) -> int:
    """The number of EC2 calls that --debug told, after counting its lines."""
    [total] = re.findall(r"debug: calls:.*?(\d+) ec2", told)
    lines = re.findall(r"^debug: ec2 \w+ ", told, re.MULTILINE)
    assert len(lines) == int(total)
    return int(total)


def test_the_first_box_takes_twelve_ec2_calls_at_most_and_the_second_six(
    spot: Spot, home: Path
) -> None:
    usual_key(home)

    first, second = spot("up", "one", *UP), spot("up", "two", *UP)

    assert first.code == second.code == 0, second.err
    assert ec2_calls(first.err) <= 12
    assert ec2_calls(second.err) <= 6


@pytest.mark.soak
def test_at_ec2s_pace_only_the_looks_at_the_instance_come_on_top(
    spot: Spot, home: Path, sandbox: Sandbox
) -> None:
    at_ec2s_pace(sandbox)
    usual_key(home)

    first, second = spot("up", "one", *UP), spot("up", "two", *UP)

    assert first.code == second.code == 0, second.err
    poll = [told.count("debug: ec2 DescribeInstances ") for told in (first.err, second.err)]
    assert min(poll) > 1
    assert ec2_calls(first.err) - poll[0] + 1 <= 12
    assert ec2_calls(second.err) - poll[1] + 1 <= 6


def test_what_debug_counts_is_what_arrives(spot: Spot, sandbox: Sandbox) -> None:
    up = spot("up", "train", *UP)

    told = re.findall(r"^debug: (?:ec2|sts|ssm|pricing) (\w+) ", up.err, re.MULTILINE)
    arrived = [operation for operation, _ in sandbox.control.calls()]
    assert told == arrived


def test_the_intent_is_on_disk_before_anything_is_made_and_the_outcome_after(
    spot: Spot, home: Path, sandbox: Sandbox
) -> None:
    sandbox.control.fail("CreateSecurityGroup", "UnauthorizedOperation", http_status=403)
    assert spot("up", "train", *UP).code == 4
    assert entries(home)[:3] == ["intent", "claimed", "refused"]

    assert spot("up", "other", *UP).code == 0
    assert entries(home, "other")[:3] == ["intent", "claimed", "launched"]


def entries(home: Path, name: str = "train") -> Sequence[str]:
    """What the journal holds, oldest first."""
    [path] = home.rglob(f"{name}.jsonl")
    return [json.loads(line.partition(" ")[2])["what"] for line in path.read_text().splitlines()]


def test_the_journal_and_the_keys_are_private(spot: Spot, home: Path) -> None:
    assert spot("up", "train", *UP).code == 0

    [path] = home.rglob("train.jsonl")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_neither_debug_nor_the_disk_ever_shows_a_credential(spot: Spot, home: Path) -> None:
    up = spot("up", "train", *UP)

    kept = [path for path in home.rglob("*") if path.is_file() and "sandbox" not in path.parts]
    written = b"".join(path.read_bytes() for path in kept)
    for secret in ("AKIASANDBOXSANDBOX00", "Signature=", "Credential="):
        assert secret not in up.err + up.out
        assert secret.encode() not in written
