"""The machine's own guard, unchanged, and the metadata service: as it is, and with every fault."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from tests.conftest import Sandbox
from tests.faulty_metadata import PATIENCE_S, READABLE, UNREADABLE, Fault, FaultyMetadata, serving
from tests.unit.agent.machine_room import OFF, SYSTEMD, Room, furnished, linux_only

from spotkeeper.model.tags import tag_time

pytestmark = [
    pytest.mark.world("the guard on a machine", by="curl, bash and a service that fails"),
    linux_only,
    pytest.mark.skipif(not shutil.which("curl"), reason="needs curl, as a machine does"),
]

HOUR = timedelta(hours=1)


class Machine:
    """A machine of the sandbox whose guard asks through the faults, by curl or without it."""

    def __init__(self, sandbox: Sandbox, metadata: FaultyMetadata, folder: Path) -> None:
        self.sandbox, self.metadata = sandbox, metadata
        self.room: Room = furnished(folder, SYSTEMD)

    def asks_by(self, client: str) -> None:
        """The client, made impatient."""
        name, line = {
            "curl": ("curl", f'exec {shutil.which("curl")} "$@" -m {PATIENCE_S}'),
            "bash": ("timeout", f'shift; exec {shutil.which("timeout")} {PATIENCE_S} "$@"'),
        }[client]
        program = self.room.folder / "bin" / name
        program.write_text(f"#!/bin/sh\n{line}\n")
        program.chmod(0o755)

    def in_hours(self, hours: int) -> str:
        return tag_time(self.sandbox.control.now() + hours * HOUR)

    def look(self, endpoint: str | None = None) -> list[str]:
        """What the guard calls when it looks now."""
        self.room.forget()
        self.room.look(AWS_EC2_METADATA_SERVICE_ENDPOINT=endpoint or self.metadata.url)
        return self.room.calls


@pytest.fixture
def machines(sandbox: Sandbox, tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    with ExitStack() as opened:

        def machine(client: str = "curl", begins: str | None = None) -> Machine:
            sandbox.reset(speed=0, begins=begins)
            made = Machine(sandbox, opened.enter_context(serving(sandbox)), tmp_path)
            made.asks_by(client)
            return made

        yield machine


by_client = pytest.mark.parametrize("client", ["curl", "bash"])


@pytest.mark.parametrize("client", ["curl", pytest.param("bash", marks=pytest.mark.soak)])
@pytest.mark.parametrize("fault", UNREADABLE, ids=lambda fault: fault.name)
@pytest.mark.one_in(3)
def test_no_fault_ends_an_extended_machine_or_keeps_one_that_is_over(
    machines: Callable[..., Machine], fault: Fault, client: str
) -> None:
    machine = machines(client)
    past, extended = machine.in_hours(-1), machine.in_hours(1)
    machine.room.boot(past)
    machine.metadata.says(extended)
    machine.metadata.fault, machine.metadata.times = fault, 1
    assert machine.look() == []  # the second try reads it
    assert machine.room.memory.read_text() == f"{extended}\n"
    machine.metadata.says(past)
    machine.metadata.times = -1
    assert machine.look() == []
    machine.room.memory.write_text(f"{past}\n")
    machine.metadata.says(extended)
    assert machine.look() == OFF


@by_client
@pytest.mark.parametrize("fault", READABLE, ids=lambda fault: fault.name)
@pytest.mark.one_in(3)
def test_a_deadline_that_can_be_read_counts_whatever_time_comes_with_it(
    machines: Callable[..., Machine], fault: Fault, client: str
) -> None:
    machine = machines(client)
    machine.room.boot("never")
    machine.metadata.fault, machine.metadata.times = fault, -1
    for deadline, calls in [("never", []), (machine.in_hours(1), []), (machine.in_hours(-1), OFF)]:
        machine.metadata.says(deadline)
        assert machine.look() == calls


@by_client
@pytest.mark.parametrize(("hours", "calls"), [(1, []), (-1, OFF)])
@pytest.mark.parametrize("begins", ["2022-01-05T00:00:00Z", "2998-01-05T00:00:00Z"])
@pytest.mark.one_in(3)
def test_the_time_of_the_service_counts_and_not_the_clock_of_the_machine(
    machines: Callable[..., Machine], begins: str, hours: int, calls: list[str], client: str
) -> None:
    machine = machines(client, begins=begins)
    machine.room.boot("never")
    machine.metadata.says(machine.in_hours(hours))
    assert machine.look(machine.metadata.service.url) == calls


def test_a_service_that_is_gone_leaves_what_was_read_last(
    sandbox: Sandbox, machines: Callable[..., Machine]
) -> None:
    machine = machines()
    machine.room.boot(machine.in_hours(-1))
    machine.metadata.says("never")
    assert machine.look(machine.metadata.service.url) == []
    sandbox.client("ec2").terminate_instances(InstanceIds=[machine.metadata.service.id])
    assert machine.look(machine.metadata.service.url) == []
