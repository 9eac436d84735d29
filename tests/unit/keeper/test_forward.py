"""Ports of a machine stay open until somebody ends it, or there is nothing to come back."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from tests.fakes.clock import FakeClock
from tests.fakes.talk import FakeTalk
from tests.unit.model.make import instance, request

from spotkeeper.errors import BadInput, CredentialsProblem, NotFound, SpotkeeperError, Unreachable
from spotkeeper.keeper import forward
from spotkeeper.keeper.forward import Forwarded, Forwarding
from spotkeeper.model.machine import TAKEN_BACK, InstanceState, Machine


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("8888", Forwarded(8888, 8888)),
        ("9000:8888", Forwarded(9000, 8888)),
        *((text, None) for text in ("", "0", "65536", "x", "1:", ":", "-1", "1:2:3", "8 8", "٣")),
    ],
)
def test_a_port_is_read_or_refused(text: str, port: Forwarded | None) -> None:
    if port is None:
        with pytest.raises(BadInput):
            Forwarded.of(text)
    else:
        assert Forwarded.of(text) == port


class Machines:
    """A machine as it is found, look after look; the last one stays."""

    def __init__(self, *looks: Any) -> None:
        self._looks = list(looks)

    def find(self, *_: Any) -> Any:
        found = self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]
        if isinstance(found, SpotkeeperError):
            raise found
        return found, ()

    def reachable(self, *_: Any) -> str:
        return "a login"


def machine(state: InstanceState, reason: str = "") -> Machine:
    address = "203.0.113.7" if state is InstanceState.RUNNING else None
    return Machine(instance(state=state, public_ip=address, state_reason=reason), request())


RUNS = machine(InstanceState.RUNNING)
TAKEN = machine(InstanceState.STOPPED, TAKEN_BACK[0])
STOPPED = machine(InstanceState.STOPPED, "Client.UserInitiatedShutdown")
AWAY = NotFound("There is no machine train", details={"silent_regions": "us-east-1"})
GONE, LOST = NotFound("There is no machine train"), Unreachable("The connection to train was lost")
SHUT_OUT = CredentialsProblem("train does not let ubuntu in")


def kept(
    monkeypatch: pytest.MonkeyPatch, looks: list[Any], ends: list[tuple[bool, BaseException]]
) -> tuple[BaseException, list[tuple[str, ...]], FakeTalk]:
    """What ends it, which URLs were told, and what was said; each connection opens or does not,
    and ends."""
    connections: Iterator[tuple[bool, BaseException]] = iter(ends)

    def hold(_login: object, _ports: object, opened: Callable[[], None]) -> None:
        opens, end = next(connections)
        if opens:
            opened()
        raise end

    monkeypatch.setattr(forward, "hold_ports", hold)
    urls: list[tuple[str, ...]] = []
    talk, found = FakeTalk(), cast("Any", Machines(*looks))
    forwarding = Forwarding(
        "train", (Forwarded(48_123, 80),), found, FakeClock(), talk, urls.append
    )
    with pytest.raises((SpotkeeperError, KeyboardInterrupt)) as ended:
        forwarding.keep(())
    return ended.value, urls, talk


@pytest.mark.parametrize(
    ("looks", "ends", "last"),
    [
        ([RUNS], [(True, LOST), (False, LOST), (True, KeyboardInterrupt())], KeyboardInterrupt),
        (
            [RUNS, TAKEN, TAKEN, AWAY, RUNS],
            [(True, LOST), (True, KeyboardInterrupt())],
            KeyboardInterrupt,
        ),
        ([TAKEN, RUNS], [(True, KeyboardInterrupt())], KeyboardInterrupt),
        ([RUNS, GONE], [(True, LOST)], NotFound),
        ([RUNS, STOPPED], [(True, LOST)], NotFound),
        ([RUNS], [(True, LOST), (False, SHUT_OUT)], CredentialsProblem),
    ],
)
def test_it_opens_again_until_nothing_can_come_back_and_tells_its_urls_once(
    monkeypatch: pytest.MonkeyPatch, looks: list[Any], ends: list[Any], last: type[BaseException]
) -> None:
    ended, urls, talk = kept(monkeypatch, looks, ends)
    assert type(ended) is last
    assert urls == [("http://127.0.0.1:48123/",)]
    assert talk.said.count("train answers again") == sum(opens for opens, _ in ends) - 1


@pytest.mark.parametrize(
    ("looks", "ends"),
    [
        ([RUNS], [(False, LOST)]),
        ([RUNS], [(False, SHUT_OUT)]),
        *(([found], []) for found in (GONE, STOPPED, AWAY)),
    ],
)
def test_what_was_never_reached_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, looks: list[Any], ends: list[Any]
) -> None:
    ended, urls, _ = kept(monkeypatch, looks, ends)
    assert isinstance(ended, SpotkeeperError)
    assert urls == []
