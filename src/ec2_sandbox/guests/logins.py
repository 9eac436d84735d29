"""Who may log in to a machine, and as whom."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from ec2_sandbox import images
from ec2_sandbox.ec2.connect_endpoints import endpoints_of
from ec2_sandbox.guests import jail

#: What Session Manager needs of a machine's role ("Verify or add instance permissions for Session
#: Manager", Systems Manager User Guide).
MANAGED_BY = "/AmazonSSMManagedInstanceCore"

CALLER = ip_address("127.0.0.1")  # who is on this computer
SSH_PORT = 22
MOST_USER_BYTES = 256
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


def lets_in(instance: Any) -> bool:
    """Whether a rule of its groups admits this computer, or an endpoint of its network through
    which the computer comes, to the ssh port; or its role has Session Manager's agent call out."""
    endpoints = endpoints_of(instance.ec2_backend).values()
    through = {each for one in endpoints for each in one["SecurityGroupIds"]}
    rules = (rule for group in instance.security_groups for rule in group.ingress_rules)
    return any(_admits(rule, through) for rule in rules) or _is_managed(instance)


def _is_managed(instance: Any) -> bool:
    found = instance.ec2_backend.iam_instance_profile_associations.get(instance.id)
    roles = found.iam_instance_profile.roles if found else ()
    return any(arn.endswith(MANAGED_BY) for role in roles for arn in role.managed_policies)


def _admits(rule: Any, through: set[str]) -> bool:
    if str(rule.ip_protocol) not in {"-1", "tcp"}:
        return False
    if str(rule.ip_protocol) == "tcp" and not (
        int(rule.from_port or 0) <= SSH_PORT <= int(rule.to_port or 0)
    ):
        return False
    if rule.source_group.get("GroupId") in through:
        return True
    cidr = str(rule.ip_range.get("CidrIp") or "::/128")
    return CALLER in ip_network(cidr, strict=False)


def public_key(instance: Any) -> str:
    """The launched one; "" without."""
    pair = instance.ec2_backend.key_pairs.get(instance.key_name)
    return str(pair.public_key).strip() if pair else ""


def user_of(instance: Any, disk: Path) -> str:
    """Whom the disk lets in, where it has been a machine's; else whom its image does."""
    users = jail.read_own(disk / "etc/passwd", MOST_USER_BYTES).decode("ascii", "replace")
    name = users.partition(":")[0]
    if _USER.fullmatch(name):
        return name
    image = images.images_of(instance.region_name).get(instance.image_id)
    return "ubuntu" if image and "ubuntu" in image.name.lower() else "ec2-user"
