"""The deadline, and the two schedules that enforce it from outside of the machine. Pure.

The first cancels the request, the second ends the instance two minutes later: the other way round
EC2 would launch another instance in its place.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from spotkeeper.errors import BadInput, Refused
from spotkeeper.model.duration import words
from spotkeeper.model.journal_entry import Entry, LaunchRefused
from spotkeeper.model.launch import LaunchToken
from spotkeeper.model.lives import intents, this_life
from spotkeeper.model.machine import Machine
from spotkeeper.model.money import parse_usd, plain
from spotkeeper.model.resource import ResourceId, ResourceKind
from spotkeeper.model.schedule import GuardCall, Schedule
from spotkeeper.model.tags import (
    NAME_PATTERN,
    TAG_BUDGET,
    TAG_GUARD,
    TAG_GUARD_ROLE,
    TAG_LAUNCH,
    TAG_NOT_AFTER,
    Caller,
    parse_tag_time,
    tag_time,
)
from spotkeeper.timings import DEADLINE_TOLERANCE, LONGEST_LIFE, SOONEST_SCHEDULE, TERMINATE_AFTER

#: The guard that is outside of the machine: EventBridge Scheduler.
SCHEDULER = "scheduler"

#: The role that ends machines in the name of their owner, where no other is named.
DEFAULT_ROLE = "spotkeeper-guard"
ROLE_PATTERN = re.compile(r"[\w+=,.@/-]{1,512}", re.ASCII)
ROLE_ARN_PATTERN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,512}", re.ASCII)


#: How much of a launch's token stands in the names of its schedules; a name has 64 letters.
TOKEN_PART = 12
_NAME = re.compile(rf"({NAME_PATTERN.pattern})-([0-9a-f]{{{TOKEN_PART}}})-(cancel|terminate)")

#: A request that is valid for longer than this has no end that a deadline could meet.
NO_END = timedelta(days=365)


#: The tag of a budget that no longer sets the deadline.
NO_BUDGET = "none"

_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Guarded:
    """What a pair of schedules needs to know of the machine that it ends."""

    name: str
    launch: str
    region: str
    owner: str
    role: str
    request_id: str
    instance_id: str


def is_guarded(tags: Mapping[str, str]) -> bool:
    """Whether a thing with these tags is ended by the Scheduler too."""
    return tags.get(TAG_GUARD) == SCHEDULER


def guard_tags(role: str) -> Mapping[str, str]:
    """The tags that say so from the creation of a machine on."""
    return {TAG_GUARD: SCHEDULER, TAG_GUARD_ROLE: role}


def guarded(machine: Machine, owner: str) -> Guarded:
    """What the schedules of a machine need to know of it, by its tags.

    Raises:
        Refused: it has no request or no instance to be ended.
    """
    instance, request = machine.instance, machine.request
    request_id = request.id if request else instance.request_id if instance else None
    if instance is None or not request_id:
        raise Refused(
            f"{machine.name} has no instance that a schedule could end: {machine.summary()}",
            region=machine.region,
        )
    tags = {**(request.tags if request else {}), **instance.tags}
    role = tags.get(TAG_GUARD_ROLE, "")
    if not machine.launch or not role:
        raise Refused(
            f"{machine.name} lacks the tags that its guard needs: {TAG_LAUNCH}, {TAG_GUARD_ROLE}",
            region=machine.region,
        )
    return Guarded(
        machine.name, machine.launch, machine.region, owner, role, request_id, instance.id
    )


def schedule_name(name: str, launch: str, call: GuardCall) -> str:
    """The name of one of a launch's schedules, which is the same for ever."""
    return f"{name}-{launch[:TOKEN_PART]}-{call}"


def resource_id_of(schedule: Schedule) -> ResourceId:
    """The schedule among the things that are ended; its name is its id."""
    return ResourceId(ResourceKind.SCHEDULE, schedule.name, schedule.region)


def parts_of(schedule: str) -> tuple[str, str, GuardCall] | None:
    """Machine, beginning of the token and call of a schedule's name; ``None`` for others' names.

    ``a-b`` and ``a`` are machines of their own: a name alone would not tell their schedules apart.
    """
    found = _NAME.fullmatch(schedule)
    return (found[1], found[2], GuardCall(found[3])) if found else None


def schedules(what: Guarded, deadline: datetime, now: datetime) -> tuple[Schedule, Schedule]:
    """The schedule that cancels at the deadline, and the one that terminates after it."""
    at = max(deadline, now.replace(microsecond=0) + SOONEST_SCHEDULE)

    def schedule(call: GuardCall, at: datetime, target: str) -> Schedule:
        name = schedule_name(what.name, what.launch, call)
        return Schedule(what.region, name, at, call, target, what.role, what.owner)

    return (
        schedule(GuardCall.CANCEL, at, what.request_id),
        schedule(GuardCall.TERMINATE, at + TERMINATE_AFTER, what.instance_id),
    )


def in_safe_order(
    pair: tuple[Schedule, Schedule], present: datetime | None
) -> tuple[Schedule, Schedule]:
    """The order in which to write a pair that takes the place of one at ``present``.

    Whoever dies in between must leave no pair that terminates before it cancels: later times are
    given to the second one first, earlier ones to the first.
    """
    cancel, terminate = pair
    later = present is not None and present < cancel.at
    return (terminate, cancel) if later else (cancel, terminate)


def armed_launches(entries: Iterable[Entry], region: str) -> frozenset[LaunchToken]:
    """Launches of this life that may have schedules in a region, as the journal remembers them."""
    life = this_life(entries)
    refused = {entry.token for entry in life if isinstance(entry, LaunchRefused)}
    armed = (each for each in intents(life) if each.region == region and each.guard == SCHEDULER)
    return frozenset(each.token for each in armed) - refused


def role_arn(role: str, caller: Caller) -> str:
    """The ARN of a role that was named in full or by its name in the caller's account.

    Raises:
        BadInput: it can be neither.
    """
    if ROLE_ARN_PATTERN.fullmatch(role):
        return role
    if not ROLE_PATTERN.fullmatch(role):
        raise BadInput(
            f"{role!r} cannot be the name of a role",
            next_step="Use --guard-role with the role's name or its ARN.",
        )
    return f"arn:{caller.partition}:iam::{caller.account}:role/{role}"


def earliest(*moments: datetime | None) -> datetime | None:
    """The first of several moments, of which ``None`` is never."""
    return min((moment for moment in moments if moment is not None), default=None)


def extended(present: datetime | None, by: timedelta, now: datetime, *, adds: bool) -> datetime:
    """A deadline that is so far from now, never earlier than it was; or one that the time is added
    to, or to now where it has passed or there was none."""
    begin = now.replace(microsecond=0)
    later = max(present or begin, begin)
    return later + by if adds else max(later, begin + by)


def check_validity(machine: Machine, deadline: datetime | None, now: datetime) -> None:
    """Refuse a deadline beyond the end of the machine's request.

    Raises:
        Refused: EC2 ends the request, and with it a stopped instance, before the deadline.
    """
    until = machine.request.valid_until if machine.request else None
    if until is None or until - now > NO_END or (deadline and deadline <= until):
        return
    raise Refused(
        f"The Spot request of {machine.name} is valid until {until:%Y-%m-%d %H:%M} UTC, and EC2 "
        "cannot move that: it would not restart the machine afterwards, and would end it while "
        "it is stopped",
        next_step=f"Extend it by {words(_room(machine, until, now))} at most, or launch a new one."
        if deadline
        else "Extend it by a time, or launch a new one with `--for none`.",
        region=machine.region,
    )


def _room(machine: Machine, until: datetime, now: datetime) -> timedelta:
    return until - max(machine.deadline or now, now)


# Budgets


@dataclass(frozen=True, slots=True)
class Budget:
    """What a machine may cost, and the deadline that it must not pass in any case."""

    usd: Decimal
    not_after: datetime | None = None


def budget_tags(usd: Decimal, not_after: datetime | None) -> Mapping[str, str]:
    """The tags from which a budget can be read again on any computer."""
    return {TAG_BUDGET: plain(usd), TAG_NOT_AFTER: tag_time(not_after)}


def budget_of(tags: Mapping[str, str]) -> Budget | None:
    """The budget of a machine; ``None`` where there is none, or none that can be read."""
    try:
        usd = parse_usd(tags.get(TAG_BUDGET, ""))
    except ValueError:
        return None
    return Budget(usd, parse_tag_time(tags.get(TAG_NOT_AFTER)))


def budget_deadline(
    usd: Decimal, usd_per_hour: Decimal, *, now: datetime, spent: Decimal = Decimal(0)
) -> datetime:
    """When a budget is used up at a price, in whole seconds, never a second too late."""
    left = max(usd - spent, Decimal(0))
    longest = Decimal(int(LONGEST_LIFE.total_seconds()))
    affordable = left * _SECONDS_PER_HOUR / usd_per_hour if usd_per_hour > 0 else longest
    seconds = min(affordable, longest).to_integral_value(ROUND_DOWN)
    return now.replace(microsecond=0) + timedelta(seconds=int(seconds))


def is_off(present: datetime | None, wanted: datetime | None) -> bool:
    """Whether a deadline is so wrong that it is to be moved."""
    if present is None or wanted is None:
        return present != wanted
    return abs(present - wanted) > DEADLINE_TOLERANCE
