"""Image aliases: where AWS and Canonical publish the id of their newest image."""

from collections.abc import Mapping
from dataclasses import dataclass

#: Owners whose images are used without asking; an image of anybody else must be the caller's own.
TRUSTED_OWNERS = ("amazon", "self")


@dataclass(frozen=True, slots=True)
class Alias:
    """An SSM public parameter per architecture, and the login its image has."""

    parameters: Mapping[str, str]
    login: str


#: Public parameters ("Images" in docs/reference/aws.md): current families only, so that the newest
#: image is always meant.
ALIASES: Mapping[str, Alias] = {
    "deep-learning": Alias(
        {
            arch: f"/aws/service/deeplearning/ami/{arch}/base-oss-nvidia-driver-gpu-ubuntu-24.04"
            "/latest/ami-id"
            for arch in ("x86_64", "arm64")
        },
        "ubuntu",
    ),
    "ubuntu": Alias(
        {
            arch: f"/aws/service/canonical/ubuntu/server/24.04/stable/current/{name}/hvm/ebs-gp3"
            "/ami-id"
            for arch, name in (("x86_64", "amd64"), ("arm64", "arm64"))
        },
        "ubuntu",
    ),
    "amazon-linux": Alias(
        {
            arch: f"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{arch}"
            for arch in ("x86_64", "arm64")
        },
        "ec2-user",
    ),
}


def login_for(name: str) -> str:
    """The login of an image known only by its name (EC2 User Guide, default user names)."""
    lowered = name.lower()
    for word, login in (("ubuntu", "ubuntu"), ("debian", "admin"), ("bitnami", "bitnami")):
        if word in lowered:
            return login
    return "ec2-user"
