"""When a machine was billable, from what the journal saw of it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from spotkeeper.model.journal_entry import Entry, Launched, NameClaimed, Seen, Settling
from spotkeeper.model.machine import InstanceState, Machine
from spotkeeper.model.money import saving_percent
from spotkeeper.model.offer import SpotPrice
from spotkeeper.model.record import Record, Result, number
from spotkeeper.model.spot_request import INTERRUPTED_CODES, LIVING_CODES, TAKEN_AT_NOTICE
from spotkeeper.timings import FREE_WHEN_INTERRUPTED_WITHIN, NOTICE, SHORTEST_BILLED

RUNNING, STOPPED, ENDED = "running", "stopped", "ended"
BY_EC2, BY_USER = "ec2", "user"

_BILLED_STATES = frozenset({InstanceState.PENDING, InstanceState.RUNNING, InstanceState.STOPPING})


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time during which an instance ran in one pool; ``unseen`` where it ended at a
    time that nobody saw, before the next look."""

    region: str
    zone_name: str
    instance_type: str
    begin: datetime
    end: datetime
    interrupted: bool
    unseen: bool = False


def sighting(machine: Machine, entries: Iterable[Entry], now: datetime) -> Seen | None:
    """The journal entry for a machine as it is seen now; ``None`` when nothing has changed."""
    instance = machine.instance
    if instance is None or machine.zone_name is None or machine.instance_type is None:
        return None
    running = instance.state in _BILLED_STATES
    code = machine.request.status_code if machine.request else ""
    found = Seen(
        now,
        state=RUNNING if running else ENDED if instance.ended else STOPPED,
        since=instance.launched_at if running else _ended_at(machine, now),
        launched=instance.launched_at,
        by=BY_EC2 if code in INTERRUPTED_CODES else BY_USER,
        instance=instance.id,
        reason=instance.failure,
        region=machine.region,
        zone_name=machine.zone_name,
        instance_type=machine.instance_type,
    )
    before = [e for e in entries if isinstance(e, Seen) and e.instance == instance.id]
    if before and (before[-1].state, before[-1].since) == (found.state, found.since):
        return None
    return found


def _ended_at(machine: Machine, now: datetime) -> datetime:
    """When the instance stopped or ended; now, where the request does not know of it yet.

    A status that tells of the end at the notice is two minutes early.
    """
    request, instance = machine.request, machine.instance
    if request is None or instance is None or request.status_code in LIVING_CODES:
        return now
    if request.status_since < instance.launched_at:
        return now
    early = request.status_code in TAKEN_AT_NOTICE
    return min(request.status_since + NOTICE, now) if early else request.status_since


def intervals(entries: Iterable[Entry], *, until: datetime) -> tuple[Interval, ...]:
    """The billable stretches, oldest first; one that is still open ends at ``until``, or where
    nothing of the name was left, or it was claimed anew: no earlier launch lived then.

    A stop that nobody saw does not end a stretch, so the estimate is rather too high. Of the runs
    that began and ended between two looks only the last is known. What an older version saw
    without its pool or its time counts for nothing.
    """
    life = tuple(entries)
    by_instance: dict[str, list[_Sighting]] = {}
    gone: list[datetime] = []
    for entry in life:
        if isinstance(entry, Seen) and entry.since and entry.instance_type:
            by_instance.setdefault(entry.instance, []).append(_Sighting(entry, entry.since))
        elif isinstance(entry, NameClaimed | Settling):
            gone.append(entry.at)
    found: list[Interval] = []
    for seen in by_instance.values():
        later = (moment for moment in gone if moment > seen[-1].entry.at)
        found += _over_when_first_seen(seen[0], life)
        found += _of_instance(seen, min([until, *later]))
    return tuple(sorted(found, key=lambda interval: interval.begin))


class _Sighting(NamedTuple):
    """An entry whose state is known to have begun at a time."""

    entry: Seen
    since: datetime

    @property
    def running(self) -> bool:
        return self.entry.state == RUNNING

    @property
    def taken(self) -> bool:
        return not self.running and self.entry.by == BY_EC2


def _over_when_first_seen(first: _Sighting, life: Sequence[Entry]) -> list[Interval]:
    """The run that nobody saw, since the launch was cut off: an instance of this life that had
    stopped or ended before its first sighting. EC2 lists those of earlier lives for an hour."""
    begin, instance = first.entry.launched, first.entry.instance
    if first.running or begin is None:
        return []
    granted = any(isinstance(e, Launched) and e.instance == instance for e in life)
    if begin >= first.since or (begin < life[0].at and not granted):
        return []
    return [_stretch(first.entry, begin, first.since, interrupted=first.taken)]


def _of_instance(seen: Sequence[_Sighting], until: datetime) -> list[Interval]:
    found = []
    for one, following in zip(seen, [*seen[1:], None], strict=True):
        begin = _run_begun_by(one, following)
        if begin is not None:
            end = following.since if following else until
            interrupted = following is not None and following.taken
            stretch = _stretch(one.entry, begin, end, interrupted=interrupted)
            gap = following is not None and one.running == following.running
            found.append(replace(stretch, unseen=gap))
    return found


def _run_begun_by(one: _Sighting, following: _Sighting | None) -> datetime | None:
    """When the run began that was seen first, or that was over already when it was next seen."""
    if one.running:
        return one.since
    if following is None or following.running or not following.entry.launched:
        return None
    begin = following.entry.launched
    return begin if begin > one.since else None


def _stretch(seen: Seen, begin: datetime, end: datetime, *, interrupted: bool) -> Interval:
    pool = (seen.region, seen.zone_name, seen.instance_type)
    return Interval(*pool, begin, max(begin, end), interrupted=interrupted)


_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True, repr=False)
class Cost(Result):
    """An estimate for one machine, compute only."""

    name: str
    instance_type: str
    zone_name: str
    ran: timedelta
    interruptions: int
    spot_usd: Decimal
    on_demand_usd: Decimal | None
    unseen: int = 0

    @property
    def saving_percent(self) -> Decimal | None:
        """Saving against On-Demand for the same time; ``None`` where nothing can be compared."""
        if not self.on_demand_usd:
            return None
        return saving_percent(self.spot_usd, self.on_demand_usd)

    def to_dict(self) -> Record:
        """As an item of ``--output json``."""
        return {
            "name": self.name,
            "instance_type": self.instance_type,
            "zone": self.zone_name,
            "ran_seconds": int(self.ran.total_seconds()),
            "interruptions": self.interruptions,
            "unseen": self.unseen,
            "spot_usd": number(self.spot_usd),
            "on_demand_usd": number(self.on_demand_usd),
            "saving_percent": number(self.saving_percent),
        }


def spot_usd(interval: Interval, history: Sequence[SpotPrice]) -> Decimal:
    """Cost of one stretch under a price that changes; ``history`` is oldest first, not empty."""
    ran = interval.end - interval.begin
    if interval.interrupted and ran < FREE_WHEN_INTERRUPTED_WITHIN:
        return Decimal(0)
    end = max(interval.end, interval.begin + SHORTEST_BILLED)
    total = Decimal(0)
    for price, following in zip(history, [*history[1:], None], strict=True):
        begin = interval.begin if price is history[0] else max(price.since, interval.begin)
        until = min(following.since, end) if following else end
        total += _usd(price.usd_per_hour, begin, until)
    return total


def on_demand_usd(interval: Interval, usd_per_hour: Decimal) -> Decimal:
    """Cost of the same stretch at the On-Demand price."""
    return _usd(usd_per_hour, interval.begin, max(interval.end, interval.begin + SHORTEST_BILLED))


def _usd(usd_per_hour: Decimal, begin: datetime, end: datetime) -> Decimal:
    seconds = Decimal(max(0.0, (end - begin).total_seconds()))
    return usd_per_hour * seconds / _SECONDS_PER_HOUR
