"""What the tests of the sandbox share."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.conftest import Sandbox as EverySandbox
from tests.guest_machines import GuestWorld, need
from tests.sandbox.fleet_calls import template

from ec2_sandbox import Sandbox


@pytest.fixture
def ec2(sandbox: EverySandbox) -> Any:
    """EC2 with the launch template that fleets are made from."""
    client = sandbox.client("ec2")
    template(client)
    return client


@pytest.fixture(scope="session")
def guests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuestWorld]:
    """A sandbox whose machines really run, each in a jail."""
    need("bwrap", "ssh", "ssh-keygen", "curl")
    with Sandbox(scenario="calm", guests="jailed", speed=1, begins=None) as running:
        yield GuestWorld(running, tmp_path_factory.mktemp("guests"))
