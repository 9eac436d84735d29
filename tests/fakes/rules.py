"""What EC2 refuses, in EC2's codes and our errors."""

from tests.fakes import geography
from tests.fakes.ec2 import Ec2

from spotkeeper.errors import (
    NoCapacity,
    NotFound,
    PriceTooLow,
    Refused,
    ResourceGone,
    StaleToken,
)
from spotkeeper.lifecycle.ports import LaunchOrder
from spotkeeper.lifecycle.refusals import RefusedCall, refusal
from spotkeeper.model.machine import Kind
from spotkeeper.model.quota import quota_family


def check_order(ec2: Ec2, order: LaunchOrder) -> None:
    """What RunInstances finds wrong with the order itself, also in a dry run."""
    region = order.pool.region
    hardware = geography.HARDWARE[order.pool.instance_type]
    if order.image.id not in geography.PICTURES:
        raise NotFound(f"{order.image.id} does not exist", aws_code="InvalidAMIID.NotFound")
    if geography.PICTURES[order.image.id].arch not in hardware.archs:
        raise refused("InvalidParameterValue", "architectures do not match")
    if order.subnet_id not in {subnet.id for subnet in geography.subnets_of(region)}:
        raise gone("InvalidSubnetID.NotFound", order.subnet_id)
    for group_id in order.group_ids:
        if group_id not in ec2.groups:
            raise gone("InvalidGroup.NotFound", group_id)
    keys = {key.name for key in ec2.keys.values() if key.region == region}
    if order.key_name and order.key_name not in keys:
        raise gone("InvalidKeyPair.NotFound", order.key_name)
    _check_terms(order)


def check_room(ec2: Ec2, order: LaunchOrder) -> None:
    """What a launch or a start meets: capacity, price, quota."""
    pool = order.pool
    if ec2.is_dry(pool):
        raise NoCapacity(
            f"RunInstances in {pool.region}: There is no Spot capacity available that matches "
            "your request. (InsufficientInstanceCapacity)",
            region=pool.region,
            aws_code="InsufficientInstanceCapacity",
        )
    limit = order.max_price_usd_per_hour
    if limit is not None and limit < ec2.price(pool):
        raise PriceTooLow(f"{limit} is too low", aws_code="SpotMaxPriceTooLow")
    family = quota_family(pool.instance_type)
    if family is None:
        return
    wanted = geography.HARDWARE[pool.instance_type].vcpus
    if ec2.vcpus_in_use(pool.region, family.code) + wanted > ec2.quota(family.code):
        code = "MaxSpotInstanceCountExceeded"
        raise refusal(
            RefusedCall("RunInstances", pool.region, code, "Max spot instance count exceeded")
        )


def _check_terms(order: LaunchOrder) -> None:
    box = order.kind is Kind.BOX
    if box is (order.on_interruption == "terminate"):
        raise refused("InvalidParameterCombination", "kind and behaviour exclude each other")
    if order.valid_until is not None and not box:
        raise refused("InvalidParameterCombination", "validUntil with one-time")
    if order.disk_gib < order.image.root_gib:
        raise refused("InvalidBlockDeviceMapping", "the disk is smaller than the snapshot")


def refused(code: str, words: str) -> Refused:
    """EC2's no, with its code."""
    return Refused(f"{words} ({code})", aws_code=code)


def gone(code: str, resource_id: str) -> ResourceGone:
    """A resource that the launch relies on."""
    return ResourceGone(f"{resource_id} does not exist ({code})", aws_code=code)


def stale(code: str) -> StaleToken:
    """A client token from an earlier launch."""
    return StaleToken(f"The client token is used up ({code})", aws_code=code)
