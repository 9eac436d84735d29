"""RunInstances read and checked: parameters in, a frozen order out, or EC2's error.

Nothing here changes anything, so DryRun is this module and no more. As with AWS, capacity, price
and quota are only met by the real call.
"""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.iam.models import iam_backends

from ec2_sandbox import catalogue, images
from ec2_sandbox.market.pools import Pool
from ec2_sandbox.protocol.refusal import invalid_combination, invalid_value, missing, refuse
from ec2_sandbox.protocol.tag_specifications import Tags, read_tags
from ec2_sandbox.spot_requests.launch_disks import Disk, Source, disks
from ec2_sandbox.spot_requests.launch_network import (
    check_number,
    groups_of_launch,
    not_offered,
    subnet_of_launch,
    zone_of_subnet,
    zones_of_launch,
)
from ec2_sandbox.spot_requests.launch_parameters import check_modelled
from ec2_sandbox.spot_requests.spot_terms import SpotTerms, spot_terms

REQUESTS = "spot-instances-request"
TAGGED_AT_LAUNCH = {"instance", "volume", "network-interface", REQUESTS}  # TagSpecifications
FLEET_TAG = "aws:ec2:fleet-id"  # on what a fleet launched
BAD_USER_DATA = "InvalidUserData.Malformed"
USER_DATA_LIMIT = 16_384  # bytes before base64 (UserGuide/instancedata-add-user-data.html)


@dataclass(frozen=True)
class LaunchImage:
    """What a launch needs to know of an image, ours or one the user made.

    ``mappings`` are the disks of the image itself, as BlockDeviceMappings.
    """

    id: str
    architecture: str
    root_device: str
    root: Source
    boot_mode: str | None
    mappings: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class LaunchOrder:
    """One RunInstances call that can be carried out, and again for a relaunch.

    ``least`` and ``count`` are MinCount and MaxCount.
    """

    region: str
    image: LaunchImage
    instance_type: str
    zones: tuple[str, ...]
    subnet_id: str | None
    least: int
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
    """Check RunInstances' parameters; EC2 refuses a type that the zone does not offer."""
    order = read_launch(params, backend)
    if not order.zones:
        raise not_offered(params, order.subnet_id, order.instance_type, backend)
    return order


def read_launch(params: Mapping[str, Any], backend: Any) -> LaunchOrder:
    """Check them in the order in which EC2 complains; no zone needs to offer the type."""
    instance_type = params.get("InstanceType") or "m1.small"
    if instance_type not in catalogue.instance_types():
        raise invalid_value(f"Invalid value '{instance_type}' for InstanceType.")
    check_modelled(params, instance_type)
    image = find_image(params.get("ImageId"), backend)
    _check_architecture(instance_type, image)
    check_user_data(params.get("UserData"))
    _check_key(params.get("KeyName"), backend)
    _check_profile(params.get("IamInstanceProfile") or {}, backend)
    check_shutdown_behavior(params.get("InstanceInitiatedShutdownBehavior"))
    found_disks = disks(
        [*image.mappings, *(params.get("BlockDeviceMappings") or [])],
        image.root_device,
        image.root,
        find=lambda snapshot_id: _find_snapshot(snapshot_id, backend),
    )
    terms = spot_terms(params, instance_type, backend.region_name)
    check_hibernation(terms, instance_type, found_disks)
    subnet_id = subnet_of_launch(params, backend)
    least, most = _counts(params)
    return LaunchOrder(
        region=backend.region_name,
        image=image,
        instance_type=instance_type,
        zones=zones_of_launch(params, subnet_id, instance_type, backend),
        subnet_id=subnet_id,
        least=least,
        count=most,
        spot=terms,
        disks=found_disks,
        group_ids=groups_of_launch(params, subnet_id, backend),
        tags=_tags(params, terms),
        params=dict(params),
    )


def check_sources(order: LaunchOrder, backend: Any) -> None:
    """EC2's error when the image, key, group or subnet is gone since the order was read."""
    find_image(order.image.id, backend)
    _check_key(order.params.get("KeyName"), backend)
    groups_of_launch(order.params, order.subnet_id, backend)
    if order.subnet_id:
        zone_of_subnet(order.subnet_id, backend)


def find_image(image_id: str | None, backend: Any) -> LaunchImage:
    """The image by id, or by ``resolve:ssm:PARAMETER``."""
    if not image_id:
        raise missing("ImageId")
    if image_id.startswith("resolve:ssm:"):
        parameter = image_id.removeprefix("resolve:ssm:")
        image_id = images.parameters_of(backend.region_name).get(parameter, parameter)
    if ours := images.images_of(backend.region_name).get(image_id):
        if ours.virtualization != "hvm":
            raise invalid_combination(
                "Non-Windows instances with a virtualization type of 'paravirtual' are currently "
                "not supported for this instance type."
            )
        root = Source(ours.snapshot_id, ours.root_gb)
        return LaunchImage(ours.id, ours.architecture, ours.root_device, root, ours.boot_mode)
    if own := backend.amis.get(image_id):
        root = Source(own.ebs_snapshot.id, int(own.ebs_snapshot.volume.size))
        mappings = tuple(own.block_device_mappings)
        device, boot_mode = own.root_device_name, own.boot_mode
        return LaunchImage(own.id, own.architecture, device, root, boot_mode, mappings)
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


def _find_snapshot(snapshot_id: str, backend: Any) -> Source:
    snapshot = backend.snapshots.get(snapshot_id)
    if snapshot is None:
        raise refuse("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
    return Source(snapshot_id, int(snapshot.volume.size))


def check_user_data(encoded: str | bytes | None) -> None:
    """User data in base64 and not too long; both refusals were seen on AWS in these words."""
    if not encoded:
        return
    try:
        size = len(b64decode(encoded, validate=True))
    except ValueError:
        raise refuse(BAD_USER_DATA, "Invalid BASE64 encoding of user data.") from None
    if size > USER_DATA_LIMIT:
        raise refuse(BAD_USER_DATA, f"User data is limited to {USER_DATA_LIMIT} bytes")


def _check_key(name: str | None, backend: Any) -> None:
    if name and name not in backend.key_pairs:
        raise refuse("InvalidKeyPair.NotFound", f"The key pair '{name}' does not exist")


def _check_profile(profile: Mapping[str, Any], backend: Any) -> None:
    name, arn = profile.get("Name"), profile.get("Arn")
    if not name and not arn:
        return
    known = iam_backends[backend.account_id][backend.partition].instance_profiles.values()
    if not any(name in {None, one.name} and arn in {None, one.arn} for one in known):
        what = "name" if name else "arn"
        raise invalid_value(
            f"Value ({name or arn}) for parameter iamInstanceProfile.{what} is invalid. Invalid "
            f"IAM Instance Profile {what}"
        )


def check_shutdown_behavior(asked: str | None) -> None:
    """What the instance does when it is shut down from inside (ShutdownBehavior)."""
    if asked is not None and asked not in {"stop", "terminate"}:
        raise invalid_value(
            f"Value ({asked}) for parameter instanceInitiatedShutdownBehavior is invalid."
        )


def check_hibernation(
    terms: SpotTerms | None, instance_type: str, found: tuple[Disk, ...]
) -> None:
    """What hibernation asks of type and root disk (UserGuide/hibernating-prerequisites)."""
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


def _counts(params: Mapping[str, Any]) -> tuple[int, int]:
    least, most = int(params.get("MinCount") or 1), int(params.get("MaxCount") or 1)
    if not 1 <= least <= most:
        raise invalid_value(f"Value ({most}) for parameter maxCount is invalid.")
    check_number(params, most)
    return least, most


def _tags(params: Mapping[str, Any], terms: SpotTerms | None) -> Tags:
    """TagSpecifications by resource type."""
    tags = read_tags(params.get("TagSpecifications"), TAGGED_AT_LAUNCH)
    if REQUESTS in tags and terms is None:
        raise invalid_combination(
            "You cannot specify tags for Spot instances requests if there are no Spot instances "
            "requests being created."
        )
    return tags
