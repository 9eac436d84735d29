"""Whether a machine answers."""

import shlex
import shutil
import socket
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType

import pytest
from botocore import xform_name
from tests.unit.aws.recorder import service_model
from tests.unit.model.make import instance

from spotkeeper.errors import NotFound, PermissionDenied, SpotkeeperError, Unreachable
from spotkeeper.model.connect import Connect
from spotkeeper.model.machine import Instance
from spotkeeper.model.tags import TAG_CONNECT
from spotkeeper.ssh.reach import SshPort
from spotkeeper.ssh.remote import run_remote
from spotkeeper.ssh.shell import Login


class Connection:
    """Something that can be connected to, and is closed again."""

    def __init__(self) -> None:
        self.closed = False

    def __enter__(self) -> "Connection":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closed = True


def test_a_machine_answers_when_its_port_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[tuple[str, int], float]] = []
    connection = Connection()

    def connect(address: tuple[str, int], timeout: float) -> Connection:
        asked.append((address, timeout))
        return connection

    monkeypatch.setattr(socket, "create_connection", connect)
    assert SshPort().answers(instance(public_ip="203.0.113.5"))
    assert asked == [(("203.0.113.5", 22), 3.0)]
    assert connection.closed


@pytest.mark.parametrize(
    "problem", [TimeoutError(), ConnectionRefusedError(), OSError("no route"), socket.gaierror()]
)
def test_a_machine_that_refuses_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, problem: OSError
) -> None:
    def connect(_address: tuple[str, int], timeout: float) -> Connection:
        assert timeout > 0
        raise problem

    monkeypatch.setattr(socket, "create_connection", connect)
    assert not SshPort().answers(instance(public_ip="203.0.113.5"))


#: What may be at the end of one, and whether that is an ssh server.
TUNNELS = {"printf SSH-2.0-OpenSSH": True, "echo Welcome": False, "exit 255": False}
PROGRAMS = {"aws": "echo aws-cli/2.31.1", "session-manager-plugin": "exit 0"}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes programs of the PATH, and takes all others away."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def make(**lines: str | None) -> None:
        for name, line in (PROGRAMS | lines).items():
            path = tmp_path / name
            path.write_text(f"#!/bin/sh\n{line}\n")
            path.chmod(0o755 if line else 0)

    return make


def tunnelled(connect: Connect) -> Instance:
    return instance("i-7", public_ip=None, tags={TAG_CONNECT: str(connect)})


@pytest.mark.parametrize("connect", [Connect.ENDPOINT, Connect.SSM])
@pytest.mark.parametrize("line", TUNNELS)
def test_a_tunnel_leads_somewhere_when_an_ssh_server_speaks_at_its_end(
    programs: Callable[..., None], connect: Connect, line: str
) -> None:
    programs(aws=line)
    assert SshPort().answers(tunnelled(connect)) is TUNNELS[line]


def test_a_tunnel_is_of_the_profile_that_was_named(programs: Callable[..., None]) -> None:
    for connect in (Connect.ENDPOINT, Connect.SSM):
        route = SshPort("my work").route(tunnelled(connect))
        assert route.tunnel[-2:] == ("--profile", "my work")
        assert {"i-7", "us-east-1"} < set(route.tunnel)
    programs(aws=None)
    assert not SshPort().answers(tunnelled(Connect.SSM))


def test_a_session_is_asked_for_in_the_words_of_its_operation() -> None:
    _, service, operation, *options = SshPort().route(tunnelled(Connect.SSM)).tunnel
    asked = service_model(service).operation_model("StartSession").input_shape.members
    words = {xform_name(member, "-") for member in asked} | {"region"}
    assert operation == xform_name("StartSession", "-")
    assert {each.removeprefix("--") for each in options[::2]} <= words


@pytest.mark.parametrize(
    ("connect", "lines", "told"),
    [
        (Connect.PUBLIC, {"aws": None, "session-manager-plugin": None}, ""),
        (Connect.ENDPOINT, {"session-manager-plugin": None}, ""),
        (Connect.ENDPOINT, {"aws": "exit 3"}, ""),
        (Connect.ENDPOINT, {"aws": None}, "needs aws, which"),
        (Connect.ENDPOINT, {"aws": "echo aws-cli/1.46.3 Python/3"}, "here is aws-cli/1.46.3"),
        (Connect.SSM, {"aws": "echo aws-cli/1.46.3"}, ""),
        (Connect.SSM, {"session-manager-plugin": None}, "needs session-manager-plugin"),
    ],
)
def test_a_way_needs_its_programs_on_this_computer(
    programs: Callable[..., None], connect: Connect, lines: dict[str, str | None], told: str
) -> None:
    programs(**lines)
    with pytest.raises(NotFound, match=told) if told else nullcontext():
        SshPort().require(connect)


@pytest.mark.skipif(shutil.which("ssh") is None, reason="no OpenSSH here")
@pytest.mark.parametrize(
    ("words", "kind", "next_step"),
    [
        ("An error occurred (AccessDeniedException) when calling the StartSession operation: "
         "not authorized", PermissionDenied, "spot policy ssm"),
        ("An error occurred (TargetNotConnected) when calling the StartSession operation: i-1",
         Unreachable, "spot doctor --connect ssm"),
        ("SessionManagerPlugin is not found. Please refer to its documentation", Unreachable,
         "spot doctor --connect ssm"),
        ("sh: 1: exec: aws: not found", Unreachable, "spot doctor --connect ssm"),
        ("There are no endpoints to use", Unreachable, "spot show train"),
    ],
)  # fmt: skip
def test_what_a_tunnel_says_when_it_ends_is_told_by_whoever_needed_it(
    tmp_path: Path, words: str, kind: type[SpotkeeperError], next_step: str
) -> None:
    tunnel = ("sh", "-c", f"echo {shlex.quote(words)} >&2; exit 1", "ssm")
    login = Login("i-1", "ubuntu", "i-1", tmp_path / "train", tunnel=tunnel)
    with pytest.raises(kind) as caught:
        run_remote(login, ["true"])
    assert words in caught.value.message
    assert next_step in caught.value.next_step
