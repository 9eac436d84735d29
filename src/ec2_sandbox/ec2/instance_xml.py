"""Instances as XML by template: moto's serializer needs 2.7 ms for each.

The elements are those of EC2's model that moto fills, and the zone's id, ENA support, platform
and usage operation. Nothing is kept between calls: everything about an instance may change.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from ec2_sandbox import catalogue
from ec2_sandbox.ec2.interface_xml import group_items, interface_item
from ec2_sandbox.ec2.xml import answer, element, stamp, truth

PENDING = (0, "pending")


def launched(reservation: Any) -> str:
    """The answer of RunInstances: every instance begins as pending."""
    items = "".join(_instance(instance, PENDING) for instance in reservation.instances)
    return answer("RunInstances", _reservation(reservation, items))


def reservation_item(reservation: Any, instances: Iterable[Any]) -> str:
    """One ``<item>`` of DescribeInstances with those of its instances that are shown."""
    items = "".join(_instance(one, (one.state_code, one.state)) for one in instances)
    return f"<item>{_reservation(reservation, items)}</item>"


#: What a launch of the sandbox cannot change, as recorded answers of EC2 have it.
UNCHANGED = (
    "<capacityReservationSpecification><capacityReservationPreference>open"
    "</capacityReservationPreference></capacityReservationSpecification>"
    "<enclaveOptions><enabled>false</enabled></enclaveOptions>"
    "<maintenanceOptions><autoRecovery>default</autoRecovery>"
    "<rebootMigration>default</rebootMigration></maintenanceOptions>"
    "<networkPerformanceOptions><bandwidthWeighting>default</bandwidthWeighting>"
    "</networkPerformanceOptions>"
    "<privateDnsNameOptions><hostnameType>ip-name</hostnameType>"
    "<enableResourceNameDnsARecord>false</enableResourceNameDnsARecord>"
    "<enableResourceNameDnsAAAARecord>false</enableResourceNameDnsAAAARecord>"
    "</privateDnsNameOptions><operator><managed>false</managed></operator>"
)


def _reservation(reservation: Any, items: str) -> str:
    return (
        f"<reservationId>{reservation.id}</reservationId>"
        f"<ownerId>{reservation.owner_id}</ownerId><groupSet/>"
        f"<instancesSet>{items}</instancesSet>"
    )


def _instance(instance: Any, state: tuple[int, str]) -> str:
    nics = [] if state[1] == "terminated" else list(instance.nics.values())
    return (
        f"<item>{_kind(instance)}"
        f"<blockDeviceMapping>{_disks(instance)}</blockDeviceMapping>"
        f"<networkInterfaceSet>{''.join(map(interface_item, nics))}</networkInterfaceSet>"
        f"<groupSet>{group_items(instance.security_groups)}</groupSet>"
        f"{_tags(instance.ec2_backend.tags.get(instance.id))}"
        f"{_settings(instance)}"
        f"<instanceState><code>{state[0]}</code><name>{state[1]}</name></instanceState>"
        f"{_reason(instance)}"
        f"<launchTime>{stamp(instance.launch_time)}</launchTime>"
        f"{_place(instance)}"
        f"{_addresses(instance, nics)}</item>"
    )


def _kind(instance: Any) -> str:
    """What it is: identity, type, image, life cycle."""
    request_id = getattr(instance, "spot_instance_request_id", None)
    return (
        f"<instanceId>{instance.id}</instanceId>"
        f"<imageId>{instance.image_id}</imageId>"
        f"<instanceType>{instance.instance_type}</instanceType>"
        f"<architecture>{instance.architecture}</architecture>"
        f"<clientToken>{escape(instance.client_token or '')}</clientToken>"
        f"{element('instanceLifecycle', instance.lifecycle)}"
        f"{element('spotInstanceRequestId', request_id)}"
        f"{element('keyName', instance.key_name)}"
        f"{element('kernelId', instance.kernel_id)}"
        f"{element('platform', instance.platform)}"
        f"<amiLaunchIndex>{instance.ami_launch_index}</amiLaunchIndex><productCodes/>"
        f"<enaSupport>{truth(getattr(instance, 'ena_support', True))}</enaSupport>"
        "<platformDetails>Linux/UNIX</platformDetails>"
        "<usageOperation>RunInstances</usageOperation>"
        f"<usageOperationUpdateTime>{stamp(instance.launch_time)}</usageOperationUpdateTime>"
        f"{_boot(instance)}<hypervisor>{instance.hypervisor}</hypervisor>"
        f"<virtualizationType>{instance.virtualization_type}</virtualizationType>"
        f"<rootDeviceName>{instance.root_device_name}</rootDeviceName>"
        f"<rootDeviceType>{instance.root_device_type}</rootDeviceType>"
    )


def _boot(instance: Any) -> str:
    """The image's boot mode, and what it came to on this type."""
    mode = getattr(instance, "boot_mode", None)
    supported = catalogue.instance_types()[instance.instance_type].get("SupportedBootModes") or []
    by_uefi = mode in {"uefi", "uefi-preferred"} and "uefi" in supported
    current = element("currentInstanceBootMode", "uefi" if by_uefi else "legacy-bios")
    return element("bootMode", mode) + current


def _settings(instance: Any) -> str:
    """What ModifyInstanceAttribute and its like may change."""
    metadata, profile = instance.metadata_options, instance.iam_instance_profile
    configured = (instance.hibernation_options or {}).get("Configured")
    return (
        f"<ebsOptimized>{truth(instance.ebs_optimized)}</ebsOptimized>"
        f"<sourceDestCheck>{truth(instance.source_dest_check)}</sourceDestCheck>"
        f"<monitoring><state>{instance.monitoring_state}</state></monitoring>"
        f"<hibernationOptions><configured>{truth(configured)}</configured></hibernationOptions>"
        f"<metadataOptions><state>{metadata.state}</state>"
        f"{element('httpTokens', metadata.http_tokens)}"
        f"{element('httpPutResponseHopLimit', metadata.http_put_response_hop_limit)}"
        f"{element('httpEndpoint', metadata.http_endpoint)}"
        f"{element('httpProtocolIpv6', metadata.http_protocol_ipv6)}"
        f"{element('instanceMetadataTags', metadata.instance_metadata_tags)}"
        f"</metadataOptions>{_profile(profile)}{_cpu(instance.instance_type)}{UNCHANGED}"
    )


def _cpu(instance_type: str) -> str:
    found = catalogue.instance_types()[instance_type]["VCpuInfo"]
    cores, threads = found.get("DefaultCores"), found.get("DefaultThreadsPerCore")
    told = f"{element('coreCount', cores)}{element('threadsPerCore', threads)}"
    return f"<cpuOptions>{told}</cpuOptions>"


def _profile(profile: Mapping[str, str] | None) -> str:
    if not profile:
        return ""
    arn, profile_id = element("arn", profile["Arn"]), element("id", profile["Id"])
    return f"<iamInstanceProfile>{arn}{profile_id}</iamInstanceProfile>"


def _reason(instance: Any) -> str:
    """Why it is in its state; EC2 has no stateReason for an instance that runs."""
    reason = instance.state_reason
    told = f"{element('code', reason.code)}{element('message', reason.message)}"
    shown = f"<stateReason>{told}</stateReason>" if reason.code else ""
    return f"{shown}{element('reason', instance.state_transition_reason)}"


def _place(instance: Any) -> str:
    placement = instance.placement
    zone_id = catalogue.zone_ids(instance.region_name).get(placement.zone)
    return (
        f"<placement><availabilityZone>{placement.zone}</availabilityZone>"
        f"{element('availabilityZoneId', zone_id)}"
        f"<groupName>{escape(placement.group_name)}</groupName>"
        f"{element('hostId', placement.host_id)}"
        f"<tenancy>{placement.tenancy}</tenancy></placement>"
    )


def _addresses(instance: Any, nics: list[Any]) -> str:
    """Where it is in the network; a terminated instance is nowhere."""
    if not nics:
        return "<privateDnsName/><dnsName/>"
    primary = instance.nics[0]
    return (
        f"<subnetId>{primary.subnet.id}</subnetId><vpcId>{primary.subnet.vpc_id}</vpcId>"
        f"<privateDnsName>{instance.private_dns_name}</privateDnsName>"
        f"<privateIpAddress>{primary.private_ip_address}</privateIpAddress>"
        f"<dnsName>{instance.public_dns_name or ''}</dnsName>"
        f"{element('ipAddress', primary.public_ip)}"
    )


def _disks(instance: Any) -> str:
    return "".join(
        f"<item><deviceName>{escape(device)}</deviceName><ebs>"
        f"<attachTime>{stamp(disk.attach_time)}</attachTime>"
        f"<deleteOnTermination>{truth(disk.delete_on_termination)}</deleteOnTermination>"
        f"<status>{instance.get_block_device_status(disk.status)}</status>"
        f"<volumeId>{disk.volume_id}</volumeId></ebs></item>"
        for device, disk in instance.block_device_mapping.items()
    )


def _tags(tags: Mapping[str, str] | None) -> str:
    items = "".join(
        f"<item><key>{escape(key)}</key><value>{escape(value)}</value></item>"
        for key, value in (tags or {}).items()
    )
    return f"<tagSet>{items}</tagSet>" if items else ""
