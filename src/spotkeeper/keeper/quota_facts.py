"""What the account's Spot quotas leave for the pools that are shown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from spotkeeper.errors import SpotkeeperError
from spotkeeper.market import side_by_side
from spotkeeper.market.feeds import QuotaFeed
from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.offer import Dated
from spotkeeper.model.quota import QuotaFamily, SpotQuota, quota_family

#: A type and its region: a quota counts for both.
TypeInRegion = tuple[InstanceType, str]
FamilyInRegion = tuple[QuotaFamily, str]


@dataclass(frozen=True, slots=True)
class Quotas:
    """The quotas that are known, by family and region, and what must be said of them."""

    known: Mapping[FamilyInRegion, Dated[SpotQuota]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def of(self, instance_type: str, region: str) -> Dated[SpotQuota] | None:
        """The quota that a type counts against in a region."""
        family = quota_family(instance_type)
        return self.known.get((family, region)) if family else None


def looked_up(feed: QuotaFeed, shown: Iterable[TypeInRegion], *, ask: bool) -> Quotas:
    """The quotas of the types that are shown, each asked for once, side by side; only those that
    are remembered without ``ask``. What cannot be had is said once and unknown."""
    needed: dict[FamilyInRegion, int] = {}
    for hardware, region in shown:
        if family := quota_family(hardware.name):
            least = needed.get((family, region), hardware.vcpus)
            needed[family, region] = min(least, hardware.vcpus)
    known, problems = _answers(feed, list(needed), ask=ask)
    told = [f"Spot quotas are not known: {each.message}" for each in problems[:1]]
    told += [
        _too_small(family, region, known[family, region].value)
        for (family, region), vcpus in needed.items()
        if (family, region) in known and known[family, region].value.free_vcpus < vcpus
    ]
    return Quotas(known, tuple(told))


def _answers(
    feed: QuotaFeed, asked: Sequence[FamilyInRegion], *, ask: bool
) -> tuple[dict[FamilyInRegion, Dated[SpotQuota]], list[SpotkeeperError]]:
    def answer(of: FamilyInRegion) -> Dated[SpotQuota] | SpotkeeperError | None:
        family, region = of
        try:
            return feed.spot_quota(region, family, ask=ask)
        except SpotkeeperError as problem:
            return problem

    answers = side_by_side.answers(answer, asked)
    known = {of: found for of, found in answers.items() if isinstance(found, Dated)}
    return known, [one for one in answers.values() if isinstance(one, SpotkeeperError)]


def _too_small(family: QuotaFamily, region: str, quota: SpotQuota) -> str:
    return (
        f"your {family.short_name} quota in {region} leaves {quota.free_vcpus} of "
        f"{quota.limit_vcpus} vCPUs: `spot doctor` says how to raise it"
    )
