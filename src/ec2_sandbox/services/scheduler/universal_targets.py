"""EventBridge Scheduler's targets: any EC2 call by its universal target, and queues.

What a schedule calls goes through the same code as a call from outside, but for HTTP; faults that
were asked for meet it too.
"""

import json
import re
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.utils import camelcase_to_underscores, get_service_model

from ec2_sandbox import modelled
from ec2_sandbox.catalogue import ACCOUNT_ID
from ec2_sandbox.ec2.responses import SandboxEC2Response
from ec2_sandbox.faults import take
from ec2_sandbox.world import world

UNIVERSAL = re.compile(r"arn:aws:scheduler:::aws-sdk:(?P<service>[a-z0-9]+):(?P<action>\w+)")
QUEUE = re.compile(r"arn:aws:sqs:(?P<region>[a-z0-9-]+):\d{12}:(?P<name>[\w.-]+)")

DONE = "done"
UNSUPPORTED = "unsupported target"


@dataclass(frozen=True)
class Outcome:
    """How a call ended: ``done``, an error code, or that the sandbox does not know the target."""

    said: str
    may_repeat: bool = False


def invoke(target: Mapping[str, Any], region: str) -> Outcome:
    """Call the target once."""
    arn, given = str(target["Arn"]), str(target.get("Input") or "{}")
    if found := UNIVERSAL.fullmatch(arn):
        if found["service"] != "ec2":
            return Outcome(UNSUPPORTED)
        return _call_ec2(found["action"], given, region)
    if queue := QUEUE.fullmatch(arn):
        group_id = target.get("SqsParameters", {}).get("MessageGroupId")
        return _send(queue, given, group_id)
    return Outcome(UNSUPPORTED)


def _call_ec2(action: str, given: str, region: str) -> Outcome:
    """The operation by its name in the ARN, as in ``terminateInstances``."""
    operation = action[:1].upper() + action[1:]
    is_known = operation in get_service_model("ec2").operation_names
    if not is_known or modelled.why_refused("ec2", operation):
        return Outcome(UNSUPPORTED)
    fault, world().faults[:] = take(world().faults, operation, region)
    if fault and not fault.after_effect:
        return Outcome(fault.code, may_repeat=True)
    said = _said(response_for(operation, given, region), operation)
    if fault and said == DONE:
        said = fault.code
    return Outcome(said, may_repeat=said != DONE)


def response_for(operation: str, given: str, region: str) -> SandboxEC2Response:
    """An EC2 response object as moto has one after it has read a request."""
    response = SandboxEC2Response()
    shape = get_service_model("ec2").operation_model(operation).input_shape
    response.params = _typed(json.loads(given), shape)
    response.region, response.partition = region, "aws"
    response.current_account = ACCOUNT_ID
    response.querystring = response.data = {"Action": [operation]}
    response.uri_match, response.headers, response.body = {}, {}, ""
    response.response_headers = {}
    return response


def _typed(given: Any, shape: Any) -> Any:
    """JSON has no times: text in their place becomes what moto makes of a time, UTC without zone.

    What is none stays text, which the operation then refuses.
    """
    if shape.type_name == "list" and isinstance(given, list):
        return [_typed(one, shape.member) for one in given]
    if shape.type_name == "structure" and isinstance(given, dict):
        known = shape.members
        return {k: _typed(one, known[k]) if k in known else one for k, one in given.items()}
    if shape.type_name == "timestamp" and isinstance(given, str):
        with suppress(ValueError):
            moment = datetime.fromisoformat(given)
            return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return given


def _said(response: SandboxEC2Response, operation: str) -> str:
    method = getattr(response, camelcase_to_underscores(operation))
    try:
        response.answer(operation, method)  # what dispatch does after HTTP
    except ServiceException as refused:
        return str(refused.code)
    except Exception:
        # As at the front door: whatever moto raises is an error of the service.
        traceback.print_exc(file=sys.stderr)
        return "InternalError"
    return DONE


def _send(queue: re.Match[str], body: str, group_id: str | None) -> Outcome:
    from ec2_sandbox.services.events.event_targets import to_queue

    try:
        to_queue(queue["region"], queue["name"], body, group_id=group_id)
    except ServiceException as refused:
        return Outcome(str(refused.code), may_repeat=True)
    return Outcome(DONE)
