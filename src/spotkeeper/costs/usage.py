"""When a machine was billable, from what the journal saw of it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from spotkeeper.model.journal_entry import Event, What
from spotkeeper.model.machine import InstanceState, Machine
from spotkeeper.model.money import saving_percent
from spotkeeper.model.offer import SpotPrice
from spotkeeper.model.spot_request import INTERRUPTED_CODES, LIVING_CODES, TAKEN_AT_NOTICE

#: From the notice to the end (UserGuide/spot-instance-termination-notices.html).
NOTICE = timedelta(minutes=2)

RUNNING, STOPPED, ENDED = "running", "stopped", "ended"
BY_EC2, BY_USER = "ec2", "user"

_BILLED_STATES = frozenset({InstanceState.PENDING, InstanceState.RUNNING, InstanceState.STOPPING})


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time during which an instance ran in one pool."""

    region: str
    zone_name: str
    instance_type: str
    begin: datetime
    end: datetime
    interrupted: bool


def sighting(machine: Machine, events: Iterable[Event], now: datetime) -> Event | None:
    """The journal entry for a machine as it is seen now; ``None`` when nothing has changed."""
    if machine.instance is None or machine.zone_name is None or machine.instance_type is None:
        return None
    running = machine.instance.state in _BILLED_STATES
    code = machine.request.status_code if machine.request else ""
    fields = {
        "state": RUNNING if running else ENDED if machine.instance.ended else STOPPED,
        "since": (
            machine.instance.launched_at if running else _ended_at(machine, now)
        ).isoformat(),
        "launched": machine.instance.launched_at.isoformat(),
        "by": BY_EC2 if code in INTERRUPTED_CODES else BY_USER,
        "instance": machine.instance.id,
        "region": machine.region,
        "zone": machine.zone_name,
        "type": machine.instance_type,
    }
    seen = [e for e in events if e.what is What.SEEN and e.get("instance") == machine.instance.id]
    same = ("state", "since")
    if seen and all(seen[-1].get(key) == fields[key] for key in same):
        return None
    return Event(now, What.SEEN, fields)


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


def intervals(events: Iterable[Event], *, until: datetime) -> tuple[Interval, ...]:
    """The billable stretches, oldest first; one that is still open ends at ``until``, or where
    nothing of the name was left, or it was claimed anew: no earlier launch lived then.

    A stop that nobody saw does not end a stretch, so the estimate is rather too high. Of the runs
    that began and ended between two looks only the last is known.
    """
    life = tuple(events)
    by_instance: dict[str, list[Event]] = {}
    gone: list[datetime] = []
    for event in life:
        if event.what is What.SEEN:
            by_instance.setdefault(event.get("instance"), []).append(event)
        elif event.what in (What.CLAIMED, What.SETTLING):
            gone.append(event.at)
    found: list[Interval] = []
    for seen in by_instance.values():
        later = (moment for moment in gone if moment > seen[-1].at)
        found += _over_when_first_seen(seen[0], life)
        found += _of_instance(seen, min([until, *later]))
    return tuple(sorted(found, key=lambda interval: interval.begin))


def _over_when_first_seen(first: Event, life: Sequence[Event]) -> list[Interval]:
    """The run that nobody saw, since the launch was cut off: an instance of this life that had
    stopped or ended before its first sighting. EC2 lists those of earlier lives for an hour."""
    if first.get("state") == RUNNING or not first.get("launched"):
        return []
    begin, end, instance = _time(first, "launched"), _time(first, "since"), first.get("instance")
    granted = any(e.what is What.LAUNCHED and e.get("instance") == instance for e in life)
    if begin >= end or (begin < life[0].at and not granted):
        return []
    return [_stretch(first, begin, end, interrupted=first.get("by") == BY_EC2)]


def _of_instance(seen: list[Event], until: datetime) -> list[Interval]:
    found = []
    for event, following in zip(seen, [*seen[1:], None], strict=True):
        stopped = following is not None and following.get("state") != RUNNING
        interrupted = bool(stopped and following and following.get("by") == BY_EC2)
        begin = _run_begun_by(event, following)
        if begin is not None:
            end = _time(following, "since") if following else until
            found.append(_stretch(event, begin, end, interrupted=interrupted))
    return found


def _run_begun_by(event: Event, following: Event | None) -> datetime | None:
    """When the run began that was seen first, or that was over already when it was next seen."""
    if event.get("state") == RUNNING:
        return _time(event, "since")
    if following is None or following.get("state") == RUNNING or not following.get("launched"):
        return None
    begin = _time(following, "launched")
    return begin if begin > _time(event, "since") else None


def _stretch(event: Event, begin: datetime, end: datetime, *, interrupted: bool) -> Interval:
    pool = (event.get("region"), event.get("zone"), event.get("type"))
    return Interval(*pool, begin, max(begin, end), interrupted=interrupted)


def _time(event: Event, key: str) -> datetime:
    return datetime.fromisoformat(event.get(key))


#: Billing of Linux instances (AWS.md 7): by the second, a minute at least at every start, and free
#: where EC2 interrupts within the first hour.
SHORTEST = timedelta(minutes=1)
FREE_WHEN_INTERRUPTED_WITHIN = timedelta(hours=1)

_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Cost:
    """An estimate for one machine, compute only."""

    name: str
    instance_type: str
    zone_name: str
    ran: timedelta
    interruptions: int
    spot_usd: Decimal
    on_demand_usd: Decimal | None

    @property
    def saving_percent(self) -> Decimal | None:
        """Saving against On-Demand for the same time; ``None`` where nothing can be compared."""
        if not self.on_demand_usd:
            return None
        return saving_percent(self.spot_usd, self.on_demand_usd)


def spot_usd(interval: Interval, history: Sequence[SpotPrice]) -> Decimal:
    """Cost of one stretch under a price that changes; ``history`` is oldest first, not empty."""
    ran = interval.end - interval.begin
    if interval.interrupted and ran < FREE_WHEN_INTERRUPTED_WITHIN:
        return Decimal(0)
    end = max(interval.end, interval.begin + SHORTEST)
    total = Decimal(0)
    for price, following in zip(history, [*history[1:], None], strict=True):
        begin = interval.begin if price is history[0] else max(price.since, interval.begin)
        until = min(following.since, end) if following else end
        total += _usd(price.usd_per_hour, begin, until)
    return total


def on_demand_usd(interval: Interval, usd_per_hour: Decimal) -> Decimal:
    """Cost of the same stretch at the On-Demand price."""
    return _usd(usd_per_hour, interval.begin, max(interval.end, interval.begin + SHORTEST))


def _usd(usd_per_hour: Decimal, begin: datetime, end: datetime) -> Decimal:
    seconds = Decimal(max(0.0, (end - begin).total_seconds()))
    return usd_per_hour * seconds / _SECONDS_PER_HOUR
