"""How the other services are joined to the rest: they hear the history, and replace parts of moto.

What imports another service of moto does so when that service is called first, so that a sandbox
which only speaks EC2 starts as quickly as without it.
"""

from collections.abc import Callable, Mapping

from ec2_sandbox import history, run_history
from ec2_sandbox.history import Happening, HappeningKind
from ec2_sandbox.run_history import LOAD_TAG
from ec2_sandbox.services.events import event_bus
from ec2_sandbox.services.imds import servers
from ec2_sandbox.services.scheduler import service_roles
from ec2_sandbox.services.sqs import queues
from ec2_sandbox.world import region_backends, world


def install() -> None:
    """Let the other services hear what happens, each once."""
    queues.make_queues_keepable()
    service_roles.install()
    for observer in (_note_life, event_bus.hear, servers.hear, service_roles.hear):
        if observer not in history.observers:
            history.observers.append(observer)


def _note_life(happening: Happening) -> None:
    run_history.note(world().run_histories, happening)
    if happening.kind is HappeningKind.INSTANCE:
        tags = region_backends()[happening.region].tags.get(happening.subject, {})
        world().run_histories[happening.subject].load_tag = tags.get(LOAD_TAG)


def _events() -> None:
    from ec2_sandbox.services.events import event_targets

    event_targets.install()


def _scheduler() -> None:
    from ec2_sandbox.services.scheduler import schedule_calls

    schedule_calls.install()


def _monitoring() -> None:
    from ec2_sandbox.services.cloudwatch import metrics

    metrics.install()


def _faults() -> None:
    from ec2_sandbox.services import fis

    fis.install()


# By the service's name in the signature.
_FIRST_CALLS: Mapping[str, Callable[[], None]] = {
    "events": _events,
    "fis": _faults,
    "scheduler": _scheduler,
    "monitoring": _monitoring,
    "sqs": queues.install,
}
_prepared: set[str] = set()


def prepare(service: str) -> None:
    """A service is about to be called: bend moto's part of it, once."""
    if service in _FIRST_CALLS and service not in _prepared:
        _FIRST_CALLS[service]()
        _prepared.add(service)
