"""EC2 as the sandbox answers it: our calls where moto's are stubs, moto's for the rest."""

import moto.ec2.urls

from spotkeeper.sandbox.ec2.catalogue import CatalogueResponses
from spotkeeper.sandbox.ec2.dry_run import DryRunResponses
from spotkeeper.sandbox.ec2.fleets import FleetResponses
from spotkeeper.sandbox.ec2.instances import MachineResponses
from spotkeeper.sandbox.ec2.placement import PlacementResponses
from spotkeeper.sandbox.ec2.prices import MarketResponses
from spotkeeper.sandbox.ec2.requests import RequestResponses
from spotkeeper.sandbox.ec2.tags import TagResponses
from spotkeeper.sandbox.ec2.templates import TemplateResponses
from spotkeeper.sandbox.ec2.volumes import VolumeResponses


class SandboxEC2Response(
    MachineResponses,
    RequestResponses,
    MarketResponses,
    CatalogueResponses,
    FleetResponses,
    PlacementResponses,
    TemplateResponses,
    VolumeResponses,
    TagResponses,
    DryRunResponses,
):
    """One call of the EC2 API; moto makes a new object for each."""


def install() -> None:
    """Make moto's EC2 answer with this class."""
    moto.ec2.urls.url_paths["{0}/"] = SandboxEC2Response.dispatch
