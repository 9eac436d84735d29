"""EC2 calls about security groups: their names, and when one may go."""

import re
from collections.abc import Iterator
from typing import Any

from moto.ec2.responses import EC2Response

from ec2_sandbox.protocol.refusal import invalid_value, missing, refuse
from ec2_sandbox.world import instances

ALLOWED = "a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
TEXT = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}")


class SecurityGroupResponses(EC2Response):  # type: ignore[misc]
    """Security groups."""

    def create_security_group(self) -> Any:
        """With a name and a description that EC2 takes (CreateSecurityGroup)."""
        name, description = self.params.get("GroupName"), self.params.get("Description")
        if not name:
            raise missing("GroupName")
        if not description:
            raise missing("GroupDescription")
        _check_name(name)
        if not TEXT.fullmatch(description):
            raise invalid_value(
                f"Value ({description}) for parameter GroupDescription is invalid. Invalid "
                "security group description. Valid descriptions are strings less than 256 "
                f"characters from the following set:  {ALLOWED}"
            )
        return super().create_security_group()

    def delete_security_group(self) -> Any:
        """Refused while a network interface or another group's rule names it."""
        wanted = self.params.get("GroupId") or self.params.get("GroupName")
        group = self.ec2_backend.get_security_group_by_name_or_id(wanted)
        if group is None:
            raise refuse("InvalidGroup.NotFound", f"The security group '{wanted}' does not exist")
        if group.name == "default":
            raise refuse(
                "CannotDelete",
                f'the specified group: "{group.id}" name: "default" cannot be deleted by a user',
            )
        self.error_on_dryrun()
        if group.id in set(_used_ids(self.ec2_backend)) | set(_named_ids(group, self.ec2_backend)):
            raise refuse("DependencyViolation", f"resource {wanted} has a dependent object")
        return super().delete_security_group()


def _check_name(name: str) -> None:
    if name.startswith("sg-"):
        raise invalid_value(
            f"Value ({name}) for parameter GroupName is invalid. Group names may not be in the "
            "format sg-*."
        )
    if not TEXT.fullmatch(name):
        raise invalid_value(
            f"Value ({name}) for parameter GroupName is invalid. Invalid security group name. "
            f"Valid names are strings less than 256 characters from the following set:  {ALLOWED}"
        )
    if name == "default":
        raise refuse("InvalidGroup.Reserved", f"Cannot use reserved security group name: {name}")


def _used_ids(backend: Any) -> Iterator[str]:
    """Groups of network interfaces, and of instances, which moto keeps apart."""
    for interface in backend.enis.values():
        yield from (group.id for group in interface.group_set)
    for instance in instances(backend):
        if instance.state != "terminated":
            yield from (group.id for group in instance.security_groups)


def _named_ids(group: Any, backend: Any) -> Iterator[str]:
    """Groups that the rules of others name."""
    for groups in backend.groups.values():
        for other in groups.values():
            if other is not group:
                for rule in (*other.ingress_rules, *other.egress_rules):
                    yield str(rule.source_group.get("GroupId"))
