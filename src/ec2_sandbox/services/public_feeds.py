"""Two public files that AWS serves without credentials, as JSON of the same shape.

``spot-advisor-data.json`` is the feed of the Spot Instance Advisor: savings and frequency of
interruption by region, operating system and type, made once a day. ``spot.json`` is what the Spot
pricing page shows: the price of each type in each region, here of its cheapest zone, made once an
hour. Both come from the prices and the capacity that the EC2 calls show; Windows is left out.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from hashlib import blake2b
from itertools import groupby
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple

from ec2_sandbox import catalogue
from ec2_sandbox.market.advisor import RANGES, TRAILING_DAYS, bucket
from ec2_sandbox.market.money import usd
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.protocol.wire import Answer
from ec2_sandbox.world import World, world

DAY, HOUR = 86_400, 3_600
SAMPLES = 2  # of the prices of the trailing month
LEAST_EMR_VCPUS = 4
MOST_KEPT = 24  # files, of a megabyte each and a second to make
MOST_ADVICE_KEPT = 100_000  # six days of all types and regions

JSON = "application/json"


class Document(NamedTuple):
    """A file as it is served."""

    body: bytes
    etag: str


def advisor_feed(of: World) -> bytes:
    """The Spot Advisor's file as of the last midnight, UTC."""
    regions = {
        region: {
            "Linux": {
                name: _advice(of, pools, of.second // DAY) for name, pools in by_type(region)
            },
            "Windows": {},
        }
        for region in catalogue.ENABLED_REGIONS
    }
    return _written(
        {
            "global_rate": "<10%",
            "instance_types": _hardware(),
            "ranges": [
                {"index": at, "label": one.label, "dots": at, "max": one.maximum}
                for at, one in enumerate(RANGES)
            ],
            "spot_advisor": regions,
        }
    )


def price_page(of: World) -> bytes:
    """The Spot pricing page's file as of the last full hour."""
    regions = [
        {"region": region, "instanceTypes": _price_groups(of, region), "footnotes": {}}
        for region in catalogue.ENABLED_REGIONS
    ]
    columns = {"valueColumns": ["linux", "mswin"], "currencies": ["USD"]}
    return _written({"vers": 0.01, "config": {"rate": "perhr", **columns, "regions": regions}})


def by_type(region: str) -> Iterable[tuple[str, list[Pool]]]:
    """The types of a region, each with its pools."""
    grouped = groupby(catalogue.spot_pools(region), key=attrgetter("instance_type"))
    return ((name, list(pools)) for name, pools in grouped)


def _advice(of: World, pools: list[Pool], day: int) -> dict[str, int]:
    """Kept, since a price that is set changes one type and the file has thousands."""
    kept, made_from = _Files.advice, (_market(of, day * DAY, pools), *pools)
    if made_from not in kept:
        if len(kept) >= MOST_ADVICE_KEPT:
            kept.clear()
        kept[made_from] = _advised(of, pools, day)
    return kept[made_from]


def _advised(of: World, pools: list[Pool], day: int) -> dict[str, int]:
    ceiling = catalogue.on_demand(pools[0].region, pools[0].instance_type)
    back = range(0, TRAILING_DAYS, TRAILING_DAYS // SAMPLES)
    prices = [of.market.price(pool, (day - days) * DAY) for days in back for pool in pools]
    savings = 100 * (1 - sum(prices) / len(prices) / ceiling)
    return {"s": round(savings), "r": bucket(of.capacity, pools, day)}


@cache
def _hardware() -> Mapping[str, Mapping[str, Any]]:
    return {
        name: {
            "emr": catalogue.vcpus(name) >= LEAST_EMR_VCPUS,
            "cores": catalogue.vcpus(name),
            "ram_gb": described["MemoryInfo"]["SizeInMiB"] / 1024,
        }
        for name, described in catalogue.instance_types().items()
        if "spot" in described["SupportedUsageClasses"]
    }


def _price_groups(of: World, region: str) -> list[dict[str, Any]]:
    """The sizes of each family."""
    market, second = of.market, of.second // HOUR * HOUR
    sizes = [
        (name.partition(".")[0], _size(name, min(market.price(pool, second) for pool in pools)))
        for name, pools in by_type(region)
    ]
    return [
        {"type": family, "sizes": [size for _, size in members]}
        for family, members in groupby(sizes, key=lambda one: one[0])
    ]


def _size(name: str, micros: int) -> dict[str, Any]:
    columns = (("linux", usd(micros)), ("mswin", "N/A*"))
    return {
        "size": name,
        "valueColumns": [{"name": system, "prices": {"USD": price}} for system, price in columns],
    }


def _written(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


class _Files:
    """What was made of late, by name and what it was made from; one for the process."""

    made: ClassVar[dict[tuple[str, object], Document]] = {}
    advice: ClassVar[dict[object, dict[str, int]]] = {}


#: File to its maker and for how many seconds it stays as it is.
FILES: Mapping[str, tuple[Callable[[World], bytes], int]] = {
    "spot-advisor-data.json": (advisor_feed, DAY),
    "spot.json": (price_page, HOUR),
}


def document(name: str) -> Document | None:
    """A file of ``FILES`` as of now; None when there is none of that name."""
    if name not in FILES:
        return None
    make, seconds = FILES[name]
    now, made = world(), _Files.made
    made_from = name, _market(now, now.second // seconds * seconds)
    if made_from not in made:
        body = make(now)
        while len(made) >= MOST_KEPT:
            del made[next(iter(made))]
        made[made_from] = Document(body, f'"{blake2b(body, digest_size=16).hexdigest()}"')
    return made[made_from]


def _market(of: World, second: int, pools: Collection[Pool] | None = None) -> object:
    """All that the files of a second are made from, or the part about some pools; another account
    has the same market."""
    options, forced_prices = of.options, of.forced_prices
    replayed = (options.replay, of.clock.begins) if options.replay else None
    forced = tuple(
        (pool, change)
        for pool in (forced_prices if pools is None else forced_prices.keys() & pools)
        for change in forced_prices[pool]
        if change.second <= second
    )
    return options.seed, options.scenario, replayed, second, forced


def answer(name: str, environ: Mapping[str, Any]) -> Answer:
    """A file with its ETag: 304 when the client has it, 404 for no such file."""
    found = document(name)
    if found is None:
        return Answer(404, JSON, b'{"kind":"not-found","message":"there is no such file"}')
    headers = (("ETag", found.etag),)
    if environ.get("HTTP_IF_NONE_MATCH") == found.etag:
        return Answer(304, JSON, b"", headers)
    return Answer(200, JSON, found.body, headers)
