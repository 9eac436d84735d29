"""EC2 calls about fleets."""

from moto.ec2.responses import EC2Response


class FleetResponses(EC2Response):  # type: ignore[misc]
    """Fleets of Spot and On-Demand instances."""
