"""One instance in the sandbox, as cheaply to write as possible."""

from typing import Any

from tests.conftest import Sandbox

IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
BEGINS = "2026-01-05T00:00:00+00:00"
ONCE = {"MarketType": "spot"}
BOX = {
    "MarketType": "spot",
    "SpotOptions": {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"},
}


def launch_one(sandbox: Sandbox, region: str = "us-east-1", **chosen: Any) -> dict[str, Any]:
    """A t3.micro, unless another type is chosen; as RunInstances describes it."""
    order = {"ImageId": IMAGE, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    launched = sandbox.client("ec2", region).run_instances(**{**order, **chosen})
    instance: dict[str, Any] = launched["Instances"][0]
    return instance


def tagged(**tags: str) -> list[dict[str, Any]]:
    """TagSpecifications of an instance; ``__`` in a key stands for a colon."""
    pairs = [{"Key": key.replace("__", ":"), "Value": value} for key, value in tags.items()]
    return [{"ResourceType": "instance", "Tags": pairs}]
