"""EC2 calls about where capacity is."""

from moto.ec2.responses import EC2Response


class PlacementResponses(EC2Response):  # type: ignore[misc]
    """Placement scores."""
