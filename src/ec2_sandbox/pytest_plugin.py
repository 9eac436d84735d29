"""Fixtures for the tests of whoever uses EC2: an empty account for every test, in one process.

Found by pytest through its entry point; neither moto nor a server is there before a test asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ec2_sandbox.client.sandbox import Sandbox


@pytest.fixture(scope="session")
def ec2_sandbox_server() -> Iterator[Sandbox]:
    """The one server of a test run."""
    from ec2_sandbox import Sandbox

    with Sandbox() as server:
        yield server


@pytest.fixture
def ec2_sandbox(ec2_sandbox_server: Sandbox) -> Sandbox:
    """An EC2 account as new: ``boto3.client("ec2", **ec2_sandbox.client_arguments())``.

    Time stands still but for a second with every call, and for ``advance``.
    """
    ec2_sandbox_server.reset()
    return ec2_sandbox_server
