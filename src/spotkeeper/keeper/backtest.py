"""``spot backtest``: a job tried on a file of the past."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from math import floor, inf
from pathlib import Path

from spotkeeper.errors import BadInput, SpotkeeperError
from spotkeeper.keeper import prices
from spotkeeper.keeper.results import PriceComparison
from spotkeeper.market.series import decimal, moment
from spotkeeper.model.duration import words
from spotkeeper.model.max_price import MaxPrice
from spotkeeper.model.record import Record, Result, number
from spotkeeper.model.record import moment as told_moment
from spotkeeper.store.availability_files import Availability, read_past
from spotkeeper.store.price_rows import Dump
from spotkeeper.work.backtest import Backtest
from spotkeeper.work.deadline import Terms, ticks_needed
from spotkeeper.work.optimum import least_usd
from spotkeeper.work.policies import GREEDY, POLICIES
from spotkeeper.work.simulation import Job, SimulatedRun, simulate
from spotkeeper.work.trace import PoolTrace, Quote, Trace

#: A price history has no ticks of its own. A machine takes minutes to start and two from notice to
#: end, so shorter ones would tell of changes that no job can use.
HISTORY_TICK = timedelta(minutes=10)

#: EC2's price of data that leaves a zone and enters another of its region, $0.01 for each, and of
#: data between most regions of the US and Europe: "Data Transfer" on
#: https://aws.amazon.com/ec2/pricing/on-demand/
EGRESS_USD_PER_GB = Decimal("0.02")

#: Who has Spot so rarely may have taken 1 and 0 for each other.
RARE_SHARE = 0.05

CANNOT_KNOW = (
    "what a file cannot know: whether EC2 would have had the capacity for one more machine, Spot "
    "or On-Demand; disks, data transfer and taxes; what another type would have cost"
)

HOUR = timedelta(hours=1)

#: What people have in mind first.
OURS = ("ours-without-controller", "ours")

#: What On-Demand costs for a type in a region, None where nobody knows.
ListPrice = Callable[[str, str], Decimal | None]
#: Asks whether to go on, and raises ``Declined`` if not.
Confirm = Callable[[str], None]
#: Is told how many of all starts are done.
Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class BacktestRequest:
    """A job, the file that it is tried on, and what the file does not say."""

    path: Path
    work: timedelta
    within: timedelta
    restart: timedelta
    on_demand_usd_per_hour: Decimal | None = None
    spot_usd_per_hour: Decimal | None = None
    max_price: MaxPrice | None = None
    egress_gb: Decimal = Decimal(0)
    starts: int = 100
    policies: tuple[str, ...] = tuple(POLICIES)
    regions: tuple[str, ...] = ()


def list_price(ask: Callable[..., PriceComparison]) -> ListPrice:
    """What On-Demand costs now; unknown wherever that cannot be learnt."""

    def listed(instance_type: str, region: str) -> Decimal | None:
        try:
            return ask((instance_type,), (region,)).rows[0].on_demand_usd_per_hour
        except SpotkeeperError:
            return None

    return listed


@dataclass(frozen=True, slots=True, repr=False)
class BacktestReport(Result):
    """What came of it, with the trace it was run on and the first tick of each start."""

    request: BacktestRequest
    trace: Trace
    first_ticks: Sequence[int]
    backtest: Backtest
    warnings: tuple[str, ...]

    @property
    def title(self) -> str:
        """What was tried, in one line."""
        asked = self.request
        return f"{asked.path.name}: {_hours(asked.work)} of work within {_hours(asked.within)}"

    @property
    def told_start(self) -> int:
        """The start to tell of: the one that cost the median under the first of our policies that
        was tried, else under the first."""
        name = next(
            (each for each in OURS if each in self.request.policies), self.request.policies[0]
        )
        usd = [run.usd for run in self.backtest.runs[name]]
        return sorted(range(len(usd)), key=usd.__getitem__)[len(usd) // 2]

    @property
    def on_demand_usd_per_hour(self) -> float:
        """What was reckoned with."""
        return self.backtest.job.terms.on_demand_usd_per_hour

    @property
    def spot_usd_per_hour(self) -> tuple[float | None, float | None]:
        """The lowest and the highest price at which Spot was to be had."""
        prices = [
            usd
            for pool in self.trace.pools
            for usd, is_offered in zip(pool.usd_per_hour, pool.offered, strict=True)
            if is_offered
        ]
        return min(prices, default=None), max(prices, default=None)

    def to_dict(self) -> Record:
        """The optimum and the policies as items, and what happened at each start."""
        asked, trace, found = self.request, self.trace, self.backtest
        shown = asked.policies
        return {
            "items": [
                found.optimum().to_dict(),
                *(found.result(name).to_dict() for name in shown),
            ],
            "file": str(asked.path),
            "begin": told_moment(trace.begin),
            "tick_seconds": trace.tick.total_seconds(),
            "ticks": trace.ticks,
            "zones": [pool.name for pool in trace.pools],
            "offered_share": round(trace.offered_share, 4),
            "work_hours": asked.work / HOUR,
            "within_hours": asked.within / HOUR,
            "restart_hours": asked.restart / HOUR,
            "on_demand_usd_per_hour": self.on_demand_usd_per_hour,
            "spot_usd_per_hour": number(asked.spot_usd_per_hour),
            "egress_usd_per_move": found.job.egress_usd,
            "starts": [
                {
                    "time": told_moment(trace.moment(first)),
                    "optimum_usd": round(least, 4),
                    "usd": {name: round(found.runs[name][place].usd, 4) for name in shown},
                    "late": [name for name in shown if found.runs[name][place].is_late],
                }
                for place, (first, least) in enumerate(
                    zip(self.first_ticks, found.optima_usd, strict=True)
                )
            ],
            "warnings": list(self.warnings),
        }


def backtest(
    asked: BacktestRequest,
    *,
    list_price: ListPrice,
    confirm: Confirm,
    told: Told = lambda _done, _starts: None,
) -> BacktestReport:
    """Try a job at moments spread evenly over a file.

    Raises:
        NotFound: there is no such file.
        BadInput: the file is not whole or says too little, or the job does not fit.
        Declined: hardly ever was Spot to be had, and the user says that this is not so.
    """
    past = _past(asked, list_price, confirm)
    job = _job(asked, past)
    first_ticks = past.trace.starts(job.ticks, asked.starts)
    optima_usd: list[float] = []
    runs: dict[str, list[SimulatedRun]] = {name: [] for name in (*asked.policies, GREEDY)}
    for done, first in enumerate(first_ticks):
        told(done, len(first_ticks))
        window = past.trace.window(first, job.ticks)
        optima_usd.append(least_usd(job, window))
        for name, found in runs.items():
            found.append(simulate(POLICIES[name], job, window))
    result = Backtest(job, optima_usd, runs)
    notes = (*past.notes, *_late(asked, result), CANNOT_KNOW)
    return BacktestReport(asked, past.trace, first_ticks, result, notes)


def _late(asked: BacktestRequest, result: Backtest) -> list[str]:
    found = [result.result(name) for name in asked.policies]
    return [
        f"{each.policy} was late in {each.late} of {each.runs} runs, which count with what they "
        "had cost at the deadline"
        for each in found
        if each.late
    ]


@dataclass(frozen=True, slots=True)
class _Past:
    """When pools were to be had, at what prices, and what On-Demand costs."""

    trace: Trace
    on_demand_usd_per_hour: Decimal
    notes: tuple[str, ...] = ()


def _past(asked: BacktestRequest, list_price: ListPrice, confirm: Confirm) -> _Past:
    found = read_past(asked.path)
    if isinstance(found, Availability):
        return _of_availability(asked, found, confirm)
    return _of_history(asked, found, list_price)


def _of_availability(asked: BacktestRequest, found: Availability, confirm: Confirm) -> _Past:
    listed = asked.on_demand_usd_per_hour
    if listed is None:
        raise _no_list_price(asked)
    if asked.spot_usd_per_hour is None:
        _check_prices(asked, found, float(listed))
    pools = [
        pool
        for pool in found.trace.pools
        if not asked.regions or pool.name.startswith(asked.regions)
    ]
    if not pools:
        raise BadInput(
            f"{asked.path} names no zone of these regions",
            next_step=f"It has {', '.join(pool.name for pool in found.trace.pools[:6])}.",
        )
    trace = replace(found.trace, pools=tuple(_priced(asked, pool) for pool in pools))
    if (share := trace.offered_share) < RARE_SHARE:
        confirm(
            f"{asked.path} has Spot for {share * 100:.1f} % of the time; 1 in the column "
            "`available` means that it was to be had. Is that so?"
        )
    limited = [_limited(pool, _limit(asked, _last_price(pool), listed)) for pool in trace.pools]
    return _Past(replace(trace, pools=tuple(limited)), listed)


def _check_prices(asked: BacktestRequest, found: Availability, listed: float) -> None:
    if found.unpriced_line is not None:
        raise BadInput(
            f"{asked.path}:{found.unpriced_line}: Spot was to be had, at a price that is missing",
            next_step="Give it, or one price for all rows with --spot USD.",
        )
    if found.highest_usd_per_hour > listed:
        raise BadInput(
            f"{asked.path}:{found.highest_line}: Spot at ${found.highest_usd_per_hour:g}/h is "
            f"above On-Demand at ${listed:g}/h, where EC2 sells none",
            next_step="Mend the row, or --on-demand.",
        )


def _of_history(asked: BacktestRequest, dump: Dump, list_price: ListPrice) -> _Past:
    if asked.max_price is None:
        raise BadInput(
            f"{asked.path} is a price history, which does not say when Spot was to be had",
            next_step="Say up to which price it counts as that, with --max-price, such as od-60%.",
        )
    rows = {
        name: some
        for name, some in dump.pools.items()
        if not asked.regions or prices.region_of(name) in asked.regions
    }
    types = sorted({name.instance_type for name in rows})
    if len(types) != 1:
        raise _not_one_type(asked, types)
    regions = {prices.region_of(name) for name in rows}
    listed = asked.on_demand_usd_per_hour
    if listed is None and len(regions) == 1:
        listed = list_price(types[0], *regions)
    if listed is None:
        raise _no_list_price(asked)
    begin = moment(min(min(some.times) for some in rows.values()))
    pools, notes = [], list(prices.left_out(dump))
    for each in prices.histories(rows, end=dump.end):
        zone = each.pool.zone
        pool = PoolTrace.of_series(zone.name or zone.id or "", each.series, begin, HISTORY_TICK)
        limit = _limit(asked, decimal(each.series.usd_per_hour[-1]), listed)
        pools.append(_priced(asked, _limited(pool, limit)))
        if each.series.begin - begin >= HISTORY_TICK:
            notes.append(f"{pool.name} has no price before {each.series.begin:%Y-%m-%d %H:%M} UTC")
    pools.sort(key=lambda pool: pool.name)
    ticks = floor((moment(dump.end) - begin) / HISTORY_TICK)
    return _Past(Trace(begin, HISTORY_TICK, ticks, tuple(pools)), listed, tuple(notes))


def _not_one_type(asked: BacktestRequest, types: Sequence[str]) -> BadInput:
    if not types:
        return BadInput(
            f"{asked.path} has no prices of Linux in these regions",
            next_step="Leave --region out, or get the prices of Linux/UNIX.",
        )
    return BadInput(
        f"{asked.path} has {len(types)} types, {types[0]} to {types[-1]}; a job runs on one",
        next_step=f"Cut it: spot prices --from {asked.path} {types[0]} --output csv > one.csv",
    )


def _hours(length: timedelta) -> str:
    return f"{length / HOUR:.4g}h"


def _no_list_price(asked: BacktestRequest) -> BadInput:
    return BadInput(
        f"{asked.path} does not say what On-Demand costs",
        next_step="Give its price per hour with --on-demand USD.",
    )


def _last_price(pool: PoolTrace) -> Decimal | None:
    last = next((usd for usd in reversed(pool.usd_per_hour) if usd < inf), None)
    return None if last is None else Decimal(repr(last))


def _limit(asked: BacktestRequest, last: Decimal | None, listed: Decimal) -> float:
    """Up to which price a pool counts as to be had."""
    if asked.max_price is None or last is None:
        return inf
    limit = asked.max_price.resolve(last, listed) or listed
    if asked.max_price.base == "spot":
        limit = min(limit, listed)
    if limit > listed:
        raise BadInput(
            f"--max-price {asked.max_price.text} is above On-Demand at ${listed:f}/h",
            next_step="Give less, or leave it out: at that price On-Demand is the better buy.",
        )
    return float(limit)


def _limited(pool: PoolTrace, limit: float) -> PoolTrace:
    return pool.changed(
        lambda quote: Quote(quote.usd_per_hour, quote.is_offered and quote.usd_per_hour <= limit)
    )


def _priced(asked: BacktestRequest, pool: PoolTrace) -> PoolTrace:
    """With the one price that was given for all."""
    if asked.spot_usd_per_hour is None:
        return pool
    usd_per_hour = float(asked.spot_usd_per_hour)
    return pool.changed(lambda quote: Quote(usd_per_hour, quote.is_offered))


def _job(asked: BacktestRequest, past: _Past) -> Job:
    listed, spot, tick = past.on_demand_usd_per_hour, asked.spot_usd_per_hour, past.trace.tick
    if spot is not None and spot > listed:
        raise BadInput(
            f"--spot {spot:f} is above On-Demand at ${listed:f}/h, where EC2 sells none",
            next_step="Mend one of them.",
        )
    terms = Terms(tick / HOUR, asked.restart / HOUR, float(listed))
    egress_usd = float(asked.egress_gb * EGRESS_USD_PER_GB)
    job = Job(asked.work / HOUR, asked.within / HOUR, terms, egress_usd)
    if not job.fits:
        needed = ticks_needed(job.work_h + terms.restart_h, terms.tick_h) * tick
        raise BadInput(
            f"{_hours(asked.work)} of work and a restart of {words(asked.restart)} take "
            f"{words(needed)} of On-Demand, in ticks of {words(tick)}: more than "
            f"{_hours(asked.within)}",
            next_step=f"Use --within {words(needed).replace(' ', '')} or more.",
        )
    if job.ticks > past.trace.ticks:
        raise BadInput(
            f"{asked.path} holds {_hours(past.trace.ticks * tick)}, less than --within "
            f"{_hours(asked.within)}",
            next_step="Use a longer file, or a nearer deadline.",
        )
    return job
