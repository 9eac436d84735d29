"""EC2 as the sandbox answers it: our calls where moto's are stubs, moto's for the rest."""

import moto.ec2.urls
from moto.ec2.models.elastic_block_store import Snapshot

from spotkeeper.sandbox.ec2.addresses import AddressResponses
from spotkeeper.sandbox.ec2.catalogue import CatalogueResponses
from spotkeeper.sandbox.ec2.console import ConsoleResponses
from spotkeeper.sandbox.ec2.every_call import EveryCall
from spotkeeper.sandbox.ec2.fleets import FleetResponses
from spotkeeper.sandbox.ec2.instance_attributes import InstanceAttributeResponses
from spotkeeper.sandbox.ec2.instance_listing import InstanceListing
from spotkeeper.sandbox.ec2.instance_status import InstanceStatusResponses
from spotkeeper.sandbox.ec2.instances import MachineResponses
from spotkeeper.sandbox.ec2.placement import PlacementResponses
from spotkeeper.sandbox.ec2.prices import MarketResponses
from spotkeeper.sandbox.ec2.requests import RequestResponses
from spotkeeper.sandbox.ec2.security_groups import SecurityGroupResponses
from spotkeeper.sandbox.ec2.snapshots import SnapshotResponses, progress_of
from spotkeeper.sandbox.ec2.tags import TagResponses
from spotkeeper.sandbox.ec2.templates import TemplateResponses
from spotkeeper.sandbox.ec2.volumes import VolumeResponses
from spotkeeper.sandbox.fleets import hearing


class SandboxEC2Response(
    MachineResponses,
    InstanceListing,
    RequestResponses,
    MarketResponses,
    CatalogueResponses,
    FleetResponses,
    PlacementResponses,
    TemplateResponses,
    VolumeResponses,
    TagResponses,
    AddressResponses,
    ConsoleResponses,
    InstanceAttributeResponses,
    InstanceStatusResponses,
    SecurityGroupResponses,
    SnapshotResponses,
    EveryCall,
):
    """One call of the EC2 API; moto makes a new object for each."""


def install() -> None:
    """Make moto's EC2 answer with this class."""
    moto.ec2.urls.url_paths["{0}/"] = SandboxEC2Response.dispatch
    hearing.listen()
    Snapshot.progress = property(progress_of)
