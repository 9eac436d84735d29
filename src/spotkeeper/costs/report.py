"""What billable time cost, and what On-Demand would have cost. Estimates: AWS's bill decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from spotkeeper.costs.usage import Interval
from spotkeeper.model.money import saving_percent
from spotkeeper.model.offer import SpotPrice

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
