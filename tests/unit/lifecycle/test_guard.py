"""Names and times of the schedules, new deadlines, and what a budget buys."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.model.make import NOON, instance, request

from spotkeeper import timings
from spotkeeper.errors import BadInput, Refused
from spotkeeper.lifecycle import guard
from spotkeeper.lifecycle.guard import Guarded
from spotkeeper.model.journal_entry import Entry, Intent, LaunchRefused, Settled
from spotkeeper.model.launch import LaunchToken
from spotkeeper.model.machine import Machine
from spotkeeper.model.schedule import GuardCall
from spotkeeper.model.tags import (
    TAG_BUDGET,
    TAG_DEADLINE,
    TAG_LAUNCH,
    TAG_NAME,
    Caller,
    tag_time,
)

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
TOKEN = "0123456789abcdef0123456789abcdef01234567"
ROLE = "arn:aws:iam::123456789012:role/spotkeeper-guard"
WHAT = Guarded("train", TOKEN, "us-east-1", "123456789012:user/me", ROLE, "sir-1", "i-1")
CALLER = Caller("123456789012", "arn:aws-cn:iam::123456789012:user/me", "aws-cn")

names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,38}", fullmatch=True)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001 - made aware
    lambda moment: moment.replace(tzinfo=NOON.tzinfo, microsecond=0)
)
lengths = st.timedeltas(SECOND, timedelta(days=30)).map(lambda a: timedelta(seconds=a // SECOND))
usd = st.decimals(Decimal("0.01"), Decimal(10_000), places=2)
prices = st.decimals(Decimal("0.0001"), Decimal(100), places=4)


def machine(deadline: datetime | None = None, valid_until: datetime | None = None) -> Machine:
    tags = {TAG_NAME: "train", TAG_LAUNCH: TOKEN, TAG_DEADLINE: tag_time(deadline)}
    return Machine(instance(tags=tags), request(valid_until=valid_until, tags=tags))


@given(names, st.sampled_from(GuardCall))
def test_a_schedules_name_fits_and_tells_machine_launch_and_call(
    name: str, call: GuardCall
) -> None:
    made = guard.schedule_name(name, TOKEN, call)
    assert len(made) <= 64
    assert guard.parts_of(made) == (name, TOKEN[: guard.TOKEN_PART], call)


def test_the_names_of_others_say_nothing() -> None:
    for name in ("train", "train-cancel", "train-0123456789ab-end", "Train-0123456789ab-cancel"):
        assert guard.parts_of(name) is None


@given(moments, moments)
def test_the_request_is_cancelled_before_the_instance_is_ended(
    deadline: datetime, now: datetime
) -> None:
    cancel, terminate = guard.schedules(WHAT, deadline, now)
    assert (cancel.call, cancel.target) == (GuardCall.CANCEL, "sir-1")
    assert (terminate.call, terminate.target) == (GuardCall.TERMINATE, "i-1")
    assert terminate.at - cancel.at == timings.TERMINATE_AFTER
    assert cancel.at == max(deadline, now + timings.SOONEST_SCHEDULE)


@given(moments, moments, moments, st.integers(0, 2))
def test_whoever_dies_between_two_writes_leaves_a_pair_in_the_right_order_and_never_too_late(
    before: datetime, after: datetime, now: datetime, written: int
) -> None:
    kept = {each.call: each.at for each in guard.schedules(WHAT, before, now)}
    wanted = guard.schedules(WHAT, after, now)
    for schedule in guard.in_safe_order(wanted, before)[:written]:
        kept[schedule.call] = schedule.at
    assert kept[GuardCall.CANCEL] < kept[GuardCall.TERMINATE]
    latest = max(before, after, now + timings.SOONEST_SCHEDULE) + timings.TERMINATE_AFTER
    assert kept[GuardCall.TERMINATE] <= latest


def test_without_a_pair_the_cancellation_comes_first() -> None:
    pair = guard.schedules(WHAT, NOON, NOON - HOUR)
    assert guard.in_safe_order(pair, None) == pair


@given(st.none() | moments, lengths, moments)
def test_a_deadline_is_extended_from_now_or_added_to_and_never_comes_earlier(
    present: datetime | None, by: timedelta, now: datetime
) -> None:
    after = guard.extended(present, by, now, adds=True)
    assert after == (present + by if present and present > now else now + by)
    from_now = guard.extended(present, by, now, adds=False)
    assert from_now == max(present or now, now + by) <= after
    assert guard.extended(from_now, by, now, adds=False) == from_now


def test_a_deadline_may_not_pass_the_end_of_the_request() -> None:
    until = NOON + timedelta(days=2)
    box = machine(NOON + HOUR, until)
    guard.check_validity(box, until, NOON)
    with pytest.raises(Refused) as caught:
        guard.check_validity(box, until + SECOND, NOON)
    assert "1d 23h" in caught.value.next_step or "47h" in caught.value.next_step
    with pytest.raises(Refused) as caught:
        guard.check_validity(box, None, NOON)
    assert "--for none" in caught.value.next_step


def test_a_request_without_an_end_allows_every_deadline() -> None:
    for until in (None, NOON + timedelta(days=3650)):
        guard.check_validity(machine(NOON, until), NOON + timedelta(days=99), NOON)
        guard.check_validity(machine(NOON, until), None, NOON)


@given(usd, prices, moments)
def test_a_budget_is_never_passed_and_used_up_to_the_second(
    budget: Decimal, usd_per_hour: Decimal, now: datetime
) -> None:
    ends = guard.budget_deadline(budget, usd_per_hour, now=now)
    ran = Decimal((ends - now) // SECOND)
    assert usd_per_hour * ran / 3600 <= budget
    if ends - now < timings.LONGEST_LIFE:
        assert usd_per_hour * (ran + 1) / 3600 > budget


@given(usd, prices, st.decimals(0, 20_000, places=2), moments)
def test_what_is_spent_brings_the_end_forward_but_not_before_now(
    budget: Decimal, usd_per_hour: Decimal, spent: Decimal, now: datetime
) -> None:
    ends = guard.budget_deadline(budget, usd_per_hour, now=now, spent=spent)
    assert now <= ends <= guard.budget_deadline(budget, usd_per_hour, now=now)
    assert spent < budget or ends == now


def test_a_budget_of_something_free_lasts_for_ever() -> None:
    assert guard.budget_deadline(Decimal(1), Decimal(0), now=NOON) == NOON + timings.LONGEST_LIFE


@given(usd, st.none() | moments)
def test_a_budget_is_read_from_its_tags(budget: Decimal, not_after: datetime | None) -> None:
    found = guard.budget_of(guard.budget_tags(budget, not_after))
    assert found is not None
    assert (found.usd, found.not_after) == (budget, not_after)


@pytest.mark.parametrize("text", ["", "none", "-3", "NaN", "a lot"])
def test_a_tag_that_is_no_amount_is_no_budget(text: str) -> None:
    assert guard.budget_of({TAG_BUDGET: text}) is None
    assert guard.budget_of({}) is None


def test_a_deadline_that_is_off_by_seconds_stays() -> None:
    assert not guard.is_off(NOON, NOON + 2 * MINUTE)
    assert guard.is_off(NOON, NOON + 2 * MINUTE + SECOND)
    assert guard.is_off(NOON, NOON - 3 * MINUTE)
    assert guard.is_off(None, NOON)
    assert not guard.is_off(None, None)


def test_a_role_is_named_in_full_or_in_the_callers_account() -> None:
    assert guard.role_arn(ROLE, CALLER) == ROLE
    made = guard.role_arn(guard.DEFAULT_ROLE, CALLER)
    assert made == "arn:aws-cn:iam::123456789012:role/spotkeeper-guard"


@pytest.mark.parametrize("role", ["", "a role", "arn:aws:iam::1:role/x", "x\n", "ro*le"])
def test_what_can_be_no_role_is_refused_before_anything_is_asked(role: str) -> None:
    with pytest.raises(BadInput):
        guard.role_arn(role, CALLER)


def test_the_journal_knows_which_launches_may_be_armed() -> None:
    def intent(token: str, kind: str, region: str = "us-east-1") -> Entry:
        return Intent(NOON, token=LaunchToken(token), region=region, guard=kind)

    entries = [
        intent("old", "scheduler"),
        Settled(NOON),
        intent("refused", "scheduler"),
        LaunchRefused(NOON, token=LaunchToken("refused")),
        intent("plain", ""),
        intent("abroad", "scheduler", "eu-west-1"),
        intent("armed", "scheduler"),
    ]
    assert guard.armed_launches(entries, "us-east-1") == {"armed"}


def test_a_machine_without_its_tags_or_its_instance_cannot_be_guarded() -> None:
    for unfit in (machine(NOON), Machine(None, request())):
        with pytest.raises(Refused):
            guard.guarded(unfit, "me")
