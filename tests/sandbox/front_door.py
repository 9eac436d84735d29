"""The sandbox's front door in this process: boto3 clients whose requests never reach a socket."""

import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from werkzeug.test import EnvironBuilder

from ec2_sandbox import moto_hooks  # before anything of moto
from ec2_sandbox.ec2 import responses
from ec2_sandbox.options import SandboxOptions
from ec2_sandbox.protocol.wire import Answer, Call
from ec2_sandbox.server import state
from ec2_sandbox.server.application import Application, Identity
from ec2_sandbox.server.aws_calls import READS, REFUSED, AwsCalls
from ec2_sandbox.server.control_verbs import carry_out
from ec2_sandbox.services import wiring
from ec2_sandbox.world import world

STILL = SandboxOptions(
    scenario="calm", speed=0, step=0, begins="2026-01-05T00:00:00+00:00", dwell=0
)
REGION = "us-east-1"

moto_hooks.install()
STEPS_ARE_IN = (
    "/ec2_sandbox/ec2/",
    "/ec2_sandbox/fleets/",
    "/ec2_sandbox/spot_requests/",
    "/moto/ec2/",
    "/moto/iam/",
)


class Injected(Exception):
    """A step of a call that fails."""


class Door:
    """A sandbox without a process of its own."""

    options = STILL

    def __init__(self, home: Path) -> None:
        responses.install()
        wiring.install()
        state.start_afresh(STILL)
        self.home = home
        self.application = Application(home, Identity("token", "here"), stop=lambda: None)
        state.save(home)

    @property
    def control(self) -> "Door":
        """As a running sandbox has it."""
        return self

    def now(self) -> Any:
        return world().now

    def advance(self, length: Any) -> None:
        carry_out("advance", {"seconds": length.total_seconds()}, self.home)
        state.save(self.home)

    def interrupt(self, name: str) -> None:
        carry_out("interrupt", {"name": name, "minutes": None}, self.home)
        state.save(self.home)

    def client(self, service: str, region: str = REGION) -> Any:
        """A client of boto3 that asks once."""
        session: Any = boto3.Session()
        made = session.client(
            service,
            region_name=region,
            endpoint_url="http://127.0.0.1:1",
            aws_access_key_id="AKIASANDBOXSANDBOX00",
            aws_secret_access_key="sandbox",
            config=Config(retries={"total_max_attempts": 1}),
        )
        made.meta.events.register("before-send", self._sent)
        return made

    def _sent(self, request: Any, **_: Any) -> AWSResponse:
        headers = {name: _text(value) for name, value in request.headers.items()}
        asked = urlsplit(request.url)
        environ = EnvironBuilder(
            path=asked.path,
            query_string=asked.query,
            base_url=f"{asked.scheme}://{asked.netloc}",
            method=request.method,
            headers=headers,
            data=request.body or b"",
        ).get_environ()
        started: list[Any] = []
        body = b"".join(self.application(environ, lambda *told: started.append(told)))
        status, told = int(started[0][0].split()[0]), HTTPHeaders.from_dict(dict(started[0][1]))
        return AWSResponse(request.url, status, told, _Raw(body))


class _Raw(BytesIO):
    """A body as botocore takes it from urllib3."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def saved_world(home: Path) -> bytes:
    """All state; equal for equal worlds, since it was read and written again."""
    state.save(home)
    return present_world()


def present_world() -> bytes:
    """The same, without a snapshot."""
    content = pickle.loads(state._blob())  # noqa: S301 - our own
    content["moto"] = {name: regions for name, regions in content["moto"].items() if regions}
    # A reading shares what was equal before, and lays the members of sets in another order.
    return bytes(sorted(pickle.dumps(pickle.loads(pickle.dumps(content)))))  # noqa: S301


@contextmanager
def every_step_failing(door: Door, next_step: Callable[[int], int]) -> Iterator[list[str]]:
    """Each call that changes something fails at one step after the other, then is carried out.

    After every failure the world must be what it was; those that were not are collected.
    """
    left: list[str] = []
    through = AwsCalls._carried_out

    def carried_out(calls: AwsCalls, call: Call, environ: dict[str, Any]) -> Answer:
        step = 1
        while not call.operation.startswith(READS):
            before = saved_world(door.home)
            answer, failed = _failing_at(step, lambda: through(calls, call, environ))
            if not failed or answer.status < REFUSED:  # or it got over the failure
                return answer
            if answer.status != 400 or saved_world(door.home) != before:
                left.append(f"{call.operation} at step {step}: {answer.status}")
            environ["wsgi.input"] = BytesIO(call.body)
            step = next_step(step)
        return through(calls, call, environ)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AwsCalls, "_carried_out", carried_out)
        yield left


def _failing_at(step: int, act: Callable[[], Answer]) -> tuple[Answer, bool]:
    """The answer of a call whose ``step``-th function fails, and whether it has so many."""
    through, seen = AwsCalls._through, [0]

    def trace(frame: Any, event: str, _argument: Any) -> None:
        name = frame.f_code.co_filename
        if any(part in name for part in STEPS_ARE_IN):
            seen[0] += 1
            if seen[0] == step:
                raise Injected

    def traced(calls: AwsCalls, call: Call, environ: dict[str, Any]) -> Answer:
        former = sys.gettrace()
        sys.settrace(trace)
        try:
            return through(calls, call, environ)
        finally:
            sys.settrace(former)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AwsCalls, "_through", traced)
        return act(), seen[0] >= step
