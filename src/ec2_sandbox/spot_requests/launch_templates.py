"""Launch templates as EC2 keeps them: a version's number stays its own; moto counts places."""

import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateVersion

from ec2_sandbox.protocol.refusal import invalid_combination, missing, refuse
from ec2_sandbox.protocol.tag_specifications import read_tags
from ec2_sandbox.spot_requests.launch_orders import TAGGED_AT_LAUNCH, check_user_data
from ec2_sandbox.world import world

NAME = re.compile(r"[A-Za-z0-9().\-/_]{3,128}")
LATEST, DEFAULT = "$Latest", "$Default"


class Template(LaunchTemplate):  # type: ignore[misc]
    """One template; a number is never given twice."""

    last_number = 0

    def create_version(self, data: dict[str, Any], description: str) -> LaunchTemplateVersion:
        """The next version."""
        self.last_number += 1
        version = LaunchTemplateVersion(self, self.last_number, data, description)
        self.versions.append(version)
        return version

    def find(self, asked: str) -> LaunchTemplateVersion | None:
        """A version by its number, ``$Latest`` or ``$Default``; None when there is none."""
        named = {LATEST: self.versions[-1].number, DEFAULT: self.default_version_number}
        number = str(named.get(asked, asked))
        return next((one for one in self.versions if str(one.number) == number), None)

    def get_version(self, num: Any) -> LaunchTemplateVersion:
        """The same, or EC2's error."""
        if found := self.find(str(num)):
            return found
        raise refuse(
            "InvalidLaunchTemplateId.VersionNotFound",
            f"Could not find the specified version {num} for the launch template with ID "
            f"{self.id}.",
        )


def find_template(params: Mapping[str, Any], backend: Any) -> Any:
    """The template by its id or by its name, one of which must be given."""
    template_id, name = params.get("LaunchTemplateId"), params.get("LaunchTemplateName")
    if template_id and name:
        raise invalid_combination(
            "Specify either the launch template ID or the launch template name, and not both."
        )
    if template_id:
        return by_id(template_id, backend)
    if name:
        return by_name(name, backend)
    raise missing("launch template ID or launch template name")


def find_version(specification: Mapping[str, Any], backend: Any) -> Any:
    """The version that a launch names, by itself or as part of a fleet; else the default one."""
    template = find_template(specification, backend)
    return template.get_version(specification.get("Version") or DEFAULT)


def by_id(template_id: str, backend: Any) -> Any:
    """The template, or EC2's error."""
    if not template_id.startswith("lt-"):
        raise refuse(
            "InvalidLaunchTemplateId.Malformed",
            f'Invalid id: "{template_id}" (expecting "lt-...")',
        )
    template = backend.launch_templates.get(template_id)
    if template is None or not _is_found(template):
        raise refuse(
            "InvalidLaunchTemplateId.NotFound",
            f"The specified launch template, with template ID {template_id}, does not exist.",
        )
    return template


def by_name(name: str, backend: Any) -> Any:
    """The template, or EC2's error."""
    template = backend.launch_templates.get(backend.launch_template_name_to_ids.get(name))
    if template is None or not _is_found(template):
        raise refuse(
            "InvalidLaunchTemplateName.NotFoundException",
            f"The specified launch template, with template name {name}, does not exist.",
        )
    return template


def all_templates(backend: Any) -> list[Any]:
    """Every template that is found by now, oldest first."""
    return [one for one in backend.launch_templates.values() if _is_found(one)]


def _is_found(template: Any) -> bool:
    """Not at once, where EC2 is to be eventually consistent."""
    created_at = template.create_time.replace(tzinfo=UTC)
    return world().finds(template.id, created_at)


def check_name(name: str | None, backend: Any) -> str:
    """A name that may be given to a new template."""
    if not name:
        raise missing("LaunchTemplateName")
    if not NAME.fullmatch(name):
        raise refuse(
            "InvalidLaunchTemplateName.MalformedException",
            "A launch template name must be between 3 and 128 characters, and may contain "
            "letters, numbers, and the following characters: - ( ) . / _.",
        )
    if name in backend.launch_template_name_to_ids:
        raise refuse(
            "InvalidLaunchTemplateName.AlreadyExistsException",
            "Launch template name already in use.",
        )
    return name


def check_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """What every version must have: data; tags of what a launch makes; base64 user data."""
    if not data:
        raise missing("LaunchTemplateData")
    read_tags(data.get("TagSpecifications"), TAGGED_AT_LAUNCH)
    check_user_data(data.get("UserData"))
    if data.get("InstanceType") and data.get("InstanceRequirements"):
        raise invalid_combination(
            "The parameters InstanceType and InstanceRequirements can not be specified together."
        )
    return dict(data)


def inherited(source: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """A new version on the basis of another one; snapshots are not inherited."""
    disks = [_without_snapshot(disk) for disk in source.get("BlockDeviceMappings") or []]
    base = {**source, "BlockDeviceMappings": disks} if disks else dict(source)
    return {**base, **data}


def _without_snapshot(disk: Mapping[str, Any]) -> dict[str, Any]:
    ebs = {key: value for key, value in (disk.get("Ebs") or {}).items() if key != "SnapshotId"}
    return {**disk, "Ebs": ebs} if ebs else dict(disk)
