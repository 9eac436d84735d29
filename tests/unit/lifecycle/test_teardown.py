"""Giving back: the order, the two looks, the window, and what is left with its reason."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes import geography, orders
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.fakes.ec2 import Request
from tests.fakes.edges import ports
from tests.fakes.fate import Fate
from tests.fakes.journal import MemoryJournal
from tests.fakes.talk import FakeTalk
from tests.unit.model.make import entry_of

from spotkeeper.errors import LeftBehind
from spotkeeper.lifecycle import settle
from spotkeeper.lifecycle.region_ending import TeardownOutcome
from spotkeeper.lifecycle.teardown import Teardown, left_behind
from spotkeeper.model.journal_entry import Entry, Intent, Launched, Seen, Settled, Settling
from spotkeeper.model.launch import LaunchToken
from spotkeeper.model.machine import ENDED, Instance, InstanceState
from spotkeeper.model.resource import Leftover, ResourceId, ResourceKind
from spotkeeper.model.spot_request import RequestState
from spotkeeper.model.tags import TAG_OWNER, TAG_VPC, shared_tags
from spotkeeper.timings import LONGEST_CALL, VISIBILITY_WINDOW

REGION = geography.REGION
GROUP_TAGS = {**shared_tags(geography.OWNER), TAG_VPC: geography.HOME_VPC}


class Bench:
    """A region with ground, machines upon it, and whoever gives them back."""

    def __init__(self, cloud: FakeCloud | None = None) -> None:
        self.cloud = cloud or FakeCloud()
        self.ec2 = self.cloud.ec2
        self.journal = MemoryJournal()
        self.talk = FakeTalk()
        self.group = self.ec2.new_group(REGION, "g", vpc_id=geography.HOME_VPC, tags=GROUP_TAGS)
        self.key = self.ec2.new_key(REGION, "k", tags=shared_tags(geography.OWNER))

    @property
    def told(self) -> list[type[Entry]]:
        return [type(entry) for entry in self.journal.read("dev")]

    def launched(self, name: str = "dev", *, once: bool = False) -> Instance:
        """A running machine that this computer launched, long ago."""
        instance = self.just_launched(name, once=once)
        self.wait_for_the_window()
        return instance

    def just_launched(self, name: str = "dev", *, once: bool = False) -> Instance:
        """A machine that this computer launched a moment ago."""
        fate, self.cloud.fate = self.cloud.fate, Fate()
        order = orders.order(name=name)
        order = replace(order, group_ids=(self.group.id,), key_name="k")
        token = {"region": REGION, "token": order.token}
        self.journal.append(name, entry_of(Intent, self.cloud.clock.now(), token))
        instance = self.cloud.run(orders.once(order) if once else order)
        ids = {"instance": instance.id, "request": instance.request_id or ""}
        launched = entry_of(Launched, self.cloud.clock.now(), {**token, **ids})
        self.journal.append(name, launched)
        self.cloud.fate = fate
        return instance

    def wait_for_the_window(self) -> None:
        self.cloud.clock.sleep(VISIBILITY_WINDOW)

    def teardown(self) -> Teardown:
        return Teardown(geography.OWNER, ports(self.cloud, self.journal, self.talk))

    def end(self, name: str = "dev") -> TeardownOutcome:
        return self.teardown().end(name, [REGION])


def kinds(resource_ids: list[ResourceId]) -> list[str]:
    return [resource_id.kind for resource_id in resource_ids]


@pytest.mark.parametrize("once", [False, True])
def test_everything_goes_in_the_safe_order(*, once: bool) -> None:
    bench = Bench()
    bench.launched(once=once)
    outcome = bench.end()
    assert outcome.left == []
    assert bench.ec2.leftovers() == []
    calls = [
        call
        for call in bench.cloud.calls
        if call not in ("observe", "volumes", "tagged_resources")
    ]
    order = ["cancel", "terminate", *([] if once else ["delete_volume"])]
    assert [call for call in calls if call in order] == order
    assert calls.index(order[-1]) < calls.index("delete_group")
    assert calls.index(order[-1]) < calls.index("delete_key")
    assert set(kinds(outcome.ended)) >= {
        ResourceKind.REQUEST,
        ResourceKind.INSTANCE,
        ResourceKind.GROUP,
    }


def test_gone_needs_two_empty_looks() -> None:
    bench = Bench()
    bench.launched()
    bench.end()
    at = max(i for i, call in enumerate(bench.cloud.calls) if call == "delete_volume")
    until = bench.cloud.calls.index("delete_group")
    assert bench.cloud.calls[at:until].count("volumes") >= 2
    assert bench.told[-1] is Settled


def test_before_the_window_is_over_the_journal_only_settles() -> None:
    bench = Bench()
    bench.journal.append(
        "dev", Intent(bench.cloud.clock.now(), region=REGION, token=LaunchToken("t"))
    )
    assert bench.end().left == []
    assert bench.told[-1] is Settling


def test_settling_is_closed_once_the_window_is_over() -> None:
    bench = Bench()
    bench.journal.append(
        "dev", Intent(bench.cloud.clock.now(), region=REGION, token=LaunchToken("t"))
    )
    bench.end()
    assert settle.due(bench.journal, bench.cloud.clock.now()) == ()
    bench.wait_for_the_window()
    assert settle.due(bench.journal, bench.cloud.clock.now()) == ("dev",)
    settle.settle(("dev",), journal=bench.journal, teardown=bench.teardown())
    assert bench.told[-1] is Settled
    assert settle.due(bench.journal, bench.cloud.clock.now()) == ()


def test_an_instance_that_is_listed_late_is_ended_when_the_journal_settles() -> None:
    clock = FakeClock()
    bench = Bench(FakeCloud(clock=clock, visibility=timedelta(seconds=120)))
    at = Intent(clock.now(), region=REGION, token=LaunchToken("token-dev"))
    bench.journal.append("dev", at)
    bench.cloud.run(orders.order())
    bench.end()
    assert bench.ec2.leftovers() != []
    clock.sleep(VISIBILITY_WINDOW)
    settle.settle(("dev",), journal=bench.journal, teardown=bench.teardown())
    clock.sleep(timedelta(minutes=5))
    assert [each for each in bench.ec2.leftovers() if each.startswith(("i-", "sir", "vol"))] == []


def test_the_window_begins_when_ec2_gave_the_instance_not_when_it_was_meant() -> None:
    clock = FakeClock()
    bench = Bench(FakeCloud(clock=clock, visibility=VISIBILITY_WINDOW))
    token = {"region": REGION, "token": "token-dev"}
    bench.journal.append("dev", entry_of(Intent, clock.now(), token))
    clock.advance(seconds=60)
    instance = bench.cloud.run(orders.order())
    launched = {**token, "instance": instance.id, "request": str(instance.request_id)}
    bench.journal.append("dev", entry_of(Launched, clock.now(), launched))
    clock.advance(seconds=240)
    bench.end()
    clock.sleep(VISIBILITY_WINDOW)
    settle.settle(
        settle.due(bench.journal, clock.now()), journal=bench.journal, teardown=bench.teardown()
    )
    clock.sleep(timedelta(minutes=5))
    assert [each for each in bench.ec2.leftovers() if each.startswith(("i-", "sir", "vol"))] == []


def test_a_sighting_after_settling_is_still_due() -> None:
    bench = Bench()
    at = bench.cloud.clock.now()
    for what in (Intent, Settling, Seen):
        bench.journal.append("dev", entry_of(what, at, {"region": REGION, "token": "t"}))
    assert settle.due(bench.journal, at + VISIBILITY_WINDOW) == ("dev",)


def test_a_launch_after_settling_is_not_due() -> None:
    bench = Bench()
    at = bench.cloud.clock.now()
    for what in (Intent, Settling, Intent, Launched):
        bench.journal.append("dev", entry_of(what, at, {"region": REGION, "token": "t"}))
    assert settle.due(bench.journal, at + VISIBILITY_WINDOW) == ()


def test_a_request_that_cannot_be_cancelled_keeps_its_instance_unterminated() -> None:
    bench = Bench(FakeCloud(denied=["cancel"]))
    instance = bench.launched()
    outcome = bench.end()
    assert "terminate" not in bench.cloud.calls
    assert bench.ec2.servers[instance.id].state is InstanceState.RUNNING
    assert {each.resource_id.id for each in outcome.left} >= {instance.id, instance.request_id}
    assert all("UnauthorizedOperation" in each.reason for each in outcome.left)
    assert outcome.ended == []
    assert Settled not in bench.told
    assert Settling not in bench.told


@pytest.mark.parametrize(
    ("denied", "kind"),
    [
        ("terminate", ResourceKind.INSTANCE),
        ("delete_volume", ResourceKind.VOLUME),
        ("delete_group", ResourceKind.GROUP),
        ("delete_key", ResourceKind.KEY),
    ],
)
def test_whatever_is_denied_is_left_with_its_reason(denied: str, kind: str) -> None:
    bench = Bench(FakeCloud(denied=[denied]))
    bench.launched()
    outcome = bench.end()
    assert kind in {each.resource_id.kind for each in outcome.left}
    assert kind not in kinds(outcome.ended)
    assert all(each.reason for each in outcome.left)
    assert Settled not in bench.told


def test_a_region_that_does_not_answer_is_left_whole() -> None:
    bench = Bench(FakeCloud())
    bench.launched()
    bench.cloud.silent.add(REGION)
    outcome = bench.end()
    assert kinds([each.resource_id for each in outcome.left]) == [
        ResourceKind.INSTANCE,
        ResourceKind.REQUEST,
        "everything else",
    ]
    assert all("no answer" in each.reason for each in outcome.left)
    assert Settled not in bench.told


class FailsOnce(FakeCloud):
    """The first call of a kind gets no answer."""

    def __init__(self, call: str) -> None:
        super().__init__()
        self.call = call

    def arrives(self, call: str, args: tuple[object, ...]) -> None:
        if call == self.call:
            self.call = ""
            self.silent.add(REGION)
        try:
            super().arrives(call, args)
        finally:
            self.silent.discard(REGION)


@pytest.mark.parametrize(
    "call", ["observe", "volumes", "cancel", "terminate", "delete_volume", "tagged_resources"]
)
def test_an_answer_that_is_lost_once_changes_nothing(call: str) -> None:
    bench = Bench(FailsOnce(call))
    bench.launched()
    outcome = bench.end()
    assert outcome.left == []
    assert bench.ec2.leftovers() == []
    assert bench.told[-1] is Settled


def test_what_machines_share_goes_with_the_last_of_them() -> None:
    bench = Bench()
    bench.launched("dev")
    bench.launched("other")
    assert ResourceKind.GROUP not in kinds(bench.end("dev").ended)
    assert list(bench.ec2.groups) == [bench.group.id]
    assert {ResourceKind.GROUP, ResourceKind.KEY} <= set(kinds(bench.end("other").ended))
    assert bench.ec2.leftovers() == []


def test_the_ground_of_a_launch_that_is_under_way_stays() -> None:
    bench = Bench()
    bench.launched("dev")
    now = bench.cloud.clock.now()
    under_way = {"region": REGION, "token": "t"}
    bench.journal.append("other", entry_of(Intent, now, under_way))
    bench.end("dev")
    assert list(bench.ec2.groups) == [bench.group.id]
    assert list(bench.ec2.keys) == [bench.key.id]


def test_what_others_own_is_never_touched() -> None:
    bench = Bench()
    bench.launched()
    theirs = {**GROUP_TAGS, TAG_OWNER: "123456789012:user/somebody"}
    group = bench.ec2.new_group(REGION, "theirs", vpc_id=geography.HOME_VPC, tags=theirs)
    order = orders.order("m5.large@us-east-1b", name="dev")
    forgotten_request = bench.cloud.run(
        replace(order, token=LaunchToken("x"), tags={**order.tags, TAG_OWNER: "somebody"})
    )
    bench.end()
    assert group.id in bench.ec2.groups
    assert bench.ec2.servers[forgotten_request.id].state is not InstanceState.SHUTTING_DOWN


def test_every_region_that_the_journal_remembers_is_looked_at() -> None:
    bench = Bench()
    now = bench.cloud.clock.now() - VISIBILITY_WINDOW - LONGEST_CALL
    abroad = {"region": "eu-west-1", "token": "token-dev"}
    bench.journal.append("dev", entry_of(Intent, now, abroad))
    bench.cloud.run(orders.order("g5.xlarge@eu-west-1a"))
    bench.cloud.clock.sleep(VISIBILITY_WINDOW)
    outcome = bench.teardown().end("dev", [])
    assert {resource_id.region for resource_id in outcome.ended} == {"eu-west-1"}
    assert Settled in bench.told


def test_ending_what_is_gone_is_harmless() -> None:
    bench = Bench()
    bench.launched()
    bench.end()
    again = bench.end()
    assert (again.ended, again.left) == ([], [])
    assert bench.told.count(Settled) == 1


def test_an_interrupted_box_is_ended_too() -> None:
    bench = Bench()
    bench.launched()
    bench.ec2.interrupt("dev")
    bench.cloud.clock.sleep(timedelta(minutes=3))
    bench.end()
    bench.cloud.clock.sleep(timedelta(days=1))
    assert bench.ec2.leftovers() == []
    assert len(bench.ec2.servers) == 1


def test_left_behind_names_every_thing_with_region_and_reason() -> None:
    held = Leftover(ResourceId(ResourceKind.VOLUME, "vol-1", REGION), "in use")
    error = left_behind((held,), "Quota. ")
    assert isinstance(error, LeftBehind)
    assert error.exit_code == 8
    assert error.region == REGION
    for part in ("Quota", "volume vol-1", REGION, "in use"):
        assert part in error.message


def test_outcomes_add_up_without_repeating() -> None:
    resource_id = ResourceId(ResourceKind.KEY, "key-1", REGION)
    one = TeardownOutcome(ended=[resource_id], left=[Leftover(resource_id, "x")])
    one.add(TeardownOutcome(ended=[resource_id], left=[Leftover(resource_id, "x")]))
    assert (len(one.ended), len(one.left)) == (1, 1)


def test_no_instance_ends_before_its_young_request_could_be_cancelled() -> None:
    bench = Bench()
    bench.ec2.late = {Request: timedelta(seconds=200)}
    instance = bench.just_launched()
    bench.journal = MemoryJournal()  # another computer: only the instance tells of the request
    outcome = bench.end()
    assert outcome.left == []
    assert list(bench.ec2.servers) == [instance.id]
    calls = bench.cloud.calls
    assert calls.count("cancel") > 1
    assert calls.index("terminate") > max(i for i, call in enumerate(calls) if call == "cancel")
    assert bench.cloud.clock.now() - instance.launched_at > timedelta(seconds=200)


def test_an_empty_look_proves_nothing_until_the_request_of_the_launch_was_seen() -> None:
    bench = Bench()
    bench.ec2.late = {Request: timedelta(seconds=200)}
    bench.just_launched()
    [server] = bench.ec2.servers.values()
    bench.ec2.terminate(server)  # by hand, and in a dry pool, so that only the request is left
    bench.ec2.dry[server.order.pool] = None
    assert bench.end().left == []
    [request] = bench.ec2.requests.values()
    assert not request.cancellable


def test_a_request_that_ec2_forgot_long_ago_keeps_no_instance_running() -> None:
    bench = Bench()
    instance = bench.launched()
    [request] = bench.ec2.requests.values()
    request.show(RequestState.CANCELLED, "request-canceled-and-instance-running", request.since)
    bench.ec2.late = {Request: timedelta.max}
    assert bench.end().left == []
    assert bench.ec2.servers[instance.id].state in ENDED
