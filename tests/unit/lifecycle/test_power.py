"""Stop and start a box."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from tests.fakes import geography, orders
from tests.fakes.cloud import FakeCloud
from tests.fakes.fate import Fate
from tests.fakes.schedules import FakeSchedules
from tests.fakes.talk import FakeReach, FakeTalk
from tests.unit.model.make import instance, request

from spotkeeper.errors import NoCapacity, NotFound, Refused
from spotkeeper.lifecycle import power
from spotkeeper.lifecycle.guard_schedules import GuardSchedules
from spotkeeper.lifecycle.ports import LaunchOrder
from spotkeeper.lifecycle.presence import machines
from spotkeeper.lifecycle.wait import REQUEST_LINGERS, Waiter
from spotkeeper.model.machine import TAKEN_BACK, InstanceState, Machine
from spotkeeper.model.spot_request import RequestState
from spotkeeper.model.tags import TAG_DEADLINE
from spotkeeper.timings import DEFAULT_LIFE

REGION = geography.REGION
MINUTE = timedelta(minutes=1)


INTERRUPTED = request(status_code="instance-stopped-no-capacity")
WAITS = request(state=RequestState.OPEN, status_code="capacity-not-available")
BY_USER = "Client.UserInitiatedShutdown"


@pytest.mark.parametrize(
    ("machine", "comes_back"),
    [
        (Machine(instance(), request()), True),
        (Machine(instance(state=InstanceState.PENDING), request()), True),
        (Machine(instance(state=InstanceState.STOPPING), request()), True),
        (Machine(instance(state=InstanceState.STOPPING, state_reason=BY_USER), request()), False),
        (Machine(instance(state=InstanceState.STOPPED, state_reason=BY_USER), request()), False),
        (Machine(instance(state=InstanceState.STOPPED), request()), False),
        (Machine(instance(state=InstanceState.STOPPED), INTERRUPTED), True),
        (Machine(instance(state=InstanceState.STOPPED, state_reason=TAKEN_BACK[0]), None), True),
        (Machine(instance(state=InstanceState.TERMINATED), WAITS), True),
        (Machine(instance(state=InstanceState.TERMINATED), request()), False),
        (Machine(None, WAITS), True),
    ],
)
def test_what_ec2_took_comes_back_and_what_somebody_stopped_does_not(
    machine: Machine, *, comes_back: bool
) -> None:
    assert power.comes_back(machine) is comes_back


class Switch:
    """A machine and its power switch."""

    def __init__(self, order: LaunchOrder | None = None) -> None:
        self.cloud = FakeCloud()
        clock = self.cloud.clock
        self.waiter = Waiter(cloud=self.cloud, clock=clock, talk=FakeTalk(), reach=FakeReach())
        self.cloud.run(order or orders.order())
        clock.sleep(MINUTE)

    @property
    def machine(self) -> Machine:
        [found] = machines(self.cloud, REGION, geography.OWNER, "dev")
        return found

    @property
    def state(self) -> str | None:
        return self.machine.state

    def stop(self) -> None:
        power.stop(self.machine, cloud=self.cloud, waiter=self.waiter)

    def start(self, **request: object) -> None:
        """Start it; while it is refused, its ``request`` is seen to be so."""

        def look() -> Machine:
            machine = self.machine
            assert machine.request is not None
            return replace(machine, request=replace(machine.request, **request))  # type: ignore[arg-type]

        power.start(
            self.machine,
            cloud=self.cloud,
            waiter=self.waiter,
            clock=self.cloud.clock,
            renew=self.renew,
            look=look,
        )

    def renew(self, machine: Machine) -> None:
        """Another day to live."""
        schedules = FakeSchedules(self.cloud)
        clock = self.cloud.clock
        guard_schedules = GuardSchedules(
            geography.OWNER, schedules=schedules, cloud=self.cloud, clock=clock
        )
        guard_schedules.move(machine, clock.now() + DEFAULT_LIFE)

    def deadline_in(self, length: timedelta) -> datetime:
        """The time to which a deadline so far ahead falls."""
        return self.cloud.clock.now() + length


def test_a_box_is_stopped_and_started_and_stays_itself() -> None:
    switch = Switch()
    before = switch.machine.instance
    switch.stop()
    assert switch.state == InstanceState.STOPPED
    switch.start()
    assert switch.state == InstanceState.RUNNING
    after = switch.machine.instance
    assert before is not None
    assert after is not None
    assert (after.id, after.volume_ids) == (before.id, before.volume_ids)


class Lingers(Fate):
    """EC2 refuses to start anything for a while."""

    def __init__(self, cloud: FakeCloud, minutes: int, code: str) -> None:
        super().__init__()
        self._clock, self._code = cloud.clock, code
        self._until = cloud.clock.now() + minutes * MINUTE

    def before(self, call: str) -> None:
        super().before(call)
        if call == "start" and self._clock.now() < self._until:
            raise Refused("The request is in no state for it", aws_code=self._code)


MARKED = {"state": RequestState.ACTIVE, "status_code": "marked-for-stop"}
CANCELLED = {"state": RequestState.CANCELLED, "status_code": "instance-stopped-by-user"}
TAKEN = {"state": RequestState.DISABLED, "status_code": "instance-stopped-no-capacity"}


@pytest.mark.parametrize(
    ("minutes", "request_is", "code", "said"),
    [
        (4, MARKED, REQUEST_LINGERS, None),
        (4, {}, REQUEST_LINGERS, None),
        (60, MARKED, REQUEST_LINGERS, "in no state"),
        (4, CANCELLED, REQUEST_LINGERS, "in no state"),
        (4, TAKEN, REQUEST_LINGERS, "Only EC2 can start it"),
        (4, MARKED, "IncorrectInstanceState", "in no state"),
    ],
)
def test_a_start_waits_for_the_request_to_settle_after_a_stop_and_for_nothing_else(
    minutes: int, request_is: dict[str, object], code: str, said: str | None
) -> None:
    switch = Switch()
    switch.stop()
    began = switch.cloud.clock.now()
    switch.cloud.fate = Lingers(switch.cloud, minutes, code)
    if said is None:
        switch.start(**request_is)
        assert switch.state == InstanceState.RUNNING
        return
    with pytest.raises(Refused, match=said):
        switch.start(**request_is)
    assert switch.state == InstanceState.STOPPED
    waited = switch.cloud.clock.now() - began
    assert (waited < MINUTE) == (minutes == 4)
    assert waited < 12 * MINUTE


def test_a_once_machine_cannot_be_stopped() -> None:
    switch = Switch(orders.once(orders.order()))
    with pytest.raises(Refused) as caught:
        switch.stop()
    assert "spot down dev" in caught.value.next_step
    assert "stop" not in switch.cloud.calls


def test_stopping_and_starting_twice_changes_nothing() -> None:
    switch = Switch()
    switch.start()
    assert "start" not in switch.cloud.calls
    switch.stop()
    switch.stop()
    assert switch.cloud.calls.count("stop") == 1


def test_a_box_that_ec2_stopped_is_not_the_users_to_start() -> None:
    switch = Switch()
    switch.cloud.ec2.interrupt("dev")
    switch.cloud.clock.sleep(3 * MINUTE)
    with pytest.raises(Refused) as caught:
        switch.start()
    assert "Only EC2" in caught.value.message
    assert "start" not in switch.cloud.calls


def test_a_box_that_ec2_stopped_cannot_be_kept_stopped() -> None:
    switch = Switch()
    switch.cloud.ec2.interrupt("dev")
    switch.cloud.clock.sleep(3 * MINUTE)
    with pytest.raises(Refused) as caught:
        switch.stop()
    assert "waiting for capacity" in caught.value.message
    assert "spot down dev" in caught.value.next_step


@pytest.mark.parametrize("turn", [Switch.stop, Switch.start])
def test_a_box_that_shuts_down_is_neither_stopped_nor_started(
    turn: Callable[[Switch], None],
) -> None:
    switch = Switch()
    switch.cloud.terminate(REGION, [next(iter(switch.cloud.ec2.servers))])
    with pytest.raises(Refused) as caught:
        turn(switch)
    assert "shutting down" in caught.value.message
    assert not {"stop", "start"} & set(switch.cloud.calls)


def test_a_box_in_a_dry_pool_stays_stopped_with_its_disk() -> None:
    switch = Switch()
    switch.stop()
    switch.cloud.ec2.dry[geography.pool("g5.xlarge@us-east-1a")] = None
    with pytest.raises(NoCapacity):
        switch.start()
    assert switch.state == InstanceState.STOPPED
    assert len(switch.cloud.ec2.disks) == 1


@pytest.mark.parametrize("to_deadline", [timedelta(days=-1), timedelta(0), timedelta(minutes=5)])
def test_a_deadline_that_would_end_it_at_once_is_moved_before_the_start(
    to_deadline: timedelta,
) -> None:
    switch = Switch()
    switch.stop()
    switch.cloud.clock.sleep(orders.UNTIL - switch.cloud.clock.now() - to_deadline)
    switch.start()
    calls = switch.cloud.calls
    assert calls.index("retag") < calls.index("start")
    moved = switch.machine.deadline
    assert moved is not None
    assert abs(switch.deadline_in(DEFAULT_LIFE) - moved) < 2 * MINUTE
    [request] = switch.cloud.ec2.requests.values()
    [server] = switch.cloud.ec2.servers.values()
    assert request.tags[TAG_DEADLINE] == server.tags[TAG_DEADLINE]


def test_a_deadline_far_ahead_stays() -> None:
    switch = Switch()
    before = switch.machine.deadline
    switch.stop()
    switch.start()
    assert switch.machine.deadline == before
    assert "retag" not in switch.cloud.calls


def test_a_machine_without_an_instance_has_no_power_switch() -> None:
    switch = Switch()
    lonely = Machine(None, switch.machine.request)
    with pytest.raises(NotFound):
        power.stop(lonely, cloud=switch.cloud, waiter=switch.waiter)
