"""Giving back: the order, the two looks, the window, and what is left with its reason."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes import geography, orders
from tests.fakes.cloud import FakeCloud
from tests.fakes.ec2 import Request
from tests.fakes.edges import ports
from tests.fakes.fate import Fate
from tests.fakes.journal import MemoryJournal
from tests.fakes.name_claims import FakeNameClaims
from tests.fakes.schedules import FakeSchedules
from tests.fakes.talk import FakeTalk
from tests.unit.model.make import entry_of

from spotkeeper.errors import LeftBehind
from spotkeeper.lifecycle.guard import schedule_name
from spotkeeper.lifecycle.name_claim import claim_title
from spotkeeper.lifecycle.ports import Claim, LaunchOrder
from spotkeeper.lifecycle.region_ending import TeardownOutcome
from spotkeeper.lifecycle.teardown import Teardown, left_behind
from spotkeeper.model.journal_entry import (
    Ending,
    Entry,
    Intent,
    Launched,
    Ready,
    Settled,
    Settling,
)
from spotkeeper.model.launch import ClaimNonce, Launches, LaunchToken
from spotkeeper.model.machine import ENDED, Instance, InstanceState
from spotkeeper.model.resource import Leftover, ResourceId, ResourceKind
from spotkeeper.model.schedule import GuardCall, Schedule
from spotkeeper.model.spot_request import RequestState
from spotkeeper.model.tags import (
    TAG_CLAIM,
    TAG_LAUNCH,
    TAG_OWNER,
    TAG_VPC,
    claim_tags,
    shared_tags,
)
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

    def launched(self, name: str = "dev", *, once: bool = False, token: str = "") -> Instance:
        """A running machine that this computer launched, long ago."""
        instance = self.just_launched(name, once=once, token=token)
        self.wait_for_the_window()
        return instance

    def just_launched(
        self, name: str = "dev", *, once: bool = False, token: str = "", claim: str = ""
    ) -> Instance:
        """A machine that this computer launched a moment ago."""
        fate, self.cloud.fate = self.cloud.fate, Fate()
        order = ordered(name, token or f"token-{name}", claim)
        order = replace(order, group_ids=(self.group.id,), key_name="k")
        told = {"region": REGION, "token": order.token}
        meant = {**told, "claim": claim, "claim_region": REGION}
        self.journal.append(name, entry_of(Intent, self.cloud.clock.now(), meant))
        instance = self.cloud.run(orders.once(order) if once else order)
        ids = {"instance": instance.id, "request": instance.request_id or ""}
        launched = entry_of(Launched, self.cloud.clock.now(), {**told, **ids})
        self.journal.append(name, launched)
        self.cloud.fate = fate
        return instance

    def wait_for_the_window(self) -> None:
        self.cloud.clock.sleep(VISIBILITY_WINDOW)

    def claimed(self, nonce: str) -> Claim:
        """A claim of the name, made now by whoever has the nonce."""
        tags = claim_tags(name="dev", owner=geography.OWNER, nonce=ClaimNonce(nonce))
        names, title = FakeNameClaims(self.cloud), claim_title(geography.OWNER, "dev")
        return names.claim(REGION, title, token=nonce, tags=tags)

    def guarded(self, name: str, token: str, region: str = REGION) -> str:
        """The name of a schedule that guards a launch."""
        at = self.cloud.clock.now() + timedelta(days=9)
        title = schedule_name(name, token, GuardCall.CANCEL)
        made = Schedule(region, title, at, GuardCall.CANCEL, "sir", "role", geography.OWNER)
        FakeSchedules(self.cloud).arm(made)
        return title

    def teardown(self) -> Teardown:
        return Teardown(geography.OWNER, ports(self.cloud, self.journal, self.talk))

    def end(self, name: str = "dev") -> TeardownOutcome:
        return self.teardown().end(name, [REGION])


def ordered(name: str, token: str, claim: str = "") -> LaunchOrder:
    """An order of one launch of a name."""
    order = orders.order(name=name)
    tags = {**order.tags, TAG_LAUNCH: token, **({TAG_CLAIM: claim} if claim else {})}
    return replace(order, token=LaunchToken(token), tags=tags)


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


class NeverEnds(FakeCloud):
    """EC2 takes the call, and the machine runs on."""

    def terminate(self, region: str, instance_ids: Collection[str]) -> None:
        self.arrives("terminate", (region,))


def test_a_machine_that_does_not_end_is_left_by_a_last_look() -> None:
    bench = Bench(NeverEnds())
    instance = bench.launched()
    left = {each.resource_id for each in bench.end().left}
    assert ResourceId(ResourceKind.INSTANCE, instance.id, REGION) in left


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


# What is written down, and what is meant


def test_the_ending_is_written_once_and_before_anything_is_told_to_end() -> None:
    fate = Fate()
    bench = Bench(FakeCloud(denied=["cancel"], fate=fate))
    bench.journal.fate = fate
    bench.launched()
    began = bench.cloud.clock.now()
    bench.end()
    [ending] = (e for e in bench.journal.read("dev") if isinstance(e, Ending))
    assert ending == Ending(began)
    assert fate.seen.index("journal ending") < fate.seen.index("observe")
    bench.end()
    assert bench.told.count(Ending) == 1


@pytest.mark.parametrize("together", [False, True])
def test_only_the_launches_that_are_meant_are_ended(*, together: bool) -> None:
    bench = Bench()
    kept, stray = bench.launched(), bench.launched(token="stray")
    only, teardown = Launches(frozenset({LaunchToken("stray")})), bench.teardown()
    if together:
        outcome = teardown.end_all({"dev": [REGION]}, {"dev": only})["dev"]
    else:
        outcome = teardown.end("dev", [REGION], only=only)
    ended = {each.id for each in outcome.ended}
    assert stray.id in ended
    assert kept.id not in ended
    assert outcome.left == []
    assert bench.ec2.servers[kept.id].state is InstanceState.RUNNING
    [ending] = (e for e in bench.journal.read("dev") if isinstance(e, Ending))
    assert ending.only == only.tokens
    assert bench.told[-1] is Ending


def test_what_ec2_gave_is_waited_for_though_the_journal_had_no_room_for_it() -> None:
    bench = Bench(FakeCloud(visibility=timedelta(seconds=120)))
    at = bench.cloud.clock.now()
    bench.journal.append("dev", Intent(at, region=REGION, token=LaunchToken("t")))
    instance = bench.cloud.run(ordered("dev", "t"))
    given = {REGION: frozenset({instance.id, str(instance.request_id)})}
    outcome = bench.teardown().end("dev", [REGION], given=given)
    assert instance.id in {each.id for each in outcome.ended}
    assert bench.ec2.servers[instance.id].state in ENDED


@pytest.mark.parametrize("born", [True, False])
def test_the_journal_tells_when_it_was_closed_and_what_it_waits_for(*, born: bool) -> None:
    bench = Bench()
    at = bench.cloud.clock.now()
    if born:
        bench.journal.append("dev", Intent(at, region=REGION, token=LaunchToken("t")))
    else:
        bench.journal.append("dev", Ready(at))
    bench.end()
    last, now = bench.journal.read("dev")[-1], bench.cloud.clock.now()
    assert last.at == now
    assert (last == Settling(now, last.born)) if isinstance(last, Settling) else not born
    assert not isinstance(last, Settling) or (last.born and last.born >= at)


@pytest.mark.parametrize(("names", "asked"), [(("dev",), {"dev"}), (("dev", "other"), {None})])
def test_a_region_is_looked_at_once_for_all_names_that_end_there(
    names: tuple[str, ...], asked: set[str | None]
) -> None:
    bench = Bench(Recording())
    for name in names:
        bench.just_launched(name)
    cloud = bench.cloud
    assert isinstance(cloud, Recording)
    cloud.heard.clear()
    outcomes = bench.teardown().end_all({name: [REGION] for name in names})
    looks = [args for call, args in cloud.heard if call == "volumes"]
    assert {args[2] for args in looks} == asked
    assert {args[0] for call, args in cloud.heard if call not in ("holder", "home")} == {REGION}
    for outcome in outcomes.values():
        assert outcome.left == []
        assert {ResourceKind.GROUP, ResourceKind.KEY} <= set(kinds(outcome.ended))
    many = any(told == "2 of 2 machines are still ending" for told, _ in bench.talk.waited)
    assert many is (len(names) > 1)


class Recording(FakeCloud):
    """Remembers what each call was about."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, tuple[object, ...]]] = []

    def arrives(self, call: str, args: tuple[object, ...]) -> None:
        self.heard.append((call, args))
        super().arrives(call, args)
