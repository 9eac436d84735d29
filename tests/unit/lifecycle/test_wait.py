"""Waiting: seldom, with the elapsed time, and never for ever."""

from datetime import timedelta
from itertools import pairwise

import pytest
from tests.fakes import geography, orders
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.fakes.talk import FakeReach, FakeTalk

from spotkeeper.errors import (
    DiskKeyRefused,
    EndedWhileStarting,
    NoCapacity,
    QuotaReached,
    Refused,
    Scope,
    SpotkeeperError,
    Unreachable,
)
from spotkeeper.lifecycle.wait import PATIENCE, Waiter, patience_for, poll
from spotkeeper.model.machine import Instance, InstanceState
from spotkeeper.timings import LONGEST_PAUSE


class Queue:
    """Somebody who waits."""

    def __init__(self, *, visibility_seconds: float = 0, deaf: bool = False) -> None:
        self.cloud = FakeCloud(visibility=timedelta(seconds=visibility_seconds))
        self.talk = FakeTalk()
        self.instance = self.cloud.run(orders.order())
        reach = FakeReach(deaf=deaf)
        clock = self.cloud.clock
        self.waiter = Waiter(cloud=self.cloud, clock=clock, talk=self.talk, reach=reach)


@pytest.mark.parametrize("visibility_seconds", [0, 5, 120, 300])
def test_a_new_instance_is_waited_for_until_it_can_be_reached(visibility_seconds: float) -> None:
    queue = Queue(visibility_seconds=visibility_seconds)
    running = queue.waiter.until_reachable(queue.instance, "up")
    assert running.state is InstanceState.RUNNING
    assert running.public_ip
    times = [elapsed for _, elapsed in queue.talk.waited]
    assert times == sorted(times)
    assert queue.instance.id in queue.talk.waited[0][0]


def test_what_starts_or_stops_is_waited_for_until_it_does_neither() -> None:
    queue = Queue()
    region, waiter = queue.instance.region, queue.waiter
    assert waiter.until_settled(queue.instance).state is InstanceState.RUNNING
    queue.cloud.stop(region, queue.instance.id)
    assert waiter.until_settled(queue.instance).state is InstanceState.STOPPED
    looks_before = queue.cloud.calls.count("instance")
    assert waiter.until_settled(queue.instance).state is InstanceState.STOPPED
    assert queue.cloud.calls.count("instance") == looks_before + 1


def test_who_is_on_its_way_for_ever_is_given_up() -> None:
    queue = Queue()
    [server] = queue.cloud.ec2.servers.values()
    server.changes_at = None
    with pytest.raises(Unreachable) as caught:
        queue.waiter.until_settled(queue.instance)
    assert "still starting" in caught.value.message


KEY = ("Client.InternalError", "Client.InternalError: Client error on launch")

REASONS = (
    (KEY, DiskKeyRefused, Scope.REGION, "spot doctor"),
    (("Server.InternalError", "Server.InternalError: Internal error on launch"),
     EndedWhileStarting, Scope.ZONE, "Repeat"),
    (("Server.InsufficientInstanceCapacity", ""), NoCapacity, Scope.ZONE, "Widen the need"),
    (("Server.SpotInstanceTermination", "Spot instance termination"),
     NoCapacity, Scope.ZONE, "Widen the need"),
    (("Client.VolumeLimitExceeded", "Volume limit exceeded"),
     QuotaReached, Scope.REGION, "Amazon EBS"),
    (("Client.InstanceInitiatedShutdown", ""), Refused, Scope.REQUEST, "user data"),
    (("Client.UserInitiatedShutdown", ""), Refused, Scope.REQUEST, "Somebody else"),
    (("", ""), EndedWhileStarting, Scope.ZONE, "Repeat"),
)  # fmt: skip


@pytest.mark.parametrize(("reason", "kind", "scope", "advice"), REASONS)
def test_an_instance_that_ends_while_it_starts_is_judged_by_its_reason(
    reason: tuple[str, str], kind: type[SpotkeeperError], scope: Scope, advice: str
) -> None:
    queue = Queue()
    queue.cloud.ec2.doomed[geography.pool("g5.xlarge@us-east-1a")] = reason
    with pytest.raises(kind) as caught:
        queue.waiter.until_reachable(queue.instance, "up")
    problem = caught.value
    assert (type(problem), problem.scope) == (kind, scope)
    assert queue.instance.id in problem.message
    assert all(part in problem.message for part in reason)
    assert problem.region == queue.instance.region
    assert advice in problem.next_step


def test_a_box_that_stops_again_while_it_starts_is_told_why_at_once() -> None:
    queue = Queue()
    running = queue.waiter.until_reachable(queue.instance, "up")
    queue.cloud.stop(running.region, running.id)
    stopped = queue.waiter.until_state(running, InstanceState.STOPPED, "stop")
    queue.cloud.ec2.doomed[geography.pool("g5.xlarge@us-east-1a")] = KEY
    queue.cloud.start(stopped.region, stopped.id)
    before = queue.cloud.clock.now()
    with pytest.raises(DiskKeyRefused) as caught:
        queue.waiter.until_reachable(stopped, "start")
    assert f"EC2 stopped {stopped.id}" in caught.value.message
    assert KEY[1] in caught.value.message
    assert "`spot start` again" in caught.value.next_step
    assert queue.cloud.clock.now() - before < timedelta(minutes=1)


def test_a_list_that_is_older_than_the_start_does_not_end_the_wait() -> None:
    queue = Queue()
    running = queue.waiter.until_reachable(queue.instance, "up")
    queue.cloud.stop(running.region, running.id)
    stopped = queue.waiter.until_state(running, InstanceState.STOPPED, "stop")

    class Late(FakeCloud):
        looks = 0

        def instance(self, region: str, instance_id: str) -> Instance:
            self.looks += 1
            return stopped if self.looks <= 4 else super().instance(region, instance_id)

    queue.cloud.start(stopped.region, stopped.id)
    queue.cloud.__class__ = Late
    assert queue.waiter.until_reachable(stopped, "start").state is InstanceState.RUNNING


@pytest.mark.parametrize(
    ("instance_type", "minutes"),
    [
        ("g5.xlarge", 10),
        ("m5.16xlarge", 10),
        ("p4d.24xlarge", 20),
        ("p5.48xlarge", 20),
        ("u-6tb1.112xlarge", 20),
        ("c5.metal", 30),
        ("m7i.metal-24xl", 30),
    ],
)
def test_larger_machines_may_take_longer(instance_type: str, minutes: int) -> None:
    assert patience_for(instance_type) == timedelta(minutes=minutes)


def test_a_machine_that_ends_before_its_login_is_told_why() -> None:
    queue = Queue(deaf=True)
    running = queue.waiter.until_state(queue.instance, InstanceState.RUNNING, "up")
    queue.cloud.terminate(running.region, [running.id])
    with pytest.raises(SpotkeeperError, match="ended") as caught:
        queue.waiter.until_login(running, "up")
    assert not isinstance(caught.value, Unreachable)


def test_a_machine_that_never_answers_is_unreachable_after_ten_minutes() -> None:
    queue = Queue(deaf=True)
    before = queue.cloud.clock.now()
    with pytest.raises(Unreachable) as caught:
        queue.waiter.until_reachable(queue.instance, "up")
    waited = queue.cloud.clock.now() - before
    assert PATIENCE <= waited <= PATIENCE + timedelta(minutes=1)
    assert "203.0.113" in caught.value.message
    assert "spot ssh" in caught.value.next_step


def test_a_state_that_never_comes_is_told_after_ten_minutes() -> None:
    queue = Queue()
    with pytest.raises(Unreachable) as caught:
        queue.waiter.until_state(queue.instance, InstanceState.STOPPED, "stop")
    assert "running" in caught.value.message


def test_looks_begin_at_once_and_become_seldom() -> None:
    clock = FakeClock()
    times = list(poll(clock))
    assert times[0] == timedelta(0)
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses == sorted(pauses)
    assert max(pauses) == LONGEST_PAUSE
    assert times[-2] < PATIENCE <= times[-1]
    assert len(times) < 140
