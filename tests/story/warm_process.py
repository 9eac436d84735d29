"""Runs `spot` commands, each in a process of its own, that may be killed at a point.

``python -m tests.story.warm_process`` reads errands from its standard input, one JSON object a
line, and answers each with a line. To start Python and read botocore's models takes a second, so
this process does it once and forks for every command. The child is a process like any other:
SIGKILL leaves of it what SIGKILL leaves, and no other process of ours sees it die early.
"""

import faulthandler
import json
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
from botocore.client import BaseClient
from tests.story import account

from spotkeeper.aws.price_line import RegionConnection
from spotkeeper.aws.session import AwsSession
from spotkeeper.cli.app import run
from spotkeeper.store.journal import FileJournal

#: Of the regions that the account has; every one more makes each command slower.
ENABLED = (account.REGION,)

#: Whoever hangs says where, and ends.
TOO_LONG_SECONDS = 120


class Steps:
    """Every call to AWS and every entry of the journal, in order; dies at one of them."""

    def __init__(self, deadly: str, written: Path) -> None:
        self._deadly = deadly
        self._written = written
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    def around(self, what: str, step: Callable[[], Any]) -> Any:
        """Take a step such as ``RunInstances``, unless death comes before or after it."""
        with self._lock:
            self._seen[what] += 1
            told = f"{what} {self._seen[what]}"
            with self._written.open("a") as file:
                file.write(f"{told}\n")
        self._maybe_die(f"before {told}")
        try:
            return step()
        finally:
            self._maybe_die(f"after {told}")

    def _maybe_die(self, point: str) -> None:
        if point == self._deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """See every step of this process from now on."""
        self._watch(BaseClient, "_make_api_call", lambda client, operation, *_: operation)
        self._watch(RegionConnection, "ask", lambda *_: "DescribeSpotPriceHistory")
        self._watch(FileJournal, "append", lambda journal, name, entry: f"journal-{entry.kind}")

    def _watch(self, owner: type, name: str, what: Callable[..., str]) -> None:
        step = getattr(owner, name)

        def around(*arguments: Any) -> Any:
            return self.around(what(*arguments), lambda: step(*arguments))

        setattr(owner, name, around)


def _ready() -> None:
    """Read what every command reads, once."""
    botocore.session.create_loader = cache(botocore.session.create_loader)
    asked = AwsSession.enabled_regions
    AwsSession.enabled_regions = lambda *of: asked(*of) and ENABLED  # type: ignore[method-assign]
    run(["sweep", "--output", "json"])
    run(["find", "--type", "g5.xlarge", "--region", account.REGION, "--output", "json"])


def _child(errand: dict[str, Any], folder: Path) -> None:
    """The command, to its end or to its death; never returns."""
    for name, number in (("out", 1), ("err", 2)):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT), number)
    faulthandler.dump_traceback_later(TOO_LONG_SECONDS, exit=True)
    os.environ["SPOT_HOME"] = errand["home"]
    os.chdir(errand["home"])
    Steps(errand["deadly"], folder / "steps").watch()
    code = run(errand["line"])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _done(errand: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Run an errand: how its process ended, what it said, and the steps that it took."""
    assert threading.active_count() == 1  # a fork takes no other thread along
    child = os.fork()
    if child == 0:
        try:
            _child(errand, folder)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(70)
    _, status = os.waitpid(child, 0)

    def told(name: str) -> str:
        path = folder / name
        return path.read_text() if path.exists() else ""

    return {
        "code": os.waitstatus_to_exitcode(status),
        "out": told("out"),
        "err": told("err"),
        "steps": told("steps").splitlines(),
    }


def serve() -> None:
    """Answer errands until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _ready()
    for line in sys.stdin:
        with tempfile.TemporaryDirectory() as folder:
            answer = _done(json.loads(line), Path(folder))
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()
