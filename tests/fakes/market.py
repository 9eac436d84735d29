"""The market's feeds over the fakes' geography, and the account behind them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fnmatch import fnmatchcase

from tests.fakes import geography
from tests.fakes.cloud import FakeCloud

from spotkeeper.errors import BadInput, Unreachable
from spotkeeper.lifecycle.ports import DiskKey, Image
from spotkeeper.market.advisor import Advisor
from spotkeeper.market.feeds import Progress
from spotkeeper.market.market import Market
from spotkeeper.market.risk import Scored
from spotkeeper.model.instance_type import InstanceType
from spotkeeper.model.offer import Dated, SpotPrice
from spotkeeper.model.pool import Pool
from spotkeeper.model.price_table import PriceTable, RawPrice
from spotkeeper.model.quota import QuotaFamily, SpotQuota


class FakeFeeds:
    """Catalogue, Spot prices and On-Demand prices of the world that a cloud lives in."""

    def __init__(self, cloud: FakeCloud) -> None:
        self._cloud = cloud
        self._ec2 = cloud.ec2

    def instance_types(self, region: str, globs: Sequence[str]) -> Dated[Collection[InstanceType]]:
        self._answer(region)
        found = [
            row
            for name, row in geography.HARDWARE.items()
            if not globs or any(fnmatchcase(name, glob) for glob in globs)
        ]
        return Dated(found, self._ec2.now)

    def hardware(self, seen: Mapping[str, Collection[str]]) -> Dated[Mapping[str, InstanceType]]:
        return Dated(geography.HARDWARE, self._ec2.now)

    def remembered(self) -> Dated[Mapping[str, InstanceType]] | None:
        return None

    def refuse_unknown(self, globs: Sequence[str]) -> None:
        unknown = sorted(set(globs) - set(geography.HARDWARE))
        if unknown:
            raise BadInput(f"{unknown[0]!r} is not an EC2 instance type")

    def scan(
        self, regions: Sequence[str], globs: Sequence[str], told: Progress | None = None
    ) -> Sequence[PriceTable]:
        return [self._table(region, globs) for region in regions]

    def _table(self, region: str, globs: Sequence[str]) -> PriceTable:
        if region in self._cloud.silent:
            problem = Unreachable(f"{region} does not answer", region=region)
            return PriceTable(region, (), self._ec2.now, problem)
        rows = [
            self._row(each)
            for each in geography.all_pools(region)
            if not globs or any(fnmatchcase(each.instance_type, glob) for glob in globs)
        ]
        return PriceTable(region, rows, self._ec2.now)

    def _row(self, of: Pool) -> RawPrice:
        usd, since = str(self._ec2.price(of)), self._ec2.now.isoformat()
        return RawPrice(of.instance_type, of.platform, usd, since, of.zone.name, of.zone.id or "")

    def histories(
        self,
        regions: Sequence[str],
        globs: Sequence[str],
        since: datetime,
        told: Progress | None = None,
    ) -> Sequence[PriceTable]:
        return self.scan(regions, globs)

    def current_prices(self, region: str, types: Collection[str]) -> Collection[SpotPrice]:
        self._answer(region)
        return [
            self._price(each)
            for each in geography.all_pools(region)
            if each.instance_type in types
        ]

    def price_history(
        self, region: str, instance_type: str, zone_name: str, since: datetime
    ) -> Sequence[SpotPrice]:
        self._answer(region)
        of = Pool(instance_type, geography.zone(zone_name))
        return [SpotPrice(of, self._ec2.price(of), since)]

    def advice(self, regions: Collection[str] = ()) -> Dated[Advisor]:
        raise Unreachable("nobody advises here")

    def sizes(self) -> Mapping[str, InstanceType]:
        raise Unreachable("nobody advises here")

    def scores(self, ranked: Sequence[str], regions: Sequence[str]) -> Dated[Scored]:
        raise Unreachable("nobody scores here")

    def spot_quota(
        self, region: str, family: QuotaFamily, *, ask: bool
    ) -> Dated[SpotQuota] | None:
        return None

    def on_demand_prices(
        self, region: str, types: Collection[str]
    ) -> Dated[Mapping[str, Decimal]]:
        self._answer(region)
        prices = {name: usd for name, usd in geography.ON_DEMAND.items() if name in types}
        return Dated(prices, self._ec2.now)

    def storage_prices(self, region: str) -> Dated[Mapping[str, Decimal]]:
        self._answer(region)
        return Dated(geography.USD_PER_GIB_MONTH, self._ec2.now)

    def _price(self, of: Pool) -> SpotPrice:
        return SpotPrice(of, self._ec2.price(of), self._ec2.now)

    def _answer(self, region: str) -> None:
        if region in self._cloud.silent:
            raise Unreachable(f"{region} does not answer", region=region)


def market(cloud: FakeCloud) -> Market:
    """The market over the feeds."""
    feeds = FakeFeeds(cloud)
    return Market(catalog=feeds, prices=feeds, on_demand=feeds, now=cloud.clock.now)


AWS_KEY = DiskKey("alias/aws/ebs")


class FakeAccount:
    """An account with its Spot role and quotas."""

    def __init__(self, cloud: FakeCloud, *, role: bool = True, key: DiskKey = AWS_KEY) -> None:
        self._cloud = cloud
        self.role = role
        self.policies = frozenset[str]()
        self.key = key

    def role_of_profile(self, profile: str) -> str:
        self._cloud.arrives("role_of_profile", (profile,))
        return profile

    def policies_of_role(self, role: str) -> frozenset[str]:
        self._cloud.arrives("policies_of_role", (role,))
        return self.policies

    def spot_role_exists(self) -> bool:
        return self.role

    def disk_key(self, region: str) -> DiskKey:
        self._cloud.arrives("disk_key", (region,))
        return self.key

    def spot_quota_vcpus(self, region: str, code: str) -> float | None:
        return self._cloud.ec2.quota(code)

    def spot_vcpus_in_use(self, region: str, family: QuotaFamily) -> int:
        return self._cloud.ec2.vcpus_in_use(region, family.code)

    def may_launch(self, region: str, image: Image, instance_type: str, **_: object) -> None:
        self._cloud.arrives("may_launch", (region,))
