"""A sandbox of one's own for a test or a script: started, used, and gone without a trace."""

import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ec2_sandbox.client import daemon
from ec2_sandbox.client.control import Control
from ec2_sandbox.client.home import ACCESS_KEY, SECRET_KEY
from ec2_sandbox.options import SandboxOptions, SandboxStatus, checked

#: Scripts with waiters end at once, and what they see is the same every time: the clock stands
#: still but for one second with every call and for ``advance``, and no state is passing.
DEFAULTS = SandboxOptions(speed=0, step=1, begins="2026-01-05T08:00:00+00:00", dwell=0)


class Sandbox(Control):
    """An EC2 with a living Spot market, in a process of its own, for as long as the block lasts.

    with Sandbox(seed=7, scenario="storm") as ec2:
        client = boto3.client("ec2", **ec2.client_arguments())

    Takes the fields of ``SandboxOptions`` by name; see ``DEFAULTS``. Everything that ``Control``
    can do is a method: ``ec2.advance(timedelta(hours=3))``, ``ec2.interrupt(instance_id)``.
    """

    how_to_start = "Write `with Sandbox() as ec2:` and use it inside the block."

    def __init__(self, **options: Any) -> None:
        self.options = checked({**vars(DEFAULTS), **options})
        self._folder: Path | None = None
        self._status = SandboxStatus(home=Path(), running=False)

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="spot-sandbox-"))
        try:
            self._status = daemon.start(self._folder / "home", options=self.options, tied=True)
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._remove()

    def _remove(self) -> None:
        if self._folder is not None:
            self._status = daemon.stop(self._folder / "home")
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    @property
    def endpoint_url(self) -> str:
        """``url``, as boto3 calls it."""
        return self.url

    @property
    def home(self) -> Path:
        """Its folder: history, log and state, until the block ends."""
        self._check_runs()
        return self._status.home

    def client_arguments(self, region: str = "us-east-1") -> dict[str, Any]:
        """What ``boto3.client("ec2", **...)`` needs to talk to this sandbox alone."""
        return {
            "region_name": region,
            "endpoint_url": self.url,
            "aws_access_key_id": ACCESS_KEY,
            "aws_secret_access_key": SECRET_KEY,
        }

    def environment(self) -> dict[str, str]:
        """This process's environment, pointed at the sandbox: for programs that are started."""
        self._check_runs()
        pointed = {**os.environ, **daemon.environment(self._status)}
        return {name: value for name, value in pointed.items() if name not in daemon.UNSET}

    def reset(self, options: SandboxOptions | None = None, **changes: Any) -> None:
        """A fresh account and market, quick enough for every test.

        With the options of the start, or others; ``changes`` hold until the next reset.
        """
        super().reset(checked({**vars(options or self.options), **changes}))
