"""The Spot Advisor's feed: how often each type was interrupted in each region last month.

The feed is public and undocumented, so nothing in it is taken for granted: what has
not the expected shape is left out and counted, and so stays unknown.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from typing import Any, TypeGuard, TypeVar

from spotkeeper.model.instance_type import MIB_PER_GIB, Arch, InstanceType
from spotkeeper.model.risk import Band

S = TypeVar("S")
V = TypeVar("V")


class Derived(Mapping[str, V]):
    """Another mapping's values, made into something else when they are asked for.

    A region has a thousand types, and a ranking asks for the cheapest of them.
    """

    def __init__(self, source: Mapping[str, S], make: Callable[[S], V]) -> None:
        self._source = source
        self._make = make

    def __getitem__(self, key: str) -> V:
        return self._make(self._source[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._source)

    def __len__(self) -> int:
        return len(self._source)


LINUX_SYSTEM = "Linux"
MOST_BANDS = 20
ALL = 100  # percent
LOWEST_SAVING = -10 * ALL
MOST_VCPUS, MOST_GIB = 10_000, 1_000_000
#: Patterns are compiled when the first is looked for: what is remembered was looked at before.
LABEL = r"(?P<open>>)?[<=~]{0,2} ?(?:\d{1,3} ?- ?)?(?P<end>\d{1,3}) ?%"
TYPE_NAME = r"[a-z0-9-]{1,30}\.[a-z0-9-]{1,30}"
#: A "g" behind the generation ("Instance type naming conventions", EC2 User Guide); a1 is older.
GRAVITON = r"a1\.|[a-z]+\d+[a-z]*g"
REGION_NAME = r"[a-z]{2,5}(?:-[a-z]{1,12}){1,3}-\d{1,2}"

band_of = attrgetter("band")


class NoAdvisor(ValueError):
    """The document is not the Spot Advisor's at all."""


@dataclass(frozen=True, slots=True)
class Advice:
    """One type in one region: its band, and the saving against On-Demand over last month."""

    band: Band
    saving_percent: int


@dataclass(frozen=True, slots=True)
class Advisor:
    """The whole feed for Linux: its bands, the lowest first, and the advice by region and type.

    ``left_out`` counts what made no sense.
    """

    ranges: tuple[Band, ...] = ()
    regions: Mapping[str, Mapping[str, Advice]] = field(default_factory=dict)
    left_out: int = 0

    def bands(self, region: str) -> Mapping[str, Band]:
        """The band of every type of a region that the feed knows."""
        return Derived(self.regions.get(region, {}), band_of)


def read_advisor(document: Any, *, system: str = LINUX_SYSTEM) -> Advisor:
    """The feed as JSON gave it.

    Raises:
        NoAdvisor: it has not the feed's shape.
    """
    if not isinstance(document, Mapping):
        raise NoAdvisor("the feed is no JSON object")
    bands = _bands(document.get("ranges"))
    by_region = document.get("spot_advisor")
    if not bands or not isinstance(by_region, Mapping):
        raise NoAdvisor("the feed has no interruption ranges or no regions")
    advised: dict[str, dict[str, Advice]] = {}
    left_out = 0
    names, advices = _TypeNames(), _Advices(bands)
    for region, types in _types(by_region, system):
        named = bool(re.fullmatch(REGION_NAME, region))
        good = {
            name: advice
            for name, row in types.items()
            if named and names[name] and (advice := advices.of(row))
        }
        left_out += len(types) - len(good)
        if good:
            advised[region] = good
    ranges = sorted(bands.values(), key=lambda band: band.percent_max)
    return Advisor(tuple(ranges), advised, left_out)


def packed(advisor: Advisor) -> dict[str, Any]:
    """The same for JSON, quickly read again: of tens of thousands of rows few are different."""
    bands = list(advisor.ranges)
    rows = chain.from_iterable(types.values() for types in advisor.regions.values())
    number_of = {advice: number for number, advice in enumerate(dict.fromkeys(rows))}
    return {
        "bands": [[band.label, band.percent_max] for band in bands],
        "advice": [[bands.index(each.band), each.saving_percent] for each in number_of],
        "regions": {
            region: [" ".join(types), [number_of[advice] for advice in types.values()]]
            for region, types in advisor.regions.items()
        },
        "left_out": advisor.left_out,
    }


def unpacked(document: Mapping[str, Any], regions: Collection[str] = ()) -> Advisor:
    """What was packed, of the named regions; of all of them for none."""
    bands = [Band(label, percent_max) for label, percent_max in document["bands"]]
    advice = [Advice(bands[number], saving) for number, saving in document["advice"]]
    rows = document["regions"]
    advised = {
        region: dict(zip(names.split(), map(advice.__getitem__, numbers), strict=True))
        for region in regions or rows
        if region in rows
        for names, numbers in [rows[region]]
    }
    return Advisor(tuple(bands), advised, document["left_out"])


def read_sizes(document: Any) -> dict[str, InstanceType]:
    """What the feed says of the types themselves: vCPUs and memory, nothing of GPUs."""
    described = document.get("instance_types") if isinstance(document, Mapping) else None
    if not isinstance(described, Mapping):
        return {}
    found = (_size(name, facts) for name, facts in described.items())
    return {row.name: row for row in found if row is not None}


def _size(name: Any, facts: Any) -> InstanceType | None:
    if not isinstance(name, str) or not re.fullmatch(TYPE_NAME, name):
        return None
    if not isinstance(facts, Mapping):
        return None
    cores, gib = facts.get("cores"), facts.get("ram_gb")
    if not _is_whole(cores) or not 0 < cores < MOST_VCPUS:
        return None
    if isinstance(gib, bool) or not isinstance(gib, int | float) or not 0 < gib < MOST_GIB:
        return None
    return InstanceType(
        name=name,
        vcpus=cores,
        memory_mib=round(gib * MIB_PER_GIB),
        archs=(Arch.ARM64 if re.match(GRAVITON, name) else Arch.X86_64,),
        gpus=None,
        spot_supported=True,
        hibernation_supported=False,
        partial=True,
    )


def _bands(ranges: Any) -> dict[int, Band]:
    if not isinstance(ranges, list) or len(ranges) > MOST_BANDS:
        return {}
    found = (_band(each) for each in ranges if isinstance(each, Mapping))
    return {index: band for index, band in found if band is not None}


def _band(described: Mapping[Any, Any]) -> tuple[int, Band | None]:
    index, label, most = (described.get(name) for name in ("index", "label", "max"))
    named = re.fullmatch(LABEL, label) if isinstance(label, str) else None
    if not _is_whole(index) or not _is_whole(most) or not 0 < most <= ALL or named is None:
        return -1, None
    # The feed ends "5-10%" at 11, "10-15%" at 16: whoever asks for 10 % at most means the label.
    end = most if named["open"] else int(named["end"])
    return index, Band(str(label), end) if 0 < end <= ALL else None


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _types(by_region: Mapping[Any, Any], system: str) -> Iterator[tuple[str, dict[Any, Any]]]:
    for region, systems in by_region.items():
        types = systems.get(system) if isinstance(systems, Mapping) else None
        if isinstance(types, dict):
            yield str(region), types


class _TypeNames(dict[Any, bool]):
    """Which names are names of types: they end on a terminal. Each is looked at once."""

    def __missing__(self, name: Any) -> bool:
        self[name] = good = isinstance(name, str) and bool(re.fullmatch(TYPE_NAME, name))
        return good


class _Advices:
    """Makes the few that are different, of the tens of thousands that there are."""

    def __init__(self, bands: Mapping[int, Band]) -> None:
        self._bands = bands
        self._made: dict[tuple[int, int], Advice | None] = {}

    def of(self, row: Any) -> Advice | None:
        """The advice in a row; ``None`` for what makes no sense."""
        if not isinstance(row, dict):
            return None
        index, saving = row.get("r"), row.get("s")
        if type(index) is not int or type(saving) is not int:
            return None
        if (index, saving) not in self._made:
            # A Spot price may be above On-Demand for a while: the saving is negative then.
            good = index in self._bands and LOWEST_SAVING <= saving <= ALL
            self._made[index, saving] = Advice(self._bands[index], saving) if good else None
        return self._made[index, saving]
