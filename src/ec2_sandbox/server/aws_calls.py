"""One AWS call from its arrival to its answer: refused, failed by request, or carried out.

The world catches up with its clock before and after each call, and what changed is saved before
the answer leaves.
"""

import sys
import time
import traceback
from contextlib import AbstractContextManager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from moto.core.utils import get_service_model
from moto.moto_api._internal import mock_random
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from ec2_sandbox import images, modelled, throttle
from ec2_sandbox.catalogue import ENABLED_REGIONS, all_regions
from ec2_sandbox.faults import Fault, take
from ec2_sandbox.protocol import wire
from ec2_sandbox.protocol.wire import Answer, Call
from ec2_sandbox.server import state
from ec2_sandbox.server.call_log import log
from ec2_sandbox.server.journal import KeptCall, kept
from ec2_sandbox.services import wiring
from ec2_sandbox.services.pricing import products
from ec2_sandbox.services.service_quotas import quota_calls
from ec2_sandbox.services.sqs import queues
from ec2_sandbox.world import region_backends, world

# Pure functions of the catalogue and the seed: they need no lock and change nothing.
LOCK_FREE = {
    "DescribeSpotPriceHistory",
    "DescribeInstanceTypes",
    "DescribeInstanceTypeOfferings",
    "GetProducts",
}
READS = ("Describe", "Get", "List")
COUNTED_READS = {"GetSpotPlacementScores"}  # EC2 remembers which configurations were asked about
REFUSED = 400  # and above: the call has changed nothing, whatever it did before it failed
POLL = 0.1  # real seconds between two looks of a call that waits

# The services that moto lacks, or of which it lacks EC2's part; None is for moto to answer.
NEIGHBOURS = {"pricing": products.answer, "servicequotas": quota_calls.answer}
OUR_HEADERS = {"content-type", "content-length", "transfer-encoding", "connection", "date"}
OUR_EC2_HEADERS = OUR_HEADERS | {"status", "x-amzn-requestid"}

#: What stands in the answers for people who do not look: moto's, and that of our own XML.
NO_REQUEST_IDS = (b">request-id<", b">00000000-0000-0000-0000-000000000000<")


class Lost(ConnectionError):
    """The connection was dropped on purpose; werkzeug lets connection errors be."""


class AwsCalls:
    """All AWS services behind one lock."""

    def __init__(self, home: Path, lock: AbstractContextManager[Any]) -> None:
        self.home = home
        self.lock = lock
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.known = world(), 0
        self.published: tuple[Any, set[str]] = (None, set())

    def answer(self, call: Call, environ: dict[str, Any]) -> Answer:
        """What AWS answers, after the latency that was asked for."""
        log.note(call.operation, call.region)
        latencies = world().latencies
        if delay := latencies.get(call.operation, latencies.get("", 0.0)):
            time.sleep(delay)
        if refused := _refused(call):
            return refused
        with self.lock:
            world().clock.tick()
            fault = _take_fault(call)
            if refused := None if fault else _throttled(call):
                return refused
        if fault and not fault.after_effect:
            return _failed(call, fault)
        answer = self._waited_for(call, environ)
        return _failed(call, fault) if fault else answer

    def _waited_for(self, call: Call, environ: dict[str, Any]) -> Answer:
        """The answer, or the first that has something to tell; others may call meanwhile."""
        ends = time.monotonic() + queues.patience(call)
        while True:
            environ["wsgi.input"] = BytesIO(call.body)
            answer = self._carried_out(call, environ)
            if not queues.found_nothing(call, answer) or time.monotonic() >= ends:
                return answer
            time.sleep(POLL)

    def warm_up(self, environ: dict[str, Any]) -> None:
        """Carry a call out without its being one: not counted, not timed, not saved."""
        self._through(wire.read_call(environ), environ)

    def _carried_out(self, call: Call, environ: dict[str, Any]) -> Answer:
        is_made = call.region in region_backends() or not call.is_ec2  # making one draws ids
        if call.operation in LOCK_FREE and is_made:
            return self._through(call, environ)
        with self.lock:
            begun, now, random = time.thread_time(), world().now, mock_random.getstate()
            with world().clock.at(now):  # a call takes no time, so that it can be repeated
                world().catch_up()
                answer = self._through(call, environ)
                if answer.status >= REFUSED and not call.operation.startswith(READS):
                    state.take_back(self.home, self.carry_out_again)
                    mock_random.setstate(random)
                    environ, self.known = {}, (world(), self.known[1])
                world().catch_up()
                if self._has_changed(call, answer):
                    cost_s = time.thread_time() - begun
                    state.save_call(self.home, kept(call, environ, now, random), cost_s)
        return answer

    def carry_out_again(self, this: KeptCall) -> None:
        """A call that was saved as such, at its moment, with the same outcome."""
        mock_random.setstate(this.random)
        with world().clock.at(this.moment):
            world().catch_up()
            if this.environ:
                streams = {"wsgi.input": BytesIO(this.body), "wsgi.errors": sys.stderr}
                environ = {**this.environ, **streams}
                self._through(wire.read_call(environ), environ)
            world().catch_up()

    def _has_changed(self, call: Call, answer: Answer) -> bool:
        """Whether the state is another one than that of the last snapshot.

        A region is made when it is first looked at, with ids that must stay.
        """
        (of, regions), self.known = self.known, (world(), len(region_backends()))
        if of is not world() or regions != len(region_backends()) or world().history.unsaved:
            return True
        if answer.status >= REFUSED or queues.found_nothing(call, answer):
            return False
        return not call.operation.startswith(READS) or call.operation in COUNTED_READS

    def _through(self, call: Call, environ: dict[str, Any]) -> Answer:
        own = NEIGHBOURS.get(call.service)
        if own and (answer := own(call)):
            return answer
        if call.service == "ssm":
            self._publish_parameters(call.region)
        wiring.prepare(call.service)
        try:
            return _through_moto(self.moto, call, environ)
        except Exception as gap:  # whatever moto raises; SDKs would repeat a 500 for minutes
            traceback.print_exc(file=sys.stderr)
            why = f"it needs {gap.name}" if isinstance(gap, ModuleNotFoundError) else ""
            this = f"this use of {call.service} {call.operation}".rstrip()
            return _not_modelled(call, f"The sandbox does not model {this}{why and ': '}{why}.")

    def _publish_parameters(self, region: str) -> None:
        """Once in every world and region; SSM cannot be pickled, so that it begins empty."""
        if self.published[0] is not world():
            self.published = (world(), set())
        if region not in self.published[1]:
            images.publish_parameters(region)
            self.published[1].add(region)


def _refused(call: Call) -> Answer | None:
    """What AWS refuses before it looks at the account."""
    if call.region in all_regions() and call.region not in ENABLED_REGIONS:
        message = "AWS was not able to validate the provided access credentials"
        return wire.error(call, "AuthFailure", message, status=401)
    if call.service == "ec2" and call.operation not in _ec2_actions():
        if not call.operation:
            message = "The request must contain the parameter Action"
            return wire.error(call, "MissingAction", message)
        message = f"The action {call.operation} is not valid for this web service."
        return wire.error(call, "InvalidAction", message)
    why = modelled.why_refused(call.service, call.operation)
    return _not_modelled(call, why) if why else None


def _not_modelled(call: Call, why: str) -> Answer:
    """A refusal that no SDK repeats, in the call's own protocol, and a line in the log."""
    sys.stderr.write(f"not modelled: {call.service} {call.operation}: {why}\n")
    if call.is_ec2:
        return wire.error(call, "UnsupportedOperation", why)
    return wire.error(
        call, "UnknownOperationException" if call.speaks_json else "InvalidAction", why
    )


@cache
def _ec2_actions() -> frozenset[str]:
    return frozenset(get_service_model("ec2").operation_names)


def _take_fault(call: Call) -> Fault | None:
    fault, rest = take(world().faults, call.operation, call.region)
    world().faults[:] = rest
    return fault


def _failed(call: Call, fault: Fault) -> Answer:
    if fault.status == 0:
        raise Lost
    return wire.error(call, fault.code, fault.text, status=fault.status)


def _throttled(call: Call) -> Answer | None:
    """EC2's refusal when the account calls too often; nothing unless throttling is on.

    The buckets fill in real time, as the client's pauses are real too; with speed 0 there is no
    real time, and they fill with the sandbox's clock.
    """
    buckets = world().throttle
    if buckets is None or not call.is_ec2:
        return None
    now = time.monotonic() if world().clock.speed else world().now.timestamp()
    if buckets.admits(throttle.draws(call.operation, call.region, call.parameters), now):
        return None
    return wire.error(call, throttle.CODE, throttle.MESSAGE, status=throttle.HTTP_STATUS)


def _through_moto(application: Any, call: Call, environ: dict[str, Any]) -> Answer:
    """What moto answers, with its headers; its pages for people become AWS errors."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
        started.append((status, headers))

    body = b"".join(application(environ, start_response))
    status, headers = int(started[-1][0].split()[0]), started[-1][1]
    kind = {name.lower(): value for name, value in headers}.get("content-type", "text/xml")
    if status >= REFUSED and b"<!doctype html" in body[:200].lower():
        if status >= 500:  # noqa: PLR2004
            raise RuntimeError(body.decode("utf-8", "replace")[-2_000:])
        return wire.error(call, "InvalidAction", "No such action or resource.", status=status)
    ours = OUR_EC2_HEADERS if call.is_ec2 else OUR_HEADERS
    if environ["REQUEST_METHOD"] == "HEAD":
        ours = ours - {"content-length"}
    others = tuple((name, value) for name, value in headers if name.lower() not in ours)
    if not call.is_ec2:
        return Answer(status, kind, body, others)
    identity = wire.request_id(call)
    for placeholder in NO_REQUEST_IDS:
        body = body.replace(placeholder, f">{identity}<".encode())
    return Answer(status, wire.EC2_XML, body, (*others, ("x-amzn-requestid", identity)))
