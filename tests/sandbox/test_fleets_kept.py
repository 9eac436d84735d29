"""EC2 Fleet over HTTP: fleets of type maintain and request through what happens to them."""

import json
import os
import signal
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.validate import ParamValidator
from tests.conftest import Sandbox
from tests.sandbox.fleet_calls import (
    LONG_AGO,
    MINUTE,
    POOLS,
    alive,
    asked,
    events,
    ids,
    in_zone,
    maintained,
    members,
    refused,
    shown,
    template,
)
from tests.sandbox.metadata_service import Service

from ec2_sandbox.client import daemon
from ec2_sandbox.options import SandboxOptions

pytestmark = pytest.mark.sandbox


# Maintain


def test_a_maintain_fleet_is_submitted_then_active(sandbox: Sandbox) -> None:
    sandbox.reset(dwell=1, speed=0, begins="2026-01-05T00:00:00+00:00")
    ec2 = sandbox.client("ec2")
    template(ec2)
    fleet_id = maintained(ec2)
    before = shown(ec2, fleet_id)
    assert (before["FleetState"], before["ActivityStatus"]) == ("submitted", "pending_fulfillment")
    sandbox.control.advance(MINUTE)
    after = shown(ec2, fleet_id)
    assert (after["FleetState"], after["ActivityStatus"]) == ("active", "fulfilled")
    assert len(members(ec2, fleet_id)) == 2


def test_what_the_user_terminates_is_replaced(ec2: Any) -> None:
    fleet_id = maintained(ec2)
    gone, stays = ids(ec2, fleet_id)
    ec2.terminate_instances(InstanceIds=[gone])
    now = ids(ec2, fleet_id)
    assert stays in now
    assert len(set(now) - {gone}) == 2
    assert events(ec2, fleet_id, EventType="instance-change") == [
        "launched",
        "launched",
        "terminated",
        "launched",
    ]


def test_what_ec2_interrupts_is_replaced_in_another_pool(sandbox: Sandbox, ec2: Any) -> None:
    fleet_id = maintained(ec2, units=1)
    (first,) = members(ec2, fleet_id)
    sandbox.control.interrupt(first["InstanceId"])
    both = members(ec2, fleet_id)  # the old machine has two minutes left
    assert [one["InstanceId"] for one in both][:1] == [first["InstanceId"]]
    assert both[1]["InstanceType"] != first["InstanceType"]
    sandbox.control.advance(3 * MINUTE)
    assert members(ec2, fleet_id) == both[1:]
    assert shown(ec2, fleet_id)["ActivityStatus"] == "fulfilled"


def test_a_fleet_that_shrinks_before_it_knows_of_a_loss_ends_one_more(sandbox: Sandbox) -> None:
    sandbox.reset(scenario="calm", dwell=1, speed=0, begins="2026-01-05T00:00:00+00:00")
    ec2 = sandbox.client("ec2")
    template(ec2)
    fleet_id = maintained(ec2, in_zone("m5.large"), units=3)
    sandbox.control.advance(MINUTE)
    before = ids(ec2, fleet_id)
    ec2.terminate_instances(InstanceIds=before[:1])
    ec2.modify_fleet(FleetId=fleet_id, TargetCapacitySpecification={"TotalTargetCapacity": 2})
    sandbox.control.advance(timedelta(seconds=18))
    assert ids(ec2, fleet_id) == before
    assert shown(ec2, fleet_id)["FulfilledCapacity"] == 3.0
    sandbox.control.advance(3 * MINUTE)
    after = ids(ec2, fleet_id)
    assert len(after) == 2
    assert len(set(before) & set(after)) == 1


def test_an_instance_that_a_smaller_target_ends_has_two_minutes(
    sandbox: Sandbox, ec2: Any
) -> None:
    fleet_id = maintained(ec2, units=1)
    (member,) = members(ec2, fleet_id)
    instance, service = member["InstanceId"], Service(sandbox, member)
    ec2.modify_fleet(FleetId=fleet_id, TargetCapacitySpecification={"TotalTargetCapacity": 0})
    assert json.loads(service.read("meta-data/spot/instance-action"))["action"] == "terminate"
    assert [one["kind"] for one in sandbox.control.events(name=instance)][-1] == "notice"
    assert shown(ec2, fleet_id)["ActivityStatus"] == "pending_termination"
    sandbox.control.advance(MINUTE)
    assert ids(ec2, fleet_id) == [instance]
    sandbox.control.advance(MINUTE)
    assert ids(ec2, fleet_id) == []
    (request,) = ec2.describe_spot_instance_requests()["SpotInstanceRequests"]
    assert request["Status"]["Code"] == "instance-terminated-by-user"


def test_a_fleet_without_capacity_waits_for_it(sandbox: Sandbox, ec2: Any) -> None:
    sandbox.control.drain("m5.large@us-east-1a", minutes=90)
    fleet_id = maintained(ec2, in_zone("m5.large"), units=2)
    assert shown(ec2, fleet_id)["ActivityStatus"] == "pending_fulfillment"
    assert "launchSpecTemporarilyBlacklisted" in events(ec2, fleet_id, EventType="service-error")
    sandbox.control.advance(89 * MINUTE)
    assert members(ec2, fleet_id) == []
    sandbox.control.advance(2 * MINUTE)
    assert len(members(ec2, fleet_id)) == 2
    assert shown(ec2, fleet_id)["ActivityStatus"] == "fulfilled"


def test_a_quota_that_is_raised_lets_a_fleet_go_on(sandbox: Sandbox, ec2: Any) -> None:
    sandbox.control.quota("L-34B43A08", 2)
    fleet_id = maintained(ec2, in_zone("m5.large"), units=2)
    assert len(members(ec2, fleet_id)) == 1
    assert shown(ec2, fleet_id)["ActivityStatus"] == "error"
    sandbox.control.quota("L-34B43A08", 64)
    ec2.describe_fleets()
    assert len(members(ec2, fleet_id)) == 2


def test_a_fleet_whose_template_is_gone_says_so_and_goes_on_with_a_new_one(
    sandbox: Sandbox, ec2: Any
) -> None:
    fleet_id = maintained(ec2)
    ec2.delete_launch_template(LaunchTemplateName="worker")
    ec2.terminate_instances(InstanceIds=ids(ec2, fleet_id)[:1])
    assert shown(ec2, fleet_id)["ActivityStatus"] == "error"
    assert events(ec2, fleet_id)[-1] == "spotFleetRequestConfigurationInvalid"
    template(ec2)
    sandbox.control.advance(20 * MINUTE)
    assert shown(ec2, fleet_id)["ActivityStatus"] == "fulfilled"


@pytest.mark.parametrize(
    ("rebalance", "left"),
    [
        ({"ReplacementStrategy": "launch-before-terminate", "TerminationDelay": 120}, 1),
        ({"ReplacementStrategy": "launch"}, 2),
    ],
    ids=["launch-before-terminate", "launch"],
)
def test_an_instance_at_risk_is_replaced_before_it_ends(
    sandbox: Sandbox, rebalance: dict[str, Any], left: int
) -> None:
    sandbox.reset(scenario="reclaim-soon", dwell=0)
    ec2 = sandbox.client("ec2")
    template(ec2)
    options = {"MaintenanceStrategies": {"CapacityRebalance": rebalance}}
    fleet_id = maintained(ec2, units=1, SpotOptions=options)
    (old,) = members(ec2, fleet_id)
    sandbox.control.advance(4 * MINUTE + timedelta(seconds=30))
    both = members(ec2, fleet_id)
    assert old in both
    assert len({member["InstanceType"] for member in both}) == 2
    sandbox.control.advance(2 * MINUTE)
    assert len(members(ec2, fleet_id)) == left
    sandbox.control.advance(MINUTE)
    assert old["InstanceId"] not in ids(ec2, fleet_id)
    assert len(members(ec2, fleet_id)) == 1


def test_without_rebalancing_an_instance_at_risk_stays_alone(sandbox: Sandbox) -> None:
    sandbox.reset(scenario="reclaim-soon", dwell=0)
    ec2 = sandbox.client("ec2")
    template(ec2)
    fleet_id = maintained(ec2, units=1)
    sandbox.control.advance(4 * MINUTE + timedelta(seconds=30))
    assert len(members(ec2, fleet_id)) == 1


def test_an_expired_fleet_ends_its_instances_when_told(sandbox: Sandbox, ec2: Any) -> None:
    until = sandbox.control.now() + timedelta(hours=1)
    ends = maintained(ec2, ValidUntil=until, TerminateInstancesWithExpiration=True)
    stays = maintained(ec2, ValidUntil=until)
    (gone, _), (kept, _) = ids(ec2, ends), ids(ec2, stays)
    sandbox.control.advance(timedelta(hours=1, seconds=5))
    assert shown(ec2, ends)["FleetState"] == "deleted"
    assert shown(ec2, stays)["FleetState"] == "deleted_running"
    left = {one["InstanceId"] for one in alive(ec2)}
    assert kept in left
    assert gone not in left
    assert "expired" in events(ec2, ends)


def test_a_fleet_begins_when_it_becomes_valid(sandbox: Sandbox, ec2: Any) -> None:
    fleet_id = maintained(ec2, ValidFrom=sandbox.control.now() + timedelta(hours=1))
    assert shown(ec2, fleet_id)["FleetState"] == "submitted"
    sandbox.control.advance(timedelta(minutes=61))
    assert len(members(ec2, fleet_id)) == 2


def test_instances_that_ec2_stops_come_back_and_are_not_too_many(
    sandbox: Sandbox, ec2: Any
) -> None:
    options = {"InstanceInterruptionBehavior": "stop"}
    fleet_id = maintained(ec2, units=1, SpotOptions=options)
    (first,) = members(ec2, fleet_id)
    requests = ec2.describe_spot_instance_requests()["SpotInstanceRequests"]
    assert [request["Type"] for request in requests] == ["persistent"]
    sandbox.control.interrupt(first["InstanceId"], minutes=10)
    sandbox.control.advance(3 * MINUTE)
    (second,) = members(ec2, fleet_id)
    assert second["InstanceId"] != first["InstanceId"]
    sandbox.control.advance(15 * MINUTE)
    assert len(members(ec2, fleet_id)) == 1
    assert len(alive(ec2)) == 1


@pytest.mark.parametrize("behavior", ["terminate", "stop"])
def test_a_spot_instance_of_a_fleet_cannot_be_stopped(ec2: Any, behavior: str) -> None:
    fleet_id = maintained(ec2, SpotOptions={"InstanceInterruptionBehavior": behavior})
    code = refused(ec2.stop_instances, InstanceIds=ids(ec2, fleet_id)[:1])
    assert code == "UnsupportedOperation"


def test_a_fleet_of_both_kinds_keeps_its_on_demand_part_when_it_grows(ec2: Any) -> None:
    mixed = {
        "TotalTargetCapacity": 3,
        "OnDemandTargetCapacity": 1,
        "DefaultTargetCapacityType": "spot",
    }
    fleet_id = maintained(ec2, TargetCapacitySpecification=mixed)
    ec2.modify_fleet(FleetId=fleet_id, TargetCapacitySpecification={"TotalTargetCapacity": 5})
    lifecycles = Counter(one.get("InstanceLifecycle", "on-demand") for one in alive(ec2))
    assert lifecycles == {"on-demand": 1, "spot": 4}
    assert shown(ec2, fleet_id)["TargetCapacitySpecification"]["TotalTargetCapacity"] == 5


# Request


def test_a_request_fleet_is_filled_once(ec2: Any) -> None:
    fleet_id = maintained(ec2, Type="request")
    assert len(members(ec2, fleet_id)) == 2
    ec2.terminate_instances(InstanceIds=ids(ec2, fleet_id)[:1])
    assert len(members(ec2, fleet_id)) == 1
    assert shown(ec2, fleet_id)["ActivityStatus"] == "pending_fulfillment"


def test_a_request_fleet_waits_in_the_pools_it_chose(sandbox: Sandbox, ec2: Any) -> None:
    sandbox.control.price("m5.large@us-east-1a", "0.0100")
    sandbox.control.drain("m5.large@us-east-1a")
    fleet_id = maintained(ec2, Type="request")
    assert members(ec2, fleet_id) == []
    sandbox.control.refill("m5.large@us-east-1a")
    ec2.describe_fleets()
    assert [member["InstanceType"] for member in members(ec2, fleet_id)] == ["m5.large"] * 2


@pytest.mark.parametrize("behavior", ["stop", "hibernate"])
def test_instances_of_a_request_fleet_can_only_terminate(ec2: Any, behavior: str) -> None:
    options = {"InstanceInterruptionBehavior": behavior}
    code = refused(ec2.create_fleet, **asked(*POOLS, Type="request", SpotOptions=options))
    assert code == "InvalidParameterCombination"


# The rest


def test_every_answer_has_the_shape_of_the_model(sandbox: Sandbox, ec2: Any) -> None:
    sandbox.control.drain("c5.large@us-east-1a")
    kept, instant = maintained(ec2), ec2.create_fleet(**asked(*POOLS))
    answers = {
        "CreateFleet": instant,
        "DescribeFleets": ec2.describe_fleets(FleetIds=[kept, instant["FleetId"]]),
        "DescribeFleetInstances": ec2.describe_fleet_instances(FleetId=kept),
        "DescribeFleetHistory": ec2.describe_fleet_history(FleetId=kept, StartTime=LONG_AGO),
        "ModifyFleet": ec2.modify_fleet(FleetId=kept),
        "DeleteFleets": ec2.delete_fleets(FleetIds=[kept], TerminateInstances=True),
    }
    for operation, answer in answers.items():
        shape = ec2.meta.service_model.operation_model(operation).output_shape
        body = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
        assert not ParamValidator().validate(body, shape).has_errors()
        assert set(body) <= set(shape.members)


@pytest.mark.soak
def test_the_same_seed_and_calls_give_the_same_fleet(sandbox: Sandbox) -> None:
    found = []
    for _ in range(2):
        sandbox.reset(scenario="storm", dwell=1, speed=0, begins="2026-01-05T00:00:00+00:00")
        ec2 = sandbox.client("ec2")
        template(ec2)
        fleet_id = maintained(ec2, units=5, ClientToken="one")
        sandbox.control.advance(timedelta(days=2))
        records = ec2.describe_fleet_history(FleetId=fleet_id, StartTime=LONG_AGO)
        found.append((fleet_id, records["HistoryRecords"], members(ec2, fleet_id)))
    assert found[0] == found[1]


@pytest.mark.soak
def test_a_daemon_that_was_killed_keeps_its_fleets(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = daemon.start(home, options=SandboxOptions(scenario="calm", dwell=0))
    try:
        ec2 = Sandbox(first).client("ec2")
        template(ec2)
        fleet_id = maintained(ec2)
        before = ids(ec2, fleet_id)
        assert first.pid
        os.kill(first.pid, signal.SIGKILL)
        while daemon.status(home).running:
            time.sleep(0.01)
        again = Sandbox(daemon.ensure(home)).client("ec2")
        assert ids(again, fleet_id) == before
        again.terminate_instances(InstanceIds=before[:1])
        assert len(ids(again, fleet_id)) == 2
    finally:
        daemon.stop(home)
