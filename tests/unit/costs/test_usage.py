"""When a machine was billable, from what was seen of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from tests.unit.model.make import NOON, instance, request

from spotkeeper.costs.usage import Interval, intervals, lost, sighting
from spotkeeper.model.journal_entry import (
    Ending,
    Entry,
    Intent,
    Launched,
    NameClaimed,
    Seen,
    Settled,
    Settling,
)
from spotkeeper.model.launch import ClaimNonce, LaunchToken
from spotkeeper.model.machine import Instance, InstanceState, Machine

HOUR = timedelta(hours=1)
INTERRUPTED = "instance-stopped-no-capacity"


def running(since: datetime = NOON) -> Machine:
    found = instance(launched_at=since)
    return Machine(found, request(status_since=since))


def stopped(since: datetime, code: str = "instance-stopped-by-user") -> Machine:
    found = instance(state=InstanceState.STOPPED)
    return Machine(found, request(status_code=code, status_since=since))


def ended(since: datetime, code: str = "instance-terminated-by-user") -> Machine:
    found = instance(state=InstanceState.TERMINATED)
    return Machine(found, request(status_code=code, status_since=since))


def relaunched(at: datetime) -> Instance:
    """The same instance, stopped, which was started once more meanwhile."""
    return instance(state=InstanceState.STOPPED, launched_at=at)


def seen(*sightings: tuple[Machine, datetime]) -> list[Entry]:
    """The entries that looking at these moments leaves in the journal."""
    entries: list[Entry] = []
    for machine, at in sightings:
        entry = sighting(machine, entries, at)
        entries += [entry] if entry else []
    return entries


def stretches(entries: Sequence[Entry], until: datetime) -> list[tuple[float, float, bool]]:
    """Begin and end in hours after noon, and whether EC2 ended it."""
    return [
        ((one.begin - NOON) / HOUR, (one.end - NOON) / HOUR, one.interrupted)
        for one in intervals(entries, until=until)
    ]


def test_a_machine_is_seen_in_its_pool_since_its_launch() -> None:
    entry = sighting(running(), [], NOON + HOUR)
    assert entry == Seen(
        NOON + HOUR,
        state="running",
        since=NOON,
        launched=NOON,
        by="user",
        instance="i-1",
        region="us-east-1",
        zone_name="us-east-1a",
        instance_type="g5.xlarge",
    )


def test_what_has_not_changed_is_not_written_again() -> None:
    assert len(seen((running(), NOON), (running(), NOON + HOUR))) == 1


def test_a_restart_is_a_change() -> None:
    assert len(seen((running(), NOON), (running(NOON + HOUR), NOON + 2 * HOUR))) == 2


def test_another_machine_is_not_this_one() -> None:
    other = Seen(NOON, instance="i-2", state="running")
    assert sighting(running(), [other], NOON) is not None


def test_a_request_without_an_instance_is_nothing_to_see() -> None:
    assert sighting(Machine(None, request()), [], NOON) is None


@pytest.mark.parametrize("state", [InstanceState.PENDING, InstanceState.STOPPING])
def test_a_machine_on_its_way_counts_as_running(state: InstanceState) -> None:
    entry = sighting(Machine(instance(state=state), request()), [], NOON)
    assert entry is not None
    assert entry.state == "running"


def test_a_machine_that_still_runs_ends_now() -> None:
    entries = seen((running(), NOON))
    assert stretches(entries, NOON + 5 * HOUR) == [(0, 5, False)]


def test_a_stop_by_its_user_ends_the_stretch_when_it_happened() -> None:
    entries = seen((running(), NOON), (stopped(NOON + 2 * HOUR), NOON + 9 * HOUR))
    assert stretches(entries, NOON + 10 * HOUR) == [(0, 2, False)]


def test_an_interruption_and_a_restart_are_two_stretches() -> None:
    entries = seen(
        (running(), NOON),
        (stopped(NOON + 2 * HOUR, INTERRUPTED), NOON + 3 * HOUR),
        (running(NOON + 4 * HOUR), NOON + 5 * HOUR),
        (ended(NOON + 6 * HOUR), NOON + 7 * HOUR),
    )
    assert stretches(entries, NOON + 8 * HOUR) == [(0, 2, True), (4, 6, False)]


def test_a_stop_that_nobody_saw_does_not_end_the_stretch() -> None:
    entries = seen((running(), NOON), (running(NOON + 4 * HOUR), NOON + 5 * HOUR))
    assert stretches(entries, NOON + 6 * HOUR) == [(0, 4, False), (4, 6, False)]


def test_a_run_that_was_over_before_anybody_looked_is_counted() -> None:
    again = replace(stopped(NOON + 9 * HOUR, INTERRUPTED), instance=relaunched(NOON + 5 * HOUR))
    entries = seen(
        (running(), NOON),
        (stopped(NOON + 2 * HOUR, INTERRUPTED), NOON + 3 * HOUR),
        (again, NOON + 10 * HOUR),
        (ended(NOON + 11 * HOUR), NOON + 11 * HOUR),
    )
    assert stretches(entries, NOON + 12 * HOUR) == [(0, 2, True), (5, 9, True)]


def test_a_run_that_began_unseen_is_told_by_its_launch_from_the_one_before_it() -> None:
    again = replace(stopped(NOON + 9 * HOUR, INTERRUPTED), instance=relaunched(NOON + 5 * HOUR))
    found = intervals(seen((running(), NOON), (again, NOON + 10 * HOUR)), until=NOON + 12 * HOUR)
    assert [(one.begin - NOON, one.end - NOON) for one in found] == [
        (0 * HOUR, 5 * HOUR),
        (5 * HOUR, 9 * HOUR),
    ]
    assert [(one.interrupted, one.unseen) for one in found] == [(False, True), (True, False)]


@pytest.mark.parametrize(
    ("code", "ended_after"),
    [
        ("instance-terminated-no-capacity", 2 * HOUR + timedelta(minutes=2)),
        ("instance-terminated-by-user", 2 * HOUR),
        ("fulfilled", 9 * HOUR),  # EC2 does not show everything at once
        (INTERRUPTED, 9 * HOUR),
    ],
)
def test_of_an_instance_that_ec2_lists_no_more_its_request_tells_the_end(
    code: str, ended_after: timedelta
) -> None:
    alone = Machine(None, request(status_code=code, status_since=NOON + 2 * HOUR))
    entries = seen((running(), NOON), (alone, NOON + 8 * HOUR), (alone, NOON + 9 * HOUR))
    [one] = intervals(entries, until=NOON + 9 * HOUR)
    assert one.end - NOON == ended_after
    assert one.interrupted == ("terminated-no-capacity" in code)
    assert seen((Machine(None, request("sir-2", instance_id="i-2")), NOON)) == []


def test_a_once_machine_ends_two_minutes_after_its_status_says_so() -> None:
    taken = ended(NOON + HOUR, "instance-terminated-no-capacity")
    two_minutes = timedelta(minutes=2) / HOUR
    late, early = (
        stretches(seen((running(), NOON), (taken, NOON + HOUR + wait)), NOON + 3 * HOUR)
        for wait in (HOUR, timedelta(0))
    )
    assert late == [(0, 1 + two_minutes, True)]
    assert early == [(0, 1, True)]


def launched(at: datetime, instance_id: str = "i-1") -> Entry:
    return Launched(at, instance=instance_id)


@pytest.mark.parametrize("behind_seconds", [0, 90])
def test_a_run_that_was_over_before_its_first_sighting_counts(behind_seconds: int) -> None:
    """Its launch was killed before it wrote a sighting; this computer's clock may be wrong."""
    clock = NOON + timedelta(seconds=behind_seconds)
    entries = [launched(clock), *seen((stopped(NOON + 2 * HOUR), NOON + 9 * HOUR))]
    assert stretches(entries, NOON + 10 * HOUR) == [(0, 2, False)]


def test_a_run_of_an_earlier_life_that_ec2_still_lists_does_not_count() -> None:
    later = NOON + HOUR
    old = ended(later + timedelta(minutes=5))
    entries = [launched(later, "i-2"), *seen((old, later + timedelta(minutes=9)))]
    assert stretches(entries, later + HOUR) == []


def test_what_never_ran_costs_nothing() -> None:
    assert stretches(seen((stopped(NOON), NOON)), NOON + HOUR) == []


def test_time_that_runs_backwards_is_no_time() -> None:
    assert stretches(seen((running(), NOON)), NOON - HOUR) == [(0, 0, False)]


def test_stretches_of_several_instances_are_ordered_and_kept_apart() -> None:
    second = instance("i-2", launched_at=NOON + HOUR, zone_name="us-east-1b")
    entries = seen(
        (running(), NOON),
        (Machine(second, request("sir-2")), NOON + HOUR),
        (ended(NOON + 2 * HOUR), NOON + 2 * HOUR),
    )
    assert intervals(entries, until=NOON + 3 * HOUR) == (
        Interval("us-east-1", "us-east-1a", "g5.xlarge", NOON, NOON + 2 * HOUR, interrupted=False),
        Interval(
            "us-east-1",
            "us-east-1b",
            "g5.xlarge",
            NOON + HOUR,
            NOON + 3 * HOUR,
            interrupted=False,
        ),
    )


def test_other_entries_of_the_journal_are_no_usage() -> None:
    assert intervals([Intent(NOON), Settled(NOON)], until=NOON) == ()


@pytest.mark.parametrize("state", [InstanceState.TERMINATED, InstanceState.STOPPED])
def test_an_end_that_the_request_does_not_know_of_yet_ends_now(state: InstanceState) -> None:
    """The status is still `fulfilled` since the launch, which must not make the usage nothing."""
    late = Machine(instance(state=state), request(status_code="fulfilled"))
    entries = seen((running(), NOON), (late, NOON + 3 * HOUR))
    assert stretches(entries, NOON + 4 * HOUR) == [(0, 3, False)]


def test_an_interruption_is_one_though_the_request_does_not_know_of_it_yet() -> None:
    reason = "Server.SpotInstanceShutdown"
    early = Machine(instance(state=InstanceState.STOPPED, state_reason=reason), request())
    entries = seen(
        (running(), NOON),
        (early, NOON + 3 * HOUR),
        (stopped(NOON + 2.9 * HOUR, "instance-stopped-no-capacity"), NOON + 3.1 * HOUR),
    )
    assert len(entries) == 2
    assert stretches(entries, NOON + 4 * HOUR) == [(0, 3, True)]


def test_an_end_without_a_request_ends_when_it_was_seen() -> None:
    gone = Machine(instance(state=InstanceState.TERMINATED), None)
    entries = seen((running(), NOON), (gone, NOON + 3 * HOUR))
    assert stretches(entries, NOON + 9 * HOUR) == [(0, 3, False)]


@pytest.mark.parametrize(
    ("listed", "looked", "hours", "then", "is_lost"),
    [
        ((), ("us-east-1",), 8, [], True),
        (("i-1",), ("us-east-1",), 8, [], False),
        ((), ("eu-west-1",), 8, [], False),
        ((), ("us-east-1",), 0, [], False),  # it may not be listed yet
        ((), ("us-east-1",), 8, [Settling(NOON + HOUR)], False),  # its end is known
    ],
)
def test_what_ec2_lists_no_more_has_ended_and_nobody_saw_when(
    listed: Sequence[str],
    looked: Sequence[str],
    hours: int,
    then: list[Entry],
    is_lost: bool,  # noqa: FBT001 - from parametrize
) -> None:
    entries = [*seen((running(), NOON)), *then]
    found = list(lost(entries, listed, looked, NOON + hours * HOUR))
    assert bool(found) == is_lost
    if found:
        [one] = intervals([*entries, *found], until=NOON + 90 * HOUR)
        assert (one.end - NOON, one.unseen, one.interrupted) == (8 * HOUR, True, False)
        assert list(lost([*entries, *found], listed, looked, NOON + 9 * HOUR)) == []


A, B = LaunchToken("a"), LaunchToken("b")
LATER = NOON + 3 * HOUR


@pytest.mark.parametrize(
    ("then", "ends"),
    [
        ([NameClaimed(LATER, claim=ClaimNonce("another"))], 3),
        ([Settling(LATER)], 3),
        ([Settled(LATER)], 3),
        ([Ending(LATER - HOUR, frozenset({A})), Intent(LATER, token=B)], 3),
        ([Ending(LATER - HOUR), Intent(LATER, token=B)], 3),
        ([Ending(LATER - HOUR, frozenset({B})), Intent(LATER, token=B)], 90),
        ([Ending(LATER)], 90),  # it may have been refused
    ],
)
def test_a_run_is_over_when_nothing_was_left_or_its_launch_was_undone(
    then: list[Entry], ends: int
) -> None:
    begun = Launched(NOON, token=A, instance="i-1")
    entries = [begun, *seen((running(), NOON + HOUR)), *then]
    assert stretches(entries, until=NOON + 90 * HOUR) == [(0, ends, False)]
