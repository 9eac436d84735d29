"""Where capacity is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Zone:
    """An availability zone.

    The name (``us-east-1a``) means another building in every account; the id (``use1-az1``) means
    the same one everywhere, so accounts are compared by id.
    """

    region: str
    name: str
    id: str | None = None

    @classmethod
    def whole(cls, region: str) -> "Zone":
        """All zones of a region together, for what is known of the region only."""
        return cls(region, region)

    @property
    def is_whole_region(self) -> bool:
        """Whether no single zone is meant."""
        return self.name == self.region
