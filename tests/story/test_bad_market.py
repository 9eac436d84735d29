"""`spot find` on a market that is slow, broken or hostile: what is left is shown, gaps named."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.fakes.price_server import (
    Handler,
    PriceServer,
    Reply,
    answer,
    hardware,
    no_products,
    page,
    refusal,
    row,
    serving,
)
from tests.story.conftest import Spot

from spotkeeper.aws import price_line

TWO = ("find", "--region", "us-east-1", "--region", "eu-west-1")
JSON = ("--output", "json")

#: What moves a cursor, hides or turns text; CSI as one sign is allowed in XML.
CODES = "\x9b31m\x9d0;title\x9c\u202e\u200b\x85"
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]")

PATIENCE = 60  # seconds; of a test that failed


@pytest.fixture
def market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PriceServer]:
    """A server in place of AWS, and an empty home."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "SPOT_"))]:
        monkeypatch.delenv(name)
    with serving() as found:
        found.others["DescribeInstanceTypes"] = hardware(["g5.xlarge", "m5.large"])
        found.others["GetProducts"] = no_products()
        for name, value in {
            "HOME": str(tmp_path),
            "SPOT_HOME": str(tmp_path / "spot"),
            "AWS_ENDPOINT_URL": found.url,
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "SPOT_ADVISOR_URL": f"{found.url}/advisor.json",
            "COLUMNS": "120",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        yield found


@pytest.fixture
def home(market: PriceServer, tmp_path: Path) -> Path:
    """In place of the sandbox's: the stories here have a market of their own."""
    return tmp_path


def both_answer(market: PriceServer) -> None:
    market.tell("us-east-1", page([row(), row("m5.large", "0.05")]))
    market.tell("eu-west-1", page([row("g5.xlarge", "0.39", "eu-west-1a")]))


def test_a_region_that_fails_is_named_and_the_rest_is_ranked(
    spot: Spot, market: PriceServer
) -> None:
    both_answer(market)
    market.tell("eu-west-1", refusal("UnauthorizedOperation", 403, "not you"))
    answered = spot(*TWO)
    assert answered.code == 0
    assert "m5.large" in answered.out
    assert "note: eu-west-1: " in answered.err
    assert "not you (UnauthorizedOperation)" in answered.err

    found = spot(*TWO, *JSON)
    assert {item["region"] for item in found.items} == {"us-east-1"}
    assert any(told.startswith("eu-west-1: ") for told in found.document["warnings"])


def test_a_region_that_hangs_is_named_and_the_rest_is_ranked(
    spot: Spot, market: PriceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(price_line, "SCAN_TIMEOUT_SECONDS", 0.3)
    both_answer(market)
    market.tell("eu-west-1", market.hang)
    found = spot(*TWO)
    assert found.code == 0
    assert "note: eu-west-1: eu-west-1 did not answer within 0.3 s" in found.err


def test_what_had_arrived_of_a_region_that_fails_is_ranked_too(
    spot: Spot, market: PriceServer
) -> None:
    both_answer(market)
    market.tell("eu-west-1", page([row("g5.xlarge", "0.39", "eu-west-1a")], "p2"))
    market.tell("eu-west-1", page([], "p2"), token="p2")
    found = spot(*TWO, *JSON)
    assert found.code == 0
    assert {item["region"] for item in found.items} == {"us-east-1", "eu-west-1"}
    assert any("repeats a page" in told for told in found.document["warnings"])


def test_no_region_at_all_is_an_error(spot: Spot, market: PriceServer) -> None:
    for region in ("us-east-1", "eu-west-1"):
        market.tell(region, answer(200, b"<html/>"))
    found = spot(*TWO, *JSON)
    assert found.code == 1
    assert found.error["kind"] == "unreachable"
    assert found.out == ""


def test_credentials_that_expire_on_the_way_end_the_look(spot: Spot, market: PriceServer) -> None:
    both_answer(market)
    market.tell("eu-west-1", page([row()], "p2"))
    market.tell("eu-west-1", refusal("ExpiredToken", message="The token has expired"), token="p2")
    found = spot(*TWO, *JSON)
    assert found.code == 4
    assert found.error["aws_code"] == "ExpiredToken"
    assert "Log in again" in found.error["next_step"]


def test_a_clock_that_is_wrong_is_said(spot: Spot, market: PriceServer) -> None:
    theirs = datetime.now(UTC) + timedelta(minutes=10)
    late = refusal("RequestExpired", date=theirs.strftime("%a, %d %b %Y %H:%M:%S GMT"))
    market.tell("us-east-1", late)
    found = spot("find")
    assert found.code == 4
    assert "Set this computer's clock, which is 10m behind AWS's" in found.err


def hostile(market: PriceServer) -> None:
    """Codes in everything that a row and a refusal have."""
    name = f"g5{CODES}.xlarge"
    market.others["DescribeInstanceTypes"] = hardware([name])
    zone = f"us-east-1a{CODES}"
    coded = row(name, "0.4", zone)._replace(zone_id=f"id{CODES}")
    market.tell("us-east-1", page([coded]))
    market.tell("eu-west-1", refusal("Unsupported", message=f"no{CODES}"))


@pytest.mark.parametrize("output", ["table", "json", "csv"])
def test_no_code_of_a_field_reaches_the_terminal(
    spot: Spot, market: PriceServer, output: str
) -> None:
    hostile(market)
    found = spot(*TWO, "--why", "--output", output)
    assert found.code == 0
    assert "xlarge" in found.out
    assert UNSAFE.findall(found.out) == []
    assert UNSAFE.findall(found.err) == []


@pytest.mark.parametrize("output", ["table", "json"])
def test_no_code_of_a_refusal_reaches_the_terminal(
    spot: Spot, market: PriceServer, output: str
) -> None:
    market.tell("us-east-1", refusal(f"Un{CODES}supported", message=f"no{CODES}"))
    found = spot("find", "--output", output)
    assert found.code == 1
    assert "supported" in found.err
    assert UNSAFE.findall(found.out + found.err) == []


# In a process of its own


def whole_command(*arguments: str, stderr: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "spotkeeper", *arguments],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        start_new_session=True,
    )


def hanging(market: PriceServer, *, parties: int = 3) -> tuple[Reply, threading.Barrier]:
    """A region that does not answer, and the meeting of two such calls with the test."""
    meeting = threading.Barrier(parties)

    def hang(handler: Handler) -> None:
        meeting.wait(PATIENCE)
        market.hang(handler)

    return hang, meeting


def test_ctrl_c_shows_what_has_arrived(market: PriceServer) -> None:
    hang, stuck = hanging(market)
    for region in ("us-east-1", "eu-west-1"):
        market.tell(region, page([row("m5.large", "0.01", f"{region}b")], "p2"))
        market.tell(region, hang, token="p2")
    command = whole_command(*TWO, stderr=subprocess.PIPE)
    stuck.wait(PATIENCE)  # who asks for the second page has read the first

    command.send_signal(signal.SIGINT)
    out, err = command.communicate(timeout=PATIENCE)

    assert command.returncode == 130
    assert "us-east-1b" in out
    assert "eu-west-1b" in out
    (told,) = re.findall(r"note: (.*): (interrupted .*)", err)
    regions, reason = told
    assert set(regions.split(", ")) == {"us-east-1", "eu-west-1"}
    assert reason == "interrupted before the region had answered"
    assert "Traceback" not in err


def test_ctrl_c_before_anything_arrived_says_only_that(market: PriceServer) -> None:
    hang, stuck = hanging(market)
    for region in ("us-east-1", "eu-west-1"):
        market.tell(region, hang)
    command = whole_command(*TWO, *JSON, stderr=subprocess.PIPE)
    stuck.wait(PATIENCE)

    command.send_signal(signal.SIGINT)
    out, err = command.communicate(timeout=PATIENCE)

    assert command.returncode == 130
    assert out == ""
    assert json.loads(err)["error"]["kind"] == "interrupted"


@pytest.mark.parametrize(
    "line",
    [
        ("find", "--max-hourly", "0.001"),
        ("prices", "m5.large"),
        ("prices", "m5.large", "--days", "9"),
        ("up", "train", "--type", "m5.large", "--yes"),
    ],
    ids=["find", "prices", "history", "up"],
)
@pytest.mark.one_in(2)
@pytest.mark.soak
def test_ctrl_c_ends_every_look_at_the_market(market: PriceServer, line: tuple[str, ...]) -> None:
    here, there = "us-east-1", "eu-west-1"
    hang, stuck = hanging(market, parties=2)
    market.tell(here, page([row("m5.large", "0.01", f"{here}b")]))
    market.tell(there, page([row("m5.large", "0.02", f"{there}b")], "p2"))
    market.tell(there, hang, token="p2")
    command = whole_command(*line, "--region", here, "--region", there, stderr=subprocess.PIPE)
    stuck.wait(PATIENCE)

    command.send_signal(signal.SIGINT)
    out, err = command.communicate(timeout=PATIENCE)

    assert command.returncode == 130, err
    assert "Traceback" not in err
    if line[0] != "up":
        assert f"{there}: interrupted before" in err
    assert (f"{there}b" in out) == (line == ("prices", "m5.large"))
    actions = {call.form.get("Action", "GetProducts") for call in market.calls}
    assert all(action.startswith(("Describe", "Get")) for action in actions)


def test_progress_is_shown_on_a_terminal_and_nowhere_else(market: PriceServer) -> None:
    both_answer(market)
    ours, theirs = pty.openpty()
    command = whole_command(*TWO, *JSON, stderr=theirs)
    out, _ = command.communicate(timeout=PATIENCE)
    os.close(theirs)
    told = os.read(ours, 65_536).decode()
    os.close(ours)

    assert len(json.loads(out)["items"]) == 3
    assert "2 of 2 regions answered, 3 prices" in told
    assert told.rpartition("\r\x1b[2K")[2].strip() == ""

    quiet = whole_command(*TWO, *JSON, stderr=subprocess.PIPE)
    assert quiet.communicate(timeout=PATIENCE)[1] == ""


HEAVY = {"boto3", "botocore", "moto", "urllib3", "concurrent.futures"}


def test_a_look_at_the_market_imports_nothing_heavy(market: PriceServer) -> None:
    both_answer(market)
    look = (sys.executable, "-X", "importtime", "-m", "spotkeeper", *TWO, *JSON)
    subprocess.run(look, check=True, capture_output=True)  # what is remembered comes with boto3

    again = subprocess.run(look, check=True, capture_output=True, text=True)

    assert len(json.loads(again.stdout)["items"]) == 3
    imported = {line.rpartition("|")[2].strip() for line in again.stderr.splitlines()}
    assert "spotkeeper.aws.price_scan" in imported
    assert imported & HEAVY == set()
