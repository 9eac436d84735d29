"""EC2 calls about launch templates."""

from moto.ec2.responses import EC2Response


class TemplateResponses(EC2Response):  # type: ignore[misc]
    """Launch templates and their versions."""
