"""What moto works out anew at every call although it never changes, worked out once.

Of a call that moto answers in 5.4 ms, 3.8 ms went to listing the methods of a class and 1.0 ms to
listing moto's own folders; a launch copied every reservation of the region three times, and the
first volume of a region took 0.1 s for a key of RSA that nobody reads.
"""

from functools import cache
from typing import Any

SYMMETRIC = "SYMMETRIC_DEFAULT"  # such a key has no private half; moto makes one of RSA for it


def share_models() -> None:
    """Read each of botocore's files once; moto reads EC2's five times while it is imported.

    To be called before anything of ``moto.ec2`` is imported.
    """
    from moto.core.loaders import create_loader

    kind = type(create_loader().file_loader)
    read: dict[str, Any] = {}
    load = kind.load_file

    def load_file(loader: Any, file_path: str) -> Any:
        if (found := read.get(file_path)) is None:
            found = read[file_path] = load(loader, file_path)
        return found

    kind.load_file = load_file


def install() -> None:
    """Lay the other shortcuts; the answers stay the same."""
    from moto import backends
    from moto.core import common_models, responses
    from moto.ec2.models import instances
    from moto.kms import models as keys

    common_models.BaseModel.__new__ = _untracked
    responses.method_names_from_class = cache(responses.method_names_from_class)
    modules = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules
    instances.InstanceBackend.get_instance = _instance_by_id
    # moto's RunInstances goes through them for a check that is switched off; ours is in
    # spot_requests/launch_orders.py.
    instances.INSTANCE_TYPE_OFFERINGS = {"region": {}, "availability-zone": {}}

    made = keys.generate_private_key
    keys.generate_private_key = lambda spec: None if spec == SYMMETRIC else made(spec)


def _untracked(model: type, *_: Any, **__: Any) -> Any:
    """moto keeps whatever it ever made for its dashboard: of every world that was read again."""
    return object.__new__(model)


def _instance_by_id(backend: Any, instance_id: str) -> Any:
    """Newest first: moto asks while it launches."""
    from moto.ec2.exceptions import InvalidInstanceIdError

    for reservation in reversed(backend.reservations.values()):
        for instance in reservation.instances:
            if instance.id == instance_id:
                return instance
    raise InvalidInstanceIdError(instance_id)
