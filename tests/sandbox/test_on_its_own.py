"""The sandbox without the tool that it came with: served, in a test, and of another version."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest

from ec2_sandbox import Sandbox
from ec2_sandbox.client import SandboxProblem, SandboxStatus, daemon

#: Stands in for an installation that has the sandbox only.
ALONE = """
import runpy, sys
sys.modules["spotkeeper"] = None
sys.argv = ["ec2_sandbox", *sys.argv[1:]]
runpy.run_module("ec2_sandbox", run_name="__main__")
"""
READY_WITHIN_SECONDS = 60


def record_of(home: Path) -> dict[str, object]:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < deadline:
        if (home / "process.json").exists():
            found: dict[str, object] = json.loads((home / "process.json").read_text())["content"]
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come up")


def test_it_is_served_where_spotkeeper_cannot_be_imported(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ALONE, str(tmp_path / "home"), "--tied"]
    with subprocess.Popen(command) as server:
        try:
            port = record_of(tmp_path / "home")["port"]
            client = boto3.client(
                "ec2",
                region_name="us-east-1",
                endpoint_url=f"http://127.0.0.1:{port}",
                aws_access_key_id="any",
                aws_secret_access_key="any",
            )
            assert client.describe_spot_price_history(MaxResults=5)["SpotPriceHistory"]
        finally:
            server.terminate()


A_TEST = Path(__file__).parents[2] / "docs" / "sandbox" / "README.md"


def test_the_fixture_comes_by_its_entry_point_and_costs_nothing_until_it_is_used(
    tmp_path: Path,
) -> None:
    """The test of the page is run as somebody else's: alone in its folder."""
    [example] = [
        block for block in A_TEST.read_text().split("```python\n")[1:] if "def test" in block
    ]
    (tmp_path / "test_notice.py").write_text(example.partition("```")[0])
    (tmp_path / "test_nothing.py").write_text(
        "import sys\n\ndef test_nothing(): assert not {'moto', 'boto3'} & set(sys.modules)\n"
    )
    environment = {**os.environ, "HOME": str(tmp_path)}
    for name in ("test_nothing.py", "test_notice.py"):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", name],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def test_a_world_of_another_version_is_refused_by_name_until_it_is_reset(tmp_path: Path) -> None:
    home = tmp_path / "home"
    daemon.start(home)
    daemon.stop(home)
    saved = home / "state.snapshot"
    header, _, rest = saved.read_bytes().partition(b"\n")
    older = json.dumps({**json.loads(header), "schema": 4}).encode()
    saved.write_bytes(older + b"\n" + rest)
    with pytest.raises(SandboxProblem, match="schema 4") as refused:
        daemon.start(home)
    assert "reset" in str(refused.value.next_step)
    try:
        assert daemon.reset(home).running
    finally:
        assert not daemon.stop(home).running


def test_every_file_that_is_kept_says_its_version(tmp_path: Path) -> None:
    home = tmp_path / "home"
    status: SandboxStatus = daemon.start(home)
    assert status.running
    daemon.stop(home)
    for path in home.iterdir():
        first = path.read_bytes().split(b"\n")[0].decode(errors="replace")
        if not first:
            continue  # a history of nothing
        if path.suffix == ".json":
            assert json.loads(first)["version"] == 1
        elif path.name not in ("lock", "sandbox.log"):
            assert any(word in first for word in ('"schema"', '"v":', "# version")), path.name


def test_options_that_are_none_are_refused() -> None:
    with pytest.raises(Exception, match="speed"):
        Sandbox(speed=-1)
