"""One contract for the guard's schedules: the fake in memory, and the product on the sandbox."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from tests.conftest import Sandbox
from tests.contract.conftest import REGION, InMemory, _session
from tests.fakes import orders
from tests.fakes.schedules import FakeSchedules
from tests.sandbox.launching import BOX, launch_one

from spotkeeper.aws.schedules import EventBridgeSchedules
from spotkeeper.lifecycle.ports import Schedules
from spotkeeper.model.machine import ENDED
from spotkeeper.model.schedule import GuardCall, Schedule
from spotkeeper.timings import TERMINATE_AFTER

HOUR = timedelta(hours=1)
ROLE = "arn:aws:iam::123456789012:role/spotkeeper-guard"
OWNER = "123456789012:user/me"


@dataclass
class Office:
    """Schedules, their clock, and one box."""

    schedules: Schedules
    now: Callable[[], datetime]
    advance: Callable[[timedelta], None]
    request_id: str
    instance_id: str
    alive: Callable[[], int]

    def pair(self, after: timedelta = HOUR, name: str = "dev") -> tuple[Schedule, Schedule]:
        """The guard of the box."""
        at = self.now().replace(microsecond=0) + after
        cancel = Schedule(
            region=REGION,
            name=f"{name}-0123456789ab-cancel",
            at=at,
            call=GuardCall.CANCEL,
            target=self.request_id,
            role=ROLE,
            owner=OWNER,
        )
        terminate = replace(
            cancel,
            name=f"{name}-0123456789ab-terminate",
            at=at + TERMINATE_AFTER,
            call=GuardCall.TERMINATE,
            target=self.instance_id,
        )
        return cancel, terminate

    def armed(self, after: timedelta = HOUR) -> tuple[Schedule, Schedule]:
        """The guard of the box, armed."""
        pair = self.pair(after)
        for schedule in pair:
            self.schedules.arm(schedule)
        return pair


def in_memory() -> Office:
    world = InMemory()
    schedules = FakeSchedules(world.fake)
    instance = world.fake.run(orders.order())

    def advance(length: timedelta) -> None:
        step = timedelta(minutes=1)
        for _ in range(length // step):
            world.advance(step)
            schedules.fire()

    def alive() -> int:
        return sum(server.state not in ENDED for server in world.fake.ec2.servers.values())

    request_id = instance.request_id or ""
    return Office(schedules, world.now, advance, request_id, instance.id, alive)


def over_http(sandbox: Sandbox) -> Office:
    instance = launch_one(sandbox, InstanceMarketOptions=BOX)

    def alive() -> int:
        states = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopped"]}]
        return len(sandbox.client("ec2").describe_instances(Filters=states)["Reservations"])

    def advance(length: timedelta) -> None:
        sandbox.control.advance(length)

    return Office(
        EventBridgeSchedules(_session(sandbox.url)),
        sandbox.control.now,
        advance,
        instance["SpotInstanceRequestId"],
        instance["InstanceId"],
        alive,
    )


@pytest.fixture(params=["fake", "sandbox"])
def office(request: pytest.FixtureRequest) -> Iterator[Office]:
    if request.param == "fake":
        yield in_memory()
    else:
        yield over_http(request.getfixturevalue("sandbox"))


def test_what_was_armed_is_found_as_it_was_made_and_listed(office: Office) -> None:
    cancel, terminate = office.armed()
    assert office.schedules.find(REGION, cancel.name) == cancel
    assert office.schedules.listed(REGION) == (cancel, terminate)
    [listed, _] = office.schedules.listed(REGION, "dev-")
    assert listed.created is not None
    assert abs(listed.created - office.now()) < timedelta(minutes=1)
    assert office.schedules.listed(REGION, "dev-x") == ()
    assert office.schedules.listed("eu-west-1") == ()


def test_arming_again_replaces_what_was_there(office: Office) -> None:
    office.armed()
    later = office.armed(2 * HOUR)
    assert office.schedules.listed(REGION) == later


def test_disarming_can_be_repeated_and_spares_the_other(office: Office) -> None:
    cancel, terminate = office.armed()
    office.schedules.disarm(REGION, cancel.name)
    office.schedules.disarm(REGION, cancel.name)
    assert office.schedules.find(REGION, cancel.name) is None
    assert office.schedules.listed(REGION) == (terminate,)


def test_nothing_is_found_where_nothing_was_made(office: Office) -> None:
    assert office.schedules.find(REGION, "dev-0123456789ab-cancel") is None
    assert office.schedules.listed(REGION) == ()
    office.schedules.disarm(REGION, "dev-0123456789ab-cancel")


def test_the_pair_ends_a_box_for_ever_and_then_itself(office: Office) -> None:
    office.armed()
    office.advance(HOUR - timedelta(minutes=2))
    assert office.alive() == 1
    office.advance(HOUR)
    assert office.alive() == 0
    assert office.schedules.listed(REGION) == ()


def test_a_moved_pair_ends_the_box_at_the_new_time(office: Office) -> None:
    office.armed()
    office.armed(3 * HOUR)
    office.advance(2 * HOUR)
    assert office.alive() == 1
    office.advance(2 * HOUR)
    assert office.alive() == 0


def test_a_second_schedule_alone_would_let_another_instance_be_born(office: Office) -> None:
    _, terminate = office.pair()
    office.schedules.arm(terminate)
    office.advance(2 * HOUR)
    assert office.alive() == 1
