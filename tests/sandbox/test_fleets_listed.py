"""EC2 Fleet over HTTP: listed, looked at, modified and deleted."""

from datetime import timedelta
from typing import Any

import pytest
from tests.conftest import Sandbox
from tests.sandbox.fleet_calls import (
    LONG_AGO,
    MINUTE,
    POOLS,
    alive,
    asked,
    events,
    ids,
    maintained,
    members,
    refused,
    shown,
    template,
)

pytestmark = pytest.mark.sandbox


# Describe


def test_instant_fleets_are_listed_only_by_their_id(ec2: Any) -> None:
    instant = ec2.create_fleet(**asked(*POOLS))["FleetId"]
    kept = maintained(ec2)
    assert [fleet["FleetId"] for fleet in ec2.describe_fleets()["Fleets"]] == [kept]
    found = shown(ec2, instant)
    assert (found["FleetState"], found["ActivityStatus"]) == ("active", "fulfilled")
    assert found["Errors"] == []
    assert len(found["Instances"][0]["InstanceIds"]) == 1
    assert refused(ec2.describe_fleet_instances, FleetId=instant) == "Unsupported"
    assert refused(ec2.modify_fleet, FleetId=instant) == "Unsupported"


def test_an_unknown_fleet_is_not_found(ec2: Any) -> None:
    unknown = "fleet-00000000-0000-0000-0000-000000000000"
    assert refused(ec2.describe_fleets, FleetIds=[unknown]) == "InvalidFleetId.NotFound"
    assert refused(ec2.modify_fleet, FleetId=unknown) == "InvalidFleetId.NotFound"


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("type", "maintain", 1),
        ("fleet-state", "active", 2),
        ("fleet-state", "deleted-running", 0),
        ("activity-status", "fulfilled", 2),
        ("excess-capacity-termination-policy", "true", 2),
        ("replace-unhealthy-instances", "false", 2),
    ],
)
def test_fleets_can_be_filtered(ec2: Any, name: str, value: str, number: int) -> None:
    maintained(ec2)
    maintained(ec2, Type="request")
    found = ec2.describe_fleets(Filters=[{"Name": name, "Values": [value]}])["Fleets"]
    assert len(found) == number


def test_lists_come_in_pages(ec2: Any) -> None:
    fleets = [maintained(ec2, units=3) for _ in range(3)]
    pages = ec2.get_paginator("describe_fleets").paginate(PaginationConfig={"PageSize": 2})
    assert [fleet["FleetId"] for page in pages for fleet in page["Fleets"]] == fleets
    page = ec2.describe_fleet_instances(FleetId=fleets[0], MaxResults=2)
    rest = ec2.describe_fleet_instances(FleetId=fleets[0], NextToken=page["NextToken"])
    assert len(page["ActiveInstances"] + rest["ActiveInstances"]) == 3
    history = ec2.describe_fleet_history(FleetId=fleets[0], StartTime=LONG_AGO, MaxResults=2)
    assert len(history["HistoryRecords"]) == 2
    assert "LastEvaluatedTime" not in history


def test_the_history_of_a_fleet_lasts_two_days(sandbox: Sandbox, ec2: Any) -> None:
    fleet_id = maintained(ec2)
    begun = sandbox.control.now()
    assert events(ec2, fleet_id)[:2] == ["submitted", "active"]
    later = ec2.describe_fleet_history(FleetId=fleet_id, StartTime=begun + timedelta(hours=1))
    assert later["HistoryRecords"] == []
    sandbox.control.advance(timedelta(hours=49))
    assert events(ec2, fleet_id) == []


def test_a_new_template_or_fleet_is_not_found_for_a_moment(sandbox: Sandbox) -> None:
    sandbox.reset(visibility=60, speed=0, step=0, begins="2026-01-05T00:00:00+00:00")
    ec2 = sandbox.client("ec2")
    template(ec2)
    assert ec2.describe_launch_templates()["LaunchTemplates"] == []
    code = "InvalidLaunchTemplateName.NotFoundException"
    assert refused(ec2.create_fleet, **asked(*POOLS)) == code
    sandbox.control.advance(MINUTE)
    assert len(ec2.describe_launch_templates()["LaunchTemplates"]) == 1
    fleet_id = maintained(ec2)
    assert refused(ec2.describe_fleets, FleetIds=[fleet_id]) == "InvalidFleetId.NotFound"
    assert ec2.describe_fleets()["Fleets"] == []
    sandbox.control.advance(MINUTE)
    assert len(members(ec2, fleet_id)) == 2


def test_a_fleet_is_tagged_like_everything_else(ec2: Any) -> None:
    fleet_id = maintained(ec2)
    ec2.create_tags(Resources=[fleet_id], Tags=[{"Key": "team", "Value": "vision"}])
    assert shown(ec2, fleet_id)["Tags"] == [{"Key": "team", "Value": "vision"}]
    (tag,) = ec2.describe_tags(Filters=[{"Name": "key", "Values": ["team"]}])["Tags"]
    assert (tag["ResourceId"], tag["ResourceType"]) == (fleet_id, "fleet")


# Modify and delete


def test_a_fleet_grows_and_shrinks(sandbox: Sandbox, ec2: Any) -> None:
    fleet_id = maintained(ec2)
    for units in (4, 1, 0):
        capacity = {"TotalTargetCapacity": units}
        ec2.modify_fleet(FleetId=fleet_id, TargetCapacitySpecification=capacity)
        sandbox.control.advance(2 * MINUTE)
        assert len(members(ec2, fleet_id)) == units
    assert events(ec2, fleet_id).count("termination_notified") == 4
    assert events(ec2, fleet_id).count("modify_succeeded") == 3


def test_excess_may_be_left_to_run(ec2: Any) -> None:
    fleet_id = maintained(ec2, units=3)
    ec2.modify_fleet(
        FleetId=fleet_id,
        ExcessCapacityTerminationPolicy="no-termination",
        TargetCapacitySpecification={"TotalTargetCapacity": 1},
    )
    assert len(members(ec2, fleet_id)) == 3
    ec2.terminate_instances(InstanceIds=ids(ec2, fleet_id)[:2])
    assert len(members(ec2, fleet_id)) == 1


def test_a_request_fleet_cannot_be_modified(ec2: Any) -> None:
    fleet_id = maintained(ec2, Type="request")
    capacity = {"TotalTargetCapacity": 5}
    code = refused(ec2.modify_fleet, FleetId=fleet_id, TargetCapacitySpecification=capacity)
    assert code == "Unsupported"


def test_deleting_ends_the_instances_or_not(sandbox: Sandbox, ec2: Any) -> None:
    ended, left = maintained(ec2), maintained(ec2)
    done = ec2.delete_fleets(FleetIds=[ended], TerminateInstances=True)
    kept = ec2.delete_fleets(FleetIds=[left], TerminateInstances=False)
    states = [
        (item["PreviousFleetState"], item["CurrentFleetState"])
        for item in (*done["SuccessfulFleetDeletions"], *kept["SuccessfulFleetDeletions"])
    ]
    assert states == [("active", "deleted_terminating"), ("active", "deleted_running")]
    assert len(alive(ec2)) == 2
    assert shown(ec2, ended)["FleetState"] == "deleted"
    sandbox.control.advance(timedelta(days=3))
    assert refused(ec2.describe_fleets, FleetIds=[ended]) == "InvalidFleetId.NotFound"
    assert shown(ec2, left)["FleetState"] == "deleted_running"


def test_a_deleted_fleet_replaces_nothing_and_can_be_deleted_with_its_instances(ec2: Any) -> None:
    fleet_id = maintained(ec2)
    ec2.delete_fleets(FleetIds=[fleet_id], TerminateInstances=False)
    ec2.terminate_instances(InstanceIds=ids(ec2, fleet_id)[:1])
    assert len(alive(ec2)) == 1
    ec2.delete_fleets(FleetIds=[fleet_id], TerminateInstances=True)
    assert alive(ec2) == []
    again = ec2.delete_fleets(FleetIds=[fleet_id], TerminateInstances=True)
    failed = again["UnsuccessfulFleetDeletions"][0]["Error"]
    assert failed["Code"] == "fleetNotInDeletableState"


def test_a_deletion_takes_as_long_as_its_instances(sandbox: Sandbox) -> None:
    sandbox.reset(dwell=1, speed=0, begins="2026-01-05T00:00:00+00:00")
    ec2 = sandbox.client("ec2")
    template(ec2)
    fleet_id = maintained(ec2)
    sandbox.control.advance(MINUTE)
    ec2.delete_fleets(FleetIds=[fleet_id], TerminateInstances=True)
    found = shown(ec2, fleet_id)
    assert (found["FleetState"], found["ActivityStatus"]) == (
        "deleted_terminating",
        "pending_termination",
    )
    sandbox.control.advance(2 * MINUTE)
    assert shown(ec2, fleet_id)["FleetState"] == "deleted"
    assert events(ec2, fleet_id)[-1] == "deleted"


def test_a_fleet_without_instances_is_not_deleted_in_a_moment_either(sandbox: Sandbox) -> None:
    sandbox.reset(dwell=1, speed=0)
    ec2 = sandbox.client("ec2")
    template(ec2)
    fleet_id = maintained(ec2)
    for terminate, state in ((False, "deleted_running"), (True, "deleted_terminating")):
        answer = ec2.delete_fleets(FleetIds=[fleet_id], TerminateInstances=terminate)
        assert answer["SuccessfulFleetDeletions"][0]["CurrentFleetState"] == state
        assert shown(ec2, fleet_id)["FleetState"] == state
    sandbox.control.advance(MINUTE)
    assert shown(ec2, fleet_id)["FleetState"] == "deleted"


def test_what_cannot_be_deleted_is_told_one_by_one(ec2: Any) -> None:
    instant, kept = ec2.create_fleet(**asked(*POOLS))["FleetId"], maintained(ec2)
    unknown = "fleet-00000000-0000-0000-0000-000000000000"
    answer = ec2.delete_fleets(FleetIds=[unknown, instant, kept], TerminateInstances=False)
    assert [one["FleetId"] for one in answer["SuccessfulFleetDeletions"]] == [kept]
    failed = {one["FleetId"]: one["Error"]["Code"] for one in answer["UnsuccessfulFleetDeletions"]}
    assert failed == {
        unknown: "fleetIdDoesNotExist",
        instant: "NoTerminateInstancesNotSupported",
    }


def test_more_than_25_instant_fleets_are_not_deleted_at_once(ec2: Any) -> None:
    fleets = [ec2.create_fleet(**asked(*POOLS))["FleetId"] for _ in range(26)]
    answer = ec2.delete_fleets(FleetIds=fleets, TerminateInstances=True)
    assert answer["SuccessfulFleetDeletions"] == []
    found = {one["Error"]["Code"] for one in answer["UnsuccessfulFleetDeletions"]}
    assert found == {"ExceededInstantFleetNumForDeletion"}
    assert len(alive(ec2)) == 26
    ec2.delete_fleets(FleetIds=fleets[:25], TerminateInstances=True)
    assert len(alive(ec2)) == 1
