"""What AWS would charge for what happened. Pure: happenings and prices in, lines out.

Sources: instances by the second while they run, with a minimum of one minute at every start
(APIReference/API_StopInstances.html); Spot at the price of each moment, and nothing when EC2
interrupts within the first hour (UserGuide/billing-for-interrupted-spot-instances.html); disks by
the GB-month of 30 days, also while the instance is stopped (EBS pricing); public IPv4 addresses
by the hour (VPC pricing). Disks and addresses are us-east-1 list prices in every region.

Amounts are exact fractions of a dollar; they are rounded only where they are shown.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from ec2_sandbox.history import Happening, HappeningKind
from ec2_sandbox.market.pools import Pool, parse_pool

MINUTE, HOUR = 60, 3_600
MONTH = 30 * 24 * HOUR  # as in the examples of the EBS pricing page
MICROS = 1_000_000

ADDRESS_USD_PER_HOUR = Fraction("0.005")
SNAPSHOT_USD_PER_GB_MONTH = Fraction("0.05")
GB_MONTH_USD: Mapping[str, Fraction] = {
    "gp3": Fraction("0.08"),
    "gp2": Fraction("0.10"),
    "io1": Fraction("0.125"),
    "io2": Fraction("0.125"),
    "st1": Fraction("0.045"),
    "sc1": Fraction("0.015"),
    "standard": Fraction("0.05"),
}
IOPS_MONTH_USD = Fraction("0.065")  # io1, and io2 up to its first 32,000
GP3_FREE_IOPS, GP3_IOPS_USD = 3_000, Fraction("0.005")
GP3_FREE_MIBPS, GP3_MIBPS_USD = 125, Fraction("0.04")

RUNNING = "running"
NO_ADDRESS = ("", "no")
RUNS_NO_MORE = {"stopping", "stopped", "shutting-down", "terminated"}

FREE = "free: interrupted by EC2 in the first hour"
STILL = "goes on"
MINIMUM = "one minute at least"


class Step(NamedTuple):
    """From ``second`` on an hour costs ``micros``."""

    second: int
    micros: int


#: The Spot prices of a pool in [begins, ends), the first of them in effect at ``begins``.
SpotSteps = Callable[[Pool, int, int], Sequence[Step]]


@dataclass(frozen=True)
class Prices:
    """What instances cost; micro-dollars per hour."""

    spot: SpotSteps
    on_demand: Callable[[Pool], int]


@dataclass(frozen=True)
class Line:
    """One thing that is charged. ``on_demand_usd`` is set for what ran as Spot."""

    subject: str
    what: str
    begins: datetime
    seconds: int
    usd: Fraction
    note: str = ""
    on_demand_usd: Fraction | None = None


@dataclass(frozen=True)
class Bill:
    """All lines, in the order in which they began."""

    lines: tuple[Line, ...]

    @property
    def usd(self) -> Fraction:
        """The sum."""
        return sum((line.usd for line in self.lines), Fraction())

    @property
    def saving(self) -> Fraction | None:
        """How much less the Spot lines cost than On-Demand, as a share; None without such."""
        spot = [line for line in self.lines if line.on_demand_usd is not None]
        instead = sum((line.on_demand_usd or Fraction() for line in spot), Fraction())
        return 1 - sum((line.usd for line in spot), Fraction()) / instead if instead else None


@dataclass(frozen=True)
class Span:
    """Something that exists from its beginning to its end; ``ends`` is None while it does."""

    subject: str
    begins: datetime
    ends: datetime | None
    facts: Mapping[str, str] = field(default_factory=dict)
    cause: str = ""

    def seconds(self, until: datetime) -> int:
        """How long it was there by then, in whole seconds."""
        return max(0, _second(self.ends or until) - _second(self.begins))


def bill(happenings: Iterable[Happening], prices: Prices, until: datetime) -> Bill:
    """What everything cost up to ``until``."""
    known = list(happenings)
    runs = list(_spans(known, HappeningKind.INSTANCE, {RUNNING}, RUNS_NO_MORE))
    elastic = list(_spans(known, HappeningKind.ADDRESS, {"allocated"}, {"released"}))
    lines = [_run_line(run, prices, until) for run in runs]
    lines += [
        _disk_line(span, until) for span in _spans(known, HappeningKind.VOLUME, BEGUN, ENDED)
    ]
    lines += [
        _snapshot_line(span, until) for span in _spans(known, HappeningKind.SNAPSHOT, BEGUN, ENDED)
    ]
    owned = {span.facts.get("ip") for span in elastic}
    lent = [run for run in runs if run.facts.get("ip", "") not in {*NO_ADDRESS, *owned}]
    lines += [_address_line(span, until) for span in (*elastic, *lent)]
    return Bill(tuple(sorted(lines, key=lambda line: (line.begins, line.subject, line.what))))


BEGUN, ENDED = {"created", "changed"}, {"deleted"}


def _spans(
    happenings: Iterable[Happening], kind: HappeningKind, begun: set[str], ended: set[str]
) -> Iterator[Span]:
    """From each beginning to its end; a change ends one span and begins the next."""
    there: dict[str, Span] = {}
    for told in happenings:
        if told.kind is not kind:
            continue
        state = told.facts.get("state", "")
        before = there.get(told.subject)
        if before and (state in ended or (state in begun and state == "changed")):
            yield replace(before, ends=told.moment, cause=told.facts.get("cause", ""))
            del there[told.subject]
            before = None
        if state in begun and before is None:
            there[told.subject] = Span(told.subject, told.moment, None, told.facts)
    yield from there.values()


def _run_line(run: Span, prices: Prices, until: datetime) -> Line:
    pool, spot = parse_pool(run.facts["pool"]), run.facts.get("lifecycle") == "spot"
    seconds = run.seconds(until)
    billed = max(seconds, MINUTE) if run.ends else seconds
    begins = _second(run.begins)
    on_demand = instance_usd([Step(begins, prices.on_demand(pool))], begins, begins + billed)
    usd, notes = on_demand, [STILL] if run.ends is None else []
    if billed > seconds:
        notes.append(MINIMUM)
    if spot and run.cause == "ec2" and seconds < HOUR:
        usd, notes = Fraction(), [FREE]
    elif spot:
        steps = prices.spot(pool, begins, begins + billed)
        usd = instance_usd(steps, begins, begins + billed)
    what = f"{pool} {'Spot' if spot else 'On-Demand'}"
    instead = on_demand if spot else None
    return Line(run.subject, what, run.begins, billed, usd, ", ".join(notes), instead)


def instance_usd(steps: Sequence[Step], begins: int, ends: int) -> Fraction:
    """What the seconds in [begins, ends) cost at prices that move."""
    micro_seconds = 0
    for index, step in enumerate(steps):
        after = steps[index + 1].second if index + 1 < len(steps) else ends
        length = min(after, ends) - max(step.second, begins)
        micro_seconds += max(0, length) * step.micros
    return Fraction(micro_seconds, HOUR * MICROS)


def _disk_line(disk: Span, until: datetime) -> Line:
    facts, seconds = disk.facts, disk.seconds(until)
    kind = facts.get("type", "gp3")
    what = f"{facts.get('gb', '0')} GB {kind} disk"
    usd = _disk_usd_per_month(kind, facts) * seconds / MONTH
    return Line(disk.subject, what, disk.begins, seconds, usd, _open(disk))


def _disk_usd_per_month(kind: str, facts: Mapping[str, str]) -> Fraction:
    usd = _number(facts, "gb") * GB_MONTH_USD.get(kind, GB_MONTH_USD["gp3"])
    iops = _number(facts, "iops")
    if kind in {"io1", "io2"}:
        return usd + iops * IOPS_MONTH_USD
    if kind == "gp3":
        usd += _above(iops, GP3_FREE_IOPS) * GP3_IOPS_USD
        usd += _above(_number(facts, "throughput"), GP3_FREE_MIBPS) * GP3_MIBPS_USD
    return usd


def _above(number: Fraction, free: int) -> Fraction:
    return max(Fraction(), number - free)


def _snapshot_line(kept: Span, until: datetime) -> Line:
    seconds = kept.seconds(until)
    usd = _number(kept.facts, "gb") * SNAPSHOT_USD_PER_GB_MONTH * seconds / MONTH
    what = f"{kept.facts.get('gb', '0')} GB snapshot"
    return Line(kept.subject, what, kept.begins, seconds, usd, _open(kept))


def _address_line(held: Span, until: datetime) -> Line:
    seconds = held.seconds(until)
    usd = ADDRESS_USD_PER_HOUR * seconds / HOUR
    return Line(held.subject, "public IPv4 address", held.begins, seconds, usd, _open(held))


def _number(facts: Mapping[str, str], name: str) -> Fraction:
    text = facts.get(name, "")
    try:
        return max(Fraction(), Fraction(text))
    except ValueError:  # not told, or not a number
        return Fraction()


def _open(span: Span) -> str:
    return STILL if span.ends is None else ""


def _second(moment: datetime) -> int:
    return int(moment.timestamp())


def decimal(usd: Fraction) -> Decimal:
    """As a decimal of 28 digits, for whoever shows or stores it."""
    return Decimal(usd.numerator) / Decimal(usd.denominator)
