"""What a control verb was asked: a JSON body read field by field, each checked."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from ec2_sandbox import catalogue
from ec2_sandbox.clock import utc
from ec2_sandbox.errors import BadInput, NotFound
from ec2_sandbox.market.pools import Pool, parse_pool
from ec2_sandbox.world import world

LONGEST = timedelta(days=3_650)


class Asked(NamedTuple):
    """The body of a control verb, and the sandbox's folder."""

    body: Mapping[str, Any]
    home: Path

    def text(self, name: str) -> str:
        """A text that must be there."""
        value = self.body.get(name)
        if not isinstance(value, str) or not value:
            raise BadInput(f"'{name}' must be a text")
        return value

    def text_if_any(self, name: str) -> str | None:
        """A text, or None where it was left out."""
        return self.text(name) if self.body.get(name) is not None else None

    def number(self, name: str) -> float:
        """A finite number of zero or more."""
        value = self.body.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadInput(f"'{name}' must be a number")
        if not math.isfinite(value) or value < 0:
            raise BadInput(f"'{name}' must be zero or more")
        return float(value)

    def number_if_any(self, name: str) -> float | None:
        """A finite number of zero or more, or None where it was left out."""
        return self.number(name) if self.body.get(name) is not None else None

    def length(self, name: str, unit: timedelta) -> timedelta:
        """So many units of sandbox time."""
        number = self.number(name)
        if number * unit.total_seconds() > LONGEST.total_seconds():
            raise BadInput(f"'{name}' is longer than ten years")
        return number * unit

    def length_if_any(self, name: str, unit: timedelta) -> timedelta | None:
        """So many units of sandbox time, or None where they were left out."""
        return self.length(name, unit) if self.body.get(name) is not None else None

    def truth(self, name: str) -> bool:
        """Yes or no."""
        value = self.body.get(name)
        if not isinstance(value, bool):
            raise BadInput(f"'{name}' must be true or false")
        return value

    def pool(self) -> Pool:
        """A pool that EC2 has."""
        pool = parse_pool(self.text("pool"))
        if not catalogue.is_spot_pool(pool):
            raise NotFound(
                f"There is no Spot pool {pool}",
                next_step="`spot find` lists pools; write TYPE@ZONE.",
            )
        return pool

    def region_if_any(self) -> str | None:
        """A region that the account has."""
        region = self.text_if_any("region")
        if region is not None and region not in catalogue.ENABLED_REGIONS:
            raise NotFound(
                f"The sandbox's account has no region {region}",
                next_step=f"Use one of {', '.join(catalogue.ENABLED_REGIONS)}.",
            )
        return region

    def since_if_any(self) -> datetime | None:
        """``since``: an ISO time, or seconds before the sandbox's now."""
        if isinstance(self.body.get("since"), int | float):
            return world().now - self.length("since", timedelta(seconds=1))
        text = self.text_if_any("since")
        try:
            moment = datetime.fromisoformat(text) if text else None
        except ValueError:
            raise BadInput(f"'{text}' is not a time", next_step="Write it as ISO 8601.") from None
        return utc(moment)
