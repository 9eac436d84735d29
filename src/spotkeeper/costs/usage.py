"""When a machine was billable, from what the journal saw of it. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple, Self

from spotkeeper.model.disk import Disk
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
from spotkeeper.model.launch import LaunchToken
from spotkeeper.model.machine import InstanceState, Machine
from spotkeeper.model.money import saving_percent
from spotkeeper.model.offer import SpotPrice
from spotkeeper.model.record import Record, Result, number
from spotkeeper.model.spot_request import (
    INTERRUPTED_CODES,
    LIVING_CODES,
    TAKEN_AT_NOTICE,
    SpotRequest,
)
from spotkeeper.timings import (
    FREE_WHEN_INTERRUPTED_WITHIN,
    NOTICE,
    SHORTEST_BILLED,
    VISIBILITY_WINDOW,
)

RUNNING, STOPPED, ENDED = "running", "stopped", "ended"
BY_EC2, BY_USER = "ec2", "user"

#: No launch of before lives then.
_OVER = (NameClaimed, Settling, Settled)

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
    if instance is None:
        return _ended_unlisted(machine.request, entries, now)
    if machine.zone_name is None or machine.instance_type is None:
        return None
    running = instance.state in _BILLED_STATES
    code = machine.request.status_code if machine.request else ""
    found = Seen(
        now,
        state=RUNNING if running else ENDED if instance.ended else STOPPED,
        since=instance.launched_at
        if running
        else _ended_at(machine.request, instance.launched_at, now),
        launched=instance.launched_at,
        by=BY_EC2 if code in INTERRUPTED_CODES or instance.taken_back else BY_USER,
        instance=instance.id,
        reason=instance.failure,
        region=machine.region,
        zone_name=machine.zone_name,
        instance_type=machine.instance_type,
    )
    before = [e for e in entries if isinstance(e, Seen) and e.instance == instance.id]
    return None if before and _says_the_same(before[-1], found) else found


def _says_the_same(before: Seen, found: Seen) -> bool:
    """Whether a sighting tells nothing new; of an end that was seen before its request knew of it,
    the request's time is no news."""
    if before.state != found.state:
        return False
    is_same_end = found.state != RUNNING and (before.launched, before.by) == (
        found.launched,
        found.by,
    )
    return is_same_end or before.since == found.since


def _ended_unlisted(
    request: SpotRequest | None, entries: Iterable[Entry], now: datetime
) -> Seen | None:
    """The end of an instance that EC2 does not list any more: it lists its request for longer."""
    if request is None or "instance-terminated" not in request.status_code:
        return None
    seen = [e for e in entries if isinstance(e, Seen) and e.instance == request.instance_id]
    if not seen or seen[-1].state != RUNNING or seen[-1].since is None:
        return None
    ended_at = _ended_at(request, seen[-1].since, now)
    by = BY_EC2 if request.status_code in INTERRUPTED_CODES else BY_USER
    return replace(seen[-1], at=now, state=ENDED, since=ended_at, by=by)


def lost(
    entries: Iterable[Entry], listed: Collection[str], looked: Collection[str], now: datetime
) -> Iterator[Seen]:
    """The ends that nobody saw: of instances that EC2 listed in regions that were looked at, and
    does not list any more. What is young it may not list yet."""
    life = tuple(entries)
    for seen in _by_instance(life).values():
        last = seen[-1].entry
        is_missing = last.region in looked and last.instance not in listed
        is_over = last.state == ENDED or any(_gone(last, life))
        if is_missing and not is_over and now - last.at > VISIBILITY_WINDOW:
            yield replace(last, at=now, since=now, state=ENDED, by="")


def _ended_at(request: SpotRequest | None, launched_at: datetime, now: datetime) -> datetime:
    """When the instance stopped or ended; now, where the request does not know of it yet.

    A status that tells of the end at the notice is two minutes early.
    """
    if request is None or request.status_code in LIVING_CODES:
        return now
    if request.status_since < launched_at:
        return now
    early = request.status_code in TAKEN_AT_NOTICE
    return min(request.status_since + NOTICE, now) if early else request.status_since


def intervals(entries: Iterable[Entry], *, until: datetime) -> tuple[Interval, ...]:
    """The billable stretches, oldest first; one that is still open ends at ``until``, or where
    nothing of the name was left, or it was claimed anew: no earlier launch lived then; nor did one
    that was being given back when the next was meant.

    A stop that nobody saw does not end a stretch, so the estimate is rather too high. Of the runs
    that began and ended between two looks only the last is known. What an older version saw
    without its pool or its time counts for nothing.
    """
    life = tuple(entries)
    found: list[Interval] = []
    for seen in _by_instance(life).values():
        found += _over_when_first_seen(seen[0], life)
        found += _of_instance(seen, min([until, *_gone(seen[-1].entry, life)]))
    return tuple(sorted(found, key=lambda interval: interval.begin))


def disks_kept(
    entries: Iterable[Entry], *, until: datetime
) -> tuple[tuple[Interval, tuple[Disk, ...]], ...]:
    """How long the disks of each instance existed: from its launch until it ended, and while it
    was stopped too. Which they are is not known where another computer, or an older version,
    launched it."""
    life = tuple(entries)
    disks = {entry.token: entry.disks for entry in life if isinstance(entry, Intent)}
    tokens = {entry.instance: entry.token for entry in life if isinstance(entry, Launched)}
    found = []
    for instance, seen in _by_instance(life).items():
        begin = seen[0].entry.launched or seen[0].since
        if _is_of(life, instance, begin):
            ended = (each.since for each in seen if each.entry.state == ENDED)
            end = min([until, *ended, *_gone(seen[-1].entry, life)])
            token = tokens.get(instance, LaunchToken(""))
            found.append((_stretch(seen[0], begin, end), disks.get(token, ())))
    return tuple(found)


def _by_instance(life: Sequence[Entry]) -> Mapping[str, Sequence["_Sighting"]]:
    """What was seen of each instance; what an older version saw without its pool is left out."""
    found: dict[str, list[_Sighting]] = {}
    for entry in life:
        if isinstance(entry, Seen) and entry.since and entry.instance_type:
            found.setdefault(entry.instance, []).append(_Sighting(entry, entry.since))
    return found


def _gone(last: Seen, life: Sequence[Entry]) -> Iterator[datetime]:
    """When an instance was certainly gone of which nothing was seen after ``last``."""
    tokens = {e.token for e in life if isinstance(e, Launched) and e.instance == last.instance}
    undone = passed = False
    for entry in life:
        if isinstance(entry, Ending):
            undone = not entry.only or not tokens.isdisjoint(entry.only)
        passed = passed or entry is last
        if passed and isinstance(entry, (Intent, *_OVER) if undone else _OVER):
            yield entry.at


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

    @property
    def lost(self) -> bool:
        return not self.running and not self.entry.by


def _over_when_first_seen(first: _Sighting, life: Sequence[Entry]) -> list[Interval]:
    """The run that nobody saw, since the launch was cut off: an instance of this life that had
    stopped or ended before its first sighting."""
    begin, instance = first.entry.launched, first.entry.instance
    if first.running or begin is None or begin >= first.since or not _is_of(life, instance, begin):
        return []
    return [_stretch(first, begin, first.since, taken=first.taken)]


def _is_of(life: Sequence[Entry], instance: str, begin: datetime) -> bool:
    """Whether an instance is of this life; EC2 lists those of earlier ones for an hour."""
    granted = any(isinstance(e, Launched) and e.instance == instance for e in life)
    return granted or begin >= life[0].at


def _of_instance(seen: Sequence[_Sighting], until: datetime) -> list[Interval]:
    """The runs of an instance. One that was over before it was seen began at its launch, before
    which the one that was seen to run had ended."""
    found = []
    for one, following in pairwise(seen):
        launched, taken = following.entry.launched or one.since, following.taken
        restarted = launched > one.since
        if one.running:
            gap = restarted or following.running or following.lost
            end = min(launched, following.since) if restarted else following.since
            found.append(_stretch(one, one.since, end, taken=taken and not gap, gap=gap))
        if restarted and not following.running:
            gap = not one.running
            found.append(_stretch(one, launched, following.since, taken=taken, gap=gap))
    last = seen[-1]
    return [*found, _stretch(last, last.since, until)] if last.running else found


def _stretch(
    seen: _Sighting, begin: datetime, end: datetime, *, taken: bool = False, gap: bool = False
) -> Interval:
    entry = seen.entry
    return Interval(
        entry.region,
        entry.zone_name,
        entry.instance_type,
        begin,
        max(begin, end),
        interrupted=taken,
        unseen=gap,
    )


_SECONDS_PER_HOUR = 3600


NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Spending(Result):
    """What machines have cost: an estimate, unknown where a part of it is.

    ``unseen``  ends that nobody saw: the sums are at most so high.
    """

    ran: timedelta = timedelta(0)
    interruptions: int = 0
    unseen: int = 0
    spot_usd: Decimal | None = NOTHING
    disk_usd: Decimal | None = NOTHING
    address_usd: Decimal = NOTHING
    on_demand_usd: Decimal | None = NOTHING

    @property
    def total_usd(self) -> Decimal | None:
        """Compute, disks and public addresses."""
        return _sum(_sum(self.spot_usd, self.disk_usd), self.address_usd)

    @property
    def saving_percent(self) -> Decimal | None:
        """Saving of compute against On-Demand for the same time; ``None`` where nothing can be
        compared."""
        if self.spot_usd is None or not self.on_demand_usd:
            return None
        return saving_percent(self.spot_usd, self.on_demand_usd)

    def plus(self, other: "Spending") -> Self:
        """Both together; unknown where one is."""
        return replace(
            self,
            ran=self.ran + other.ran,
            interruptions=self.interruptions + other.interruptions,
            unseen=self.unseen + other.unseen,
            spot_usd=_sum(self.spot_usd, other.spot_usd),
            disk_usd=_sum(self.disk_usd, other.disk_usd),
            address_usd=self.address_usd + other.address_usd,
            on_demand_usd=_sum(self.on_demand_usd, other.on_demand_usd),
        )

    def share(self, part: Decimal, *, is_last: bool) -> Self:
        """A part of it in time; the end, and what is told of it, is in the last one."""
        return replace(
            self,
            ran=self.ran * float(part),
            interruptions=self.interruptions if is_last else 0,
            unseen=self.unseen if is_last else 0,
            spot_usd=None if self.spot_usd is None else self.spot_usd * part,
            disk_usd=None if self.disk_usd is None else self.disk_usd * part,
            address_usd=self.address_usd * part,
            on_demand_usd=None if self.on_demand_usd is None else self.on_demand_usd * part,
        )

    def to_dict(self) -> Record:
        """As an item of ``--output json``."""
        return {
            "ran_seconds": round(self.ran.total_seconds()),
            "interruptions": self.interruptions,
            "unseen": self.unseen,
            "spot_usd": number(self.spot_usd),
            "disk_usd": number(self.disk_usd),
            "address_usd": number(self.address_usd),
            "total_usd": number(self.total_usd),
            "on_demand_usd": number(self.on_demand_usd),
            "saving_percent": number(self.saving_percent),
        }


@dataclass(frozen=True, slots=True, repr=False)
class Cost(Spending):
    """What one life of a machine has cost; the pool is its last."""

    name: str
    instance_type: str
    zone_name: str

    def to_dict(self) -> Record:
        """As an item of ``--output json``."""
        place = {"instance_type": self.instance_type, "zone": self.zone_name}
        return {"name": self.name, **place, **Spending.to_dict(self)}


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other


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
