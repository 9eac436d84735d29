"""The maximum price in its four forms: ``0.50``, ``spot+5%``, ``od``, ``od-20%``."""

import re
from dataclasses import dataclass
from decimal import Decimal

from spotkeeper.model.money import EC2_MINIMUM_MAX_PRICE, parse_usd, rate

_RELATIVE = re.compile(r"(spot|od)(?:([+-])(\d{1,6}(?:\.\d{1,6})?)%)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MaxPrice:
    """A fixed number of dollars per hour, or a percentage of the Spot or On-Demand price."""

    text: str
    usd_per_hour: Decimal | None = None
    base: str = ""
    percent: Decimal = Decimal(0)

    @classmethod
    def parse(cls, text: str) -> "MaxPrice":
        """Read one of the four forms.

        Raises:
            ValueError: it is none of them, or below EC2's minimum.
        """
        if match := _RELATIVE.fullmatch(text.strip()):
            base, sign, number = match.groups()
            percent = Decimal(f"{sign or '+'}{number or 0}")
            return cls(text, base=base.lower(), percent=percent)
        usd = parse_usd(text)
        if usd < EC2_MINIMUM_MAX_PRICE:
            raise ValueError(f"{text} is below EC2's minimum of {rate(EC2_MINIMUM_MAX_PRICE)}")
        return cls(text, usd_per_hour=usd)

    def resolve(self, spot: Decimal, on_demand: Decimal | None) -> Decimal | None:
        """Dollars per hour for one pool, exact; ``None`` when On-Demand is needed and unknown."""
        if self.usd_per_hour is not None:
            return self.usd_per_hour
        price = spot if self.base == "spot" else on_demand
        return None if price is None else price * (100 + self.percent) / 100
