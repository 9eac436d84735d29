"""Where a launch goes: subnet, zones and security groups, read and checked."""

from collections.abc import Mapping
from typing import Any

from ec2_sandbox import catalogue
from ec2_sandbox.protocol.refusal import EC2Error, invalid_combination, invalid_value, refuse

# What one instance can have only (RunInstances and InstanceNetworkInterfaceSpecification).
ONLY_FOR_ONE = ("PrivateIpAddress", "NetworkInterfaceId", "PrivateIpAddresses")


def check_number(params: Mapping[str, Any], count: int) -> None:
    """An address or an existing network interface is for one instance alone."""
    for asked in (params, *_nics(params)):
        if count > 1 and (found := [name for name in ONLY_FOR_ONE if asked.get(name)]):
            raise invalid_combination(
                f"The parameter {found[0]} cannot be used when more than one instance is launched."
            )


def subnet_of_launch(params: Mapping[str, Any], backend: Any) -> str | None:
    """The subnet that is asked for, by itself or by way of a network interface."""
    nics, subnet_id = _nics(params), params.get("SubnetId")
    if subnet_id and nics:
        raise _not_beside_interfaces("subnet ID")
    found = (nic.get("SubnetId") or _subnet_of_nic(nic, backend) for nic in nics)
    return subnet_id or next(filter(None, found), None)


def zones_of_launch(
    params: Mapping[str, Any], subnet_id: str | None, instance_type: str, backend: Any
) -> tuple[str, ...]:
    """The zones that the launch allows and that offer the type; there may be none."""
    offered = _zones_of_type(instance_type, backend)
    asked = _asked_zone(params, subnet_id, backend)
    return offered if asked is None else tuple(zone for zone in offered if zone == asked)


def not_offered(
    params: Mapping[str, Any], subnet_id: str | None, instance_type: str, backend: Any
) -> EC2Error:
    """RunInstances' error when there is no such zone; raise what this returns."""
    offered = _zones_of_type(instance_type, backend)
    asked = _asked_zone(params, subnet_id, backend) or backend.region_name
    return refuse(
        "Unsupported",
        f"Your requested instance type ({instance_type}) is not supported in your requested "
        f"Availability Zone ({asked}). Please retry your request by not specifying an "
        f"Availability Zone or choosing {', '.join(offered) or 'another Region'}.",
    )


def named_zone(placement: Mapping[str, Any], region: str) -> str | None:
    """The zone that is meant by its name or its id; EC2's error when there is none such."""
    names = catalogue.zone_ids(region)
    name, zone_id = placement.get("AvailabilityZone"), placement.get("AvailabilityZoneId")
    if not name and not zone_id:
        return None
    by_id = {one: zone for zone, one in names.items()}
    zone = name or by_id.get(zone_id or "")
    if zone not in names:
        raise invalid_value(f"Invalid availability zone: [{name or zone_id}]")
    return str(zone)


def zone_of_subnet(subnet_id: str, backend: Any) -> str:
    """The subnet's zone, or EC2's error."""
    return str(_subnet(subnet_id, backend).availability_zone)


def groups_of_launch(
    params: Mapping[str, Any], subnet_id: str | None, backend: Any
) -> tuple[str, ...]:
    """Ids of the groups asked for, by id or name; none means the VPC's default group."""
    ids, names = params.get("SecurityGroupIds") or [], params.get("SecurityGroups") or []
    if (ids or names) and _nics(params):
        raise _not_beside_interfaces("security groups")
    if names and subnet_id:
        raise invalid_combination(
            "The parameter groupName cannot be used with the parameter subnet"
        )
    of_nics = [group for nic in _nics(params) for group in nic.get("Groups") or []]
    found = (_group_id(one, subnet_id, backend) for one in (*ids, *names, *of_nics))
    return tuple(dict.fromkeys(found))


def _zones_of_type(instance_type: str, backend: Any) -> tuple[str, ...]:
    return catalogue.zones_of_types(backend.region_name).get(instance_type, ())


def _asked_zone(params: Mapping[str, Any], subnet_id: str | None, backend: Any) -> str | None:
    """A subnet is in one zone, whatever Placement says."""
    asked = named_zone(params.get("Placement") or {}, backend.region_name)
    return zone_of_subnet(subnet_id, backend) if subnet_id else asked


def _nics(params: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(params.get("NetworkInterfaces") or [])


def _not_beside_interfaces(what: str) -> EC2Error:
    return invalid_combination(
        f"Network interfaces and an instance-level {what} may not be specified on the same request"
    )


def _subnet_of_nic(nic: Mapping[str, Any], backend: Any) -> str | None:
    """That of an interface which exists already."""
    nic_id = nic.get("NetworkInterfaceId")
    return str(backend.get_network_interface(nic_id).subnet.id) if nic_id else None


def _subnet(subnet_id: str, backend: Any) -> Any:
    for subnets in backend.subnets.values():
        if subnet_id in subnets:
            return subnets[subnet_id]
    raise refuse("InvalidSubnetID.NotFound", f"The subnet ID '{subnet_id}' does not exist")


def _group_id(wanted: str, subnet_id: str | None, backend: Any) -> str:
    """A group of the VPC in which the instance will be."""
    network = _subnet(subnet_id, backend).vpc_id if subnet_id else _default_network(backend)
    group = backend.get_security_group_by_name_or_id(wanted, network)
    if group and group.vpc_id == network:
        return str(group.id)
    if group is None and (subnet_id or wanted.startswith("sg-")):
        raise refuse("InvalidGroup.NotFound", f"The security group '{wanted}' does not exist")
    if subnet_id:
        raise refuse(
            "InvalidParameter",
            f"Security group {group.id} and subnet {subnet_id} belong to different networks.",
        )
    raise refuse(
        "InvalidGroup.NotFound",
        f"The security group '{wanted}' does not exist in default VPC '{network}'",
    )


def _default_network(backend: Any) -> str | None:
    network = backend.get_default_vpc()
    return str(network.id) if network else None
