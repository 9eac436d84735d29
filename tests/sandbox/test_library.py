"""The sandbox as a library: for other people's tests, with plain boto3."""

import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from ec2_sandbox import Sandbox
from ec2_sandbox.client.control import instance_at
from ec2_sandbox.errors import BadInput, SandboxProblem

pytestmark = pytest.mark.sandbox

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sandbox" / "using.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def running() -> Any:
    with Sandbox(seed=7) as ec2:
        yield ec2


@pytest.fixture
def ec2(running: Sandbox) -> Sandbox:
    running.reset()
    return running


def test_it_is_there_inside_the_block_and_gone_without_a_trace_after_it() -> None:
    with Sandbox() as ec2:
        url, home = ec2.url, ec2.home
        assert instance_at(url)
        assert home.is_dir()
    assert instance_at(url) is None
    assert not home.parent.exists()
    with pytest.raises(SandboxProblem, match="not running") as caught:
        ec2.now()
    assert "with Sandbox()" in (caught.value.next_step or "")


def test_it_begins_at_the_same_moment_and_stands_still(ec2: Sandbox) -> None:
    assert ec2.now() == datetime(2026, 1, 5, 8, tzinfo=UTC)
    assert ec2.advance(timedelta(hours=2)) == datetime(2026, 1, 5, 10, tzinfo=UTC)


def test_the_waiters_of_botocore_end_at_once(ec2: Sandbox) -> None:
    client: Any = boto3.client("ec2", **ec2.client_arguments())
    [image, *_] = client.describe_images(Filters=[{"Name": "architecture", "Values": ["x86_64"]}])[
        "Images"
    ]
    made = client.run_instances(
        ImageId=image["ImageId"],
        InstanceType="m5.large",
        MinCount=1,
        MaxCount=1,
        InstanceMarketOptions={"MarketType": "spot"},
    )["Instances"][0]
    once = {"Delay": 0, "MaxAttempts": 1}
    ids = [made["InstanceId"]]
    client.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig=once)
    client.get_waiter("spot_instance_request_fulfilled").wait(
        SpotInstanceRequestIds=[made["SpotInstanceRequestId"]], WaiterConfig=once
    )
    client.terminate_instances(InstanceIds=ids)
    client.get_waiter("instance_terminated").wait(InstanceIds=ids, WaiterConfig=once)


def test_the_environment_is_for_programs_that_are_started(ec2: Sandbox) -> None:
    program = "import boto3; print(boto3.client('ec2').meta.endpoint_url)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=ec2.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ec2.url == ec2.endpoint_url


def test_a_reset_changes_options_until_the_next(ec2: Sandbox) -> None:
    ec2.reset(account="fresh", begins="2027-01-01T00:00:00")
    assert ec2.now() == datetime(2027, 1, 1, tzinfo=UTC)
    ec2.reset()
    assert ec2.now() == datetime(2026, 1, 5, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "options",
    [{"scenario": "stormy"}, {"seed": "x"}, {"sped": 3}, {"speed": -1}, {"begins": "once"}],
)
def test_options_that_do_not_exist_are_told_before_anything_starts(
    options: dict[str, Any],
) -> None:
    with pytest.raises(BadInput):
        Sandbox(**options)


@pytest.mark.skipif(os.name != "posix", reason="processes have parents on POSIX")
def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    program = (
        "import os, signal; from ec2_sandbox import Sandbox\n"
        "with Sandbox() as ec2:\n"
        "    print(ec2.url, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    source = {"PYTHONPATH": str(ROOT / "src"), "TMPDIR": str(tmp_path)}
    died = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **source},
        capture_output=True,
        text=True,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL
    while instance_at(died.stdout.strip()):
        time.sleep(0.1)


def test_the_examples_of_the_page_run(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    tests, scripts = (
        [b for b in blocks if "def test_" in b],
        [b for b in blocks if "def " not in b],
    )
    assert tests
    assert scripts
    for script in scripts:
        exec(compile(script, "using.md", "exec"), {})  # noqa: S102 - our own page
    (tmp_path / "test_example.py").write_text("\n".join(tests))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
