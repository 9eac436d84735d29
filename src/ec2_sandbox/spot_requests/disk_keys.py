"""The keys that disks are encrypted with: named in four ways, shown by their ARN."""

from typing import Any

from moto.kms.models import kms_backends

from ec2_sandbox import catalogue


def settle_key(volume: Any) -> bool:
    """Show the volume's key by its ARN; whether there is such a key.

    EC2 looks at a key after it has answered (CreateVolume, KmsKeyId).
    """
    if not volume.encrypted:
        return True
    backend = volume.ec2_backend
    source = backend.snapshots.get(volume.snapshot_id)
    named = volume.kms_key_id or (source.kms_key_id if source else None)
    keys = kms_backends[catalogue.ACCOUNT_ID][backend.region_name]
    try:
        volume.kms_key_id = keys.describe_key(named).arn
    except (KeyError, AttributeError):  # moto asks without looking
        return False
    return True
