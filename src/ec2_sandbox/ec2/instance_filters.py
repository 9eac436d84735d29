"""The filters of DescribeInstances: read off the instance, or off what the answer would show."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from moto.core.utils import get_service_model

from ec2_sandbox import catalogue
from ec2_sandbox.ec2.listings import Listing, filter_names, find, value_of
from ec2_sandbox.ec2.xml import stamp
from ec2_sandbox.protocol.filters import Filters, check_number, passes, tag_value, unknown_filter

# What is asked for often, or is no element below the instance.
READERS: Mapping[str, Callable[[Any], Any]] = {
    "architecture": lambda i: i.architecture,
    "availability-zone": lambda i: i.placement.zone,
    "availability-zone-id": lambda i: catalogue.zone_ids(i.region_name).get(i.placement.zone),
    "client-token": lambda i: i.client_token,
    "dns-name": lambda i: i.public_dns_name,
    "ena-support": lambda i: getattr(i, "ena_support", True),
    "group-id": lambda i: [group.id for group in i.security_groups],
    "group-name": lambda i: [group.name for group in i.security_groups],
    "host-id": lambda i: i.placement.host_id,
    "image-id": lambda i: i.image_id,
    "instance-id": lambda i: i.id,
    "instance-lifecycle": lambda i: i.lifecycle,
    "instance-state-code": lambda i: i.state_code,
    "instance-state-name": lambda i: i.state,
    "instance-type": lambda i: i.instance_type,
    "instance.group-id": lambda i: [group.id for group in i.security_groups],
    "instance.group-name": lambda i: [group.name for group in i.security_groups],
    "ip-address": lambda i: i.public_ip,
    "key-name": lambda i: i.key_name,
    "launch-index": lambda i: i.ami_launch_index,
    "launch-time": lambda i: stamp(i.launch_time),
    "monitoring-state": lambda i: i.monitoring_state,
    "network-interface.attachment.instance-id": lambda i: i.id,
    "network-interface.attachment.instance-owner-id": lambda i: i.owner_id,
    "network-interface.availability-zone": lambda i: i.placement.zone,
    "owner-id": lambda i: i.owner_id,
    "platform-details": lambda _: "Linux/UNIX",
    "private-dns-name": lambda i: i.private_dns_name,
    "private-ip-address": lambda i: i.private_ip,
    "product-code": lambda i: i.product_codes,
    "spot-instance-request-id": lambda i: getattr(i, "spot_instance_request_id", None),
    "state-reason-code": lambda i: i.state_reason.code,
    "subnet-id": lambda i: i.subnet_id,
    "tenancy": lambda i: i.placement.tenancy,
    "usage-operation": lambda _: "RunInstances",
    "vpc-id": lambda i: i.vpc_id,
}
RESERVATION_ID = "reservation-id"

# The beginning of a filter that is not spelled as the elements are, and how those are.
SPELLED = {
    "block-device-mapping.attach": "block-device-mapping.ebs.attach",
    "block-device-mapping.delete": "block-device-mapping.ebs.delete",
    "block-device-mapping.status": "block-device-mapping.ebs.status",
    "block-device-mapping.volume": "block-device-mapping.ebs.volume",
    "network-interface.addresses": "network-interface.private-ip-addresses",
    "network-interface.group": "network-interface.groups.group",
    "network-interface.ipv6-address": "network-interface.ipv6-addresses.ipv6-address",
}


def check_names(filters: Filters) -> None:
    """A filter that does not exist is refused, however few instances there are."""
    check_number(filters)
    for name in filters:
        if not name.startswith("tag:") and name not in _documented():
            raise unknown_filter(name)


def fits(reservation: Any, instance: Any, filters: Filters) -> bool:
    """Whether an instance passes every filter."""

    def value(name: str) -> Any:
        if read := READERS.get(name):
            return read(instance)
        if name.startswith("tag"):
            return tag_value(name, instance.ec2_backend.tags.get(instance.id, {}))
        if name == RESERVATION_ID:
            return reservation.id
        return value_of(instance, _documented()[name], name)

    return passes(filters, value)


@cache
def _documented() -> Mapping[str, Listing]:
    """Every filter of EC2's model, with where its value is in the answer."""
    model = get_service_model("ec2").operation_model("DescribeInstances")
    item = model.output_shape.members["Reservations"].member.members["Instances"].member
    names = [*filter_names(model.input_shape.members["Filters"].documentation), "tag-value"]
    return {name: _listing(name, item) for name in [*READERS, *names]}


def _listing(name: str, item: Any) -> Listing:
    spelled = name
    for begins, instead in SPELLED.items():
        if name.startswith(begins) and not name.startswith(instead):
            spelled = name.replace(begins, instead)
    path = find(item, re.split(r"[.\-]", spelled))
    plain = name.replace("-", "").lower()
    return Listing("Instances", item, {plain: path}, has_pages=True)
