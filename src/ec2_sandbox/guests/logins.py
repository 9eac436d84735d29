"""Who may log in to a machine, and as whom."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from ec2_sandbox import images
from ec2_sandbox.guests import jail

CALLER = ip_address("127.0.0.1")  # who is on this computer
SSH_PORT = 22
MOST_USER_BYTES = 256
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


def lets_in(instance: Any) -> bool:
    """Whether a rule of its groups admits this computer to the ssh port."""
    return any(_admits(rule) for group in instance.security_groups for rule in group.ingress_rules)


def _admits(rule: Any) -> bool:
    if str(rule.ip_protocol) not in {"-1", "tcp"}:
        return False
    if str(rule.ip_protocol) == "tcp" and not (
        int(rule.from_port or 0) <= SSH_PORT <= int(rule.to_port or 0)
    ):
        return False
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
