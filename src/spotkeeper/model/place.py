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
