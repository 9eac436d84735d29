"""Simulated against real: Spot price movements, Spot levels and On-Demand prices.

Usage: python bench/calibration_prices.py [FOLDER]

FOLDER holds public data that is no part of the repository (default: what SPOT_TEST_DATA names): a
Spot price history of us-east-1, a Spot Advisor feed and On-Demand list prices. Exits with 1 when a
figure is further from the real one than allowed, with 2 when data is missing.

How the figures are made, from real and simulated prices alike:

- records a day: what a pool's history lists, changed or not, over the days of the file;
- step: from one record of a pool to its next, those without a change included;
- pinned: the pool has one price in all its records;
- swing: the pool's highest price over its lowest, in all its records;
- zones: a type's dearest zone over its cheapest, by the mean of the prices listed;
- share of On-Demand: one minus the Spot Advisor's savings of a type in us-east-1; simulated: the
  mean of the type's zones at one moment.

"Accelerated" are the families P, G, F, Inf, Trn, DL and VT. Real pools are those of 2021, the
simulated ones all of today's us-east-1: a figure is about the kind of market, not about one pool.
"""

import csv
import gzip
import json
import os
import re
import statistics
import sys
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

DEFAULT = Path(os.environ.get("SPOT_TEST_DATA", "/nowhere"))
HISTORY = "aws-spot-price-history-us-east-1-linux-2021-03_05.csv.gz"
ADVISOR = "aws-spot-advisor-2025-06.json.gz"
LIST_PRICES = "aws-on-demand-us-east-1-gov-cn-2026-07.csv.gz"

REGION = "us-east-1"
DAY = 86_400
DAYS = 90
UNTIL = 1_767_571_200  # 2026-01-05; any moment will do
SEED = 1
MOST_ERROR_PERCENT = 15  # median of the On-Demand prices
ACCELERATED = re.compile(r"^(p|g|gr|f|inf|trn|dl|vt)\d")
CLASSES = (
    ("accelerated", ACCELERATED),
    ("burstable", re.compile(r"^t\d")),
    ("local disk", re.compile(r"^([cmr]\d+[a-z]*d[a-z]*|i|is|im|d\d|h\d|z)")),
    ("network, EBS, frequency", re.compile(r"^[cmr]\d+[a-z]*[nbz]")),
    ("before the fifth generation", re.compile(r"^[cmrt][1-4]\.")),
    ("large memory", re.compile(r"^(u|x)")),
    ("AMD", re.compile(r"^[cmr]\d+a")),
    ("Graviton", re.compile(r"^([cmr]\d+g|a1)")),
    ("the rest", re.compile("")),
)


@dataclass
class Movements:
    """What pools did in a number of days; they are added one after the other."""

    days: float
    records: list[float] = field(default_factory=list)
    swings: list[float] = field(default_factory=list)
    steps: "array[float]" = field(default_factory=lambda: array("d"))
    zones: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, instance_type: str, prices: Sequence[float]) -> None:
        """One pool, its records in order of time."""
        self.records.append(len(prices) / self.days)
        self.swings.append(max(prices) / min(prices))
        self.zones[instance_type].append(statistics.fmean(prices))
        self.steps.extend(100 * abs(after / before - 1) for before, after in pairwise(prices))

    def spreads(self) -> list[float]:
        """Dearest over cheapest zone, of types with more than one."""
        return [max(zones) / min(zones) for zones in self.zones.values() if len(zones) > 1]

    def pinned_percent(self) -> float:
        """Pools with one price."""
        return 100 * sum(swing == 1 for swing in self.swings) / len(self.swings)


def quantile(values: Iterable[float], share: float) -> float:
    """The value below which this share of the values is."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Row(NamedTuple):
    """A figure of movements, and how far the simulated one may be from the real one."""

    name: str
    figure: Callable[[Movements], float]
    allowed: float


ALL_POOLS = (
    Row("records a day, median", lambda seen: quantile(seen.records, 0.5), 0.3),
    Row("records a day, 90 % below", lambda seen: quantile(seen.records, 0.9), 0.3),
    Row("step, median, %", lambda seen: quantile(seen.steps, 0.5), 0.05),
    Row("step, 90 % below, %", lambda seen: quantile(seen.steps, 0.9), 0.2),
    Row("pinned pools, %", Movements.pinned_percent, 5),
    Row("swing, median", lambda seen: quantile(seen.swings, 0.5), 0.03),
    Row("swing, 90 % below", lambda seen: quantile(seen.swings, 0.9), 0.1),
    Row("zones, median", lambda seen: quantile(seen.spreads(), 0.5), 0.04),
    Row("zones, 90 % below", lambda seen: quantile(seen.spreads(), 0.9), 0.15),
)
ACCELERATED_POOLS = (
    Row("accelerated: records a day, median", lambda seen: quantile(seen.records, 0.5), 0.1),
    Row("accelerated: step, median, %", lambda seen: quantile(seen.steps, 0.5), 0.01),
    Row("accelerated: pinned pools, %", Movements.pinned_percent, 8),
    Row("accelerated: zones, 90 % below", lambda seen: quantile(seen.spreads(), 0.9), 0.25),
    Row("accelerated: zones, widest", lambda seen: max(seen.spreads()), 1.2),
)
LEVELS = ((0.1, 3.0), (0.5, 3.0), (0.9, 4.0))  # quantile, allowed


@dataclass(frozen=True)
class Line:
    """One line of the table; ``allowed`` is the largest difference between the figures."""

    name: str
    real: float
    simulated: float
    allowed: float

    @property
    def holds(self) -> bool:
        """Whether the simulated figure is near enough."""
        return abs(self.real - self.simulated) <= self.allowed

    def __str__(self) -> str:
        figures = f"{self.real:>9.2f}{self.simulated:>11.2f}{self.allowed:>9.2f}"
        return f"{self.name:<38}{figures}{'' if self.holds else '  off'}"


def compared(rows: Iterable[Row], real: Movements, simulated: Movements) -> list[Line]:
    """The table of movements."""
    return [Line(name, figure(real), figure(simulated), most) for name, figure, most in rows]


def compared_levels(real: Sequence[float], simulated: Sequence[float]) -> list[Line]:
    """The table of shares of On-Demand, in percent."""
    return [
        Line(
            f"share of On-Demand, {share:.0%} below, %",
            100 * quantile(real, share),
            100 * quantile(simulated, share),
            allowed,
        )
        for share, allowed in LEVELS
    ]


def error_percent(listed: float, simulated: float) -> float:
    """How far off a simulated price is, above or below."""
    return 100 * abs(simulated / listed - 1)


def class_of(instance_type: str) -> str:
    """The first class whose pattern fits."""
    return next(name for name, pattern in CLASSES if pattern.match(instance_type))


def error_table(errors: Mapping[str, float], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """One line per group of types: how many, median, 90 % below, worst."""
    return [
        f"{name:<38}{len(types):>9}{quantile(found, 0.5):>11.1f}{quantile(found, 0.9):>9.1f}"
        f"{max(found):>9.1f}"
        for name, types in groups.items()
        if (found := [errors[instance_type] for instance_type in types])
    ]


# Real data


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a packed CSV file."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def real_pools(path: Path) -> Iterator[tuple[str, list[float]]]:
    """The prices of every pool of a history in order of time."""
    pools: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in rows_of(path):
        key = row["instance_type"], row["availability_zone"]
        pools[key].append(float(row["spot_price_usd_per_hour"]))
    for (instance_type, _zone), prices in pools.items():
        yield instance_type, prices


def real_shares(path: Path) -> list[float]:
    """What each type costs as Spot, as a share of On-Demand."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        types = json.load(file)["spot_advisor"][REGION]["Linux"]
    return [1 - found["s"] / 100 for found in types.values()]


def list_prices(path: Path) -> dict[str, float]:
    """On-Demand dollars per hour by type."""
    key, usd = "instance_type", "on_demand_usd_per_hour"
    return {row[key]: float(row[usd]) for row in rows_of(path) if row["region"] == REGION}


# The sandbox


def simulated_pools() -> Iterator[tuple[str, list[float]]]:
    """The prices of every pool of the region, 90 days of them."""
    from ec2_sandbox import catalogue
    from ec2_sandbox.market.prices import Market

    market = Market(SEED, "living", catalogue.on_demand)
    for pool in catalogue.spot_pools(REGION):
        found = market.changes_within(pool, UNTIL - DAYS * DAY, UNTIL)
        yield pool.instance_type, [float(change.micros) for change in found]


def simulated_shares() -> list[float]:
    """What each type costs as Spot, as a share of its simulated On-Demand price."""
    from ec2_sandbox import catalogue
    from ec2_sandbox.market.prices import Market

    market = Market(SEED, "living", catalogue.on_demand)
    shares = defaultdict(list)
    for pool in catalogue.spot_pools(REGION):
        on_demand = catalogue.on_demand(REGION, pool.instance_type)
        shares[pool.instance_type].append(market.price(pool, UNTIL) / on_demand)
    return [statistics.fmean(found) for found in shares.values()]


def on_demand_errors(listed: Mapping[str, float]) -> dict[str, float]:
    """The error of every type that both know, in percent."""
    from ec2_sandbox import catalogue

    return {
        name: error_percent(usd, catalogue.on_demand(REGION, name) / 1_000_000)
        for name, usd in listed.items()
        if name in catalogue.instance_types()
    }


def by_class(types: Iterable[str]) -> dict[str, list[str]]:
    """Types by the class of their family."""
    groups: dict[str, list[str]] = {name: [] for name, _ in CLASSES}
    for name in types:
        groups[class_of(name)].append(name)
    return groups


def by_accelerator(types: Iterable[str]) -> dict[str, list[str]]:
    """Accelerated types by what is in them."""
    from ec2_sandbox import catalogue

    groups: dict[str, list[str]] = defaultdict(list)
    for name in types:
        for part in catalogue.hardware(name).accelerators[:1]:
            groups[part.name].append(name)
    return dict(sorted(groups.items()))


def collected(pools: Iterable[tuple[str, list[float]]]) -> tuple[Movements, Movements]:
    """The movements of all pools and of the accelerated ones."""
    everything, accelerated = Movements(DAYS), Movements(DAYS)
    for instance_type, prices in pools:
        everything.add(instance_type, prices)
        if ACCELERATED.match(instance_type):
            accelerated.add(instance_type, prices)
    return everything, accelerated


def print_prices(folder: Path) -> bool:
    """The table of Spot prices; whether every figure holds."""
    real, simulated = collected(real_pools(folder / HISTORY)), collected(simulated_pools())
    lines = [
        *compared(ALL_POOLS, real[0], simulated[0]),
        *compared(ACCELERATED_POOLS, real[1], simulated[1]),
        *compared_levels(real_shares(folder / ADVISOR), simulated_shares()),
    ]
    print(f"{'Spot prices':<38}{'real':>9}{'simulated':>11}{'allowed':>9}")
    print(*lines, sep="\n")
    return all(line.holds for line in lines)


def print_on_demand(folder: Path) -> bool:
    """The table of On-Demand errors; whether the median is small enough."""
    errors = on_demand_errors(list_prices(folder / LIST_PRICES))
    median = quantile(errors.values(), 0.5)
    print(f"\n{'On-Demand error, %':<38}{'types':>9}{'median':>11}{'90 %':>9}{'worst':>9}")
    print(*error_table(errors, {"all": list(errors)}), sep="\n")
    print(*error_table(errors, by_class(errors)), sep="\n")
    print(*error_table(errors, by_accelerator(errors)), sep="\n")
    print(f"\nmedian {median:.1f} %, which must be under {MOST_ERROR_PERCENT} %")
    return median < MOST_ERROR_PERCENT


def main() -> int:
    """Print both tables."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    if missing := [
        name for name in (HISTORY, ADVISOR, LIST_PRICES) if not (folder / name).exists()
    ]:
        print(f"{folder} lacks {', '.join(missing)}: nothing to compare with.", file=sys.stderr)
        return 2
    prices_hold, on_demand_holds = print_prices(folder), print_on_demand(folder)
    return int(not (prices_hold and on_demand_holds))


if __name__ == "__main__":
    sys.exit(main())
