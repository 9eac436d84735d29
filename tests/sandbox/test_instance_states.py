"""The states of instances over HTTP: what lasts a while, what is refused in it, what is told."""

from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Sandbox

pytestmark = pytest.mark.sandbox

IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
BEGINS = "2026-01-05T00:00:00+00:00"
BOX = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}


@pytest.fixture
def slow(sandbox: Sandbox) -> Sandbox:
    """States last as long as on EC2, and time passes only when it is asked to."""
    sandbox.reset(dwell=1, speed=0, step=0, begins=BEGINS)
    return sandbox


def run(sandbox: Sandbox, **changes: Any) -> str:
    asked = {
        "ImageId": IMAGE,
        "InstanceType": "m5.large",
        "MinCount": 1,
        "MaxCount": 1,
        "Placement": {"AvailabilityZone": "us-east-1a"},
        **changes,
    }
    launched = sandbox.client("ec2").run_instances(**asked)["Instances"][0]
    return str(launched["InstanceId"])


def spot(**options: str) -> dict[str, Any]:
    return {"InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": options}}


def state(sandbox: Sandbox, instance_id: str) -> str:
    found = sandbox.client("ec2").describe_instances(InstanceIds=[instance_id])
    return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def states(sandbox: Sandbox, instance_id: str) -> list[str]:
    return [event["state"] for event in told(sandbox, "instance", instance_id)]


def told(sandbox: Sandbox, kind: str, subject: str | None = None) -> list[dict[str, Any]]:
    """The facts of what happened, with their time."""
    return [
        {**event["facts"], "moment": event["at"]}
        for event in sandbox.control.events(kind=kind)
        if subject in {None, event["subject"]}
    ]


def refused(sandbox: Sandbox, verb: str, instance_id: str) -> str:
    with pytest.raises(ClientError) as caught:
        getattr(sandbox.client("ec2"), f"{verb}_instances")(InstanceIds=[instance_id])
    return str(caught.value.response["Error"]["Code"])


@pytest.mark.parametrize("market", [{}, spot(**BOX)], ids=["on-demand", "spot"])
def test_every_state_lasts_a_while(slow: Sandbox, market: dict[str, Any]) -> None:
    ec2, machine = slow.client("ec2"), run(slow, **market)
    for verb, passing, shortest, longest, then in (
        (None, "pending", 5, 20, "running"),
        ("stop", "stopping", 10, 40, "stopped"),
        ("start", "pending", 5, 20, "running"),
        ("terminate", "shutting-down", 5, 30, "terminated"),
    ):
        if verb == "start" and market:
            assert refused(slow, verb, machine) == "IncorrectSpotRequestState"
            slow.control.advance(seconds(60))
        if verb:
            getattr(ec2, f"{verb}_instances")(InstanceIds=[machine])
        slow.control.advance(seconds(shortest - 0.1))
        assert state(slow, machine) == passing
        slow.control.advance(seconds(longest - shortest + 0.1))
        assert state(slow, machine) == then
    assert states(slow, machine) == [
        *("pending", "running", "stopping", "stopped"),
        *("pending", "running", "shutting-down", "terminated"),
    ]


def test_botocores_waiters_wait_for_all_of_it(slow: Sandbox) -> None:
    ec2, machine = slow.client("ec2"), run(slow)
    for verb, waiter in ((None, "running"), ("stop", "stopped"), ("terminate", "terminated")):
        if verb:
            getattr(ec2, f"{verb}_instances")(InstanceIds=[machine])
        slow.control.advance(seconds(40))
        ec2.get_waiter(f"instance_{waiter}").wait(
            InstanceIds=[machine], WaiterConfig={"MaxAttempts": 1}
        )


def test_what_is_on_its_way_refuses_the_rest(slow: Sandbox) -> None:
    ec2, machine = slow.client("ec2"), run(slow)
    assert refused(slow, "stop", machine) == "IncorrectInstanceState"
    assert refused(slow, "reboot", machine) == "IncorrectInstanceState"
    slow.control.advance(seconds(20))
    ec2.reboot_instances(InstanceIds=[machine])
    ec2.start_instances(InstanceIds=[machine])
    assert state(slow, machine) == "running"
    ec2.stop_instances(InstanceIds=[machine])
    assert refused(slow, "start", machine) == "IncorrectInstanceState"
    ec2.stop_instances(InstanceIds=[machine])
    ec2.terminate_instances(InstanceIds=[machine])
    assert state(slow, machine) == "shutting-down"
    assert refused(slow, "stop", machine) == "IncorrectInstanceState"
    ec2.terminate_instances(InstanceIds=[machine])
    slow.control.advance(seconds(40))
    assert states(slow, machine)[-3:] == ["stopping", "shutting-down", "terminated"]


def test_a_terminated_instance_is_listed_for_an_hour(slow: Sandbox) -> None:
    ec2, machine = slow.client("ec2"), run(slow)
    ec2.terminate_instances(InstanceIds=[machine])
    slow.control.advance(timedelta(minutes=60))
    assert state(slow, machine) == "terminated"
    slow.control.advance(seconds(30))
    assert ec2.describe_instances()["Reservations"] == []


def test_all_or_nothing(sandbox: Sandbox) -> None:
    ec2, first, second = sandbox.client("ec2"), run(sandbox), run(sandbox)
    ec2.stop_instances(InstanceIds=[second])
    with pytest.raises(ClientError, match="IncorrectInstanceState"):
        ec2.reboot_instances(InstanceIds=[first, second])
    ec2.modify_instance_attribute(InstanceId=first, DisableApiTermination={"Value": True})
    with pytest.raises(ClientError, match="OperationNotPermitted"):
        ec2.terminate_instances(InstanceIds=[second, first])
    assert state(sandbox, second) == "stopped"


def test_a_call_about_nothing_is_refused(sandbox: Sandbox) -> None:
    for verb in ("start", "stop", "reboot", "terminate"):
        with pytest.raises(ClientError, match="No instances specified"):
            getattr(sandbox.client("ec2"), f"{verb}_instances")(InstanceIds=[])


def test_all_unknown_ids_are_named_together(sandbox: Sandbox) -> None:
    ec2, known = sandbox.client("ec2"), run(sandbox)
    unknown = ["i-00000000000000001", "i-00000000000000002"]
    with pytest.raises(ClientError, match=f"IDs '{unknown[0]}, {unknown[1]}' do not exist"):
        ec2.terminate_instances(InstanceIds=[unknown[0], known, unknown[1]])
    with pytest.raises(ClientError, match=f"ID '{unknown[1]}' does not exist"):
        ec2.describe_instances(InstanceIds=[known, unknown[1]])


def test_stop_protection_and_hibernation_are_heeded(sandbox: Sandbox) -> None:
    ec2, protected = sandbox.client("ec2"), run(sandbox, DisableApiStop=True)
    assert refused(sandbox, "stop", protected) == "OperationNotPermitted"
    plain = run(sandbox)
    with pytest.raises(ClientError, match="UnsupportedHibernationConfiguration"):
        ec2.stop_instances(InstanceIds=[plain], Hibernate=True)


def test_a_new_id_is_found_by_nobody_for_a_moment(sandbox: Sandbox) -> None:
    sandbox.reset(visibility=30, speed=0, step=0, begins=BEGINS)
    ec2, found = sandbox.client("ec2"), []
    machines = [run(sandbox, **spot(**BOX)) for _ in range(8)]
    for _ in range(4):
        listed = ec2.describe_instances()["Reservations"]
        requests = ec2.describe_spot_instance_requests()["SpotInstanceRequests"]
        found.append((len(listed), len(requests)))
        sandbox.control.advance(seconds(10))
    assert found[0] == (0, 0)
    assert found == sorted(found)
    assert 0 < found[1][0] < 8
    assert found[3] == (8, 8)
    young = run(sandbox, **spot(**BOX))
    for verb in ("describe", "stop", "terminate"):
        assert refused(sandbox, verb, young) == "InvalidInstanceID.NotFound"
    tag = {"Resources": [young], "Tags": [{"Key": "job", "Value": "7"}]}
    with pytest.raises(ClientError, match="NotFound"):
        ec2.create_tags(**tag)
    sandbox.control.advance(seconds(30))
    assert state(sandbox, young) == state(sandbox, machines[0]) == "running"
    ec2.create_tags(**tag)
    assert [found["ResourceId"] for found in ec2.describe_tags()["Tags"]] == [young]


def test_everything_that_costs_is_told(slow: Sandbox) -> None:
    disk = {"VolumeSize": 10, "VolumeType": "gp3", "Iops": 4000, "DeleteOnTermination": False}
    machine = run(
        slow,
        BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": disk}],
        **spot(**BOX),
    )
    slow.control.advance(timedelta(minutes=5))
    slow.client("ec2").stop_instances(InstanceIds=[machine])
    slow.control.advance(timedelta(minutes=5))
    slow.client("ec2").terminate_instances(InstanceIds=[machine])
    slow.control.advance(seconds(30))
    first = told(slow, "instance", machine)[0]
    assert {key: first[key] for key in ("pool", "lifecycle", "type", "zone", "cause")} == {
        "pool": "m5.large@us-east-1a",
        "lifecycle": "spot",
        "type": "m5.large",
        "zone": "us-east-1a",
        "cause": "user",
    }
    assert ip_address(first["ip"]).is_private  # an address of a documentation network
    assert first["request"].startswith("sir-")
    stopped = next(e for e in told(slow, "instance", machine) if e["state"] == "stopped")
    assert stopped["ip"] == ""
    volumes = told(slow, "volume")
    made = [event for event in volumes if event["instance"] == machine]
    assert [(e["gb"], e["iops"], e["state"]) for e in made[:2]] == [
        ("8", "3000", "created"),
        ("10", "4000", "created"),
    ]
    assert [(e["gb"], e["state"]) for e in volumes if e["state"] == "deleted"] == [
        ("8", "deleted")
    ]


@pytest.mark.parametrize(
    ("options", "shutdown", "request_state", "instance_state"),
    [
        (BOX, "stop", ("disabled", "instance-stopped-by-user"), "stopped"),
        (BOX, "terminate", ("open", "instance-terminated-by-user"), "terminated"),
        ({}, "stop", ("closed", "instance-terminated-by-user"), "terminated"),
    ],
    ids=["box", "box that terminates", "once"],
)
def test_a_shutdown_from_inside(
    sandbox: Sandbox,
    options: dict[str, str],
    shutdown: str,
    request_state: tuple[str, str],
    instance_state: str,
) -> None:
    sandbox.reset(speed=0, step=0)
    machine = run(sandbox, InstanceInitiatedShutdownBehavior=shutdown, **spot(**options))
    sandbox.control.shutdown(machine)
    requests = sandbox.client("ec2").describe_spot_instance_requests()["SpotInstanceRequests"]
    seen = (requests[0]["State"], requests[0]["Status"]["Code"])
    assert (seen, state(sandbox, machine)) == (request_state, instance_state)
    assert told(sandbox, "instance", machine)[-1]["cause"] == "guest"


def test_the_rebalance_recommendation_comes_once_and_not_after_the_notice(slow: Sandbox) -> None:
    machine = run(slow, **spot(**BOX))
    slow.control.drain("m5.large@us-east-1a")
    slow.control.advance(timedelta(minutes=3))
    slow.control.refill("m5.large@us-east-1a")
    slow.control.advance(timedelta(minutes=3))
    slow.control.drain("m5.large@us-east-1a")
    advice, notices = told(slow, "rebalance", machine), told(slow, "notice", machine)
    assert len(advice) == len(notices) == 2
    assert all(a["moment"] <= n["moment"] for a, n in zip(advice, notices, strict=True))
    assert (notices[0]["action"], notices[0]["pool"]) == ("stop", "m5.large@us-east-1a")


def test_a_drained_pool_has_no_room_for_on_demand_either(sandbox: Sandbox) -> None:
    sandbox.control.drain("m5.large@us-east-1a")
    with pytest.raises(ClientError) as caught:
        run(sandbox)
    error = caught.value.response["Error"]
    assert error["Code"] == "InsufficientInstanceCapacity"
    assert (
        "m5.large capacity in the Availability Zone you requested (us-east-1a)" in error["Message"]
    )
    assert "choosing us-east-1b, us-east-1c" in error["Message"]
    machine = run(sandbox, Placement={})
    assert state(sandbox, machine) == "running"


def test_on_demand_has_quotas_of_its_own(sandbox: Sandbox) -> None:
    sandbox.control.quota("L-1216C47A", 4, region="us-east-1")
    first, _ = run(sandbox), run(sandbox)
    with pytest.raises(ClientError, match=r"VcpuLimitExceeded.*vCPU limit of 4"):
        run(sandbox)
    sandbox.client("ec2").stop_instances(InstanceIds=[first])
    third = run(sandbox)
    assert refused(sandbox, "start", first) == "VcpuLimitExceeded"
    sandbox.client("ec2").terminate_instances(InstanceIds=[third])
    sandbox.client("ec2").start_instances(InstanceIds=[first])
    assert state(sandbox, first) == "running"


KEY = ("Client.InternalError", "Client error on launch")


def shown(sandbox: Sandbox, instance_id: str) -> dict[str, Any]:
    found = sandbox.client("ec2").describe_instances(InstanceIds=[instance_id])
    instance: dict[str, Any] = found["Reservations"][0]["Instances"][0]
    return instance


@pytest.mark.parametrize("options", [{}, spot(), spot(**BOX)], ids=["on-demand", "once", "box"])
def test_an_instance_that_is_to_fail_ends_before_it_is_up_and_says_why(
    slow: Sandbox, options: dict[str, Any]
) -> None:
    slow.control.fail("InstanceBoot", KEY[0])
    instance_id = run(slow, **options)
    assert state(slow, instance_id) == "pending"
    slow.control.advance(seconds(60))
    ended = shown(slow, instance_id)
    assert ended["State"]["Name"] == "terminated"
    assert ended["StateReason"] == {"Code": KEY[0], "Message": ": ".join(KEY)}
    assert "running" not in states(slow, instance_id)
    assert told(slow, "instance", instance_id)[-1]["cause"] == "ec2"
    again = run(slow)
    slow.control.advance(seconds(60))
    assert state(slow, again) == "running"


def test_a_box_that_is_to_fail_stops_again_when_it_is_started(slow: Sandbox) -> None:
    instance_id = run(slow, **spot(**BOX))
    ec2 = slow.client("ec2")
    slow.control.advance(seconds(60))
    ec2.stop_instances(InstanceIds=[instance_id])
    slow.control.advance(seconds(100))
    slow.control.fail("InstanceBoot", "Server.InternalError", message=": ".join(KEY))
    ec2.start_instances(InstanceIds=[instance_id])
    assert state(slow, instance_id) == "pending"
    slow.control.advance(seconds(120))
    stopped = shown(slow, instance_id)
    assert stopped["State"]["Name"] == "stopped"
    assert stopped["StateReason"] == {"Code": "Server.InternalError", "Message": ": ".join(KEY)}
    ec2.start_instances(InstanceIds=[instance_id])
    slow.control.advance(seconds(90))
    assert state(slow, instance_id) == "running"


def test_a_failure_in_another_region_does_not_meet_an_instance(slow: Sandbox) -> None:
    slow.control.fail("InstanceBoot", KEY[0], region="eu-west-1")
    instance_id = run(slow)
    slow.control.advance(seconds(60))
    assert state(slow, instance_id) == "running"
