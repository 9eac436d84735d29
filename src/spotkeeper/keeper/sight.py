"""What a command sees of the market, and where it comes from."""

from typing import NamedTuple

from spotkeeper.market.market import Sight

EC2_PRICES = "ec2:DescribeSpotPriceHistory"
EC2_TYPES = "ec2:DescribeInstanceTypes"
PRICE_LIST = "pricing:GetProducts"
PUBLIC_PRICES = "aws-public-spot-prices"
ADVISOR = "spot-advisor"
SCORES = "ec2:GetSpotPlacementScores"
QUOTAS = "service-quotas:GetServiceQuota"
JOURNAL = "journal"


class Scene(NamedTuple):
    """Prices and hardware of the regions that are searched.

    ``is_public``  no account was asked: one price for a region, and nothing of the account.
    ``notes``      what must be said of where the facts come from.
    """

    regions: tuple[str, ...]
    sight: Sight
    is_public: bool = False
    notes: tuple[str, ...] = ()

    @property
    def prices_origin(self) -> str:
        """Who told the prices."""
        return PUBLIC_PRICES if self.is_public else EC2_PRICES
