"""The market's feeds over EC2 and the Price List."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from functools import cache, partial
from itertools import chain
from typing import Any

from spotkeeper.aws import price_scan
from spotkeeper.aws.memory import Remembering
from spotkeeper.aws.price_pages import FIELDS
from spotkeeper.aws.price_scan import Everything, Gathered, Question
from spotkeeper.errors import BadInput, SpotkeeperError
from spotkeeper.market.feeds import Progress
from spotkeeper.market.market import exact_names
from spotkeeper.model.instance_type import Gpus, InstanceType
from spotkeeper.model.offer import Dated, SpotPrice
from spotkeeper.model.place import Zone
from spotkeeper.model.pool import LINUX, Pool
from spotkeeper.model.price_table import Latest, PriceTable, RawPrice, raw_prices
from spotkeeper.model.spelling import did_you_mean
from spotkeeper.model.tags import partition_of
from spotkeeper.timings import CATALOG_AGE, LAST_PRICES_AGE, PRICES_KEPT_FOR

#: EC2 takes this many values in one filter; more types are asked for by leaving the filter out.
MAX_FILTER_VALUES = 200

ALL_TYPES = "all"

#: Where the names of types are read; botocore's model is the same everywhere.
REGION_OF_NAMES = "us-east-1"

SEPARATOR = "|"  # of what is remembered of a price

#: The parts of ``InstanceTypeInfo`` that are read, and so kept.
_NEEDED = {"InstanceType", "VCpuInfo", "MemoryInfo"}
_KEPT = (
    *sorted(_NEEDED),
    "ProcessorInfo",
    "GpuInfo",
    "SupportedUsageClasses",
    "HibernationSupported",
    "SupportedBootModes",
)


class Ec2Catalog(Remembering):
    """Instance types by DescribeInstanceTypes, remembered for a week."""

    def instance_types(self, region: str, globs: Sequence[str]) -> Dated[Collection[InstanceType]]:
        """Types of the region whose name matches a glob; all of them for no globs.

        Raises:
            BadInput: a name that no instance type has; the message has the nearest right one.
        """
        key = " ".join((region, *sorted(globs)))
        kept = self._memory.get("catalog", key, younger_than=CATALOG_AGE)
        if kept is None:
            kept = {"at": self._now().isoformat(), "types": self._described(region, globs)}
            if kept["types"]:
                self._memory.put("catalog", key, kept)
        found = [instance_type(row) for row in kept["types"]]
        self._refuse_unknown(region, globs, {row.name for row in found})
        return Dated(found, datetime.fromisoformat(kept["at"]))

    def hardware(self, seen: Mapping[str, Collection[str]]) -> Dated[Mapping[str, InstanceType]]:
        """The types that were seen on sale, each asked for once, in a region that has it; those of
        a region that refuses are left out."""
        kept = self._memory.get("hardware", ALL_TYPES, younger_than=CATALOG_AGE)
        if kept is None:
            kept = {"at": self._now().isoformat(), "types": {}}
        known = kept["types"]
        before = len(known)
        problem: SpotkeeperError | None = None
        for region, names in seen.items():
            try:
                rows = self._named(region, sorted(set(names).difference(known)))
            except SpotkeeperError as refused:
                problem = problem or refused
            else:
                known.update({row["InstanceType"]: row for row in rows})
        sold = set().union(*seen.values())
        if len(known) > before:
            self._memory.put("hardware", ALL_TYPES, kept)
        types = {name: instance_type(row) for name, row in known.items()}
        left_out = problem if sold.difference(known) else None
        return Dated(types, datetime.fromisoformat(kept["at"]), left_out)

    def remembered(self) -> Dated[Mapping[str, InstanceType]] | None:
        """The types that were asked for in the last week."""
        kept = self._memory.get("hardware", ALL_TYPES, younger_than=CATALOG_AGE)
        if not kept:
            return None
        types = {name: instance_type(row) for name, row in kept["types"].items()}
        return Dated(types, datetime.fromisoformat(kept["at"]))

    def refuse_unknown(self, globs: Sequence[str]) -> None:
        """Check names that nobody sells against every name there is."""
        self._refuse_unknown(self._aws.region or REGION_OF_NAMES, globs, set())

    def _described(self, region: str, globs: Sequence[str]) -> list[dict[str, Any]]:
        filters = [{"Name": "instance-type", "Values": list(globs)}] if globs else []
        return self._rows(region, Filters=filters)

    def _named(self, region: str, names: Sequence[str]) -> list[dict[str, Any]]:
        """By a filter, since a name that EC2 does not describe refuses a whole list of names."""
        rows: list[dict[str, Any]] = []
        for begin in range(0, len(names), MAX_FILTER_VALUES):
            some = list(names[begin : begin + MAX_FILTER_VALUES])
            rows += self._rows(region, Filters=[{"Name": "instance-type", "Values": some}])
        return rows

    def _rows(self, region: str, **asked: Any) -> list[dict[str, Any]]:
        rows = self._aws.pages("DescribeInstanceTypes", region, key="InstanceTypes", **asked)
        whole = (row for row in rows if row.keys() >= _NEEDED)
        return [{part: row[part] for part in _KEPT if part in row} for row in whole]

    def _refuse_unknown(self, region: str, globs: Sequence[str], found: set[str]) -> None:
        exact = set(exact_names(globs)) - found
        if not exact:
            return
        known = self._aws.instance_type_names(region)
        for name in sorted(exact - set(known)):
            hint = did_you_mean(name, known, "Names look like g5.xlarge.")
            raise BadInput(f"{name!r} is not an EC2 instance type", next_step=hint)


class Ec2Prices(Remembering):
    """Spot prices by DescribeSpotPriceHistory."""

    def scan(
        self, regions: Sequence[str], globs: Sequence[str], told: Progress | None = None
    ) -> Sequence[PriceTable]:
        """The price now of every pool whose type matches a glob, of all regions side by side."""
        if self._aws.offline:
            return [self._remembered(region, globs) for region in regions]
        question = _question(self._now(), globs)
        fits = _fitting(globs) if globs and not question.patterns else None
        found = self._scanned(regions, question, told, gather=lambda: Latest(LINUX, fits))
        if not globs:
            self._remember(found)
        return found

    def _scanned(
        self,
        regions: Sequence[str],
        question: Question,
        told: Progress | None,
        gather: Callable[[], Gathered] = Everything,
    ) -> list[PriceTable]:
        ours = [region for region in regions if not _other_currency(region)]
        tables = price_scan.scan(self._aws, ours, question, told, gather=gather)
        found = {table.region: table for table in tables}
        return [found.get(each) or _not_in_dollars(each, self._now()) for each in regions]

    def _remember(self, tables: Iterable[PriceTable]) -> None:
        """Keep whole regions for ``--offline``; prices are asked for anew whenever they can be."""
        kept = self._memory.get("prices-kept", ALL_TYPES, younger_than=PRICES_KEPT_FOR) or {}
        now = self._now()
        fresh = {
            r: at for r, at in kept.items() if now - datetime.fromisoformat(at) < PRICES_KEPT_FOR
        }
        due = [table for table in tables if table.region not in fresh and not table.problem]
        for table in due:
            texts = SEPARATOR.join(chain.from_iterable(table.rows))
            if texts.count(SEPARATOR) == len(FIELDS) * len(table.rows) - 1:
                self._memory.put("prices", table.region, [table.as_of.isoformat(), texts])
                fresh[table.region] = now.isoformat()
        if due:
            self._memory.put("prices-kept", ALL_TYPES, fresh)

    def _remembered(self, region: str, globs: Sequence[str]) -> PriceTable:
        kept = self._memory.get("prices", region, younger_than=LAST_PRICES_AGE)
        if kept is None:
            whole = f"`spot find --region {region}` once: a look at all types is remembered"
            problem = self._aws.nothing_remembered("prices", region, after=whole)
            return PriceTable(region, (), self._now(), problem)
        fits = _fitting(globs) if globs else None
        texts = iter(kept[1].split(SEPARATOR))
        rows = raw_prices(zip(*[texts] * len(FIELDS), strict=False))
        return PriceTable(region, list(filter(fits, rows)), datetime.fromisoformat(kept[0]))

    def current_prices(self, region: str, types: Collection[str]) -> Collection[SpotPrice]:
        """The price now of every pool of the named types.

        A history that starts now holds exactly the price in effect now (DescribeSpotPriceHistory).
        """
        named = {"InstanceTypes": sorted(types)} if len(types) <= MAX_FILTER_VALUES else {}
        rows = self._history(region, StartTime=self._now(), **named)
        newest: dict[object, SpotPrice] = {}
        for price in _whole_prices(rows, region):
            known = newest.get(price.pool)
            if price.pool.instance_type in types and (not known or price.since > known.since):
                newest[price.pool] = price
        return tuple(newest.values())

    def histories(
        self,
        regions: Sequence[str],
        globs: Sequence[str],
        since: datetime,
        told: Progress | None = None,
    ) -> Sequence[PriceTable]:
        """Every change since a moment, of all regions side by side; asked without an end, the
        answers go on until now."""
        if self._aws.offline:
            lost = partial(self._aws.nothing_remembered, "price history")
            return [PriceTable(region, (), since, lost(region)) for region in regions]
        tables = self._scanned(regions, _question(since, globs), told)
        fits = _fitting(globs)
        return [replace(table, rows=list(filter(fits, table.rows))) for table in tables]

    def price_history(
        self, region: str, instance_type: str, zone_name: str, since: datetime
    ) -> Sequence[SpotPrice]:
        """Price changes of one pool, oldest first, from the one in effect at ``since`` on."""
        rows = self._history(
            region,
            StartTime=since,
            EndTime=self._now(),
            InstanceTypes=[instance_type],
            AvailabilityZone=zone_name,
        )
        return sorted(_whole_prices(rows, region), key=lambda price: price.since)

    def _history(self, region: str, **asked: Any) -> list[Any]:
        if _other_currency(region):
            return []
        return self._aws.pages(
            "DescribeSpotPriceHistory",
            region,
            key="SpotPriceHistory",
            ProductDescriptions=[LINUX],
            **asked,
        )


def _other_currency(region: str) -> str:
    """What a partition bills in, where that is not dollars ("Spot prices" in
    docs/reference/aws.md)."""
    return {"aws-cn": "yuan", "aws-eusc": "euros"}.get(partition_of(region), "")


def _not_in_dollars(region: str, now: datetime) -> PriceTable:
    problem = BadInput(
        f"{region} sells in {_other_currency(region)}, and prices are compared in dollars only",
        next_step="Name regions of another partition with --region; what runs there can be ended.",
    )
    return PriceTable(region, (), now, problem)


def _question(moment: datetime, globs: Sequence[str]) -> Question:
    """The prices since a moment; without patterns where EC2 cannot tell the types by them."""
    ours = any("[" in glob for glob in globs) or len(globs) > MAX_FILTER_VALUES
    return Question(moment, () if ours else tuple(globs))


def _fitting(globs: Sequence[str]) -> Callable[[RawPrice], bool]:
    """Whether a row's type matches; each type is compared once."""

    @cache
    def fits(name: str) -> bool:
        return any(fnmatchcase(name, glob) for glob in globs)

    return lambda row: fits(row.instance_type)


def instance_type(described: Mapping[str, Any]) -> InstanceType:
    """``InstanceTypeInfo`` of DescribeInstanceTypes."""
    return InstanceType(
        name=described["InstanceType"],
        vcpus=int(described["VCpuInfo"]["DefaultVCpus"]),
        memory_mib=int(described["MemoryInfo"]["SizeInMiB"]),
        archs=tuple(described.get("ProcessorInfo", {}).get("SupportedArchitectures", ())),
        gpus=_gpus(described.get("GpuInfo", {}).get("Gpus", ())),
        spot_supported="spot" in described.get("SupportedUsageClasses", ()),
        hibernation_supported=bool(described.get("HibernationSupported")),
        boot_modes=tuple(described.get("SupportedBootModes") or ()),
    )


def _gpus(described: Iterable[Mapping[str, Any]]) -> Gpus | None:
    for gpu in described:
        return Gpus(
            name=gpu.get("Name", "unknown"),
            manufacturer=gpu.get("Manufacturer", "unknown"),
            count=int(gpu.get("Count", 0)),
            memory_mib_each=int(gpu.get("MemoryInfo", {}).get("SizeInMiB", 0)),
            share=float(gpu.get("GpuPartitionSize", 1)),
        )
    return None


def _whole_prices(rows: Iterable[Mapping[str, Any]], region: str) -> Iterator[SpotPrice]:
    """The rows that tell a price; EC2's model lets any part of one be missing."""
    for row in rows:
        with suppress(KeyError, InvalidOperation):
            price = spot_price(row, region)
            if price.usd_per_hour.is_finite() and price.usd_per_hour > 0:
                yield price


def spot_price(described: Mapping[str, Any], region: str) -> SpotPrice:
    """``SpotPrice`` of DescribeSpotPriceHistory."""
    zone = Zone(region, described["AvailabilityZone"], described.get("AvailabilityZoneId"))
    pool = Pool(described["InstanceType"], zone, described["ProductDescription"])
    return SpotPrice(pool, Decimal(described["SpotPrice"]), described["Timestamp"])
