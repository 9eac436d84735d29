"""EC2 as the sandbox answers it: our calls where moto's are stubs, moto's for the rest."""

from collections.abc import Mapping
from typing import Any

import moto.ec2.urls
from moto.ec2.models.elastic_block_store import Snapshot, Volume
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.subnets import Subnet

from ec2_sandbox import first_day
from ec2_sandbox.ec2 import images
from ec2_sandbox.ec2.addresses import AddressResponses
from ec2_sandbox.ec2.catalogue import CatalogueResponses
from ec2_sandbox.ec2.common import EveryCall
from ec2_sandbox.ec2.connect_endpoints import ConnectEndpointResponses
from ec2_sandbox.ec2.console import ConsoleResponses
from ec2_sandbox.ec2.fleets import FleetResponses
from ec2_sandbox.ec2.images import ImageResponses
from ec2_sandbox.ec2.instance_attributes import InstanceAttributeResponses
from ec2_sandbox.ec2.instance_listing import InstanceListing
from ec2_sandbox.ec2.instance_status import InstanceStatusResponses
from ec2_sandbox.ec2.instances import MachineResponses
from ec2_sandbox.ec2.placement import PlacementResponses
from ec2_sandbox.ec2.price_query import MarketResponses
from ec2_sandbox.ec2.requests import RequestResponses
from ec2_sandbox.ec2.security_groups import SecurityGroupResponses
from ec2_sandbox.ec2.snapshots import SnapshotResponses, progress_of
from ec2_sandbox.ec2.tags import TagResponses
from ec2_sandbox.ec2.templates import TemplateResponses
from ec2_sandbox.ec2.volumes import VolumeResponses
from ec2_sandbox.fleets import fleet_observer


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
    ImageResponses,
    TagResponses,
    AddressResponses,
    ConnectEndpointResponses,
    ConsoleResponses,
    InstanceAttributeResponses,
    InstanceStatusResponses,
    SecurityGroupResponses,
    SnapshotResponses,
    EveryCall,
):
    """One call of the EC2 API; moto makes a new object for each."""


#: What recorded answers of EC2 show and moto's things do not have.
MEMBERS: Mapping[type, Mapping[str, Any]] = {
    NetworkInterface: {"deny_all_igw_traffic": False, "operator": {"Managed": False}},
    Snapshot: {"progress": property(progress_of)},
    Subnet: {
        "block_public_access_states": {"InternetGatewayBlockMode": "off"},
        "enable_dns64": False,
        "map_customer_owned_ip_on_launch": False,
    },
    Volume: {
        "availability_zone_id": property(lambda volume: volume.zone.zone_id),
        "operator": {"Managed": False},
    },
}


def install() -> None:
    """Make moto's EC2 answer with this class."""
    moto.ec2.urls.url_paths["{0}/"] = SandboxEC2Response.dispatch
    fleet_observer.listen()
    first_day.install()
    images.install()
    for kind, members in MEMBERS.items():
        for name, value in members.items():
            setattr(kind, name, value)
