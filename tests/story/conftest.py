"""What the stories use: the `spot` command in a home of its own, against the sandbox over HTTP."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests import canaries
from tests.conftest import Sandbox
from tests.story import account
from tests.story.fault_trials import Laboratory, laboratory

from ec2_sandbox.options import SandboxStatus
from spotkeeper.aws.session import AwsSession
from spotkeeper.cli.app import run

#: What most stories look into; every region more makes each of them slower.
ENABLED = ("eu-west-1", "us-east-1", "us-west-2")


@dataclass(frozen=True)
class Answer:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def items(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.document["items"]
        return found

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def error(self) -> dict[str, Any]:
        """The error of ``--output json``: the last line of stderr."""
        found: dict[str, Any] = json.loads(self.err.strip().splitlines()[-1])["error"]
        return found


Spot = Callable[..., Answer]


@pytest.fixture
def home(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home: no keys, no AWS configuration, and the sandbox of this pytest process."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "SPOT_"))]:
        monkeypatch.delenv(name)
    for pool, usd in account.PRICES.items():
        sandbox.control.price(pool, usd)
    kept = tmp_path / "spot" / "state"
    kept.mkdir(parents=True)
    (kept / "sandbox").symlink_to(sandbox.status.home, target_is_directory=True)
    for name, secret in canaries.ALWAYS.items():
        monkeypatch.setenv(name, secret)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SPOT_HOME", str(tmp_path / "spot"))
    monkeypatch.setenv("SPOT_SANDBOX", "1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("SPOT_ADVISOR_URL", f"{sandbox.url}/_sandbox/public/spot-advisor-data.json")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def all_regions() -> None:
    """For a story about all the regions that an account has from its first day."""


@pytest.fixture(autouse=True)
def few_regions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account with three enabled regions, unless the story asks for ``all_regions``."""
    if "all_regions" in request.fixturenames:
        return
    asked = AwsSession.enabled_regions

    def few(session: AwsSession, *arguments: str) -> tuple[str, ...]:
        return tuple(region for region in asked(session, *arguments) if region in ENABLED)

    monkeypatch.setattr(AwsSession, "enabled_regions", few)


@pytest.fixture(scope="module")
def lab(
    running_sandbox: SandboxStatus, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Laboratory]:
    """The sandbox behind a proxy that answers badly when it is told to."""
    with laboratory(Sandbox(running_sandbox), tmp_path_factory.mktemp("lab")) as found:
        yield found


@pytest.fixture
def spot(home: Path, capsys: pytest.CaptureFixture[str]) -> Spot:
    """Run a command as a user would, in this process: ``spot("up", "train", "--yes")``."""

    def call(*arguments: str) -> Answer:
        capsys.readouterr()
        code = run(list(arguments))
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return call


@pytest.fixture
def machine(spot: Spot) -> dict[str, Any]:
    """A running box."""
    up = spot("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")
    assert up.code == 0, up.err
    return up.items[0]
