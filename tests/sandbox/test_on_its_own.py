"""The sandbox without the tool that it came with: served, in a test, and of another version."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import pytest

from ec2_sandbox.client import Control, SandboxProblem, daemon
from ec2_sandbox.client.home import WORLD, Home

#: Stands in for an installation that has the sandbox only.
ALONE = """
import runpy, sys
sys.modules["spotkeeper"] = None
sys.argv = ["ec2_sandbox", *sys.argv[1:]]
runpy.run_module("ec2_sandbox", run_name="__main__")
"""


def test_it_is_served_where_spotkeeper_cannot_be_imported(tmp_path: Path) -> None:
    """And says where, to whoever started it by hand."""
    command = [sys.executable, "-c", ALONE, str(tmp_path / "home"), "--tied"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            [url] = re.findall(r"http://127.0.0.1:\d+", server.stdout.readline())
            client = boto3.client(
                "ec2",
                region_name="us-east-1",
                endpoint_url=url,
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
        "import sys\n\ndef test_nothing():\n"
        "    assert not {'moto', 'boto3', 'asyncssh'} & set(sys.modules)\n"
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


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    daemon.stop(tmp_path / "home")


def age(home: Path) -> None:
    """Make the saved world one of another version."""
    saved = home / WORLD
    header, _, rest = saved.read_bytes().partition(b"\n")
    saved.write_bytes(json.dumps({**json.loads(header), "schema": 4}).encode() + b"\n" + rest)


def test_a_world_of_another_version_is_refused_by_name_until_it_is_reset(home: Path) -> None:
    daemon.start(home)
    daemon.stop(home)
    age(home)
    with pytest.raises(SandboxProblem, match="schema 4") as refused:
        daemon.start(home)
    assert "reset" in str(refused.value.next_step)
    assert daemon.reset(home).running


@pytest.mark.soak
def test_a_reset_ends_what_still_runs_the_version_before_an_upgrade(home: Path) -> None:
    before, folder = daemon.start(home), Home(home)
    running = folder.process()
    assert running is not None
    folder.remember_process(replace(running, version="0.0.1"))
    age(home)
    after = daemon.reset(home)
    assert after.running
    assert after.pid != before.pid
    assert after.port == before.port


def test_a_file_of_the_folder_that_bears_the_name_of_a_module_is_not_imported(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home.parent / "queue.py").write_text("raise AssertionError('imported')")
    monkeypatch.chdir(home.parent)
    assert daemon.start(home).running


def test_every_file_that_is_kept_says_its_version(home: Path) -> None:
    Control(daemon.start(home)).drain("g5.xlarge@us-east-1a")
    daemon.stop(home)
    kept = {path for path in home.iterdir() if path.name not in ("lock", "sandbox.log")}
    assert {path.suffix for path in kept} == {".json", ".jsonl", ".ini", ".snapshot"}
    for path in kept:
        first = path.read_bytes().partition(b"\n")[0].decode()
        assert re.search(r'"(version|schema|v)": ?\d|# version \d', first), path.name
