"""One cell of the fault matrix: a whole command that meets a fault, and what came of it."""

import io
import json
import os
import shlex
import socket
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.fault_kinds import Kind
from tests.story.fault_proxy import Armed, FaultyProxy, before, operation_of

from ec2_sandbox.client.home import Home
from ec2_sandbox.protocol import wire
from spotkeeper.aws.session import AwsSession
from spotkeeper.cli.app import run

#: Seconds; the other trials keep to the usual patience.
SHORT_PATIENCE = "0.4"
#: Of the regions that the account has; every one more makes each trial slower.
ENABLED = (account.REGION,)
DOWN_ALL = "down --all --yes --output json"
SWEEP = "sweep --apply --output json"
NOWHERE = "http://127.0.0.1:9/spot-advisor-data.json"
NO_ANSWER = "connect timeout"


@dataclass(frozen=True)
class Row:
    """An operation, the command that calls it, and what happens before: commands and events."""

    operation: str
    line: str
    before: tuple["str | Step", ...] = ()

    def __str__(self) -> str:
        return f"{self.operation} in `{self.line}`"


@dataclass(frozen=True)
class Result:
    """What came of a trial: how the command ended, and what must not be."""

    ended: str
    wrong: tuple[str, ...] = ()
    seen: frozenset[str] = frozenset()


@dataclass
class Answer:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def ended(self) -> str:
        """``ok``, or the kind of the error."""
        if self.code == 0:
            return "ok"
        if self.code < 0:
            return "TRACEBACK"
        if error := self._error():
            return str(error["kind"])
        return "left-behind" if self._left() else "broken"

    @property
    def explained(self) -> bool:
        """Whether a failure comes with what to do next."""
        if self.code == 0:
            return True
        if error := self._error():
            return bool(error["message"] and error["next_step"])
        return bool(self._left()) or any(
            check["fix"] for check in self._document().get("items", ())
        )

    def _error(self) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = json.loads(self.err.strip().splitlines()[-1])["error"]
        except (ValueError, IndexError, KeyError, TypeError):
            return None
        return found

    def _document(self) -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = json.loads(self.out)
        except ValueError:
            return {}
        return found

    def _left(self) -> Any:
        return [one["reason"] for one in self._document().get("left", ())]


@dataclass
class Laboratory:
    """A sandbox behind the proxy, and homes for the commands."""

    sandbox: Sandbox
    proxy: FaultyProxy
    folder: Path
    patch: pytest.MonkeyPatch
    homes: int = 0

    def trial(self, row: Row, kind: Kind, *, every: bool) -> Result:
        """Run the row's command with the fault at its first call, or at every call."""
        self.fresh()
        self.prepare(row)
        with self.failing(row.operation, kind, every=every) as armed:
            answer = self.spot(f"{row.line} --output json")
        untrue = list(self._untrue(row, kind, answer))
        seen = frozenset(action.partition(":")[2] for action in self.proxy.seen)
        remedy = SWEEP if row.line.startswith("sweep") else DOWN_ALL
        wrong = [*untrue, *self._wrongs(answer), *self.leaks(remedy)]
        if not armed.hits:
            wrong.append(f"{row.operation} was not called")
        return Result(answer.ended, tuple(wrong), seen)

    def prepare(self, row: Row) -> None:
        """What comes before the row's command."""
        for step in row.before:
            if callable(step):
                step(self)
                continue
            prepared = self.spot(step)
            assert prepared.code == 0, prepared
        self.proxy.seen.clear()

    def fresh(self) -> None:
        """Another account, at another computer."""
        self.sandbox.control.reset()
        self.move()

    def move(self) -> None:
        """Go on at another computer, which knows nothing."""
        self.homes += 1
        home = self.folder / str(self.homes)
        (home / "state").mkdir(parents=True)
        (home / "state" / "sandbox").symlink_to(self.folder / "proxy", target_is_directory=True)
        self.patch.setenv("SPOT_HOME", str(home))

    def spot(self, line: str) -> Answer:
        """Run a command in this process."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                code = run(shlex.split(line))
            except Exception:
                traceback.print_exc()
                code = -1
        return Answer(code, out.getvalue(), err.getvalue())

    @contextmanager
    def failing(self, operation: str, kind: Kind, *, every: bool) -> Iterator[Armed]:
        """Let calls of an operation go wrong in the meantime."""
        times = kind.calls if every else 1
        armed = Armed(operation, kind.make(operation), times, spread=kind.spread)
        with pytest.MonkeyPatch.context() as patch:
            if kind.slow:
                patch.setenv("SPOT_TIMEOUT", SHORT_PATIENCE)
            if kind.name == NO_ANSWER:
                with black_hole() as address:
                    _lead_astray(patch, armed, address)
                    yield armed
                return
            self.proxy.armed = armed
            yield armed
            self.proxy.armed = None

    def _wrongs(self, answer: Answer) -> Iterator[str]:
        if answer.code < 0:
            yield answer.err
        elif not answer.explained:
            yield f"no next step: {answer}"
        if (most := _most_at_once(self.sandbox)) > 1:
            yield f"{most} instances of one name at once"

    def _untrue(self, row: Row, kind: Kind, answer: Answer) -> Iterator[str]:
        """What a command that ended well must have brought about. A sweep has nothing but EC2's
        word for what is older than the time that EC2 may lag, such as a fleet of somebody else's
        making that is said not to exist."""
        alive = len(account.instances(self.sandbox))
        verb = row.line.partition(" ")[0]
        meant = {"up": 1, "down": 0, "sweep": 0}.get(verb, alive)
        if verb == "sweep" and kind.name in {"stale", "NotFound"}:
            return
        if answer.code == 0 and alive != meant:
            yield f"{row.line} ended well with {alive} instances"

    def leaks(self, remedy: str = DOWN_ALL) -> Iterator[str]:
        """What is left after the next plain command of a user who saw the first one fail, and
        after the `ls` that it tells of, where nobody knows yet whether a launch took effect."""
        told = ""
        if account.left(self.sandbox) or self.litter():
            ended = self.spot(remedy)
            told = ended.out
            if ended.code != 0:
                yield f"{remedy} ended with {ended}"
        self.sandbox.control.advance(timedelta(minutes=11))
        if "run `spot ls` after" in told:
            self.spot("ls")
        if left := account.left(self.sandbox):
            yield f"left by {remedy}: {left}"
        if left := self.litter():
            yield f"left by {remedy}: {left}"

    def litter(self) -> list[str]:
        """What of ours is no part of a machine."""
        client = self.sandbox.client("ec2")
        ours = [account.OURS]
        fleets = [one["FleetId"] for one in client.describe_fleets()["Fleets"] if _works(one)]
        cards = client.describe_network_interfaces(Filters=ours)["NetworkInterfaces"]
        snapshots = client.describe_snapshots(Filters=ours)["Snapshots"]
        return [
            *fleets,
            *(one["NetworkInterfaceId"] for one in cards),
            *(one["SnapshotId"] for one in snapshots),
        ]


def _works(fleet: Mapping[str, Any]) -> bool:
    return fleet["FleetState"] in {"submitted", "active", "modifying"}


#: What happens to the account, or to whoever uses it.
Step = Callable[[Laboratory], None]


@contextmanager
def laboratory(sandbox: Sandbox, folder: Path) -> Iterator[Laboratory]:
    """Everything that the trials need, set up once."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name in [name for name in os.environ if name.startswith(("AWS_", "SPOT_"))]:
            patch.delenv(name)
        proxy = stack.enter_context(before(sandbox.status.port or 0))
        _stand_in(sandbox, folder / "proxy", proxy.port)
        patch.setenv("HOME", str(folder))
        patch.setenv("SPOT_SANDBOX", "1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("SPOT_ADVISOR_URL", NOWHERE)  # large, and no part of AWS's API
        patch.setattr(botocore.session, "create_loader", cache(botocore.session.create_loader))
        asked = AwsSession.enabled_regions
        patch.setattr(AwsSession, "enabled_regions", lambda *of: asked(*of) and ENABLED)
        # botocore pauses between its repeats; nothing here gets better by waiting.
        patch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
        yield Laboratory(sandbox, proxy, folder, patch)


def _stand_in(sandbox: Sandbox, folder: Path, port: int) -> None:
    """A record of the same daemon with the proxy's port."""
    process = Home(sandbox.status.home).process()
    assert process is not None
    stand_in = Home(folder)
    stand_in.create()
    stand_in.remember_options(sandbox.status.options)
    stand_in.remember_process(replace(process, port=port))


def _most_at_once(sandbox: Sandbox) -> int:
    """How many instances lived side by side; a trial launches one name only."""
    alive: set[str] = set()
    most = 0
    for event in sandbox.control.events(kind="instance"):
        if event["facts"]["state"] == "pending":
            alive.add(event["subject"])
        elif event["facts"]["state"] in {"shutting-down", "terminated"}:
            alive.discard(event["subject"])
        most = max(most, len(alive))
    return most


@contextmanager
def black_hole() -> Iterator[tuple[str, int]]:
    """An address that takes no connection and refuses none: its queue is full."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()


def _lead_astray(patch: pytest.MonkeyPatch, armed: Armed, address: tuple[str, int]) -> None:
    """The calls that are meant go to an address that does not answer; which call it is, only the
    client knows before there is a connection."""
    from botocore.httpsession import URLLib3Session

    from spotkeeper.aws.price_line import RegionConnection

    send, ask = URLLib3Session.send, RegionConnection.ask

    def astray(session: URLLib3Session, request: Any) -> Any:
        parts = urlsplit(request.url)
        if armed.takes(operation_of(_call(request), request.method, parts.path)):
            request.url = parts._replace(netloc=f"{address[0]}:{address[1]}").geturl()
        return send(session, request)

    def ask_astray(connection: RegionConnection, form: bytes) -> Any:
        if armed.takes("DescribeSpotPriceHistory"):
            connection._http.close()
            connection._http.host, connection._http.port = address
        return ask(connection, form)

    patch.setattr(URLLib3Session, "send", astray)
    patch.setattr(RegionConnection, "ask", ask_astray)


def _call(request: Any) -> wire.Call:
    """What a call of botocore's is, before it is sent."""

    def text(name: str) -> str:
        found = request.headers.get(name) or ""
        return found.decode() if isinstance(found, bytes) else str(found)

    body = request.body or b""
    body = body.encode() if isinstance(body, str) else body
    return wire.read_call(
        {
            "wsgi.input": BytesIO(body),
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": text("Content-Type"),
            "HTTP_AUTHORIZATION": text("Authorization"),
            "HTTP_X_AMZ_TARGET": text("X-Amz-Target") or None,
            "PATH_INFO": urlsplit(request.url).path,
        }
    )
