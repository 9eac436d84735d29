"""Whether a machine answers."""

import socket
from types import TracebackType

import pytest

from spotkeeper.ssh.shell import SshPort


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
    assert SshPort().answers("203.0.113.5")
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
    assert not SshPort().answers("203.0.113.5")
