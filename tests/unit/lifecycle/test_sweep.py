"""What a sweep keeps, spares and gives up, one thing at a time and in the light of the others."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.clock import FIRST_DAY as NOW
from tests.unit.model.make import entry_of

from spotkeeper.lifecycle.sweep import Classification, Records, Verdict, as_resource, classify
from spotkeeper.model.journal_entry import (
    Damaged,
    Ending,
    Entry,
    Intent,
    Launched,
    Ready,
    Settled,
    Settling,
)
from spotkeeper.model.resource import Resource, ResourceId, ResourceKind
from spotkeeper.model.schedule import GuardCall, Schedule
from spotkeeper.model.tags import (
    TAG_CLAIM,
    TAG_DEADLINE,
    TAG_LAUNCH,
    TAG_MANAGED,
    TAG_NAME,
    TAG_OWNER,
    tag_time,
)

ME = "123456789012:user/me"
REGION = "us-east-1"
LAUNCH = "0123456789abcdef"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LONG_AGO = NOW - 2 * HOUR
MACHINE = (
    ResourceKind.REQUEST,
    ResourceKind.INSTANCE,
    ResourceKind.VOLUME,
    ResourceKind.INTERFACE,
)


def resource_id(
    kind: ResourceKind = ResourceKind.INSTANCE, *, born: datetime | None = LONG_AGO, **tags: str
) -> Resource:
    """Something of mine: a tag is named by its last word, and left out where it is empty."""
    known = {
        "managed": "true",
        "owner": ME,
        "name": "dev",
        "launch": LAUNCH,
        "deadline": tag_time(NOW + HOUR),
        **tags,
    }
    named = {f"spotkeeper:{key}": value for key, value in known.items() if value}
    return Resource(ResourceId(kind, f"{kind}-{tags.get('launch', LAUNCH)}", REGION), named, born)


def shared(kind: ResourceKind = ResourceKind.GROUP, *, born: datetime | None = None) -> Resource:
    return resource_id(kind, born=born, name="", launch="", deadline="")


def claim(nonce: str, *, born: datetime = LONG_AGO) -> Resource:
    return resource_id(ResourceKind.TEMPLATE, born=born, launch="", deadline="", claim=nonce)


def entry(what: type[Entry], at: datetime = LONG_AGO, **fields: str) -> Entry:
    return entry_of(what, at, {"token": LAUNCH, "region": REGION, **fields})


READY = (entry(Intent), entry(Launched), entry(Ready))


def remembering(*entries: Entry, held: Sequence[str] = ()) -> Records:
    return Records({"dev": entries} if entries else {}, frozenset(held))


def classified(
    *resources: Resource, records: Records | None = None, unseen: Sequence[str] = ()
) -> list[Classification]:
    silent = frozenset(unseen)
    return list(classify(resources, records or Records(), owner=ME, now=NOW, unseen=silent))


def verdicts(*resources: Resource, records: Records | None = None) -> list[Verdict]:
    return [each.verdict for each in classified(*resources, records=records)]


def only(
    resource: Resource, records: Records | None = None, *, unseen: Sequence[str] = ()
) -> tuple[Verdict, str]:
    [found] = classified(resource, records=records, unseen=unseen)
    return found.verdict, found.reason


# Machines


def test_a_ready_machine_and_all_that_it_needs_are_kept() -> None:
    everything = [*map(resource_id, MACHINE), shared(), shared(ResourceKind.KEY), claim("mine")]
    found = classified(*everything, records=remembering(*READY))
    assert {each.verdict for each in found} == {Verdict.KEPT}
    assert "until 2026-11-23 10:00 UTC" in found[1].reason


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        (READY[:1], "its launch never finished"),
        (READY[:2], "its launch never finished"),
        ((*READY, entry(Ending)), "it was given back already"),
        ((*READY, entry(Settled)), "it was given back already"),
        ((), "launched elsewhere, or forgotten here"),
    ],
)
def test_a_machine_that_nobody_waits_for_is_unwanted(
    entries: tuple[Entry, ...], reason: str
) -> None:
    assert only(resource_id(), remembering(*entries)) == (Verdict.UNWANTED, reason)


def test_a_launch_that_has_the_lock_is_spared_however_old_it_is() -> None:
    verdict, reason = only(resource_id(), remembering(*READY[:1], held=["dev"]))
    assert verdict is Verdict.SPARED
    assert "dev" in reason


def test_a_machine_is_unwanted_once_its_deadline_has_passed() -> None:
    late = resource_id(deadline=tag_time(NOW - MINUTE))
    assert only(late, remembering(*READY)) == (
        Verdict.UNWANTED,
        "its deadline passed 2026-11-23 08:59 UTC",
    )


def test_the_deadline_of_the_instance_counts_for_all_that_hangs_on_it() -> None:
    moved, old = resource_id(), resource_id(ResourceKind.VOLUME, deadline=tag_time(NOW - MINUTE))
    assert verdicts(moved, old, records=remembering(*READY)) == [Verdict.KEPT] * 2


def test_without_a_deadline_a_machine_is_kept_for_ever() -> None:
    assert only(resource_id(deadline="never"), remembering(*READY))[0] is Verdict.KEPT


def test_a_disk_whose_machine_is_gone_is_unwanted() -> None:
    disk = resource_id(ResourceKind.VOLUME)
    assert only(disk, remembering(*READY)) == (Verdict.UNWANTED, "its machine is gone")


def test_a_disk_whose_request_may_launch_another_machine_is_kept_with_the_group() -> None:
    found = [resource_id(ResourceKind.REQUEST), resource_id(ResourceKind.VOLUME), shared()]
    assert verdicts(*found, records=remembering(*READY)) == [Verdict.KEPT] * 3


def test_a_machine_that_was_launched_a_moment_ago_may_not_be_listed_yet() -> None:
    young = [entry(type(each), NOW - MINUTE) for each in READY]
    assert only(resource_id(ResourceKind.VOLUME), remembering(*young))[0] is Verdict.KEPT


def test_what_is_young_and_unknown_here_may_be_a_launch_elsewhere() -> None:
    verdict, reason = only(resource_id(born=NOW - MINUTE))
    assert verdict is Verdict.YOUNG
    assert "09:04:00 UTC" in reason


def test_a_young_thing_of_a_dead_launch_of_this_computer_is_unwanted() -> None:
    assert only(resource_id(born=NOW), remembering(READY[0]))[0] is Verdict.UNWANTED


def test_an_instance_that_was_relaunched_is_as_old_as_its_request() -> None:
    request, instance = resource_id(ResourceKind.REQUEST), resource_id(born=NOW)
    assert verdicts(request, instance) == [Verdict.UNWANTED] * 2


def test_the_same_token_with_the_claim_of_another_computer_is_not_ours() -> None:
    mine = entry(Intent, claim="mine")
    entries = remembering(mine, *READY[1:])
    assert only(resource_id(claim="mine"), entries)[0] is Verdict.KEPT
    assert only(resource_id(claim="theirs"), entries)[0] is Verdict.UNWANTED
    assert only(resource_id(claim="theirs", born=NOW), entries)[0] is Verdict.YOUNG


def test_what_a_journal_that_cannot_be_read_may_want_is_left_until_its_deadline() -> None:
    unread = remembering(Damaged(NOW))
    verdict, reason = only(resource_id(), unread)
    assert verdict is Verdict.UNREAD
    assert "the journal of dev cannot be read" in reason
    assert "spot down dev" in reason
    assert (
        verdicts(resource_id(), shared(), claim("theirs"), records=unread)[1:]
        == [Verdict.UNREAD] * 2
    )
    assert only(resource_id(deadline=tag_time(NOW)), unread)[0] is Verdict.UNWANTED


def test_a_disk_on_a_machine_that_stays_stays_with_it() -> None:
    machine = resource_id()
    data = Resource(
        ResourceId(ResourceKind.VOLUME, "vol-data", REGION),
        {TAG_MANAGED: "true", TAG_OWNER: ME},
        LONG_AGO,
        holder=machine.resource_id.id,
    )
    assert verdicts(machine, data, records=remembering(*READY)) == [Verdict.KEPT] * 2
    ended, loose = classified(machine, data)
    assert ended.verdict is loose.verdict is Verdict.UNWANTED
    assert "attached" not in loose.reason


def test_what_tells_of_no_launch_is_as_old_as_it_is_itself() -> None:
    young, old = resource_id(launch="", born=NOW), resource_id(ResourceKind.VOLUME, launch="")
    assert verdicts(young, old) == [Verdict.YOUNG, Verdict.UNWANTED]


# What is shared, and what holds a name


def test_a_group_that_no_machine_of_its_region_needs_is_unwanted() -> None:
    assert only(shared()) == (Verdict.UNWANTED, "no machine needs it")
    elsewhere = Resource(ResourceId(ResourceKind.GROUP, "sg-2", "eu-west-1"), shared().tags)
    found = verdicts(resource_id(), shared(), elsewhere, records=remembering(*READY))
    assert found == [Verdict.KEPT, Verdict.KEPT, Verdict.UNWANTED]


def test_a_group_waits_for_young_machines_and_for_launches_that_are_about_to_begin() -> None:
    assert verdicts(resource_id(born=NOW), shared())[1] is Verdict.YOUNG
    assert verdicts(claim("theirs", born=NOW), shared())[1] is Verdict.YOUNG
    young = (Verdict.YOUNG, "made a moment ago; look again after 09:05:00 UTC")
    assert only(shared(ResourceKind.KEY, born=NOW)) == young
    held = remembering(READY[0], held=["dev"])
    assert only(shared(), held)[0] is Verdict.SPARED


def test_a_claim_lives_as_long_as_anything_of_its_name() -> None:
    disk = resource_id(ResourceKind.VOLUME, born=NOW)
    assert verdicts(disk, claim("theirs"))[1] is Verdict.YOUNG
    assert only(claim("theirs"))[0] is Verdict.UNWANTED


@pytest.mark.parametrize(
    ("age", "verdict"),
    [
        (9, (Verdict.YOUNG, "a launch of dev may use it; look again after 09:01:00 UTC")),
        (10, (Verdict.UNWANTED, "no machine needs it")),
    ],
)
def test_a_claim_that_is_unknown_here_is_left_alone_for_ten_minutes(
    age: int, verdict: tuple[Verdict, str]
) -> None:
    assert only(claim("theirs", born=NOW - age * MINUTE)) == verdict


@pytest.mark.parametrize(
    ("age", "verdict"),
    [
        (4, (Verdict.YOUNG, "a launch of dev may use it; look again after 09:01:00 UTC")),
        (5, (Verdict.UNWANTED, "no machine needs it")),
    ],
)
def test_the_claim_of_a_ready_machine_waits_until_the_machine_would_be_listed(
    age: int, verdict: tuple[Verdict, str]
) -> None:
    at = NOW - age * MINUTE
    ready = [entry(Intent, at, claim="mine"), entry(Launched, at), entry(Ready, at)]
    assert only(claim("mine"), remembering(*ready)) == verdict


MINE = entry(Intent, claim="mine")
HERE, ABROAD = [REGION], ["eu-west-1"]


@pytest.mark.parametrize(
    ("nonce", "entries", "unseen", "verdict"),
    [
        ("theirs", [], ABROAD, Verdict.UNREAD),
        ("theirs", [MINE], ABROAD, Verdict.UNREAD),
        ("mine", [MINE], ABROAD, Verdict.UNWANTED),
        ("mine", [MINE], HERE, Verdict.UNREAD),
        ("mine", [MINE, Damaged(LONG_AGO)], ABROAD, Verdict.UNREAD),
    ],
)
def test_a_claim_stays_while_a_region_is_silent_that_may_have_its_machine(
    nonce: str, entries: Sequence[Entry], unseen: Sequence[str], verdict: Verdict
) -> None:
    found, reason = only(claim(nonce), remembering(*entries), unseen=unseen)
    assert found is verdict
    assert (unseen[0] in reason) is (verdict is Verdict.UNREAD)


def test_only_its_own_machine_tells_where_a_claim_belongs() -> None:
    for kind, nonce, verdict in (
        (ResourceKind.INSTANCE, "theirs", Verdict.UNWANTED),
        (ResourceKind.INSTANCE, "another", Verdict.UNREAD),
        (ResourceKind.VOLUME, "theirs", Verdict.UNREAD),
    ):
        held = classified(resource_id(kind, claim=nonce), claim("theirs"), unseen=ABROAD)
        assert held[1].verdict is verdict


def test_a_claim_of_a_dead_launch_of_this_computer_is_unwanted_at_once() -> None:
    dead = remembering(entry(Intent, NOW, claim="mine"))
    assert only(claim("mine", born=NOW), dead)[0] is Verdict.UNWANTED


def test_a_claim_that_a_command_works_with_is_spared() -> None:
    held = remembering(entry(Intent, NOW, claim="mine"), held=["dev"])
    assert only(claim("mine", born=NOW), held)[0] is Verdict.SPARED


def schedule(name: str, created: datetime | None = LONG_AGO) -> Schedule:
    at = NOW + HOUR
    return Schedule(REGION, name, at, GuardCall.CANCEL, "sir-1", "arn:role", ME, created)


def test_a_schedule_goes_with_the_launch_that_it_guards() -> None:
    machine = resource_id(claim="mine")
    guard = as_resource(schedule(f"dev-{LAUNCH[:12]}-cancel"), [machine])
    assert guard is not None
    assert (guard.launch, guard.claim) == (LAUNCH, "mine")
    assert guard.usd_per_hour == 0
    mine = remembering(entry(Intent, claim="mine"), *READY[1:])
    assert verdicts(machine, guard, records=mine) == [Verdict.KEPT] * 2
    assert verdicts(machine, guard) == [Verdict.UNWANTED] * 2


def test_a_schedule_of_a_launch_that_is_not_listed_yet_is_too_young_to_tell() -> None:
    guard = as_resource(schedule(f"dev-{LAUNCH[:12]}-cancel", NOW), [])
    assert guard is not None
    assert only(guard)[0] is Verdict.YOUNG
    assert as_resource(schedule("backup-every-night"), []) is None


def test_a_schedule_is_no_part_of_what_has_its_name_or_its_launch_alone() -> None:
    others = [resource_id(name="other", claim="a"), resource_id(launch="another", claim="b")]
    guard = as_resource(schedule(f"dev-{LAUNCH[:12]}-cancel"), others)
    assert guard is not None
    assert (guard.launch, guard.claim) == (LAUNCH[:12], "")


# What is never touched, and that time only takes away

KINDS = st.sampled_from([*MACHINE, ResourceKind.GROUP, ResourceKind.KEY, ResourceKind.TEMPLATE])
AGES = st.one_of(st.none(), st.integers(0, 7200).map(lambda age: NOW - timedelta(seconds=age)))
TAGS = st.fixed_dictionaries(
    {
        TAG_MANAGED: st.sampled_from(["true", "false", ""]),
        TAG_OWNER: st.sampled_from([ME, "123456789012:user/you", ""]),
        TAG_NAME: st.sampled_from(["dev", "other", "Not a name", ""]),
        TAG_LAUNCH: st.sampled_from([LAUNCH, "theirs", ""]),
        TAG_DEADLINE: st.sampled_from([tag_time(NOW - HOUR), tag_time(NOW + HOUR), "never", ""]),
        TAG_CLAIM: st.sampled_from(["mine", "theirs", ""]),
    }
)


@st.composite
def worlds(draw: st.DrawFn) -> list[Resource]:
    count = draw(st.integers(1, 6))
    return [
        Resource(
            ResourceId(draw(KINDS), f"id-{number}", draw(st.sampled_from([REGION, "eu-west-1"]))),
            {key: value for key, value in draw(TAGS).items() if value},
            draw(AGES),
            holder=draw(st.sampled_from(["", "id-0", "id-1"])),
        )
        for number in range(count)
    ]


WHATS = [Intent, Launched, Ready, Ending, Settling, Settled]


@st.composite
def memories(draw: st.DrawFn) -> Records:
    kinds = draw(st.lists(st.sampled_from(WHATS), max_size=6))
    held = draw(st.sampled_from([frozenset[str](), frozenset({"dev"})]))
    return Records({"dev": tuple(entry(each, claim="mine") for each in kinds)}, held)


@given(worlds(), memories())
def test_what_lacks_our_tag_or_owner_is_never_judged(
    world: list[Resource], records: Records
) -> None:
    ours = {TAG_MANAGED: "true", TAG_OWNER: ME}.items()
    found = classify(world, records, owner=ME, now=NOW)
    assert [each.resource for each in found] == [w for w in world if ours <= w.tags.items()]


@given(worlds(), memories())
def test_what_this_computer_has_ready_is_unwanted_only_past_its_deadline(
    world: list[Resource], records: Records
) -> None:
    machines = [resource_id(claim="mine"), *world]
    mine = Records({"dev": (entry(Intent, claim="mine"), *READY[1:])}, records.held)
    [machine, *_] = classify(machines, mine, owner=ME, now=NOW)
    assert machine.verdict in (Verdict.KEPT, Verdict.SPARED)


@given(worlds(), memories(), st.integers(0, 7200))
def test_what_is_unwanted_stays_unwanted_as_time_goes_by(
    world: list[Resource], records: Records, seconds: int
) -> None:
    now = classify(world, records, owner=ME, now=NOW)
    later = classify(world, records, owner=ME, now=NOW + timedelta(seconds=seconds))
    for before, after in zip(now, later, strict=True):
        if before.verdict is Verdict.UNWANTED:
            assert after.verdict is Verdict.UNWANTED
