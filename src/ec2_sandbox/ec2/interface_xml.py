"""A network interface as DescribeInstances shows it below its instance."""

from collections.abc import Iterable
from typing import Any
from xml.sax.saxutils import escape

from ec2_sandbox.ec2.xml import element, stamp, truth


def interface_item(nic: Any) -> str:
    """One ``<item>`` of ``networkInterfaceSet``."""
    association = _association(nic)
    addresses = "".join(_address(nic, one, association) for one in nic.private_ip_addresses)
    return (
        f"<item>{association}{_attachment(nic)}"
        f"<description>{escape(nic.description)}</description>"
        f"<groupSet>{group_items(nic.group_set)}</groupSet>"
        f"<ipv6AddressesSet>{_ipv6(nic)}</ipv6AddressesSet>"
        f"<macAddress>{nic.mac_address}</macAddress>"
        f"<networkInterfaceId>{nic.id}</networkInterfaceId>"
        f"<ownerId>{nic.owner_id}</ownerId>"
        f"{element('privateDnsName', getattr(nic, 'private_dns_name', None))}"
        f"<privateIpAddress>{nic.private_ip_address}</privateIpAddress>"
        f"<privateIpAddressesSet>{addresses}</privateIpAddressesSet>"
        f"<sourceDestCheck>{truth(nic.source_dest_check)}</sourceDestCheck>"
        f"<status>{nic.status}</status>"
        f"<subnetId>{nic.subnet.id}</subnetId><vpcId>{nic.subnet.vpc_id}</vpcId>"
        f"<interfaceType>{nic.interface_type}</interfaceType>"
        "<operator><managed>false</managed></operator></item>"
    )


def group_items(groups: Iterable[Any]) -> str:
    """The items of a ``groupSet``."""
    return "".join(
        f"<item><groupId>{group.id}</groupId><groupName>{escape(group.name)}</groupName></item>"
        for group in groups
    )


def public_dns_name(address: str, region: str) -> str:
    """The name AWS gives to a public address."""
    domain = "compute-1" if region == "us-east-1" else f"{region}.compute"
    return f"ec2-{address.replace('.', '-')}.{domain}.amazonaws.com"


def _association(nic: Any) -> str:
    if not nic.public_ip:
        return ""
    name = public_dns_name(nic.public_ip, nic.ec2_backend.region_name)
    return (
        f"<association><ipOwnerId>{nic.owner_id}</ipOwnerId>"
        f"<publicDnsName>{name}</publicDnsName>"
        f"<publicIp>{nic.public_ip}</publicIp></association>"
    )


def _attachment(nic: Any) -> str:
    return (
        f"<attachment><attachTime>{stamp(nic.attach_time)}</attachTime>"
        f"<attachmentId>{nic.attachment_id}</attachmentId>"
        f"<deleteOnTermination>{truth(nic.delete_on_termination)}</deleteOnTermination>"
        f"<deviceIndex>{nic.device_index}</deviceIndex><status>attached</status>"
        "<networkCardIndex>0</networkCardIndex></attachment>"
    )


def _address(nic: Any, address: dict[str, Any], association: str) -> str:
    is_primary = address["PrivateIpAddress"] == nic.private_ip_address
    primary = truth(is_primary or address.get("Primary", False))
    name = nic.instance.private_dns_name if nic.instance else None
    return (
        f"<item>{association if is_primary else ''}<primary>{primary}</primary>"
        f"{element('privateDnsName', name if is_primary else None)}"
        f"<privateIpAddress>{address['PrivateIpAddress']}</privateIpAddress></item>"
    )


def _ipv6(nic: Any) -> str:
    return "".join(
        f"<item><ipv6Address>{address}</ipv6Address><isPrimaryIpv6>false</isPrimaryIpv6></item>"
        for address in nic.ipv6_addresses
    )
