"""How far the sandbox's capacity is from what is known of the real one.

Prints each figure beside its target; ends with 1 when one is outside its tolerance. The real Spot
Advisor's buckets are read from a folder of real data, by default the one that SPOT_TEST_DATA
names; without it they are left out.
"""

import argparse
import gzip
import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from math import exp, log
from pathlib import Path
from statistics import correlation, fmean, median
from typing import NamedTuple

from ec2_sandbox import catalogue
from ec2_sandbox.market import advisor
from ec2_sandbox.market.capacity import Capacity
from ec2_sandbox.market.chance import uniform
from ec2_sandbox.market.placement_scores import score
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.market.shortages import ShortageModel

DATA = Path(os.environ.get("SPOT_TEST_DATA", "/nowhere"))
ADVISOR_FILE = "aws-spot-advisor-2025-06.json.gz"
REGION = "us-east-1"
BEGINS = 1_767_571_200  # 2026-01-05
HOUR, DAY = 3_600, 86_400
SEED = 1


class Check(NamedTuple):
    """One figure: what was found, what it should be, and between which bounds it may be."""

    name: str
    found: float
    target: float
    least: float
    most: float

    @property
    def holds(self) -> bool:
        return self.least <= self.found <= self.most


#: Hours of age from and to, and the interruptions per hour that studies of Spot GPUs report.
HAZARDS = ((0, 1, 1.0), (1, 3, 0.3), (6, 12, 0.1), (48, 96, 0.02))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    folder = parser.parse_args().data
    capacity = Capacity(SEED, "living", {}, catalogue.hardware)
    checks = [*hazards(capacity), *zones(capacity), *spread(capacity)]
    checks += [*buckets(capacity, folder / ADVISOR_FILE), *scores(capacity)]
    print(f"\n{'':46}{'found':>8}{'target':>8}{'from':>8}{'to':>8}")
    for one in checks:
        numbers = "".join(f"{number:8.3f}" for number in one[1:])
        print(f"{one.name:46}{numbers}{'' if one.holds else ' !'}")
    return 0 if all(one.holds for one in checks) else 1


def scarce_pools(capacity: Capacity) -> list[Pool]:
    """The GPU pools that are dry at least half of the time."""
    return [
        pool
        for pool in catalogue.spot_pools(REGION)
        if capacity.hardware(pool.instance_type).accelerators
        if 1 - exp(-rate(capacity, pool) * mean_hours(capacity.shortage_model(pool))) > 1 / 2
    ]


def mean_hours(model: ShortageModel) -> float:
    """The expected length of a shortage, whose logarithm is anywhere between its bounds alike."""
    return (model.longest - model.shortest) / log(model.longest / model.shortest) / HOUR


def rate(capacity: Capacity, pool: Pool) -> float:
    return capacity.shortage_model(pool).per_hour


def hazards(capacity: Capacity) -> Iterator[Check]:
    """Instances that start whenever there is room, each followed for four days."""
    exposed: Counter[int] = Counter()
    interrupted: Counter[int] = Counter()
    pools, length = scarce_pools(capacity), 96 * HOUR
    for pool in pools:
        for start in range(BEGINS, BEGINS + 20 * DAY, 3 * HOUR):
            if not capacity.is_dry(pool, start):
                told = told_at(capacity, pool, start, hours=96) or start + length + 1
                for at, (young, old, _) in enumerate(HAZARDS):
                    exposed[at] += max(0, min(told, start + old * HOUR) - start - young * HOUR)
                    interrupted[at] += young * HOUR <= told - start < old * HOUR
    print(f"{len(pools)} GPU pools of {REGION} are dry half of the time or more.")
    for at, (young, old, target) in enumerate(HAZARDS):
        found = interrupted[at] / (exposed[at] / HOUR)
        name = f"interruptions/h in them, {young} to {old} h old"
        yield Check(name, found, target, target / 1.4, target * 1.4)


def told_at(
    capacity: Capacity, pool: Pool, start: int, *, lot: float = 0.5, hours: int = 24
) -> int | None:
    return capacity.next_reclaim(
        pool, started=start, lot=lot, after=start, until=start + hours * HOUR
    )


def zones(capacity: Capacity) -> Iterator[Check]:
    """How much worse than its best zone a type's worst one is."""
    rates = defaultdict(list)
    for pool in catalogue.spot_pools(REGION):
        rates[pool.instance_type].append(rate(capacity, pool))
    ratios = [max(of_type) / min(of_type) for of_type in rates.values()]
    yield Check("worst zone over best, largest of all types", max(ratios), 15, 12, 15)
    yield Check("worst zone over best, median type", median(ratios), 5, 2, 8)


def spread(capacity: Capacity) -> Iterator[Check]:
    """Minutes from the first to the last notice of twenty instances that started together."""
    minutes = []
    for pool in scarce_pools(capacity):
        if not capacity.is_dry(pool, BEGINS):
            told = [told_at(capacity, pool, BEGINS, lot=lot / 20) for lot in range(20)]
            known = [moment for moment in told if moment]
            minutes += [(max(known) - min(known)) / 60] if known else []
    yield Check("minutes from a pool's first notice to its last", median(minutes), 4, 1, 6)


def buckets(capacity: Capacity, file: Path) -> Iterator[Check]:
    """The shares of the advisor's buckets among the types of the region, in percent."""
    if not file.exists():
        print(f"{file} is not there: the advisor's buckets are not compared.")
        return
    real = json.loads(gzip.decompress(file.read_bytes()))["spot_advisor"][REGION]["Linux"]
    wanted = Counter(one["r"] for one in real.values())
    by_type = defaultdict(list)
    for pool in catalogue.spot_pools(REGION):
        by_type[pool.instance_type].append(pool)
    found = Counter(advisor.bucket(capacity, pools, BEGINS // DAY) for pools in by_type.values())
    for at, one in enumerate(advisor.RANGES):
        target = 100 * wanted[at] / wanted.total()
        share = 100 * found[at] / found.total()
        yield Check(f"% of types interrupted {one.label}", share, target, target - 5, target + 5)


def scores(capacity: Capacity) -> Iterator[Check]:
    """Scores of three GPU types in one zone against what happens in the best of their pools."""
    by_zone = defaultdict(list)
    for pool in catalogue.spot_pools(REGION):
        if capacity.hardware(pool.instance_type).accelerators:
            by_zone[pool.zone].append(pool)
    lost = defaultdict(list)
    for number in range(3_000):
        of_zone = by_zone[sorted(by_zone)[number % len(by_zone)]]
        drawn = {of_zone[int(uniform("draw", number, n) * len(of_zone))] for n in range(3)}
        second = BEGINS + number * HOUR // 4
        units = {pool.instance_type: 1 for pool in drawn}
        best = max(sorted(drawn), key=lambda pool: capacity.headroom(pool, second))
        if len(drawn) == 3:  # noqa: PLR2004
            scored = score(capacity, drawn, second, target=1, units=units)
            dry = capacity.is_dry(best, second)
            lost[scored].append(dry or told_at(capacity, best, second) is not None)
    for scored in sorted(lost):
        share = 100 * fmean(lost[scored])
        print(f"score {scored:2}: {share:5.1f} % refused or interrupted within a day")
    shares = [fmean(lost[scored]) for scored in sorted(lost)]
    agreement = -correlation([*map(float, sorted(lost))], shares)
    yield Check("agreement of score and interruptions, 1 is best", agreement, 1, 0.9, 1)


if __name__ == "__main__":
    sys.exit(main())
