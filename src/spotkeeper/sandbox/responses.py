"""EC2 as the sandbox answers it: our calls where moto's are stubs, moto's for the rest."""

import moto.ec2.urls

from spotkeeper.sandbox.ec2_catalogue import CatalogueResponses
from spotkeeper.sandbox.ec2_dry_run import DryRunResponses
from spotkeeper.sandbox.ec2_machines import MachineResponses
from spotkeeper.sandbox.ec2_market import MarketResponses
from spotkeeper.sandbox.ec2_requests import RequestResponses
from spotkeeper.sandbox.ec2_tags import TagResponses


class SandboxEC2Response(
    MachineResponses,
    RequestResponses,
    MarketResponses,
    CatalogueResponses,
    TagResponses,
    DryRunResponses,
):
    """One call of the EC2 API; moto makes a new object for each."""


def install() -> None:
    """Make moto's EC2 answer with this class."""
    moto.ec2.urls.url_paths["{0}/"] = SandboxEC2Response.dispatch
