"""All state of the process, taken apart and put together: moto's backends, and our world."""

import sys
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import moto
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends
from moto.moto_api._internal import mock_random

from ec2_sandbox.catalogue import ACCOUNT_ID
from ec2_sandbox.client.home import WORLD
from ec2_sandbox.guests import guests
from ec2_sandbox.options import SandboxOptions
from ec2_sandbox.server import history_file, snapshot
from ec2_sandbox.server import journal as journals
from ec2_sandbox.server.journal import Journal, KeptCall
from ec2_sandbox.services.imds import servers
from ec2_sandbox.services.scheduler import service_roles
from ec2_sandbox.world import new_world, replace_world, world

ALWAYS_KEPT = {"ec2": ec2_backends, "iam": iam_backends}

# Kept once they were used; none of them is imported for this. SSM cannot be pickled.
KEPT_WHEN_USED = ("cloudwatch", "events", "fis", "kms", "logs", "scheduler", "s3", "sqs")

journal = Journal()

DOTS = 2  # in moto.SERVICE.models

HISTORY_CUT = "Part of the sandbox's history file is missing: `events` and `bill` lack it."


def start_afresh(options: SandboxOptions) -> None:
    """An account of the first day: the same one for the same options."""
    fresh = new_world(options)  # refuses options that it cannot use, before anything is given up
    for backends in _used().values():
        backends[ACCOUNT_ID].clear()
    servers.close_all()
    mock_random.seed(options.seed)  # every id and address that moto draws
    replace_world(fresh)
    if not options.is_fresh:
        service_roles.ensure(service_roles.SPOT)


def save(home: Path) -> None:
    """Write everything: first what happened, then the snapshot that knows how much of it."""
    begun = time.thread_time()
    history_file.append(home, world().history)
    identity = snapshot.write_blob(home / WORLD, _blob(), moto_version=moto.__version__)
    journal.begin(identity, time.thread_time() - begun)
    guests.follow()


def save_call(home: Path, call: KeptCall | None, cost_s: float) -> None:
    """What a call changed: by the call itself while that costs less than to write everything."""
    if not journal.keep(home, call, cost_s):
        save(home)
        return
    history_file.append(home, world().history)
    guests.follow()


def _blob() -> bytes:
    """The state as bytes; a service that cannot be pickled as it is used now is None."""
    regions = {name: dict(one[ACCOUNT_ID].items()) for name, one in _kept().items()}
    content = {"world": world(), "random": mock_random.getstate(), "moto": regions}
    try:
        return snapshot.dumps(content)
    except Exception:  # pickle raises whatever the objects raise
        traceback.print_exc(file=sys.stderr)
        kept = {name: regions[name] if name in ALWAYS_KEPT else None for name in regions}
        return snapshot.dumps({**content, "moto": kept})


def _kept() -> Mapping[str, Any]:
    """moto's backends of every service that is kept and was used."""
    modules = {name: sys.modules.get(f"moto.{name}.models") for name in KEPT_WHEN_USED}
    used = {name: _backends(name, module) for name, module in modules.items() if module}
    return {**ALWAYS_KEPT, **used}


def _used() -> Mapping[str, Any]:
    """moto's backends of every service whose module was imported, by the service's name."""
    found = (
        (module.split(".")[1], sys.modules[module])
        for module in sorted(sys.modules)
        if module.startswith("moto.") and module.endswith(".models") and module.count(".") == DOTS
    )
    named = ((name, _backends(name, module)) for name, module in found)
    return {name: backends for name, backends in named if backends is not None}


def _backends(service: str, module: ModuleType) -> Any:
    """moto's own name for them."""
    return getattr(module, f"{service}_backends", None)


def take_back(home: Path, carry_out: Callable[[KeptCall], None]) -> None:
    """Undo what was done since the last call that was saved; time does not go back.

    What is not kept by a snapshot, above all SSM's parameters, stays as it is.
    """
    present = world()
    content, identity = snapshot.read(home / WORLD, moto_version=moto.__version__)
    _take_up(content)
    history_file.fit(home, world().history)
    for call in journals.read(home, identity):
        carry_out(call)
    history_file.append(home, world().history)
    # A fault that was met stays met, and a bucket of calls that was drawn from stays drawn from.
    for name in ("clock", "faults", "throttle"):
        setattr(world(), name, getattr(present, name))


def restore(
    home: Path, options: SandboxOptions, carry_out: Callable[[KeptCall], None]
) -> str | None:
    """Take up the snapshot and the calls that came after it, or start afresh; returns what the
    user must hear about it."""
    path = home / WORLD
    start_afresh(options)
    if not path.exists():
        return None
    try:
        content, identity = snapshot.read(path, moto_version=moto.__version__)
    except snapshot.Unusable as problem:
        aside = snapshot.move_aside(path)
        return (
            f"The sandbox's saved state could not be used ({problem}); it was moved to {aside} "
            "and the sandbox started afresh."
        )
    _take_up(content)
    is_whole = history_file.fit(home, world().history)
    for call in journals.read(home, identity):
        carry_out(call)
        clock = world().clock
        clock.advance(max(timedelta(), call.moment - clock.now()))
    return None if is_whole else HISTORY_CUT


def _take_up(content: Mapping[str, Any]) -> None:
    """The state that ``save`` wrote, in place of the present one."""
    for name, backends in _kept().items():  # reading the snapshot imported what is in it
        regions = content["moto"].get(name, {})
        if regions is not None:
            backends[ACCOUNT_ID].clear()
            for region, backend in regions.items():
                dict.__setitem__(backends[ACCOUNT_ID], region, backend)
    mock_random.setstate(content["random"])
    replace_world(content["world"])
