"""Where moto is bent to the sandbox's will. Import this before anything else of moto.

Every private name of moto that the package asks for is in ``PRIVATE``. A test holds that list, and
all that is imported or replaced, against the syntax tree of the package and against moto: one that
renames a name fails loudly.
"""

import os
from datetime import datetime
from functools import cache
from typing import Any

os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"  # the images are ours; state stays small

import moto.core.utils as moto_time
from moto.moto_api._internal import mock_random

# RFC 5737: addresses that belong to nobody, so that nothing is ever contacted there.
DOCUMENTATION_NETWORKS = ("203.0.113", "198.51.100")

FIRST_PUBLIC_BLOCK = 64  # of 127/8; below are private addresses, see ``first_day``

SYMMETRIC = "SYMMETRIC_DEFAULT"  # such a key has no private half; moto makes one of RSA for it

#: Of moto's classes: what the package asks of their instances.
PRIVATE = (
    "moto.ec2.models.elastic_network_interfaces.NetworkInterface._group_set",
    "moto.ec2.models.instances.Instance._private_ips",
    "moto.ec2.models.instances.Instance._reason",
    "moto.ec2.models.instances.Instance._state",
    "moto.ec2.models.subnets.Subnet._subnet_ips",
    "moto.ec2.models.subnets.Subnet._unused_ips",
    "moto.ec2.responses.EC2Response._filters_from_querystring",
    "moto.iam.models.IAMBackend._init_managed_policies",
    "moto.iam.policy_validation.BaseIAMPolicyValidator._validate_version",
    "moto.ssm.models.SimpleSystemManagerBackend._parameters",
)


def sandbox_utcnow() -> datetime:
    """Naive UTC, as moto's own, of the sandbox's clock."""
    from ec2_sandbox.world import world

    return world().now.replace(tzinfo=None)


def simulated_public_ip() -> str:
    """An address out of the documentation networks; this computer's own where guests answer."""
    from ec2_sandbox.world import world

    options = world().options
    if options.has_own_addresses:
        second = mock_random.randint(FIRST_PUBLIC_BLOCK, 254)
        return f"127.{second}.{mock_random.randint(0, 255)}.{mock_random.randint(1, 254)}"
    if options.guests != "none":
        return "127.0.0.1"
    return f"{mock_random.choice(DOCUMENTATION_NETWORKS)}.{mock_random.randint(1, 254)}"


def _tags_of(resource: Any) -> list[dict[str, str]]:
    """A resource's own tags; moto compares every tag of the region with a pattern."""
    tags = resource.ec2_backend.tags.get(resource.id, {})
    return [{"key": key, "value": value} for key, value in tags.items()]


def _groups_of(interface: Any) -> list[Any]:
    """Its own groups and its instance's, each once and in order; moto makes a set of them."""
    of_instance = interface.instance.security_groups if interface.instance else []
    own = interface._group_set  # noqa: SLF001 - the public name is what is replaced here
    return list({group.id: group for group in [*own, *of_instance]}.values())


def _forgotten(_instance: Any) -> None:
    """Addresses are taken back when an instance ends, not when Python forgets it."""


def install() -> None:
    """Bend moto. ``utcnow`` first: moto's modules copy it when they are imported."""
    moto_time.utcnow = sandbox_utcnow
    share_models()
    import moto.ec2.models.core as tagged
    import moto.ec2.models.elastic_ip_addresses as addresses
    import moto.ec2.models.elastic_network_interfaces as interfaces
    import moto.ec2.models.instances as machines

    interfaces.random_public_ip = simulated_public_ip
    addresses.random_ip = simulated_public_ip
    interfaces.NetworkInterface.group_set = property(_groups_of)
    tagged.TaggedEC2Resource.get_tags = _tags_of
    machines.Instance.__del__ = _forgotten
    lay_shortcuts()


def share_models() -> None:
    """Read each of botocore's files once; moto reads EC2's five times while it is imported.

    To be called before anything of ``moto.ec2`` is imported.
    """
    from moto.core.loaders import create_loader

    kind = type(create_loader().file_loader)
    read: dict[str, Any] = {}
    load = kind.load_file

    def load_file(loader: Any, file_path: str) -> Any:
        if (found := read.get(file_path)) is None:
            found = read[file_path] = load(loader, file_path)
        return found

    kind.load_file = load_file


def lay_shortcuts() -> None:
    """Work out once what moto works out anew at every call although it never changes.

    Of a call that moto answers in 5.4 ms, 3.8 ms went to listing the methods of a class and 1.0 ms
    to listing moto's own folders; a launch copied every reservation of the region three times, and
    the first volume of a region took 0.1 s for a key of RSA that nobody reads.
    """
    from moto import backends
    from moto.core import common_models, responses
    from moto.ec2.models import instances
    from moto.kms import models as keys

    common_models.BaseModel.__new__ = _untracked
    responses.method_names_from_class = cache(responses.method_names_from_class)
    modules = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules
    instances.InstanceBackend.get_instance = _instance_by_id
    # moto's RunInstances goes through them for a check that is switched off; ours is in
    # spot_requests/launch_orders.py.
    instances.INSTANCE_TYPE_OFFERINGS = {"region": {}, "availability-zone": {}}

    made = keys.generate_private_key
    keys.generate_private_key = lambda spec: None if spec == SYMMETRIC else made(spec)


def _untracked(model: type, *_: Any, **__: Any) -> Any:
    """moto keeps whatever it ever made for its dashboard: of every world that was read again."""
    return object.__new__(model)


def _instance_by_id(backend: Any, instance_id: str) -> Any:
    """Newest first: moto asks while it launches."""
    from moto.ec2.exceptions import InvalidInstanceIdError

    for reservation in reversed(backend.reservations.values()):
        for instance in reservation.instances:
            if instance.id == instance_id:
                return instance
    raise InvalidInstanceIdError(instance_id)
