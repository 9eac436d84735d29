"""The control verbs, client side: move the clock, drain a pool, interrupt a machine.

Imports neither moto nor flask. Every verb goes to the daemon as JSON with the record's token.
"""

import json
import threading
import weakref
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any, ClassVar, Unpack
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

from ec2_sandbox.client.home import without_port
from ec2_sandbox.errors import BadInput, NotFound, SandboxError, SandboxProblem
from ec2_sandbox.faults import Fault, FaultDetails
from ec2_sandbox.market.pools import parse_pool
from ec2_sandbox.options import SandboxOptions, SandboxStatus

TIMEOUT = 600.0  # seconds; a year of a storm is long to live through
HEALTH_TIMEOUT = 5.0
PROBLEMS: Mapping[str, type[SandboxError]] = {BadInput.kind: BadInput, NotFound.kind: NotFound}

# The daemon is on this computer, whatever proxy the user has.
_open = build_opener(ProxyHandler({})).open


class Control:
    """The hands of whoever plays EC2's part. Durations and times are of sandbox time."""

    how_to_start: ClassVar[str] = "Run `spot sandbox start`."

    def __init__(self, status: SandboxStatus) -> None:
        self._status = status
        self._check_runs()

    @property
    def url(self) -> str:
        """The endpoint of every AWS service."""
        self._check_runs()
        return self._status.url

    def _check_runs(self) -> None:
        if not self._status.running:
            raise SandboxProblem("The sandbox is not running", next_step=self.how_to_start)

    def now(self) -> datetime:
        """The sandbox's time, UTC."""
        return datetime.fromisoformat(self._call("now")["now"])

    def advance(self, by: timedelta) -> datetime:
        """Move the clock forwards; what falls due in between happens at its own time."""
        return datetime.fromisoformat(self._call("advance", seconds=by.total_seconds())["now"])

    def interrupt(self, name_or_id: str, *, minutes: float | None = None) -> dict[str, Any]:
        """Give a machine its two minutes' notice; its pool is dry for ``minutes`` (10)."""
        return self._call("interrupt", name=name_or_id, minutes=minutes)

    def drain(self, pool: str, minutes: float | None = None) -> dict[str, Any]:
        """Make a pool (``TYPE@ZONE``) dry, for a while or until it is refilled."""
        return self._call("drain", pool=str(parse_pool(pool)), minutes=minutes)

    def refill(self, pool: str) -> dict[str, Any]:
        """End a pool's drought."""
        return self._call("refill", pool=str(parse_pool(pool)))

    def price(self, pool: str, usd: Decimal | str) -> dict[str, Any]:
        """Force a pool's Spot price, dollars per hour, from now on."""
        return self._call("price", pool=str(parse_pool(pool)), usd=str(usd))

    def quota(self, code: str, vcpus: float, region: str | None = None) -> dict[str, Any]:
        """Set a Spot quota in vCPUs, in one region or all."""
        return self._call("quota", code=code, vcpus=vcpus, region=region)

    def fail(self, operation: str, code: str, **details: Unpack[FaultDetails]) -> None:
        """Make the next calls of an operation answer ``code``; see ``Fault`` for the details."""
        self._call("fail", **asdict(Fault(operation, code, **details)))

    def shutdown(self, name_or_id: str) -> dict[str, Any]:
        """Shut a machine down from inside, as its own user would."""
        return self._call("shutdown", name=name_or_id)

    def latency(self, by: timedelta, action: str | None = None) -> None:
        """Let every call, or those of one action, take so much real time longer; 0 ends it."""
        self._call("latency", seconds=by.total_seconds(), action=action)

    def throttle(self, *, on: bool = True) -> None:
        """Limit calls as EC2 does, or no more."""
        self._call("throttle", on=on)

    def metadata(self, name_or_id: str) -> dict[str, Any]:
        """Where a machine's metadata service answers, on this computer."""
        return self._call("metadata", name=name_or_id)

    def logins(self) -> dict[str, Any]:
        """``guests``: what machines are; ``machines``: where each one's ssh server listens, by its
        id: ``address``, ``port`` (0: nowhere, or not yet), ``host_key``, ``failure``."""
        return self._call("logins")

    def events(
        self,
        *,
        since: datetime | timedelta | None = None,
        kind: str | None = None,
        name: str | None = None,
    ) -> list[dict[str, Any]]:
        """What happened, oldest first: since a time or for so long, of a kind, about a machine."""
        after: object = since
        if isinstance(since, datetime):
            after = since.isoformat()
        elif since is not None:
            after = since.total_seconds()
        found: list[dict[str, Any]] = self._call("events", since=after, kind=kind, name=name)[
            "events"
        ]
        return found

    def bill(self) -> dict[str, Any]:
        """What AWS would have charged until now: lines, ``usd`` as text, ``saving`` as a share."""
        return self._call("bill")

    def status(self) -> dict[str, Any]:
        """How things stand: time, machines, requests, faults, calls."""
        return self._call("status")

    def calls(self) -> list[tuple[str, str]]:
        """(operation, region) of every AWS call since the last reset; the last 10,000."""
        return [(operation, region) for operation, region in self._call("calls")["calls"]]

    def reset(self, options: SandboxOptions | None = None) -> None:
        """A fresh account and market in the running process; quick enough for every test."""
        self._call("reset", **asdict(without_port(options or self._status.options)))

    def _call(self, verb: str, **body: Any) -> dict[str, Any]:
        self._check_runs()
        return self._line.call(self._status.token, verb, body)

    @cached_property
    def _line(self) -> "_Line":
        return _Line(self._status.url)


class _Line:
    """A connection to the daemon, kept open: a command asks for the time dozens of times."""

    def __init__(self, url: str) -> None:
        self._place = urlsplit(url).netloc
        self._connection = self._anew()
        self._in_use = threading.Lock()

    def _anew(self) -> HTTPConnection:
        connection = HTTPConnection(self._place, timeout=TIMEOUT)
        weakref.finalize(self, connection.close)
        return connection

    def call(self, token: str, verb: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """One verb; errors of the daemon come back as ours."""
        asked = (
            "POST",
            f"/_sandbox/{verb}",
            json.dumps(body),
            {"Content-Type": "application/json", "x-spotkeeper-token": token},
        )
        try:
            status, content = self._answer(asked)
        except (HTTPException, OSError) as problem:
            raise SandboxProblem(f"The sandbox does not answer: {problem}") from None
        if status != HTTPStatus.OK:
            raise _problem(content)
        answer: dict[str, Any] = json.loads(content)
        return answer

    def _answer(self, asked: tuple[str, str, str, Mapping[str, str]]) -> tuple[int, bytes]:
        with self._in_use:
            was_open = self._connection.sock is not None
            try:
                return self._once(asked)
            except ConnectionError:
                if not was_open:  # else the daemon may have closed it since the last call
                    raise
                return self._once(asked)

    def _once(self, asked: tuple[str, str, str, Mapping[str, str]]) -> tuple[int, bytes]:
        try:
            self._connection.request(*asked)
            response = self._connection.getresponse()
            return response.status, response.read()
        except BaseException:  # half a question, or the rest of an answer, would spoil the next
            self._connection.close()
            self._connection = self._anew()
            raise


def call(url: str, token: str, verb: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """One verb, of a daemon whose record is not at hand."""
    return _Line(url).call(token, verb, body)


def instance_at(url: str) -> str | None:
    """The identity of whatever sandbox answers there; None when none does."""
    try:
        with _open(f"{url}/_sandbox/health", timeout=HEALTH_TIMEOUT) as response:
            instance: str | None = json.load(response).get("instance")
            return instance
    except (URLError, HTTPException, OSError, ValueError, AttributeError):
        return None


def _problem(body: bytes) -> SandboxError:
    try:
        content = json.loads(body)
    except ValueError:
        content = {"message": f"The sandbox answered: {body[:200]!r}"}
    kind = PROBLEMS.get(content.get("kind", ""), SandboxProblem)
    return kind(content["message"], next_step=content.get("next_step"))
