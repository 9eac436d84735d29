"""What of a launch's parameters is modelled; what would be ignored is refused by name."""

from collections.abc import Iterator, Mapping
from typing import Any

from ec2_sandbox.protocol.refusal import EC2Error, refuse

#: Of RunInstances, launch templates and launch specifications. All else is refused, and so is what
#: a later EC2 adds. A name stands for all that is below it.
MODELLED = frozenset(
    """
    AddressingType BlockDeviceMappings ClientToken DisableApiStop DisableApiTermination DryRun
    EbsOptimized HibernationOptions IamInstanceProfile ImageId InstanceInitiatedShutdownBehavior
    InstanceMarketOptions InstanceRequirements InstanceType Ipv6AddressCount KeyName LaunchTemplate
    MaxCount MetadataOptions MinCount Monitoring.Enabled NetworkInterfaces.AssociatePublicIpAddress
    NetworkInterfaces.DeleteOnTermination NetworkInterfaces.Description
    NetworkInterfaces.DeviceIndex NetworkInterfaces.Groups NetworkInterfaces.NetworkInterfaceId
    NetworkInterfaces.PrivateIpAddress NetworkInterfaces.PrivateIpAddresses
    NetworkInterfaces.SubnetId Placement.AvailabilityZone Placement.AvailabilityZoneId
    PrivateDnsNameOptions.EnableResourceNameDnsARecord PrivateIpAddress SecurityGroupIds
    SecurityGroups SubnetId TagSpecifications UserData
    """.split()  # noqa: SIM905 - easier to read
)

#: What says no more than is so anyway.
DEFAULTS: Mapping[str, tuple[Any, ...]] = {
    "CapacityReservationSpecification.CapacityReservationPreference": ("open", "none"),
    "CreditSpecification.CpuCredits": ("standard", "unlimited"),
    "EnclaveOptions.Enabled": (False,),
    "MaintenanceOptions.AutoRecovery": ("default",),
    "NetworkInterfaces.AssociateCarrierIpAddress": (False,),
    "NetworkInterfaces.InterfaceType": ("interface",),
    "NetworkInterfaces.NetworkCardIndex": (0,),
    "NetworkPerformanceOptions.BandwidthWeighting": ("default",),
    "Placement.Tenancy": ("default",),
    "PrivateDnsNameOptions.EnableResourceNameDnsAAAARecord": (False,),
    "PrivateDnsNameOptions.HostnameType": ("ip-name",),
}
BURSTABLE = "t"  # families that have CPU credits


def check_modelled(params: Mapping[str, Any], instance_type: str) -> None:
    """EC2's error for the first parameter that a launch would not heed."""
    for name, value in _unknown(params, ""):
        if value not in DEFAULTS.get(name, ()):
            raise not_modelled(name)
    if params.get("CreditSpecification") and not instance_type.startswith(BURSTABLE):
        raise not_modelled("CreditSpecification")


def not_modelled(name: str) -> EC2Error:
    """The sandbox would ignore the parameter."""
    return refuse("UnsupportedOperation", f"The sandbox does not model {name} of a launch.")


def _unknown(params: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    """The parameters that are not modelled, with their values; empty ones say nothing."""
    for key, value in params.items():
        name = f"{above}{key}"
        if name in MODELLED or value in (None, "", [], {}):
            continue
        inner = value if isinstance(value, list) else [value]
        for one in inner:
            if isinstance(one, Mapping):
                yield from _unknown(one, f"{name}.")
            else:
                yield name, one
