"""`spot up`: the plan, the question, and what EC2 then has."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.computer import another_computer, journal
from tests.story.conftest import Spot

from spotkeeper.cli.context import Choices


def test_without_a_terminal_the_plan_is_shown_and_nothing_is_launched(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    answer = spot("up", "train", "--type", "g5.xlarge", "--for", "8h")

    assert answer.code == 3
    assert answer.out == ""
    assert "g5.xlarge in us-east-1c (use1-az2)" in answer.err
    assert "$0.2716/h, $6.52/day, 72.91 % below On-Demand ($1.0024/h)" in answer.err
    [offer] = spot("find", "--type", "g5.xlarge", "--limit", "1", "--output", "json").items
    assert offer["interruption_band"] in {"<5%", "5-10%", "10-15%", "15-20%", ">20%"}
    assert f"risk       {offer['interruption_band']}" in answer.err
    deadline = sandbox.control.now() + timedelta(hours=8)
    assert f"deadline   {deadline:%Y-%m-%d %H}" in answer.err
    assert "(in 8h)" in answer.err
    assert "sandbox" in answer.err
    assert "Add --yes" in answer.err
    assert account.left(sandbox) == []
    assert journal(home) == []


def test_a_risk_that_nobody_tells_is_unknown(
    spot: Spot, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPOT_ADVISOR_URL", f"{sandbox.url}/nothing-is-here.json")

    answer = spot("up", "train", "--type", "g5.xlarge")

    assert "interruption band unknown" in answer.err
    assert answer.code == 3


def test_who_says_no_at_the_question_gets_nothing(
    spot: Spot, sandbox: Sandbox, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Choices, "interactive", property(lambda _: True))
    monkeypatch.setattr("sys.stdin", StringIO("n\n"))

    answer = spot("up", "train", "--type", "g5.xlarge")

    assert answer.code == 3
    assert "Launch it?" in answer.err
    assert account.left(sandbox) == []
    assert journal(home) == []


def test_a_price_that_rises_at_the_question_is_shown_and_asked_for_again(
    spot: Spot, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(StringIO):
        def readline(self, *size: int) -> str:  # type: ignore[override]
            sandbox.control.price("g5.xlarge@us-east-1c", "0.9")
            return super().readline(*size)

    monkeypatch.setattr(Choices, "interactive", property(lambda _: True))
    monkeypatch.setattr("sys.stdin", Slow("y\nn\n"))

    answer = spot("up", "train", "--type", "g5.xlarge", "--zone", "us-east-1c")

    assert answer.code == 3
    shown = answer.err.index("$0.2716/h")
    risen = answer.err.index("Prices rose above those of the plan, up to $0.9000/h")
    assert shown < risen < answer.err.index("$0.9000/h, $21.60/day")
    assert answer.err.count("Launch it?") == 2
    assert account.left(sandbox) == []


def test_who_says_yes_at_the_question_gets_the_machine(
    spot: Spot, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Choices, "interactive", property(lambda _: True))
    monkeypatch.setattr("sys.stdin", StringIO("y\n"))

    answer = spot("up", "train", "--type", "g5.xlarge")

    assert answer.code == 0, answer.err
    [machine] = account.instances(sandbox)
    assert machine["InstanceId"] in answer.out
    [line] = [line for line in answer.out.splitlines() if line.startswith("ssh ")]
    assert line.endswith(f"-l ubuntu -- {machine['PublicIpAddress']}")
    assert "give it back with: spot down train" in answer.out


def test_a_box_is_a_persistent_request_with_an_end_an_encrypted_disk_and_a_closed_door(
    spot: Spot, sandbox: Sandbox
) -> None:
    up = spot("up", "train", "--type", "g5.xlarge", "--tag", "Project=demo", "--yes")
    assert up.code == 0, up.err

    [machine] = account.instances(sandbox)
    assert machine["InstanceLifecycle"] == "spot"
    assert machine["MetadataOptions"]["HttpTokens"] == "required"
    assert machine["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    assert "IamInstanceProfile" not in machine

    [request] = account.requests(sandbox)
    assert request["Type"] == "persistent"
    assert request["InstanceInterruptionBehavior"] == "stop"
    assert request["ValidUntil"] > datetime.now(UTC) + timedelta(hours=24)

    [disk] = account.volumes(sandbox)
    assert (disk["VolumeType"], disk["Encrypted"], disk["Size"]) == ("gp3", True, 100)

    [group] = account.groups(sandbox)
    [rule] = group["IpPermissions"]
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 22, 22)
    assert [each["CidrIp"] for each in rule["IpRanges"]] == ["127.0.0.1/32"]
    assert [each["GroupId"] for each in machine["SecurityGroups"]] == [group["GroupId"]]

    client = sandbox.client("ec2")
    [interface] = client.describe_network_interfaces()["NetworkInterfaces"]
    on_instance = account.tags(machine)
    assert on_instance["Project"] == "demo"
    assert on_instance["Name"] == on_instance["spotkeeper:name"] == "train"
    assert on_instance["spotkeeper:managed"] == "true"
    assert on_instance["spotkeeper:owner"].startswith("123456789012:")
    assert on_instance["spotkeeper:launch"] == machine["ClientToken"]
    assert on_instance == account.tags(request) == account.tags(disk)
    assert on_instance == account.tags(interface, "TagSet")
    assert on_instance["spotkeeper:owner"] == account.tags(group)["spotkeeper:owner"]


def test_once_is_a_one_time_request_whose_machine_and_disk_go_together(
    spot: Spot, sandbox: Sandbox
) -> None:
    up = spot("up", "train", "--type", "g5.xlarge", "--once", "--yes", "--output", "json")
    assert up.code == 0, up.err
    assert up.items[0]["kind"] == "once"

    [request] = account.requests(sandbox)
    assert request["Type"] == "one-time"
    assert request["InstanceInterruptionBehavior"] == "terminate"

    [machine] = account.instances(sandbox)
    assert [each["Ebs"]["DeleteOnTermination"] for each in machine["BlockDeviceMappings"]] == [
        True
    ]
    attribute = sandbox.client("ec2").describe_instance_attribute(
        InstanceId=machine["InstanceId"], Attribute="instanceInitiatedShutdownBehavior"
    )
    assert attribute["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"


def test_a_box_powers_off_at_its_deadline_and_is_not_ended(spot: Spot, sandbox: Sandbox) -> None:
    up = spot("up", "train", "--type", "t3.micro", "--for", "90m", "--yes", "--output", "json")
    assert up.code == 0, up.err
    [machine] = account.instances(sandbox)

    attribute = sandbox.client("ec2").describe_instance_attribute(
        InstanceId=machine["InstanceId"], Attribute="instanceInitiatedShutdownBehavior"
    )
    assert attribute["InstanceInitiatedShutdownBehavior"]["Value"] == "stop"
    [(kind, guard)] = account.user_data(sandbox, machine["InstanceId"])
    assert kind == "text/cloud-boothook"
    assert b"shutdown -h now" in guard
    deadline = datetime.fromisoformat(up.items[0]["deadline"])
    launched = datetime.fromisoformat(up.items[0]["launched_at"])
    assert timedelta(minutes=89) < deadline - launched <= timedelta(minutes=91)
    assert account.tags(machine)["spotkeeper:deadline"] == up.items[0]["deadline"]


def test_the_world_may_knock_only_when_that_is_typed(spot: Spot, sandbox: Sandbox) -> None:
    assert spot("up", "train", "--type", "t3.micro", "--open-to-world", "--yes").code == 0

    [group] = account.groups(sandbox)
    ranges = [each["CidrIp"] for rule in group["IpPermissions"] for each in rule["IpRanges"]]
    assert ranges == ["0.0.0.0/0"]


def test_hibernation_is_asked_for_where_the_type_can(spot: Spot, sandbox: Sandbox) -> None:
    line = ("up", "train", "--type", "m5.large", "--on-interruption", "hibernate", "--yes")
    up = spot(*line)
    assert up.code == 0, up.err

    [request] = account.requests(sandbox)
    assert request["InstanceInterruptionBehavior"] == "hibernate"
    [machine] = account.instances(sandbox)
    assert machine["HibernationOptions"] == {"Configured": True}


def test_a_dry_run_shows_the_plan_asks_ec2_and_changes_nothing(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    answer = spot("up", "train", "--type", "g5.xlarge", "--dry-run", "--output", "json")

    assert answer.code == 0, answer.err
    [plan] = answer.items
    assert plan["offer"]["zone"] == "us-east-1c"
    assert plan["usd_per_day"] == 6.52
    assert "Dry run for train" in answer.err
    assert "Nothing was changed" in answer.err
    assert ("RunInstances", "us-east-1") in sandbox.control.calls()
    assert account.left(sandbox) == []
    assert journal(home) == []
    assert list(home.rglob("keys/*")) == []


def test_a_dry_run_that_ec2_would_refuse_says_so(spot: Spot, sandbox: Sandbox) -> None:
    sandbox.control.fail("RunInstances", "UnauthorizedOperation", message="no", http_status=403)

    answer = spot("up", "train", "--type", "g5.xlarge", "--dry-run")

    assert answer.code == 4
    assert "UnauthorizedOperation" in answer.err
    assert "spot policy up" in answer.err


@pytest.mark.parametrize("computer", ["this", "another"])
@pytest.mark.one_in(2)
def test_a_name_in_use_is_refused_with_what_is_there(
    spot: Spot, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, home: Path, computer: str
) -> None:
    up = spot("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")
    [machine] = up.items
    if computer == "another":
        another_computer(home, sandbox, monkeypatch)

    again = spot("up", "train", "--type", "t3.micro", "--yes", "--output", "json")

    assert again.code == 9
    assert again.error["kind"] == "name-taken"
    assert machine["instance_id"] in again.error["message"]
    assert "g5.xlarge in us-east-1c" in again.error["message"]
    assert "spot down train" in again.error["next_step"]
    assert [each["InstanceId"] for each in account.instances(sandbox)] == [machine["instance_id"]]
