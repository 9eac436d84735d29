"""Waiting: seldom, with the elapsed time, and never for ever."""

from datetime import timedelta
from itertools import pairwise

import pytest
from tests.fakes import orders
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.fakes.talk import FakeReach, FakeTalk

from spotkeeper.errors import NoCapacity, Unreachable
from spotkeeper.lifecycle.wait import LONGEST_PAUSE, PATIENCE, Waiter, poll
from spotkeeper.model.machine import InstanceState


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
    running = queue.waiter.until_reachable(queue.instance)
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


def test_an_instance_that_ends_while_it_starts_is_no_capacity() -> None:
    queue = Queue()
    queue.cloud.terminate(queue.instance.region, [queue.instance.id])
    with pytest.raises(NoCapacity) as caught:
        queue.waiter.until_reachable(queue.instance)
    assert queue.instance.id in caught.value.message
    assert caught.value.region == queue.instance.region


def test_a_machine_that_never_answers_is_unreachable_after_ten_minutes() -> None:
    queue = Queue(deaf=True)
    before = queue.cloud.clock.now()
    with pytest.raises(Unreachable) as caught:
        queue.waiter.until_reachable(queue.instance)
    waited = queue.cloud.clock.now() - before
    assert PATIENCE <= waited <= PATIENCE + timedelta(minutes=1)
    assert "203.0.113" in caught.value.message
    assert "spot ssh" in caught.value.next_step


def test_a_state_that_never_comes_is_told_after_ten_minutes() -> None:
    queue = Queue()
    with pytest.raises(Unreachable) as caught:
        queue.waiter.until_state(queue.instance, InstanceState.STOPPED)
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
