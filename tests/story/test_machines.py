"""`spot ls`, `show`, `ssh`, `stop` and `start`: AWS's truth, in words a user understands."""

import csv
import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.computer import another_computer, usual_key
from tests.story.conftest import Spot

UP = ("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")
HERE = ("--region", "us-east-1")
LS = ("ls", *HERE, "--output", "json")

MACHINE_FIELDS = {
    *("name", "kind", "state", "region", "zone", "instance_type", "instance_id", "request_id"),
    *("request_state", "request_status", "public_ip", "ssh", "launched_at", "deadline"),
    *("spot_usd_per_hour", "on_demand_usd_per_hour", "saving_percent"),
    *("max_price_usd_per_hour", "tags"),
}


def test_ls_and_show_agree_in_table_json_and_csv(spot: Spot, sandbox: Sandbox) -> None:
    up = spot(*UP)
    listed = spot(*LS)
    shown = spot("show", "train", *HERE, "--output", "json")

    assert up.document["schema"] == listed.document["schema"] == 1
    assert up.document["kind"] == listed.document["kind"] == "machines"
    assert set(up.items[0]) >= MACHINE_FIELDS
    [machine] = listed.items
    assert shown.items[0]["spent_usd"] > 0
    later = {key: shown.items[0][key] for key in ("spent_usd", "running_seconds")}
    later["remaining_seconds"] = shown.items[0]["remaining_seconds"]
    machine |= later
    assert machine == shown.items[0]
    known = {"request_state": "active", "request_status": "fulfilled"}
    assert {**up.items[0], **known, **later} == {
        **machine,
        "max_price_usd_per_hour": up.items[0]["max_price_usd_per_hour"],
    }
    [told] = [warning for warning in listed.document["warnings"] if "sandbox" in warning]
    assert "simulated" in told

    table = spot("ls", *HERE)
    assert table.out.split()[:2] == ["Name", "State"]
    for part in ("train", "running", "g5.xlarge", "us-east-1c", "0.2716", "72.91"):
        assert part in table.out
    assert "sandbox" in table.err

    [row] = csv.DictReader(StringIO(spot("ls", *HERE, "--output", "csv").out))
    assert row["instance_id"] == machine["instance_id"]
    assert json.loads(row["tags"]) == machine["tags"]
    assert row["spot_usd_per_hour"] == "0.2716"

    page = spot("show", "train", *HERE).out
    for key in ("instance_id", "request_id", "public_ip", "ssh"):
        assert machine[key] in page
    assert f"deadline        {machine['deadline'][:16].replace('T', ' ')} UTC" in page


@pytest.mark.soak
def test_an_empty_list_is_an_empty_list(spot: Spot) -> None:
    assert spot(*LS).items == []
    table = spot("ls", *HERE)
    assert table.code == 0
    assert table.out == ""
    assert "spot up" in table.err


def test_a_csv_has_the_same_heading_with_and_without_records(spot: Spot) -> None:
    commands = (("ls",), ("costs",), ("down", "train", "--yes"), ("sweep",))
    empty = [spot(*each, *HERE, "--output", "csv").out for each in commands if each[0] != "down"]
    assert spot(*UP).code == 0
    found = [spot(*each, *HERE, "--output", "csv").out.splitlines() for each in commands]
    again = spot(*commands[2], *HERE, "--output", "csv").out

    assert [text.count("\n") for text in (*empty, again)] == [1, 1, 1, 1]
    headings = [lines[0] for lines in found]
    assert [text.strip() for text in (*empty[:2], again, empty[2])] == headings
    assert all(len(lines) > 1 for lines in found[:3])


def test_ls_looks_into_every_enabled_region_unless_told_otherwise(
    spot: Spot, sandbox: Sandbox
) -> None:
    assert spot(*UP).code == 0
    there = ("--region", "eu-west-1")
    assert spot("up", "far", "--type", "t3.micro", *there, "--yes").code == 0

    everywhere = spot("ls", "--output", "json").items
    assert [(each["name"], each["region"]) for each in everywhere] == [
        ("far", "eu-west-1"),
        ("train", "us-east-1"),
    ]
    assert [each["name"] for each in spot("ls", *there, "--output", "json").items] == ["far"]


def test_a_region_that_does_not_answer_is_named_and_the_rest_is_shown(
    spot: Spot, sandbox: Sandbox
) -> None:
    assert spot(*UP).code == 0
    for look in ("DescribeTags", "DescribeInstances", "DescribeSpotInstanceRequests"):
        sandbox.control.fail(
            look, "UnauthorizedOperation", message="no", region="eu-west-1", http_status=403
        )

    listed = spot("ls", *HERE, "--region", "eu-west-1", "--output", "json")

    assert listed.code == 0
    assert [each["name"] for each in listed.items] == ["train"]
    assert any("eu-west-1" in warning for warning in listed.document["warnings"])


@pytest.mark.soak
def test_another_computer_with_the_same_login_sees_and_ends_the_machine(
    spot: Spot, sandbox: Sandbox, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [machine] = spot(*UP).items
    another_computer(home, sandbox, monkeypatch)

    [seen] = spot(*LS).items
    assert (seen["name"], seen["instance_id"]) == ("train", machine["instance_id"])
    assert seen["tags"] == machine["tags"]

    assert spot("down", "train", "--yes").code == 0
    assert account.left(sandbox) == []


@pytest.mark.soak
def test_an_interruption_is_told_in_words_with_its_time(spot: Spot, sandbox: Sandbox) -> None:
    assert spot(*UP).code == 0
    sandbox.control.interrupt("train")
    [noticed] = spot(*LS).items
    assert (noticed["state"], noticed["request_status"]) == ("running", "marked-for-stop")
    assert noticed["summary"].startswith("EC2 will stop it within two minutes")

    sandbox.control.advance(timedelta(minutes=3))
    [stopped] = spot(*LS).items
    at = sandbox.control.now() - timedelta(minutes=1)
    assert stopped["request_status"] == "instance-stopped-no-capacity"
    assert stopped["summary"] in {
        f"interrupted {at + timedelta(minutes=late):%H:%M}, waiting for capacity"
        for late in (-1, 0, 1)
    }
    assert stopped["public_ip"] is None
    assert stopped["ssh"] is None

    start = spot("start", "train", "--output", "json")
    assert start.code == 1
    assert "Only EC2 can start it again" in start.error["message"]
    ssh = spot("ssh", "train")
    assert ssh.code == 1
    assert "interrupted" in ssh.err
    assert "EC2 starts it again" in ssh.err

    sandbox.control.advance(timedelta(minutes=10))
    [back] = spot(*LS).items
    assert (back["state"], back["summary"]) == ("running", "running")


@pytest.mark.world("situations, at the command line", by="users' reports")
@pytest.mark.soak
def test_a_box_starts_soon_after_its_stop_though_its_request_has_not_settled(
    spot: Spot, sandbox: Sandbox
) -> None:
    assert spot(*UP).code == 0
    assert spot("stop", "train").code == 0
    sandbox.control.fail("StartInstances", "IncorrectSpotRequestState", times=3)
    start = spot("start", "train")
    assert start.code == 0, start.err
    assert "has not settled the stop of i-" in start.err


def test_a_once_machine_that_was_interrupted_is_gone_from_ls_and_told_by_ls_all(
    spot: Spot, sandbox: Sandbox
) -> None:
    assert spot(*UP, "--once").code == 0
    sandbox.control.interrupt("train")
    sandbox.control.advance(timedelta(minutes=3))

    assert spot(*LS).items == []
    [ended] = spot(*LS, "--all").items
    assert "EC2 took the capacity back" in ended["summary"]


@pytest.mark.soak
def test_stop_and_start_keep_the_machine_and_its_disk(spot: Spot, sandbox: Sandbox) -> None:
    [machine] = spot(*UP).items
    disks = [each["VolumeId"] for each in account.volumes(sandbox)]

    [stopped] = spot("stop", "train", "--output", "json").items
    assert (stopped["state"], stopped["request_state"]) == ("stopped", "disabled")
    assert stopped["summary"].startswith("stopped by you")
    assert spot("stop", "train").code == 0

    [started] = spot("start", "train", "--output", "json").items
    assert started["state"] == "running"
    assert started["instance_id"] == machine["instance_id"]
    assert [each["VolumeId"] for each in account.volumes(sandbox)] == disks
    assert spot("start", "train").code == 0


@pytest.mark.soak
def test_a_start_in_a_dry_pool_says_so_and_loses_nothing(spot: Spot, sandbox: Sandbox) -> None:
    [machine] = spot(*UP).items
    assert spot("stop", "train").code == 0
    sandbox.control.drain(f"g5.xlarge@{machine['zone']}")

    start = spot("start", "train", "--output", "json")

    assert start.code == 5
    assert "no available Spot capacity" in start.error["message"]
    [seen] = spot(*LS).items
    assert (seen["state"], seen["instance_id"]) == ("stopped", machine["instance_id"])


def test_a_start_after_the_deadline_moves_it(spot: Spot, sandbox: Sandbox) -> None:
    assert spot(*UP, "--for", "1h").code == 0
    assert spot("stop", "train").code == 0
    sandbox.control.advance(timedelta(hours=3))

    start = spot("start", "train", "--output", "json")

    assert start.code == 0, start.err
    left = sandbox.control.now() + timedelta(hours=23)
    assert start.items[0]["deadline"] > f"{left:%Y-%m-%dT%H:%M:%SZ}"


def test_a_once_machine_cannot_be_stopped(spot: Spot) -> None:
    assert spot(*UP, "--once").code == 0

    stop = spot("stop", "train", "--output", "json")

    assert stop.code == 1
    assert "spot down train" in stop.error["next_step"]


@pytest.mark.parametrize("verb", ["show", "ssh", "stop", "start"])
def test_a_name_that_nobody_has_is_not_found(spot: Spot, verb: str) -> None:
    answer = spot(verb, "nobody")

    assert answer.code == 7
    assert "There is no machine nobody" in answer.err
    assert "spot ls" in answer.err


def test_a_file_in_dot_ssh_that_is_no_key_stops_nobody(spot: Spot, home: Path) -> None:
    """The key of the launch is on another computer, so every usual file is looked into."""
    public = usual_key(home)
    assert spot("up", "train", "--type", "g5.xlarge", "--yes").code == 0
    public.write_text("not a key")

    listed = spot("ls", "--output", "json")

    assert listed.code == 0, listed.err
    assert "-i " not in listed.items[0]["ssh"]
    assert spot("show", "train").code == 0
