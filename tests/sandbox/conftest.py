"""What the tests of the sandbox share."""

from typing import Any

import pytest
from tests.conftest import Sandbox
from tests.sandbox.fleet_calls import template


@pytest.fixture
def ec2(sandbox: Sandbox) -> Any:
    """EC2 with the launch template that fleets are made from."""
    client = sandbox.client("ec2")
    template(client)
    return client
