"""`spot policy` enforced: the life of a machine passes with it, and not with an action less.

moto's IAM looks at actions alone: every call is about the resource ``*`` to it, and no condition
has a value. So it is given the actions of the printed policy without resources and conditions, and
nothing here shows that a condition on our tag lets our own things pass. Nor does it look at what
EC2 does on the way, such as ``ec2:CreateTags`` in a creating call. Pricing and Service Quotas are
not behind it, it takes Scheduler's signatures for wrong, and refuses SSM in XML: there the proxy
refuses.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.request import Request, urlopen

import pytest
from tests.story import account
from tests.story.fault_matrix import (
    DOWN,
    EXTEND,
    FIND,
    FORGOTTEN,
    GUARDED,
    LITTER,
    STOPPED,
    SWEEP,
    UP,
    claimed,
    ended_unseen,
    lost_group,
    moved_house,
    own_disk_key,
    too_late,
    unclaimed,
    usual_quota,
)
from tests.story.fault_trials import Laboratory, Row

from ec2_sandbox.client import daemon
from spotkeeper.lifecycle.grants import COMMANDS
from spotkeeper.work.contract import RUN_TAG

USER = "developer"
NO_ENFORCEMENT = "inf"  # moto counts the calls that it lets pass before it looks at policies

#: Needed by what EC2 does within a call of ours; no call of its own.
IMPLIED = {"ec2:CreateTags", "iam:CreateServiceLinkedRole", "iam:PassRole"}
REFUSED_BY_PROXY = {"pricing", "servicequotas", "scheduler", "ssm"}
ALWAYS_ALLOWED = {"sts:GetCallerIdentity"}

DOCTOR = "doctor --type m5.large"


def dry(lab: Laboratory) -> None:
    """Every pool refuses, after the group and the key were made."""
    lab.sandbox.control.fail("RunInstances", "InsufficientInstanceCapacity", times=50)


def in_the_dark(lab: Laboratory) -> None:
    """A machine is launched, and nothing ever tells that it runs."""
    lab.sandbox.control.fail("DescribeInstances", "UnauthorizedOperation", http_status=403)


def next_day(lab: Laboratory) -> None:
    """What was remembered of prices and regions is too old."""
    lab.sandbox.control.advance(timedelta(hours=25))


def with_a_run(lab: Laboratory) -> None:
    """The tags of the machine name its run."""
    client = lab.sandbox.client("ec2")
    [reservation] = client.describe_instances()["Reservations"]
    tag = {"Key": RUN_TAG, "Value": "train-1"}
    client.create_tags(Resources=[reservation["Instances"][0]["InstanceId"]], Tags=[tag])


elsewhere = Laboratory.move  # a computer that remembers nothing asks more

#: The ways through a command that make all of its calls between them.
PATHS: dict[str, Collection[Row]] = {
    "find": (
        Row("", "find --type g*.xlarge --score --quota --region any"),
        Row("", f"{FIND} --quota", (usual_quota,)),
    ),
    "prices": (Row("", "prices g5.xlarge --region any"),),
    "up": (
        Row("", UP),
        Row("", f"{UP} --region any"),
        Row("", UP, (lost_group,)),
        Row("", UP, (claimed,)),
        Row("", UP, (dry,)),
        Row("", UP, (in_the_dark,)),
    ),
    "ls": (
        Row("", "ls", (UP, elsewhere)),
        Row("", "ls", (UP, ended_unseen)),
        Row("", "ls", (UP, unclaimed, ended_unseen)),
    ),
    "show": (Row("", "show train", (*STOPPED, elsewhere)),),
    "costs": (Row("", "costs", (UP, next_day)),),
    "ssh": (Row("", "ssh train --print", (UP, moved_house, elsewhere)),),
    "push": (Row("", "push train .", (UP, moved_house, elsewhere)),),
    "pull": (Row("", "pull train x", (UP, moved_house, elsewhere)),),
    "forward": (Row("", "forward train 8888", (UP, moved_house, elsewhere)),),
    "logs": (Row("", "logs train", (UP, elsewhere)),),
    "cancel": (Row("", "cancel train", (*STOPPED, with_a_run, elsewhere)),),
    "stop": (Row("", "stop train", (UP, elsewhere)),),
    "start": (
        Row("", "start train", (*STOPPED, too_late, moved_house)),
        Row("", "start train", (*STOPPED, elsewhere)),
    ),
    "down": (
        Row("", DOWN, (f"{UP} --for 48h", next_day)),
        Row("", DOWN, (UP, elsewhere)),
        Row("", "down train", (UP,)),
    ),
    "extend": (Row("", EXTEND, (UP, elsewhere)),),
    "sweep": (Row("", SWEEP, FORGOTTEN), Row("", SWEEP, LITTER)),
    "doctor": (
        Row("", DOCTOR),
        Row("", DOCTOR, (usual_quota,)),
        Row("", DOCTOR, (own_disk_key,)),
    ),
}

#: A run is launched or started as they are, and on a machine that only seems to run that is all.
PATHS["run"] = [
    replace(row, line=row.line.replace(f"{verb} ", "run ", 1) + " -- true")
    for verb in ("up", "start")
    for row in PATHS[verb]
]

#: Where nobody tells the regions, all are tried.
REGIONS = {"ec2:DescribeRegions"}
#: What things cost is said where it is known; only commands about prices fail for it.
COSTS = {"ec2:DescribeSpotPriceHistory", "pricing:GetProducts"}
DISPENSABLE = {line: COSTS - {"ec2:DescribeSpotPriceHistory"} for line in (FIND, UP, GUARDED)}
#: An interface goes with its instance, whether it may be deleted or not.
DISPENSABLE[SWEEP] = COSTS | {"ec2:DeleteNetworkInterface"}
#: Whoever may not open the group may still come from where they were.
DISPENSABLE["start train"] = COSTS | {
    "ec2:DescribeSecurityGroups",
    "ec2:AuthorizeSecurityGroupIngress",
}
#: What the disks of a stopped machine cost depends on their size.
DISPENSABLE["stop train"] = COSTS | {"ec2:DescribeVolumes"}


@pytest.mark.parametrize(
    "command",
    [pytest.param(each, marks=pytest.mark.soak if each == "run" else ()) for each in COMMANDS],
)
@pytest.mark.one_in(12)
@pytest.mark.soak
def test_a_policy_allows_what_its_command_calls_and_nothing_else(
    lab: Laboratory, command: str
) -> None:
    called: set[str] = set()
    for path in PATHS[command]:
        lab.fresh()
        lab.prepare(path)
        lab.spot(path.line)
        called |= set(lab.proxy.seen)
    printed = actions_of(policy(lab, command))

    assert called - ALWAYS_ALLOWED <= printed
    assert printed - called <= IMPLIED


@pytest.mark.soak
def test_the_policy_of_the_guard_allows_what_it_calls_besides_the_command_and_nothing_else(
    lab: Laboratory,
) -> None:
    """An `up` that undoes its guard, since nothing tells that it runs, disarms it too."""
    called: set[str] = set()
    printed = actions_of(policy(lab, "guard"))
    for path in (Row("", GUARDED, (in_the_dark,)), Row("", EXTEND, (GUARDED,))):
        lab.fresh()
        lab.prepare(path)
        lab.spot(path.line)
        command = path.line.partition(" ")[0]
        extra = set(lab.proxy.seen) - actions_of(policy(lab, command)) - ALWAYS_ALLOWED
        assert extra <= printed
        called |= extra
    assert printed - called <= IMPLIED


def test_the_life_of_a_machine_passes_with_the_printed_policies_alone(lab: Laboratory) -> None:
    life = (FIND, UP, "ls", "show train", EXTEND, SWEEP, "stop train", "start train", DOWN)
    with developer(lab):
        for line in (*life, DOCTOR):
            with enforced(lab, allowed(lab, Row("", line))):
                answer = lab.spot(line)
            assert answer.code == 0, answer
    assert account.left(lab.sandbox) == []


@pytest.mark.parametrize(
    ("action", "line"),
    [
        ("ec2:DescribeInstances", "ls"),
        ("ec2:RunInstances", UP),
        ("ec2:TerminateInstances", DOWN),
    ],
)
@pytest.mark.one_in(3)
@pytest.mark.soak
def test_with_an_action_less_a_command_is_refused_and_nothing_is_left(
    lab: Laboratory, action: str, line: str
) -> None:
    refused_without(lab, action, Row("", line, () if line == UP else (UP,)))


@pytest.mark.soak
@pytest.mark.parametrize(
    "path",
    [
        Row("", FIND),
        Row("", UP),
        Row("", GUARDED),
        Row("", "ls", (UP, elsewhere)),
        Row("", "show train", (UP, elsewhere)),
        Row("", EXTEND, (UP,)),
        Row("", EXTEND, (GUARDED,)),
        Row("", "stop train", (UP,)),
        Row("", "start train", STOPPED),
        Row("", DOWN, (UP,)),
        Row("", DOWN, (GUARDED,)),
        Row("", SWEEP, FORGOTTEN),
    ],
    ids=lambda path: f"{path.line}{' of a guarded one' if GUARDED in path.before else ''}",
)
def test_without_any_of_the_actions_that_it_calls_a_command_is_refused_and_nothing_is_left(
    lab: Laboratory, path: Row
) -> None:
    lab.fresh()
    lab.prepare(path)
    assert lab.spot(path.line).code == 0
    called = set(lab.proxy.seen) - ALWAYS_ALLOWED - DISPENSABLE.get(path.line, COSTS) - REGIONS
    for action in sorted(called):
        refused_without(lab, action, path)


def refused_without(lab: Laboratory, action: str, path: Row) -> None:
    with developer(lab):
        lab.prepare(path)
        with enforced(lab, allowed(lab, path) - {action}):
            answer = lab.spot(f"{path.line} --output json")
        told = (action, answer)
        assert answer.ended in {"permission-denied", "left-behind"}, told
        assert (answer.ended == "permission-denied") <= (answer.code == 4), told
        if path.line.startswith("up") and answer.code == 4:
            assert account.left(lab.sandbox) == [], told
        assert list(lab.leaks()) == [], told


@pytest.mark.soak
def test_who_may_not_end_what_came_late_is_told_of_it_with_every_list(lab: Laboratory) -> None:
    with developer(lab):
        path = Row("", "ls", (UP, ended_unseen))
        lab.prepare(path)
        with enforced(lab, allowed(lab, path) - {"ec2:TerminateInstances"}):
            answer = lab.spot(path.line)
        assert answer.code == 0, answer
        assert "train was ended, but left behind is instance i-" in answer.err
        with enforced(lab, allowed(lab, path)):
            assert "left behind" not in lab.spot(path.line).err
    assert account.left(lab.sandbox) == []


@contextmanager
def developer(lab: Laboratory) -> Iterator[None]:
    """A fresh account, whose only user runs the commands."""
    lab.fresh()
    iam = lab.sandbox.client("iam")
    iam.create_user(UserName=USER)
    key = iam.create_access_key(UserName=USER)["AccessKey"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(daemon, "ACCESS_KEY", key["AccessKeyId"])
        patch.setattr(daemon, "SECRET_KEY", key["SecretAccessKey"])
        yield


def allowed(lab: Laboratory, path: Row) -> frozenset[str]:
    """What the printed policies for a command allow: its own, and that of the guard for a machine
    that has one. A sweep finds guards too, by its own."""
    command = path.line.partition(" ")[0]
    guarded = GUARDED in (path.line, *path.before) and command != "sweep"
    printed = [policy(lab, name) for name in (command, *(["guard"] if guarded else []))]
    return frozenset[str]().union(*map(actions_of, printed))


def actions_of(policy: Mapping[str, Any]) -> frozenset[str]:
    """Every action that a policy allows."""
    return frozenset(action for each in policy["Statement"] for action in each["Action"])


def policy(lab: Laboratory, command: str) -> Mapping[str, Any]:
    """What the command line prints."""
    printed: Mapping[str, Any] = json.loads(lab.spot(f"policy {command}").out)
    return printed


@contextmanager
def enforced(lab: Laboratory, actions: Collection[str]) -> Iterator[None]:
    """The user may do this and nothing else."""
    statement = {"Effect": "Allow", "Action": sorted(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    lab.sandbox.client("iam").put_user_policy(
        UserName=USER, PolicyName="spot", PolicyDocument=document
    )
    lab.proxy.denied = lambda action: _by_proxy(action, actions)
    lab.proxy.around = lambda service: _unlooked(lab, service)
    look_at_policies(lab, "0")
    try:
        yield
    finally:
        look_at_policies(lab, NO_ENFORCEMENT)
        lab.proxy.denied = lambda _: False
        lab.proxy.around = lambda _: nullcontext()


@contextmanager
def _unlooked(lab: Laboratory, service: str) -> Iterator[None]:
    """moto finds every signature of a call to Scheduler wrong: it must not look at it."""
    if service == "scheduler":
        look_at_policies(lab, NO_ENFORCEMENT)
    yield
    if service == "scheduler":
        look_at_policies(lab, "0")


def _by_proxy(action: str, actions: Collection[str]) -> bool:
    return action.partition(":")[0] in REFUSED_BY_PROXY and action not in actions


def look_at_policies(lab: Laboratory, after_calls: str) -> None:
    """moto's own switch: from how many calls on policies count."""
    request = Request(  # noqa: S310 - always http to 127.0.0.1
        f"{lab.sandbox.url}/moto-api/reset-auth",
        data=after_calls.encode(),
        headers={"Content-Type": "text/plain"},
    )
    with urlopen(request) as answer:  # noqa: S310
        assert json.load(answer)["status"] == "ok"
