"""EC2 calls about one attribute of one instance."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import camelcase_to_underscores
from moto.ec2.responses import EC2Response
from moto.ec2.utils import parse_user_data

from ec2_sandbox import catalogue
from ec2_sandbox.ec2.instance_listing import find_instances
from ec2_sandbox.protocol.refusal import invalid_combination, invalid_value, missing, refuse
from ec2_sandbox.spot_requests.launch_orders import check_shutdown_behavior

# Attribute, as DescribeInstanceAttribute spells it, to the member of the answer and its value.
SHOWN: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "blockDeviceMapping": (
        "BlockDeviceMappings",
        lambda i: [*map(_mapping, i.block_device_mapping.items())],
    ),
    "disableApiStop": ("DisableApiStop", lambda i: {"Value": bool(i.disable_api_stop)}),
    "disableApiTermination": (
        "DisableApiTermination",
        lambda i: {"Value": bool(i.disable_api_termination)},
    ),
    "ebsOptimized": ("EbsOptimized", lambda i: {"Value": bool(i.ebs_optimized)}),
    "enaSupport": ("EnaSupport", lambda i: {"Value": getattr(i, "ena_support", True)}),
    "enclaveOptions": ("EnclaveOptions", lambda _: {"Enabled": False}),
    "groupSet": ("Groups", lambda i: [_group(group) for group in i.security_groups]),
    "instanceInitiatedShutdownBehavior": (
        "InstanceInitiatedShutdownBehavior",
        lambda i: {"Value": i.instance_initiated_shutdown_behavior},
    ),
    "instanceType": ("InstanceType", lambda i: {"Value": i.instance_type}),
    "kernel": ("KernelId", lambda i: {"Value": i.kernel}),
    "productCodes": ("ProductCodes", lambda _: []),
    "ramdisk": ("RamdiskId", lambda i: {"Value": i.ramdisk}),
    "rootDeviceName": ("RootDeviceName", lambda i: {"Value": i.root_device_name}),
    "sourceDestCheck": ("SourceDestCheck", lambda i: {"Value": bool(i.source_dest_check)}),
    "sriovNetSupport": ("SriovNetSupport", lambda i: {"Value": i.sriov_net_support}),
    "userData": ("UserData", lambda i: {"Value": i.user_data} if i.user_data else {}),
}

# Attribute to its own parameter of ModifyInstanceAttribute.
UNCHANGEABLE = {"enclaveOptions", "productCodes", "rootDeviceName"}
PARAMETERS = {
    **{name: name[0].upper() + name[1:] for name in SHOWN if name not in UNCHANGEABLE},
    "blockDeviceMapping": "BlockDeviceMappings",
    "groupSet": "Groups",
}

# What only a stopped instance can have changed (ModifyInstanceAttribute).
STOPPED_ONLY = {
    "ebsOptimized",
    "enaSupport",
    "instanceType",
    "kernel",
    "ramdisk",
    "sriovNetSupport",
    "userData",
}


class InstanceAttributeResponses(EC2Response):  # type: ignore[misc]
    """Attributes of instances."""

    def describe_instance_attribute(self) -> ActionResult:
        """One attribute."""
        attribute = str(self.params.get("Attribute"))
        if attribute not in SHOWN:
            raise invalid_value(
                f"Value ({attribute}) for parameter attribute is invalid. Unknown attribute."
            )
        (instance,) = find_instances(self.ec2_backend, [self.params.get("InstanceId")])
        member, value = SHOWN[attribute]
        return ActionResult({"InstanceId": instance.id, member: value(instance)})

    def modify_instance_attribute(self) -> ActionResult:
        """One attribute at a time, as far as the instance's state and purchase allow."""
        (instance,) = find_instances(self.ec2_backend, [self.params.get("InstanceId")])
        attribute, value = _asked(self.params)
        self.error_on_dryrun()
        _check_allowed(instance, attribute, value)
        change = CHANGES.get(attribute)
        checked = CHECKS[attribute](instance, value) if attribute in CHECKS else value
        if change:
            change(instance, checked)
        else:
            setattr(instance, camelcase_to_underscores(attribute), checked)
        return EmptyResult()


def _asked(params: Mapping[str, Any]) -> tuple[str, Any]:
    """The attribute that is to change: named with its value, or by a parameter of its own."""
    found = {name: params[own] for name, own in PARAMETERS.items() if own in params}
    if named := params.get("Attribute"):
        found.setdefault(named, params.get("Value"))
    if not found:
        raise invalid_combination("No attributes specified.")
    if len(found) > 1:
        raise invalid_combination(
            f"Fields for multiple attribute types specified: {', '.join(found)}"
        )
    ((attribute, value),) = found.items()
    if attribute not in PARAMETERS:
        raise invalid_value(
            f"Value ({attribute}) for parameter attribute is invalid. Unknown attribute."
        )
    return attribute, value.get("Value") if isinstance(value, dict) else value


def _check_allowed(instance: Any, attribute: str, value: Any) -> None:
    if attribute in STOPPED_ONLY and instance.state != "stopped":
        raise refuse(
            "IncorrectInstanceState",
            f"The instance '{instance.id}' is not in the 'stopped' state.",
        )
    if instance.lifecycle != "spot":
        return
    if attribute == "instanceType":
        raise refuse(
            "UnsupportedOperation",
            f"The instance type of the Spot Instance '{instance.id}' cannot be modified.",
        )
    if attribute == "disableApiTermination" and _truth(value):
        raise refuse(
            "UnsupportedOperation",
            f"Termination protection cannot be enabled for the Spot Instance '{instance.id}'.",
        )


def _checked_type(instance: Any, wanted: Any) -> str:
    known = catalogue.instance_types()
    if wanted not in known:
        raise refuse(
            "InvalidInstanceAttributeValue", f"Invalid value '{wanted}' for InstanceType."
        )
    if instance.architecture not in catalogue.architectures(wanted):
        raise refuse(
            "InvalidInstanceAttributeValue",
            f"The instance type '{wanted}' does not support the architecture "
            f"'{instance.architecture}' of the instance.",
        )
    if instance.placement.zone not in catalogue.zones_of_types(instance.region_name)[wanted]:
        raise refuse(
            "Unsupported",
            f"Your requested instance type ({wanted}) is not supported in your requested "
            f"Availability Zone ({instance.placement.zone}).",
        )
    return str(wanted)


def _checked_behavior(_instance: Any, wanted: Any) -> str:
    check_shutdown_behavior(str(wanted))
    return str(wanted)


def _checked_groups(instance: Any, wanted: Any) -> list[Any]:
    found = []
    for group_id in wanted or []:
        group = instance.ec2_backend.get_security_group_from_id(group_id)
        if group is None or group.vpc_id != instance.vpc_id:
            raise refuse(
                "InvalidGroup.NotFound", f"The security group '{group_id}' does not exist"
            )
        found.append(group)
    if not found:
        raise missing("groupId")
    return found


def _checked_mappings(instance: Any, wanted: Any) -> list[tuple[str, bool]]:
    found = []
    for mapping in wanted or []:
        device = mapping.get("DeviceName")
        if device not in instance.block_device_mapping:
            raise refuse(
                "InvalidInstanceAttributeValue", f"No device is currently mapped at {device}"
            )
        if (keep := (mapping.get("Ebs") or {}).get("DeleteOnTermination")) is not None:
            found.append((device, _truth(keep)))
    return found


def _user_data(value: Any) -> Any:
    """A blob has arrived decoded; text, with ``Attribute``, is base64."""
    text = b64encode(value).decode() if isinstance(value, bytes) else value
    return parse_user_data(text or None)


def _set_groups(instance: Any, groups: list[Any]) -> None:
    """The instance's groups are those of its first network interface."""
    instance.security_groups = groups
    instance.nics[0]._group_set = list(groups)  # noqa: SLF001 - moto offers no setter


def _set_mappings(instance: Any, mappings: list[tuple[str, bool]]) -> None:
    for device, deletes in mappings:
        block = instance.block_device_mapping[device]
        block.delete_on_termination = deletes
        volume = instance.ec2_backend.volumes[block.volume_id]
        volume.attachment.delete_on_termination = deletes


CHECKS: Mapping[str, Callable[[Any, Any], Any]] = {
    "blockDeviceMapping": _checked_mappings,
    "disableApiStop": lambda _, value: _truth(value),
    "disableApiTermination": lambda _, value: _truth(value),
    "ebsOptimized": lambda _, value: _truth(value),
    "enaSupport": lambda _, value: _truth(value),
    "groupSet": _checked_groups,
    "instanceInitiatedShutdownBehavior": _checked_behavior,
    "instanceType": _checked_type,
    "sourceDestCheck": lambda _, value: _truth(value),
    "userData": lambda _, value: _user_data(value),
}
CHANGES: Mapping[str, Callable[[Any, Any], None]] = {
    "blockDeviceMapping": _set_mappings,
    "groupSet": _set_groups,
}


def _truth(value: Any) -> bool:
    return str(value).lower() == "true"


def _mapping(disk: tuple[str, Any]) -> dict[str, Any]:
    device, block = disk
    return {
        "DeviceName": device,
        "Ebs": {
            "AttachTime": block.attach_time,
            "DeleteOnTermination": block.delete_on_termination,
            "Status": "attached",
            "VolumeId": block.volume_id,
        },
    }


def _group(group: Any) -> dict[str, str]:
    return {"GroupId": group.id, "GroupName": group.name}
