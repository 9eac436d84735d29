"""What is remembered: answered offline with its age, shown, cleared, and completed at a key."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import Sandbox
from tests.story.conftest import Answer, Spot

JSON = ("--output", "json")
NEED = ("find", "--gpus", "1", "--region", "us-east-1", "--limit", "3")
UP = ("up", "train", "--type", "g5.xlarge", "--yes")
SLOW = ("boto3", "botocore", "moto", "urllib3")


def pools(answer: Answer) -> list[tuple[str, str]]:
    return [(offer["instance_type"], offer["zone"]) for offer in answer.items]


@pytest.fixture
def unplugged(home: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on nobody answers: not AWS, and not the sandbox either."""

    def nobody(*_: object) -> object:
        raise AssertionError("somebody was asked")

    monkeypatch.setattr("socket.socket.connect", nobody)


@pytest.mark.soak
def test_offline_the_last_prices_are_ranked_and_their_age_is_told(
    spot: Spot, request: pytest.FixtureRequest
) -> None:
    online = spot(*NEED, *JSON)
    request.getfixturevalue("unplugged")

    offline = spot(*NEED, "--offline", *JSON)

    assert pools(offline) == pools(online)
    ages = {source["fact"]: source["as_of"] for source in offline.items[0]["sources"]}
    assert ages["spot_usd_per_hour"] == online.items[0]["sources"][0]["as_of"]


@pytest.mark.soak
def test_offline_a_need_with_a_pattern_is_answered_too(
    spot: Spot, request: pytest.FixtureRequest
) -> None:
    spot(*NEED)
    request.getfixturevalue("unplugged")
    found = spot("find", "--type", "g5.*", "--region", "us-east-1", "--offline", *JSON)
    assert {offer["instance_type"].split(".")[0] for offer in found.items} == {"g5"}


@pytest.mark.soak
def test_offline_prices_are_compared_and_their_age_is_told(
    spot: Spot, request: pytest.FixtureRequest
) -> None:
    line = ("prices", "g5.xlarge", "--region", "us-east-1")
    spot(*NEED)
    online = spot(*line, *JSON)
    request.getfixturevalue("unplugged")

    offline = spot(*line, "--offline", *JSON)

    keys = ("spot_usd_per_hour", "on_demand_usd_per_hour", "zone")
    assert [[row[key] for key in keys] for row in offline.items] == [
        [row[key] for key in keys] for row in online.items
    ]
    assert {source["fact"] for source in offline.items[0]["sources"]} >= set(keys[:2])
    assert "facts: prices, On-Demand now" in spot(*line, "--offline").err


def test_offline_there_is_no_history_and_a_file_needs_none(spot: Spot, unplugged: None) -> None:
    answer = spot("prices", "g5.xlarge", "--days", "9", "--offline")
    assert answer.code == 2
    assert "--from FILE" in answer.err


@pytest.mark.soak
def test_offline_the_bands_of_the_sandbox_are_remembered_too(
    spot: Spot, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPOT_ADVISOR_URL")
    assert spot(*NEED, *JSON).items[0]["interruption_band"]
    request.getfixturevalue("unplugged")
    assert spot(*NEED, "--offline", *JSON).items[0]["interruption_band"]


def test_prices_are_asked_for_anew_on_demand(spot: Spot, sandbox: Sandbox) -> None:
    line = ("prices", "g5.xlarge", "--region", "us-east-1")
    for refresh, expected in (((), 1), ((), 1), (("--refresh",), 2)):
        assert spot(*line, *refresh).code == 0
        asked = [name for name, _ in sandbox.control.calls()]
        assert asked.count("GetProducts") == expected


def test_offline_what_was_never_asked_is_said(spot: Spot, unplugged: None) -> None:
    answer = spot(*NEED, "--offline")
    assert answer.code == 1
    assert "a look at all types is remembered" in answer.err


def test_offline_the_last_list_of_machines_is_shown_with_its_time(
    spot: Spot, request: pytest.FixtureRequest
) -> None:
    assert spot(*UP).code == 0
    online = spot("ls", *JSON)
    request.getfixturevalue("unplugged")

    offline = spot("ls", "--offline", *JSON)

    assert offline.items == online.items
    assert "nobody was asked now" in offline.document["warnings"][0]


def test_offline_before_the_first_list_there_is_none(spot: Spot, unplugged: None) -> None:
    answer = spot("ls", "--offline")
    assert answer.code == 7
    assert "Run `spot ls` once online" in answer.err


def test_what_is_remembered_can_be_seen_and_forgotten(spot: Spot) -> None:
    spot(*NEED)
    kinds = {row["kind"] for row in spot("cache", *JSON).items}
    assert {"hardware", "prices", "on-demand"} <= kinds
    assert all(row["age_seconds"] >= 0 for row in spot("cache", *JSON).items)

    _, _, *lines = spot("cache").out.splitlines()
    assert {line.split()[0] for line in lines} == kinds

    cleared = spot("cache", "clear", *JSON).items[0]["cleared"]
    assert cleared >= len(kinds)
    assert spot("cache", *JSON).items == []
    assert "Nothing is remembered" in spot("cache").err


@pytest.mark.soak
def test_a_damaged_memory_is_dropped_and_asked_for_anew(spot: Spot, home: Path) -> None:
    expected = pools(spot(*NEED, *JSON))
    for path in (home / "spot" / "cache").rglob("*.cache"):
        path.write_bytes(path.read_bytes()[:-20] + b"}" * 20)
    assert pools(spot(*NEED, *JSON)) == expected


def pressed(line: str, environment: dict[str, str]) -> tuple[list[str], set[str]]:
    """What bash would be offered for a line, and the slow modules that were imported for it."""
    words = line.split(" ")
    asked = {
        "_SPOT_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "spotkeeper"],
        env={**environment, **asked},
        capture_output=True,
        text=True,
        check=False,
    )
    imported = {row.rsplit("|", 1)[-1].strip() for row in done.stderr.splitlines()}
    return [row.partition(",")[2] for row in done.stdout.split()], imported & set(SLOW)


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("spot find --type g5.1", ["g5.12xlarge", "g5.16xlarge"]),
        ("spot find --region us-east-", ["us-east-1", "us-east-2"]),
        ("spot prices g5.4x", ["g5.4xlarge"]),
        ("spot show tr", ["train"]),
        ("spot down tr", ["train"]),
        ("spot up new --image ub", ["ubuntu"]),
        ("spot sh", ["show"]),
    ],
)
@pytest.mark.one_in(6)
@pytest.mark.soak
def test_a_key_completes_from_memory_and_imports_nothing_slow(
    spot: Spot, line: str, offered: list[str]
) -> None:
    if "train" in offered:
        assert spot(*UP).code == 0
    else:
        spot(*NEED)

    found, slow = pressed(line, dict(os.environ))

    assert found == offered
    assert slow == set()


def test_before_anything_was_asked_there_is_nothing_to_offer(home: Path) -> None:
    assert pressed("spot find --type g5.1", dict(os.environ)) == ([], set())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_complete(spot: Spot, shell: str) -> None:
    told = spot("completion", shell)
    assert told.code == 0
    assert "_SPOT_COMPLETE" in told.out
