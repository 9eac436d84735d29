"""Somebody with nothing but the AWS CLI gets a Spot machine out of the sandbox."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from tests.conftest import Sandbox

from ec2_sandbox.client import daemon

pytestmark = pytest.mark.sandbox

IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
SPOT = {
    "MarketType": "spot",
    "SpotOptions": {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"},
}


def aws(sandbox: Sandbox, *words: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "awscli", *words, "--output", "json"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **daemon.environment(sandbox.status)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_aws_cli_drives_the_sandbox(sandbox: Sandbox) -> None:
    now = sandbox.control.now().isoformat()
    history = aws(
        sandbox,
        *("ec2", "describe-spot-price-history", "--start-time", now),
        *("--instance-types", "g5.xlarge"),
    )["SpotPriceHistory"]
    zone = min(history, key=lambda row: float(row["SpotPrice"]))["AvailabilityZone"]

    launched = aws(
        sandbox,
        *("ec2", "run-instances", "--image-id", IMAGE, "--instance-type", "g5.xlarge"),
        *("--placement", f"AvailabilityZone={zone}"),
        *("--instance-market-options", json.dumps(SPOT)),
    )["Instances"][0]

    request = aws(
        sandbox,
        *("ec2", "describe-spot-instance-requests"),
        *("--filters", "Name=state,Values=active"),
    )["SpotInstanceRequests"][0]
    assert request["SpotInstanceRequestId"] == launched["SpotInstanceRequestId"]
    assert request["LaunchedAvailabilityZone"] == zone

    found = aws(sandbox, "ec2", "describe-instances", "--instance-ids", launched["InstanceId"])
    assert found["Reservations"][0]["Instances"][0]["InstanceLifecycle"] == "spot"
