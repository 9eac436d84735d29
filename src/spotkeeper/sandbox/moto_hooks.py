"""Where moto is bent to the sandbox's will. Import this before anything else of moto.

Every private name that the package touches is in ``TOUCHED`` and checked by a contract test, so a
moto that renames one fails loudly. The rest of the package subclasses or calls moto.
"""

import os
import random
from datetime import datetime
from typing import Any

os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"  # the images are ours; state stays small

import moto.core.utils as moto_time

# RFC 5737: addresses that belong to nobody, so that nothing is ever contacted there.
DOCUMENTATION_NETWORKS = ("203.0.113", "198.51.100")

TOUCHED = (
    "moto.core.responses:ActionResult",
    "moto.core.responses:BaseResponse.call_action",
    "moto.core.utils:get_service_model",
    "moto.core.utils:utcnow",
    "moto.ec2.exceptions:DryRunClientError",
    "moto.ec2.exceptions:EC2ClientError",
    "moto.ec2.models:ec2_backends",
    "moto.ec2.models:EC2Backend.run_instances",
    "moto.ec2.models.availability_zones_and_regions:RegionsAndZonesBackend.zones",
    "moto.ec2.models.core:TaggedEC2Resource.add_tags",
    "moto.ec2.models.core:TaggedEC2Resource.get_tags",
    "moto.ec2.models.elastic_ip_addresses:random_ip",
    "moto.ec2.models.elastic_network_interfaces:random_public_ip",
    "moto.ec2.models.instance_types:INSTANCE_TYPE_OFFERINGS",
    "moto.ec2.models.instance_types:INSTANCE_TYPES",
    "moto.ec2.models.instances:Instance.start",
    "moto.ec2.models.instances:Instance.stop",
    "moto.ec2.models.instances:Instance.terminate",
    "moto.ec2.models.instances:StateReason",
    "moto.ec2.responses:EC2Response",
    "moto.ec2.urls:url_paths",
    "moto.ec2.utils:parse_user_data",
    "moto.iam.models:iam_backends",
    "moto.moto_server.werkzeug_app:create_backend_app",
    "moto.moto_server.werkzeug_app:DomainDispatcherApplication",
    "moto.ssm.models:Parameter",
    "moto.ssm.models:ssm_backends",
)


def sandbox_utcnow() -> datetime:
    """Naive UTC, as moto's own, of the sandbox's clock."""
    from spotkeeper.sandbox.world import world

    return world().now.replace(tzinfo=None)


def simulated_public_ip() -> str:
    """An address out of the documentation networks."""
    return f"{random.choice(DOCUMENTATION_NETWORKS)}.{random.randint(1, 254)}"  # noqa: S311


def _tags_of(resource: Any) -> list[dict[str, str]]:
    """A resource's own tags; moto compares every tag of the region with a pattern."""
    tags = resource.ec2_backend.tags.get(resource.id, {})
    return [{"key": key, "value": value} for key, value in tags.items()]


def install() -> None:
    """Bend moto. ``utcnow`` first: moto's modules copy it when they are imported."""
    moto_time.utcnow = sandbox_utcnow
    import moto.ec2.models.core as tagged
    import moto.ec2.models.elastic_ip_addresses as addresses
    import moto.ec2.models.elastic_network_interfaces as interfaces

    interfaces.random_public_ip = simulated_public_ip
    addresses.random_ip = simulated_public_ip
    tagged.TaggedEC2Resource.get_tags = _tags_of
