"""Where a machine of the sandbox is reached."""

from typing import Any, cast

import pytest
from tests.unit.model.make import instance

from spotkeeper.keeper.sandbox import GuestReach
from spotkeeper.model.connect import Connect, Route
from spotkeeper.model.tags import TAG_CONNECT


class Logins:
    """A machine that listens elsewhere after each boot, at the same address."""

    def __init__(self, *ports: int) -> None:
        self._ports = list(ports)

    def logins(self) -> dict[str, Any]:
        machine = {"address": "127.1.2.3", "port": self._ports.pop(0)}
        return {"guests": "jailed", "machines": {"i-1": machine}}


@pytest.mark.parametrize(
    ("ports", "told"), [((40_001, 40_002), (40_001, 40_002)), ((22, 0, 7), (22, 22, 7))]
)
def test_a_boot_may_change_the_port(ports: tuple[int, ...], told: tuple[int, ...]) -> None:
    reach = GuestReach(cast("Any", Logins(*ports)))
    assert tuple(reach.route(instance("i-1")).port for _ in told) == told


@pytest.mark.parametrize("connect", [Connect.ENDPOINT, Connect.SSM])
def test_whatever_way_is_practised_leads_to_this_computer_and_needs_no_program(
    connect: Connect,
) -> None:
    reach = GuestReach(cast("Any", Logins(40_001, 40_001)))
    reach.require(connect)
    machine = instance("i-1", public_ip=None, tags={TAG_CONNECT: str(connect)})
    assert reach.answers(machine)
    assert reach.route(machine) == Route("127.1.2.3", 40_001)
