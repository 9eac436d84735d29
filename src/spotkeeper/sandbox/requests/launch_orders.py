"""RunInstances read and checked: parameters in, a frozen order out, or EC2's error.

Nothing here changes anything, so DryRun is this module and no more. As with AWS, capacity, price
and quota are only met by the real call.
"""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spotkeeper.sandbox import catalogue, images
from spotkeeper.sandbox.market.pools import Pool
from spotkeeper.sandbox.protocol.refusal import invalid_value, refuse
from spotkeeper.sandbox.requests.launch_disks import Disk, disks
from spotkeeper.sandbox.requests.spot_requests import SpotTerms
from spotkeeper.sandbox.requests.spot_terms import spot_terms

USER_DATA_LIMIT = 16_384  # bytes before base64 (UserGuide/instancedata-add-user-data.html)


@dataclass(frozen=True)
class LaunchImage:
    """What a launch needs to know of an image, ours or one the user made."""

    id: str
    architecture: str
    root_device: str
    root_gb: int
    snapshot_id: str | None


@dataclass(frozen=True)
class LaunchOrder:
    """One RunInstances call that can be carried out, and again for a relaunch."""

    region: str
    image: LaunchImage
    instance_type: str
    zones: tuple[str, ...]
    subnet_id: str | None
    count: int
    spot: SpotTerms | None
    disks: tuple[Disk, ...]
    group_ids: tuple[str, ...] = ()
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pools(self) -> list[Pool]:
        """The pools that the order may be filled from."""
        return [Pool(zone, self.instance_type) for zone in self.zones]


def read_order(params: Mapping[str, Any], backend: Any) -> LaunchOrder:
    """Check RunInstances' parameters in the order in which EC2 complains."""
    instance_type = params.get("InstanceType") or "m1.small"
    if instance_type not in catalogue.instance_types():
        raise invalid_value(f"Invalid value '{instance_type}' for InstanceType.")
    image = find_image(params.get("ImageId"), backend)
    _check_architecture(instance_type, image)
    _check_user_data(params.get("UserData"))
    _check_key(params.get("KeyName"), backend)
    found_disks = disks(params.get("BlockDeviceMappings") or [], image.root_device, image.root_gb)
    terms = spot_terms(params, instance_type, backend.region_name)
    _check_hibernation(terms, instance_type, found_disks)
    subnet_id = _subnet_id(params)
    return LaunchOrder(
        region=backend.region_name,
        image=image,
        instance_type=instance_type,
        zones=_zones(params, subnet_id, instance_type, backend),
        subnet_id=subnet_id,
        count=_count(params),
        spot=terms,
        disks=found_disks,
        group_ids=tuple(_groups(params, backend)),
        tags=_tags(params),
        params=dict(params),
    )


def find_image(image_id: str | None, backend: Any) -> LaunchImage:
    """The image by id, or by ``resolve:ssm:PARAMETER``."""
    if not image_id:
        raise refuse("MissingParameter", "The request must contain the parameter ImageId")
    if image_id.startswith("resolve:ssm:"):
        parameter = image_id.removeprefix("resolve:ssm:")
        image_id = images.parameters_of(backend.region_name).get(parameter, parameter)
    if ours := images.images_of(backend.region_name).get(image_id):
        return LaunchImage(
            ours.id, ours.architecture, ours.root_device, ours.root_gb, ours.snapshot_id
        )
    if own := backend.amis.get(image_id):
        return LaunchImage(own.id, own.architecture, own.root_device_name, 8, None)
    if not image_id.startswith("ami-"):
        raise refuse("InvalidAMIID.Malformed", f'Invalid id: "{image_id}"')
    raise refuse("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")


def _check_architecture(instance_type: str, image: LaunchImage) -> None:
    runs = catalogue.architectures(instance_type)
    if image.architecture not in runs:
        raise invalid_value(
            f"The architecture '{','.join(runs)}' of the specified instance type does not match "
            f"the architecture '{image.architecture}' of the specified AMI. Specify an instance "
            "type and an AMI that have matching architectures, and try again. You can use "
            "'describe-instance-types' or 'describe-images' to discover the architecture of the "
            "instance type or AMI."
        )


def _check_user_data(encoded: str | bytes | None) -> None:
    if not encoded:
        return
    try:
        size = len(b64decode(encoded, validate=True))
    except ValueError:
        raise invalid_value("Invalid BASE64 encoding of user data.") from None
    if size > USER_DATA_LIMIT:
        raise invalid_value("User data is limited to 16384 bytes")


def _check_key(name: str | None, backend: Any) -> None:
    if name and name not in backend.key_pairs:
        raise refuse("InvalidKeyPair.NotFound", f"The key pair '{name}' does not exist")


def _check_hibernation(
    terms: SpotTerms | None, instance_type: str, found: tuple[Disk, ...]
) -> None:
    if terms is None or terms.interruption_behavior != "hibernate":
        return
    if not catalogue.instance_types()[instance_type]["HibernationSupported"]:
        raise refuse(
            "UnsupportedHibernationConfiguration",
            f"Hibernation is not supported for the instance type '{instance_type}'.",
        )
    if not found[0].encrypted:
        raise refuse(
            "UnsupportedHibernationConfiguration",
            "Hibernation requires an encrypted EBS root volume.",
        )


def _count(params: Mapping[str, Any]) -> int:
    least, most = int(params.get("MinCount") or 1), int(params.get("MaxCount") or 1)
    if not 1 <= least <= most:
        raise invalid_value(f"Value ({most}) for parameter maxCount is invalid.")
    return most


def _subnet_id(params: Mapping[str, Any]) -> str | None:
    nics = params.get("NetworkInterfaces") or []
    subnet_id: str | None = params.get("SubnetId")
    if subnet_id and nics:
        raise refuse(
            "InvalidParameterCombination",
            "Network interfaces and an instance-level subnet ID may not be specified on the same "
            "request",
        )
    return subnet_id or next((nic["SubnetId"] for nic in nics if nic.get("SubnetId")), None)


def _zones(
    params: Mapping[str, Any], subnet_id: str | None, instance_type: str, backend: Any
) -> tuple[str, ...]:
    """The zones the order allows; EC2 refuses a zone that does not offer the type."""
    region = backend.region_name
    offered = catalogue.zones_of_types(region).get(instance_type, ())
    asked = _asked_zone(params, region)
    if subnet_id:
        asked = _zone_of_subnet(subnet_id, backend)
    if asked is None and offered:
        return offered
    if asked in offered:
        return (str(asked),)
    raise refuse(
        "Unsupported",
        f"Your requested instance type ({instance_type}) is not supported in your requested "
        f"Availability Zone ({asked or region}). Please retry your request by not specifying an "
        f"Availability Zone or choosing {', '.join(offered) or 'another Region'}.",
    )


def _asked_zone(params: Mapping[str, Any], region: str) -> str | None:
    placement = params.get("Placement") or {}
    names = catalogue.zone_ids(region)
    by_id = {zone_id: name for name, zone_id in names.items()}
    zone: str | None = placement.get("AvailabilityZone") or by_id.get(
        placement.get("AvailabilityZoneId", "")
    )
    wanted = zone or placement.get("AvailabilityZoneId")
    if wanted and zone not in names:
        raise invalid_value(f"Invalid availability zone: [{wanted}]")
    return zone


def _zone_of_subnet(subnet_id: str, backend: Any) -> str:
    for subnets in backend.subnets.values():
        if subnet_id in subnets:
            return str(subnets[subnet_id].availability_zone)
    raise refuse("InvalidSubnetID.NotFound", f"The subnet ID '{subnet_id}' does not exist")


def _groups(params: Mapping[str, Any], backend: Any) -> list[str]:
    """Ids of the groups asked for, by id or name; none means the VPC's default group."""
    found = []
    for wanted in [*params.get("SecurityGroupIds", []), *params.get("SecurityGroups", [])]:
        group = backend.get_security_group_by_name_or_id(wanted)
        if group is None:
            raise refuse("InvalidGroup.NotFound", f"The security group '{wanted}' does not exist")
        found.append(str(group.id))
    return found


def _tags(params: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """TagSpecifications by resource type."""
    tags: dict[str, dict[str, str]] = {}
    for specification in params.get("TagSpecifications", []):
        of_type = tags.setdefault(specification["ResourceType"], {})
        of_type.update({tag["Key"]: tag.get("Value", "") for tag in specification.get("Tags", [])})
    return tags
