"""`spot sandbox` and `spot tour`: practice, by real commands."""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
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
    [started] = spot("sandbox", "start", "--output", "json").items
    assert started.items() <= status.items()
    assert sandbox.url in spot("sandbox", "status").out
    told = paragraph(spot("sandbox", "start", "--seed", "7"), 2)
    assert "spot sandbox reset" in told


def test_status_says_how_things_stand(spot: Spot, sandbox: Sandbox) -> None:
    assert spot("up", "train", "--type", "t3.micro", "--yes").code == 0

    [status] = spot("sandbox", "status", "--output", "json").items

    assert status["machines_running"] == status["requests_open"] == 1
    assert status["calls_answered"] > 3
    assert status["now"][:10] == f"{sandbox.control.now():%Y-%m-%d}"
    shown = spot("sandbox", "status").out
    for word in ("sandbox time", "machines running", "faults pending", "speed"):
        assert word in shown


def test_every_option_can_be_chosen_and_is_kept(spot: Spot, sandbox: Sandbox) -> None:
    asked = ("--seed", "3", "--account", "fresh", "--speed", "0", "--step", "2s", "--dwell", "0.5")
    also = ("--visibility", "5s", "--begins", "2026-01-05T08:00:00", "--scenario", "storm")

    [status] = spot("sandbox", "reset", *asked, *also, "--output", "json").items

    assert sandbox.control.now().isoformat() == "2026-01-05T08:00:00+00:00"
    chosen = {"seed": 3, "account": "fresh", "speed": 0, "step": 2, "dwell": 0.5, "visibility": 5}
    assert chosen.items() <= status.items()
    [again] = spot("sandbox", "start", "--output", "json").items
    assert again == status
    told = paragraph(spot("sandbox", "start", "--step", "3s"), 2)
    assert "speed 0" in told
    [later] = spot("sandbox", "reset", "--begins", "none", "--output", "json").items
    assert (later["begins"], later["seed"]) == (None, 3)


def test_a_price_history_that_cannot_be_read_is_refused(spot: Spot, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere.csv"
    assert "nowhere.csv" in paragraph(spot("sandbox", "reset", "--replay", str(nowhere)), 2)
    nowhere.write_text("this,is,no,history\n")
    paragraph(spot("sandbox", "reset", "--replay", str(nowhere)), 2)
    assert spot("sandbox", "status", "--output", "json").items[0]["replay"] is None


def test_env_is_what_any_tool_needs(spot: Spot, sandbox: Sandbox) -> None:
    *lines, last = spot("sandbox", "env").out.splitlines()

    assert last == "unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN"
    words = [shlex.split(line) for line in lines]
    assert all(word[0] == "export" and len(word) == 2 for word in words)
    named = dict(word[1].split("=", 1) for word in words)
    assert named["AWS_ENDPOINT_URL"] == named["AWS_ENDPOINT_URL_S3"] == sandbox.url
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
        (("start", "--speed", "fast"), 2),
        (("reset", "--speed", "-1"), 2),
        (("reset", "--visibility", "soon"), 2),
        (("reset", "--begins", "once"), 2),
        (("advance", "0"), 2),
        (("shutdown", "nobody"), 7),
        (("metadata", "nobody"), 7),
        (("quota", "L-0", "5"), 7),
        (("quota", "L-3819A6DF", "many"), 2),
        (("quota", "L-3819A6DF", "5", "--region", "mars-1"), 7),
        (("fail-next", "RunInstances"), 2),
        (("fail-next", "RunInstances", "Throttling", "--times", "0"), 2),
        (("latency", "soon"), 2),
        (("latency", "5m"), 2),
        (("throttle", "maybe"), 2),
        (("events", "--since", "soon"), 2),
        (("events", "--kind", "nonsense"), 2),
    ],
)
@pytest.mark.one_in(3)
def test_what_the_sandbox_cannot_do_is_told(spot: Spot, line: tuple[str, ...], code: int) -> None:
    paragraph(spot("sandbox", *line), code)


def test_a_machine_shuts_itself_down(spot: Spot, sandbox: Sandbox) -> None:
    [machine] = spot("up", "train", "--type", "t3.micro", "--yes", "--output", "json").items

    told = spot("sandbox", "shutdown", "train")

    assert told.out == f"{machine['instance_id']} is stopped.\n"
    assert account.instances(sandbox)[0]["State"]["Name"] == "stopped"


def test_calls_are_made_to_fail_to_wait_and_to_be_limited(spot: Spot, sandbox: Sandbox) -> None:
    failing = ("fail-next", "RunInstances", "InsufficientInstanceCapacity", "--times", "2")
    assert "The next 2 calls of RunInstances" in spot("sandbox", *failing).out
    lost = spot("sandbox", "fail-next", "CreateTags", "InternalError", "--after-effect").out
    assert "after its effect" in lost
    assert "0.25 s longer" in spot("sandbox", "latency", "250ms", "--action", "RunInstances").out
    assert spot("sandbox", "throttle", "on").out == "Throttling is on.\n"
    assert (
        "8 vCPU in us-east-1"
        in spot("sandbox", "quota", "L-3819A6DF", "8", "--region", "us-east-1").out
    )

    found = sandbox.control.status()
    assert found["faults_pending"] == 3
    assert found["latencies"] == {"RunInstances": 0.25}
    assert found["throttle"] is True


def test_a_call_fails_in_the_words_that_were_asked_for(spot: Spot, sandbox: Sandbox) -> None:
    words = "Your account is currently being verified."
    failing = ("fail-next", "RunInstances", "PendingVerification", "--message", words)
    assert spot("sandbox", *failing).code == 0
    assert words in spot("up", "train", "--type", "g5.xlarge", "--yes").err


def test_what_happened_is_told_in_sentences(spot: Spot, monkeypatch: pytest.MonkeyPatch) -> None:
    [machine] = spot("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json").items
    assert spot("sandbox", "interrupt", "train").code == 0
    assert spot("sandbox", "advance", "3m").code == 0
    monkeypatch.setenv("COLUMNS", "80")

    told = spot("sandbox", "events", "--name", "train")

    assert f"{machine['instance_id']} gets its notice: stop at" in told.out
    assert "EC2 takes the capacity back" in told.out
    events = spot("sandbox", "events", "--since", "1h", "--kind", "notice", "--output", "json")
    [notice] = events.items
    assert notice["subject"] == machine["instance_id"]
    lines = spot("sandbox", "events", "--output", "csv").out.splitlines()
    assert lines[0].startswith("at,kind,subject,region,sentence")
    assert len(lines) > 5


def test_the_bill_is_what_aws_would_charge(spot: Spot) -> None:
    assert spot("up", "train", "--type", "g5.xlarge", "--yes").code == 0
    assert spot("sandbox", "advance", "2h").code == 0

    told = spot("sandbox", "bill")

    assert "g5.xlarge@us-east-1c Spot" in told.out
    assert "less than On-Demand" in told.out
    document = spot("sandbox", "bill", "--output", "json").document
    assert document["usd"] == pytest.approx(sum(line["usd"] for line in document["items"]))
    assert 0.5 < document["usd"] < 0.7
    assert 0 < document["saving_percent"] < 100


def test_a_machine_has_a_metadata_service(spot: Spot) -> None:
    assert spot("up", "train", "--type", "t3.micro", "--yes").code == 0
    told = spot("sandbox", "metadata", "train").out
    assert told.startswith("export AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:")


def test_what_is_done_is_told_to_programs_too(spot: Spot) -> None:
    [told] = spot("sandbox", "drain", account.CHEAPEST, "--output", "json").items
    assert told == {"pool": account.CHEAPEST, "until": None}
    [told] = spot("sandbox", "advance", "1h", "--output", "json").items
    assert set(told) == {"now"}


@pytest.mark.soak
def test_reset_forgets_everything_and_takes_another_market(spot: Spot, sandbox: Sandbox) -> None:
    assert spot("up", "train", "--type", "t3.micro", "--yes").code == 0

    [status] = spot("sandbox", "reset", "--scenario", "article", "--output", "json").items

    assert (status["scenario"], status["url"]) == ("article", sandbox.url)
    assert account.left(sandbox) == []
    [row] = spot("prices", "p3.2xlarge", "--region", "eu-west-1", "--output", "json").items
    assert row["spot_usd_per_hour"] == 0.9915


@pytest.mark.soak
def test_the_tour_is_real_commands_from_nothing_to_nothing(
    spot: Spot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_this_process(
        words: Sequence[str], *, env: Mapping[str, str], cwd: Path, check: bool
    ) -> "subprocess.CompletedProcess[str]":
        assert words[1:4] == ["-P", "-m", "spotkeeper"]
        assert not check
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(cwd)
            for name in set(os.environ) - set(env):
                patch.delenv(name)
            for name, value in env.items():
                patch.setenv(name, value)
            return subprocess.CompletedProcess(words, run(list(words[4:])))

    monkeypatch.setattr("spotkeeper.cli.tour.subprocess", SimpleNamespace(run=in_this_process))

    tour = spot("tour")

    assert tour.code == 0, tour.err
    for word in (
        "it survives",
        "73.22",
        "70.00",
        "stopped by you",
        "waiting for capacity",
        "What it cost",
    ):
        assert word in tour.out
    assert tour.out.endswith("Nothing is left.\n")
    assert "gone for certain" in tour.out
    assert "simulated" in tour.err
