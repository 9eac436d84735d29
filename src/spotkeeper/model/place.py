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
    def is_local(self) -> bool:
        """As the function."""
        return is_local(self.name, self.region)

    @property
    def is_whole_region(self) -> bool:
        """Whether no single zone is meant."""
        return self.name == self.region


def is_local(zone_name: str, region: str) -> bool:
    """Whether it is a Local or Wavelength Zone, whose name says more than a letter behind that of
    the region ("Local Zones", "Wavelength Zones", EC2 User Guide): it has no default subnet, and
    On-Demand prices of its own."""
    return len(zone_name) > len(region) + 1
