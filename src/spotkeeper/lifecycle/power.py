"""Stop a box and start it again."""

from collections.abc import Callable

from spotkeeper.errors import NotFound, Refused
from spotkeeper.lifecycle.ports import Clock, Cloud
from spotkeeper.lifecycle.wait import Waiter
from spotkeeper.model.machine import TAKEN_BACK, Instance, InstanceState, Kind, Machine
from spotkeeper.model.spot_request import INTERRUPTED_CODES, RequestState
from spotkeeper.timings import SHORTEST_LIFE


def stop(machine: Machine, *, cloud: Cloud, waiter: Waiter) -> None:
    """Stop a box and wait until it no longer costs compute.

    Raises:
        Refused: the machine is ``once``, which EC2 can only end; or EC2 stopped it, and will start
            it whether its user wants it or not.
    """
    instance = _instance(machine)
    if machine.kind is Kind.ONCE:
        raise Refused(
            f"{machine.name} was launched with --once: EC2 can only stop a box",
            next_step=f"End it with `spot down {machine.name}`.",
            region=machine.region,
        )
    if is_interrupted(machine):
        raise Refused(
            f"{machine.name} was {machine.summary()}. EC2 will start it again by itself, and "
            "cannot be told not to",
            next_step=f"Give it back with `spot down {machine.name}`, or stop it when it runs.",
            region=machine.region,
        )
    if instance.state is not InstanceState.STOPPED:
        cloud.stop(instance.region, instance.id)
        waiter.until_state(instance, InstanceState.STOPPED, "stop")


def start(
    machine: Machine,
    *,
    cloud: Cloud,
    waiter: Waiter,
    clock: Clock,
    renew: Callable[[Machine], None],
    look: Callable[[], Machine],
) -> Instance:
    """Start a box that its user stopped, and wait until it can be reached. ``look`` shows it anew,
    while EC2 refuses to start it.

    A deadline that has passed, or is about to, is moved first by ``renew``: the guard would end
    the box at once.

    Raises:
        Refused: EC2 stopped it, and only EC2 can start it again.
        NoCapacity: the pool is dry right now; the disk is kept.
        SpotkeeperError: EC2 stopped it again, or ended it; its reason says which error.
    """
    instance = _instance(machine)
    _refuse_interrupted(machine)
    if instance.state is InstanceState.RUNNING:
        return instance
    if machine.deadline and machine.deadline - clock.now() < SHORTEST_LIFE:
        renew(machine)

    def settles() -> bool:
        now = look()
        _refuse_interrupted(now)
        return now.request is not None and now.request.cancellable

    waiter.until_taken(lambda: cloud.start(instance.region, instance.id), instance, settles)
    return waiter.until_reachable(instance, "start")


def _instance(machine: Machine) -> Instance:
    if machine.instance is None:
        raise NotFound(
            f"{machine.name} has no instance: {machine.summary()}", region=machine.region
        )
    if machine.instance.ended:
        raise Refused(
            f"{machine.name} is ending and cannot be kept: {machine.summary()}",
            next_step=f"Make sure of its end with `spot down {machine.name}`.",
            region=machine.region,
        )
    return machine.instance


def _refuse_interrupted(machine: Machine) -> None:
    if is_interrupted(machine):
        raise Refused(
            f"{machine.name} was {machine.summary()}. Only EC2 can start it again",
            next_step="Wait, or give it back with `spot down` and launch it elsewhere.",
            region=machine.region,
        )


def is_interrupted(machine: Machine) -> bool:
    """Whether EC2 stopped it, and will start it again by itself."""
    code = machine.request.status_code if machine.request else ""
    return machine.state == InstanceState.STOPPED and code in INTERRUPTED_CODES


def comes_back(machine: Machine) -> bool:
    """Whether it can be reached, or may be in a while without anybody's doing."""
    instance, request = machine.instance, machine.request
    if instance is None or instance.ended:
        return request is not None and request.state is RequestState.OPEN
    if instance.state in {InstanceState.PENDING, InstanceState.RUNNING}:
        return True
    is_told = instance.state is InstanceState.STOPPED or bool(instance.state_reason)
    return instance.state_reason in TAKEN_BACK or is_interrupted(machine) or not is_told
