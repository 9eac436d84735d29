"""EC2 calls about launch templates."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from ec2_sandbox.ec2.listings import shown
from ec2_sandbox.protocol.refusal import (
    EC2Error,
    invalid_combination,
    invalid_value,
    missing,
    refuse,
)
from ec2_sandbox.protocol.tag_specifications import read_tags
from ec2_sandbox.spot_requests.launch_orders import find_image
from ec2_sandbox.spot_requests.launch_templates import (
    DEFAULT,
    LATEST,
    Template,
    all_templates,
    by_id,
    by_name,
    check_data,
    check_name,
    find_template,
    inherited,
)

TAGGED_NOW = {"launch-template"}
MOST_PER_PAGE = 200
MOST_VERSIONS_DELETED = 200

# EC2's words; <> stand for its curly quotes (moto's tests of templates that were run against AWS).
WHICH_VERSIONS = (
    "To describe the launch template data for all your launch templates, for <--versions> "
    "specify <$Latest>, <$Default>, or both, and omit <--launch-template-id>, "
    "<--launch-template-name>, and version numbers. To describe the launch template data for a "
    "specific launch template, specify <--launch-template-id> or <--launch-template-name>, and "
    "for <--versions> specify one or more of the following values: <$Latest>, <$Default>, or one "
    "or more version numbers."
).translate({ord("<"): "\u2018", ord(">"): "\u2019"})


class TemplateResponses(EC2Response):  # type: ignore[misc]
    """Launch templates and their versions. What a version holds is checked when it is launched."""

    def create_launch_template(self) -> ActionResult:
        """A template with its first version."""
        backend = self.ec2_backend
        name = check_name(self.params.get("LaunchTemplateName"), backend)
        data = check_data(self.params.get("LaunchTemplateData") or {})
        tags = read_tags(self.params.get("TagSpecifications"), TAGGED_NOW)
        self.error_on_dryrun()
        description = self.params.get("VersionDescription")
        template = Template(backend, name, data, description, tags)
        backend.launch_templates[template.id] = template
        backend.launch_template_name_to_ids[name] = template.id
        return ActionResult({"LaunchTemplate": self._shown(template)})

    def create_launch_template_version(self) -> ActionResult:
        """Another version, on the basis of an older one or of nothing."""
        template = self._template()
        data = self.params.get("LaunchTemplateData") or {}
        if source := self.params.get("SourceVersion"):
            data = inherited(template.get_version(source).data, data)
        data = check_data(data)
        self.error_on_dryrun()
        version = template.create_version(data, self.params.get("VersionDescription"))
        return ActionResult({"LaunchTemplateVersion": self._shown_version(version)})

    def modify_launch_template(self) -> ActionResult:
        """Another default version."""
        if self.params.get("LaunchTemplateId") and self.params.get("LaunchTemplateName"):
            raise invalid_combination(
                "Either provide launch template ID or launch template name to modify the template."
            )
        template = self._template()
        version = _new_default(template, self.params.get("DefaultVersion"))
        self.error_on_dryrun()
        template.default_version_number = version.number
        return ActionResult({"LaunchTemplate": self._shown(template)})

    def delete_launch_template(self) -> ActionResult:
        """The template with all its versions."""
        template = self._template()
        self.error_on_dryrun()
        shown = self._shown(template)
        self.ec2_backend.launch_templates.pop(template.id)
        self.ec2_backend.launch_template_name_to_ids.pop(template.name)
        self.ec2_backend.tags.pop(template.id, None)
        return ActionResult({"LaunchTemplate": shown})

    def delete_launch_template_versions(self) -> ActionResult:
        """Versions by their numbers, but not the default one."""
        template, asked = self._template(), self.params.get("Versions") or []
        if not 1 <= len(asked) <= MOST_VERSIONS_DELETED:
            raise invalid_value(
                f"Specify between 1 and {MOST_VERSIONS_DELETED} launch template versions."
            )
        self.error_on_dryrun()
        done, failed = [], []
        for number in asked:
            item = {
                "LaunchTemplateId": template.id,
                "LaunchTemplateName": template.name,
                "VersionNumber": int(number) if str(number).isdigit() else None,
            }
            if error := _delete_version(template, str(number)):
                failed.append({**item, "ResponseError": error})
            else:
                done.append(item)
        return ActionResult(
            {
                "SuccessfullyDeletedLaunchTemplateVersions": done,
                "UnsuccessfullyDeletedLaunchTemplateVersions": failed,
            }
        )

    def describe_launch_templates(self) -> Any:
        """Templates by id, by name, or all."""
        self.error_on_dryrun()
        ids = self.params.get("LaunchTemplateIds") or []
        names = self.params.get("LaunchTemplateNames") or []
        found = map(self._shown, _listed(ids, names, self.ec2_backend))
        return self._page("DescribeLaunchTemplates", found)

    def describe_launch_template_versions(self) -> Any:
        """Versions of one template, or the latest or default ones of all."""
        self.error_on_dryrun()
        versions = self.params.get("Versions") or []
        if self.params.get("LaunchTemplateId") or self.params.get("LaunchTemplateName"):
            found = _versions_of(self._template(), versions, self.params)
        else:
            found = self._versions_of_all(versions)
        return self._page("DescribeLaunchTemplateVersions", map(self._shown_version, found))

    def _template(self) -> Any:
        return find_template(self.params, self.ec2_backend)

    def _versions_of_all(self, asked: Sequence[str]) -> list[Any]:
        if not asked:
            raise refuse("MissingParameter", WHICH_VERSIONS)
        if set(asked) - {LATEST, DEFAULT}:
            raise invalid_value(WHICH_VERSIONS)
        every = all_templates(self.ec2_backend)
        return [template.get_version(version) for template in every for version in asked]

    def _page(self, operation: str, found: Iterable[dict[str, Any]]) -> Any:
        if int(self.params.get("MaxResults") or 1) > MOST_PER_PAGE:
            raise invalid_value(f"MaxResults must be between 1 and {MOST_PER_PAGE}.")
        return shown(self, operation, list(found))

    def _shown(self, template: Any) -> dict[str, Any]:
        """LaunchTemplate."""
        return {
            "LaunchTemplateId": template.id,
            "LaunchTemplateName": template.name,
            "CreateTime": template.create_time,
            "CreatedBy": self._creator(),
            "DefaultVersionNumber": template.default_version_number,
            "LatestVersionNumber": template.latest_version_number,
            "Tags": [{"Key": tag["key"], "Value": tag["value"]} for tag in template.get_tags()],
        }

    def _shown_version(self, version: Any) -> dict[str, Any]:
        """LaunchTemplateVersion; ResolveAlias shows the image that a parameter stands for."""
        data = dict(version.data)
        if self.params.get("ResolveAlias") and data.get("ImageId"):
            data["ImageId"] = find_image(data["ImageId"], self.ec2_backend).id
        return {
            "LaunchTemplateId": version.template.id,
            "LaunchTemplateName": version.template.name,
            "VersionNumber": version.number,
            "VersionDescription": version.description,
            "CreateTime": version.create_time,
            "CreatedBy": self._creator(),
            "DefaultVersion": version.template.is_default(version),
            "LaunchTemplateData": data,
        }

    def _creator(self) -> str:
        return f"arn:{self.partition}:iam::{self.current_account}:root"


def _listed(ids: Sequence[str], names: Sequence[str], backend: Any) -> list[Any]:
    """All templates, or those asked for; EC2 does not say which one it does not find."""
    if not (ids or names):
        return all_templates(backend)
    try:
        return [by_id(one, backend) for one in ids] + [by_name(one, backend) for one in names]
    except EC2Error as problem:
        if "NotFound" not in problem.code:
            raise
        text = "At least one of the launch templates specified in the request does not exist."
        raise refuse(problem.code, text) from None


def _new_default(template: Any, asked: str | None) -> Any:
    """The version that is to be the default; ModifyLaunchTemplate has words of its own."""
    if not asked:
        raise missing("DefaultVersion")
    if version := template.find(asked):
        return version
    raise refuse(
        "InvalidLaunchTemplateId.VersionNotFound",
        f"The launch template version {asked} is not found for the specified launch template.",
    )


def _versions_of(template: Any, asked: Sequence[str], params: Mapping[str, Any]) -> list[Any]:
    least, most = params.get("MinVersion"), params.get("MaxVersion")
    if asked and (least or most):
        raise invalid_combination(
            "The parameters Versions and MinVersion or MaxVersion can not be specified together."
        )
    if asked:
        return [template.get_version(one) for one in asked]
    begin = _number(least, "minVersion") if least else 1
    end = _number(most, "maxVersion") if most else template.last_number
    return [version for version in template.versions if begin <= version.number <= end]


def _number(text: str, name: str) -> int:
    if not text.isdecimal():
        raise invalid_value(f"Value ({text}) for parameter {name} is invalid.")
    return int(text)


def _delete_version(template: Any, number: str) -> dict[str, str] | None:
    """Delete it, or say why not."""
    version = template.find(number) if number.isdigit() else None
    if version is None:
        return {
            "Code": "launchTemplateVersionDoesNotExist",
            "Message": f"The launch template version {number} does not exist.",
        }
    if template.is_default(version):
        return {
            "Code": "unexpectedError",
            "Message": f"The launch template version {number} is the default version.",
        }
    template.versions.remove(version)
    return None
