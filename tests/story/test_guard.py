"""`--guard scheduler`, `spot extend` and `--budget`: the deadline holds with the laptop closed."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.conftest import Spot
from tests.story.living import calls, lives
from tests.story.test_kill import ended_by_down, killed

from spotkeeper.model.tags import TAG_DEADLINE

SOAK = pytest.mark.soak
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
UP = ("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")
GUARDED = (*UP, "--guard", "scheduler")
NO_ROLE = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."


def kept(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """The schedules as AWS keeps them, by their last word."""
    client = sandbox.client("scheduler")
    found = (
        client.get_schedule(Name=name, GroupName="spotkeeper")
        for name in account.schedules(sandbox)
    )
    return {one["Name"].rpartition("-")[2]: one for one in found}


def at(one: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(one["ScheduleExpression"][3:-1] + "+00:00")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


# The guard


@pytest.mark.parametrize("kind", [pytest.param("--once", marks=SOAK), "--on-interruption=stop"])
def test_a_machine_is_gone_at_its_deadline_although_no_command_ever_runs_again(
    spot: Spot, sandbox: Sandbox, kind: str
) -> None:
    up = spot(*GUARDED, "--for", "2h", kind)
    assert up.code == 0, up.err
    begun = sandbox.control.now()

    sandbox.control.advance(moment(up.items[0]["deadline"]) - begun - MINUTE)
    assert len(account.instances(sandbox)) == 1
    sandbox.control.advance(5 * MINUTE)
    assert account.instances(sandbox) == []
    sandbox.control.advance(timedelta(days=30))

    assert account.instances(sandbox) == []
    assert {one["State"] for one in account.requests(sandbox)} <= {"cancelled", "closed"}
    assert len(lives(sandbox)) == 1
    told = [one["facts"]["outcome"] for one in sandbox.control.events(kind="schedule")]
    assert told == ["done", "done"]
    assert account.schedules(sandbox) == []
    assert spot("down", "train", "--yes").code == 0
    assert account.left(sandbox) == []


def test_the_guard_is_armed_and_verified_before_the_launch_is_waited_for(
    spot: Spot, sandbox: Sandbox
) -> None:
    up = spot(*GUARDED)
    order = [operation for operation, _ in sandbox.control.calls()]

    assert up.code == 0, up.err
    [machine] = up.items
    assert (machine["guard"], machine["budget_usd"]) == ("scheduler", None)
    made = kept(sandbox)
    assert at(made["cancel"]) == moment(machine["deadline"])
    assert at(made["terminate"]) == moment(machine["deadline"]) + 2 * MINUTE
    assert json.loads(made["cancel"]["Target"]["Input"]) == {
        "SpotInstanceRequestIds": [machine["request_id"]]
    }
    assert made["cancel"]["Target"]["RoleArn"].endswith(":role/spotkeeper-guard")
    armed = [i for i, name in enumerate(order) if name in {"CreateSchedule", "GetSchedule"}]
    assert order.index("RunInstances") < armed[0]
    assert armed[-1] < order.index("DescribeInstances", order.index("RunInstances"))
    assert "guard      EventBridge Scheduler" in up.err


@pytest.mark.parametrize(
    ("fault", "code", "told"),
    [
        ({"code": "ValidationException", "message": NO_ROLE}, 4, "spot policy guard --trust"),
        pytest.param(
            {"code": "AccessDeniedException", "http_status": 403},
            4,
            "spot policy guard",
            marks=SOAK,
        ),
        pytest.param(
            {"code": "ThrottlingException", "http_status": 429}, 1, "Wait a minute", marks=SOAK
        ),
    ],
)
def test_a_launch_whose_guard_cannot_be_armed_is_undone_and_says_what_is_missing(
    spot: Spot, sandbox: Sandbox, fault: dict[str, Any], code: int, told: str
) -> None:
    sandbox.control.fail("CreateSchedule", times=99, **fault)

    up = spot(*GUARDED)

    assert up.code == code, up.err
    assert told in up.error["next_step"]
    assert account.left(sandbox) == []
    assert "RunInstances" in {operation for operation, _ in sandbox.control.calls()}


def test_a_scheduler_that_asks_for_a_pause_is_asked_again(spot: Spot, sandbox: Sandbox) -> None:
    sandbox.control.fail("CreateSchedule", "ThrottlingException", http_status=429)
    assert spot(*GUARDED).code == 0
    assert set(kept(sandbox)) == {"cancel", "terminate"}


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("before CreateSchedule 1", marks=SOAK),
        "after CreateSchedule 2",  # the first of a region only learns that the group is missing
        pytest.param("after CreateScheduleGroup 1", marks=SOAK),
        pytest.param("after GetSchedule 1", marks=SOAK),
        pytest.param("after CreateSchedule 3", marks=SOAK),
        pytest.param("after GetSchedule 2", marks=SOAK),
    ],
)
@pytest.mark.one_in(2)
def test_a_launch_that_was_killed_while_it_armed_its_guard_leaves_no_schedule_and_no_machine(
    spot: Spot, sandbox: Sandbox, home: Path, point: str
) -> None:
    killed(home, point, *GUARDED)
    ended_by_down(spot, sandbox)


@SOAK
def test_a_down_that_was_killed_between_the_schedules_is_repeated(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    assert spot(*GUARDED).code == 0
    killed(home, "after DeleteSchedule 1", "down", "train", "--yes")
    assert len(account.schedules(sandbox)) == 1
    ended_by_down(spot, sandbox)


@pytest.mark.soak
def test_down_on_another_computer_removes_the_schedules_too(
    spot: Spot, sandbox: Sandbox, tmp_path: Path
) -> None:
    assert spot(*GUARDED).code == 0
    for record in tmp_path.rglob("train.jsonl"):
        record.unlink()

    down = spot("down", "train", "--yes", "--output", "json")

    assert down.code == 0, down.err
    assert [one["kind"] for one in down.document["ended"]].count("schedule") == 2
    assert account.left(sandbox) == []


def test_a_box_that_its_request_launched_anew_is_guarded_after_the_next_look(
    spot: Spot, sandbox: Sandbox
) -> None:
    first = spot(*GUARDED).items[0]["instance_id"]
    sandbox.client("ec2").terminate_instances(InstanceIds=[first])  # by hand, in the console
    sandbox.control.advance(10 * MINUTE)

    listed = spot("ls", "--output", "json")

    [machine] = listed.items
    assert machine["instance_id"] != first
    assert any(machine["instance_id"] in told for told in listed.document["warnings"])
    [target] = json.loads(kept(sandbox)["terminate"]["Target"]["Input"])["InstanceIds"]
    assert target == machine["instance_id"]
    sandbox.control.advance(25 * HOUR)
    assert account.instances(sandbox) == []


@pytest.mark.parametrize("line", [("--for", "none"), ("--guard-role", "no role")])
def test_a_guard_that_makes_no_sense_is_refused_before_anything_is_made(
    spot: Spot, sandbox: Sandbox, line: tuple[str, ...]
) -> None:
    up = spot(*GUARDED, *line)
    assert up.code == 2
    assert not {"RunInstances", "CreateSchedule"} & {name for name, _ in sandbox.control.calls()}


def test_guard_role_and_budget_can_stand_in_the_file(
    spot: Spot, sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "spot.toml").write_text(
        '[machine]\ntype = "g5.xlarge"\nguard = "scheduler"\nguard-role = "ours"\nbudget = 2.5\n'
    )
    up = spot("up", "train", "--yes", "--output", "json")
    assert up.code == 0, up.err
    assert up.items[0]["budget_usd"] == 2.5
    assert kept(sandbox)["cancel"]["Target"]["RoleArn"] == "arn:aws:iam::123456789012:role/ours"


# Deadlines


def test_a_machine_lives_for_a_day_unless_something_else_is_typed(spot: Spot) -> None:
    assert "24h by default" in spot("up", "--help").out
    dry = ("up", "train", "--type", "g5.xlarge", "--dry-run")
    for kind in ("--once", "--on-interruption=stop"):
        assert "(in 24h)" in spot(*dry, kind).err
    assert "none: it runs, and costs, until you end it" in spot(*dry, "--for", "none").err


def test_extending_moves_tags_and_schedules_and_says_what_it_costs(
    spot: Spot, sandbox: Sandbox
) -> None:
    before = moment(spot(*GUARDED, "--for", "2h").items[0]["deadline"])

    told = spot("extend", "train", "+4h")

    assert told.code == 0, told.err
    after = before + 4 * HOUR
    assert f"deadline {before:%Y-%m-%d %H:%M} UTC -> {after:%Y-%m-%d %H:%M} UTC" in told.out
    assert "5h 5" in told.out
    assert "$1." in told.out
    made = kept(sandbox)
    assert (at(made["cancel"]), at(made["terminate"])) == (after, after + 2 * MINUTE)
    tagged = [*account.instances(sandbox), *account.requests(sandbox)]
    assert {moment(account.tags(one)[TAG_DEADLINE]) for one in tagged} == {after}

    again = spot("extend", "train", "+30m", "--output", "json")
    [row] = again.items
    assert moment(row["deadline_before"]) == after
    assert moment(row["deadline"]) == after + 30 * MINUTE
    assert row["usd_until_deadline"] > 0

    sandbox.control.advance(3 * HOUR)
    assert len(account.instances(sandbox)) == 1
    sandbox.control.advance(4 * HOUR)
    assert account.instances(sandbox) == []


@SOAK
def test_an_extension_that_was_killed_is_repeated_to_the_same_time(
    spot: Spot, sandbox: Sandbox, home: Path
) -> None:
    before = moment(spot(*GUARDED).items[0]["deadline"])
    killed(home, "after UpdateSchedule 1", "extend", "train", "+4h")
    made = kept(sandbox)
    assert at(made["cancel"]) < at(made["terminate"])

    [row] = spot("extend", "train", "+4h", "--output", "json").items

    assert moment(row["deadline"]) == before + 4 * HOUR
    assert at(kept(sandbox)["cancel"]) == before + 4 * HOUR


@pytest.mark.soak
def test_a_box_cannot_outlive_its_request_and_no_deadline_must_be_typed_twice(
    spot: Spot, sandbox: Sandbox
) -> None:
    assert spot(*UP).code == 0

    refused = spot("extend", "train", "10d", "--output", "json")
    assert refused.code == 1
    assert "valid until" in refused.error["message"]
    for never in (("none",), ("none", "--yes")):  # what cannot be is no question
        assert "--for none" in spot("extend", "train", *never).err
    assert spot("extend", "train", "soon").code == 2
    assert spot("extend", "nobody", "1h").code == 7
    assert calls(sandbox, "CreateTags") == 0


# Budgets


@pytest.mark.soak
def test_a_budget_is_planned_shown_and_kept_when_the_price_changes(
    spot: Spot, sandbox: Sandbox
) -> None:
    up = spot(*GUARDED, "--budget", "2.716")
    assert up.code == 0, up.err
    assert "$2.72 of compute" in up.err
    assert "(in 10h)" in up.err
    before = moment(up.items[0]["deadline"])

    sandbox.control.advance(2 * HOUR)
    shown = spot("show", "train", "--output", "json")
    assert moment(shown.items[0]["deadline"]) == before
    assert 0.5 < shown.items[0]["spent_usd"] < 0.6
    assert "spent" in spot("show", "train").out

    sandbox.control.price(account.CHEAPEST, "0.5432")
    moved = spot("show", "train", "--output", "json")
    after = moment(moved.items[0]["deadline"])
    assert abs(after - sandbox.control.now() - 4 * HOUR) < 5 * MINUTE
    assert any("deadline moved" in told for told in moved.document["warnings"])
    assert at(kept(sandbox)["cancel"]) == after
    assert spot("down", "train", "--yes").code == 0
    assert account.left(sandbox) == []


# Permissions


@pytest.mark.soak
def test_the_policies_of_guard_and_extend_allow_every_call_that_they_are_for(
    spot: Spot, sandbox: Sandbox
) -> None:
    def allowed(*line: str) -> set[str]:
        statements = json.loads(spot("policy", *line).out)["Statement"]
        named = [each["Action"] for each in statements]
        return {name for each in named for name in ([each] if isinstance(each, str) else each)}

    caller, role = allowed("guard"), allowed("guard", "--role")
    assert role == {"ec2:CancelSpotInstanceRequests", "ec2:TerminateInstances"}
    assert allowed("guard", "--trust") == {"sts:AssumeRole"}
    assert spot("policy", "up", "--role").code == 2

    seen = len(sandbox.control.calls())
    assert spot(*GUARDED).code == 0
    assert spot("extend", "train", "+1h").code == 0
    assert spot("down", "train", "--yes").code == 0
    asked = {name for name, _ in sandbox.control.calls()[seen:] if "Schedule" in name}
    used = {action.split(":")[1] for action in caller if action.startswith("scheduler:")}
    assert asked == used
