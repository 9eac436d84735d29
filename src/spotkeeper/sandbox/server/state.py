"""All state of the process, taken apart and put together: moto's EC2 and IAM, and our world."""

from pathlib import Path
from typing import Any

import moto
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends

from spotkeeper.sandbox.catalogue import ACCOUNT_ID
from spotkeeper.sandbox.options import SandboxOptions
from spotkeeper.sandbox.server import snapshot
from spotkeeper.sandbox.world import new_world, replace_world, world

SPOT_ROLE = "AWSServiceRoleForEC2Spot"
KEPT = {"ec2": ec2_backends, "iam": iam_backends}


def start_afresh(options: SandboxOptions) -> None:
    """An account of the first day."""
    for backends in KEPT.values():
        backends[ACCOUNT_ID].clear()
    replace_world(new_world(options))
    if not options.is_fresh:
        _create_spot_role()


def _create_spot_role() -> None:
    """The service-linked role that the first Spot request of an account makes."""
    iam_backends[ACCOUNT_ID]["aws"].create_role(
        role_name=SPOT_ROLE,
        assume_role_policy_document='{"Version":"2012-10-17","Statement":[]}',
        path="/aws-service-role/spot.amazonaws.com/",
        permissions_boundary=None,
        description="Default EC2 Spot Service Linked Role",
        tags=[],
        max_session_duration="3600",
        linked_service="spot.amazonaws.com",
    )


def save(home: Path) -> None:
    """Write everything to the snapshot."""
    regions: dict[str, dict[str, Any]] = {
        name: dict(backends[ACCOUNT_ID].items()) for name, backends in KEPT.items()
    }
    content = {"world": world(), "moto": regions}
    snapshot.write(home / snapshot.NAME, content, moto_version=moto.__version__)


def restore(home: Path, options: SandboxOptions) -> str | None:
    """Take up the snapshot, or start afresh; returns what the user must hear about it."""
    path = home / snapshot.NAME
    start_afresh(options)
    if not path.exists():
        return None
    try:
        content = snapshot.read(path, moto_version=moto.__version__)
    except snapshot.Unusable as problem:
        aside = snapshot.move_aside(path)
        return (
            f"The sandbox's saved state could not be used ({problem}); it was moved to {aside} "
            "and the sandbox started afresh."
        )
    for name, backends in KEPT.items():
        for region, backend in content["moto"][name].items():
            dict.__setitem__(backends[ACCOUNT_ID], region, backend)
    replace_world(content["world"])
    return None
