"""How fleets hear of their instances: as observers of the world's history."""

from ec2_sandbox import history
from ec2_sandbox.history import Happening, HappeningKind
from ec2_sandbox.spot_requests.launch_orders import FLEET_TAG
from ec2_sandbox.world import region_backends, world

OF_AN_INSTANCE = {
    HappeningKind.INSTANCE,
    HappeningKind.NOTICE,
    HappeningKind.REBALANCE,
    HappeningKind.REQUEST,
}
OF_ALL = {HappeningKind.MARKET, HappeningKind.QUOTA}


def listen() -> None:
    """Hear of everything from now on."""
    if hear not in history.observers:
        history.observers.append(hear)


def hear(happening: Happening) -> None:
    """Pass on what concerns a fleet's instance; a changed pool or quota concerns all in need."""
    if not world().fleets:
        return
    if happening.kind in OF_AN_INSTANCE:
        _of_an_instance(happening)
    elif happening.kind in OF_ALL:
        for fleet in list(world().fleets.values()):
            if fleet.lacks_capacity:
                fleet.look_soon()


def _of_an_instance(happening: Happening) -> None:
    instance_id = happening.facts.get("instance") or happening.subject
    backend = region_backends().get(happening.region)
    tags = backend.tags.get(instance_id, {}) if backend else {}
    if fleet := world().fleets.get(tags.get(FLEET_TAG, "")):
        fleet.hear(happening)
