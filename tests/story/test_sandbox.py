"""`spot sandbox` and `spot tour`: practice, by real commands."""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from types import SimpleNamespace

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.conftest import Spot
from tests.story.refusals import paragraph

from spotkeeper.cli.app import run


def test_status_says_where_it_runs_and_start_finds_it(spot: Spot, sandbox: Sandbox) -> None:
    [status] = spot("sandbox", "status", "--output", "json").items

    assert status["running"] is True
    assert status["url"] == sandbox.url
    assert (status["scenario"], status["seed"], status["account"]) == ("calm", 1, "generous")
    assert spot("sandbox", "start", "--output", "json").items == [status]
    assert sandbox.url in spot("sandbox", "status").out
    told = paragraph(spot("sandbox", "start", "--seed", "7"), 2)
    assert "spot sandbox reset" in told


def test_env_is_what_any_tool_needs(spot: Spot, sandbox: Sandbox) -> None:
    lines = spot("sandbox", "env").out.splitlines()

    words = [shlex.split(line) for line in lines]
    assert all(word[0] == "export" and len(word) == 2 for word in words)
    named = dict(word[1].split("=", 1) for word in words)
    assert named["AWS_ENDPOINT_URL"] == sandbox.url
    assert named["SPOT_SANDBOX"] == "1"
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"} <= set(named)


def test_the_market_is_moved_by_hand(spot: Spot, sandbox: Sandbox) -> None:
    up = ("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")
    assert spot("sandbox", "price", account.CHEAPEST, "0.9").code == 0
    cheapest, *_ = account.pools(sandbox, "g5.xlarge")
    assert cheapest != account.CHEAPEST
    assert "has no capacity" in spot("sandbox", "drain", cheapest).out
    [machine] = spot(*up).items
    assert f"g5.xlarge@{machine['zone']}" not in {cheapest, account.CHEAPEST}

    assert "has capacity again" in spot("sandbox", "refill", cheapest).out
    told = spot("sandbox", "interrupt", "train")
    assert machine["instance_id"] in told.out
    assert "stop at" in told.out
    before = sandbox.control.now()
    assert "It is now" in spot("sandbox", "advance", "3m").out
    assert 170 < (sandbox.control.now() - before).total_seconds() < 240
    [seen] = spot("ls", "--region", "us-east-1", "--output", "json").items
    assert "waiting for capacity" in seen["summary"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (("advance", "soon"), 2),
        (("interrupt", "nobody"), 7),
        (("drain", "g5.xlarge"), 2),
        (("drain", "g5.xlarge@us-east-1z"), 7),
        (("drain", account.CHEAPEST, "--for", "soon"), 2),
        (("price", account.CHEAPEST, "cheap"), 2),
        (("price", account.CHEAPEST, "99"), 2),
        (("start", "--scenario", "stormy"), 2),
    ],
)
def test_what_the_sandbox_cannot_do_is_told(spot: Spot, line: tuple[str, ...], code: int) -> None:
    paragraph(spot("sandbox", *line), code)


def test_reset_forgets_everything_and_takes_another_market(spot: Spot, sandbox: Sandbox) -> None:
    assert spot("up", "train", "--type", "t3.micro", "--yes").code == 0

    [status] = spot("sandbox", "reset", "--scenario", "article", "--output", "json").items

    assert (status["scenario"], status["url"]) == ("article", sandbox.url)
    assert account.left(sandbox) == []
    [row] = spot("prices", "p3.2xlarge", "--region", "eu-west-1", "--output", "json").items
    assert row["spot_usd_per_hour"] == 0.9915


def test_the_tour_is_real_commands_from_nothing_to_nothing(
    spot: Spot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_this_process(
        words: Sequence[str], *, env: Mapping[str, str], check: bool
    ) -> "subprocess.CompletedProcess[str]":
        assert words[1:3] == ["-m", "spotkeeper"]
        assert not check
        with pytest.MonkeyPatch.context() as patch:
            for name in set(os.environ) - set(env):
                patch.delenv(name)
            for name, value in env.items():
                patch.setenv(name, value)
            return subprocess.CompletedProcess(words, run(list(words[3:])))

    monkeypatch.setattr("spotkeeper.cli.tour.subprocess", SimpleNamespace(run=in_this_process))

    tour = spot("tour")

    assert tour.code == 0, tour.err
    for word in ("73.22", "70.00", "stopped by you", "waiting for capacity", "What it cost"):
        assert word in tour.out
    assert "Nothing is left." in tour.out
    assert "simulated" in tour.err
    assert "No machines" in tour.err
