"""One ranking in a process of its own: prints what it found and the CPU seconds that it took.

usage: python rank_once.py spotkeeper|polars FILE

Counted is everything from the start of the process, imports included, but for reading the file.
What this script itself imports is part of the interpreter, so that it costs neither side anything.
"""

import gc
import marshal
import sys
import time

SHOWN = 20
LEAST_VCPUS = 8
LOST_HOURS = 0.5

#: Rows by region, hardware by type (vCPUs, MiB, GPUs), interruptions per hour by region and type.
Market = tuple[
    dict[str, list[tuple[str, str, str, str, str, str]]],
    dict[str, tuple[int, int, int]],
    dict[str, dict[str, float]],
]
Top = list[list[str]]
#: What was found, and the CPU seconds that went into giving the rows the form they come in.
Found = tuple[Top, float]


def by_spotkeeper(found: Market) -> Found:
    """As ``spot find --by zone`` ranks."""
    gc.set_threshold(200_000)  # as __main__.py does
    from datetime import UTC, datetime, timedelta

    from spotkeeper.model.instance_type import InstanceType
    from spotkeeper.model.need import Need
    from spotkeeper.model.price_table import PriceTable, raw_prices
    from spotkeeper.model.risk import RegionRisk, Work
    from spotkeeper.ranking.ranking import Facts, Wanted, shortlist

    rows, hardware, hazards = found
    now = datetime.now(UTC)
    types = {
        name: InstanceType(
            name=name,
            vcpus=vcpus,
            memory_mib=mib,
            archs=(),
            gpus=None,
            spot_supported=True,
            hibernation_supported=False,
        )
        for name, (vcpus, mib, _) in hardware.items()
    }
    region_risk = {region: RegionRisk(hazards=by_type) for region, by_type in hazards.items()}
    work = Work(restart=timedelta(0), checkpoint=timedelta(hours=2 * LOST_HOURS))
    begun = time.process_time()
    tables = [PriceTable(region, raw_prices(each), now) for region, each in rows.items()]
    reading = time.process_time() - begun  # a scan hands them over so
    best = shortlist(
        tables, Facts(types, region_risk, work=work), Wanted(Need(vcpus=LEAST_VCPUS), limit=SHOWN)
    )
    return [[each.instance_type, each.zone_name] for each in best.chosen], reading


def by_polars(found: Market) -> Found:
    """As one would write it with polars."""
    import polars as pl

    rows, hardware, hazards = found
    offers = pl.DataFrame(
        [(region, *each) for region, table in rows.items() for each in table],
        schema=["region", "name", "product", "usd", "since", "zone", "zone_id"],
        orient="row",
    ).with_columns(pl.col("usd").cast(pl.Float64))
    types = pl.DataFrame(
        [(name, *each) for name, each in hardware.items()],
        schema=["name", "vcpus", "mib", "gpus"],
        orient="row",
    )
    risk = pl.DataFrame(
        [(region, name, each) for region, by in hazards.items() for name, each in by.items()],
        schema=["region", "name", "hazard"],
        orient="row",
    )
    best = (
        offers.lazy()
        .join(types.lazy().filter(pl.col("vcpus") >= LEAST_VCPUS), on="name")
        .join(risk.lazy(), on=["region", "name"])
        .with_columns(order=pl.col("usd") * (1 + pl.col("hazard") * LOST_HOURS))
        .sort(["order", "usd", "name", "zone"])
        .head(SHOWN)
        .collect()
    )
    return [list(each) for each in zip(best["name"], best["zone"], strict=True)], 0.0


WAYS = {"polars": by_polars, "spotkeeper": by_spotkeeper}


def main(way: str, file: str) -> None:
    """Read the market, rank it, say how long that took."""
    begun = time.process_time()
    with open(file, "rb") as content:  # noqa: PTH123 - pathlib would count as ours
        found: Market = marshal.load(content)  # noqa: S302 - written by ranking.py
    read = time.process_time() - begun
    top, reading = WAYS[way](found)
    print({"top": top, "cpu": time.process_time() - read - reading})


if __name__ == "__main__":
    main(*sys.argv[1:])
