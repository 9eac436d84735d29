"""SQS as the sandbox needs it: queues that can be kept, and no wait inside the lock.

moto waits for messages within the call. In the sandbox that would hold up every other call, and
with a clock that stands still it would never end. So a call looks once, and whoever serves it
looks again, outside the lock, for as long as was asked.
"""

import copyreg
import json
from http import HTTPStatus
from threading import Condition
from typing import Any

from ec2_sandbox.protocol.wire import Answer, Call
from ec2_sandbox.world import world

LONGEST_WAIT = 20  # seconds (APIReference of SQS, ReceiveMessage)


def patience(call: Call) -> float:
    """How many seconds of real time a call may be repeated until it has something to tell."""
    if call.service != "sqs" or call.operation != "ReceiveMessage" or not world().clock.speed:
        return 0.0
    try:
        asked = float(json.loads(call.body).get("WaitTimeSeconds") or 0)
    except (ValueError, AttributeError, TypeError):
        return 0.0
    return min(asked, LONGEST_WAIT) / max(world().clock.speed, 1.0)


def found_nothing(call: Call, answer: Answer) -> bool:
    """Whether it was a look into an empty queue, which changes nothing."""
    is_look = call.service == "sqs" and call.operation == "ReceiveMessage"
    return is_look and answer.status == HTTPStatus.OK and b'"Messages"' not in answer.body


def install() -> None:
    """Make moto's SQS look once."""
    from moto.sqs.responses import SQSResponse

    parsed = SQSResponse.receive_message

    def receive_at_once(self: Any) -> Any:
        wait = self.params.get("WaitTimeSeconds") or 0
        if 0 <= int(wait) <= LONGEST_WAIT:  # else moto refuses it
            self.params["WaitTimeSeconds"] = 0
        return parsed(self)

    SQSResponse.receive_message = receive_at_once


def make_queues_keepable() -> None:
    """A queue's lock cannot be pickled; nobody holds it while the state is saved."""
    copyreg.pickle(Condition, _fresh_lock)


def _fresh_lock(_: Condition) -> tuple[type[Condition], tuple[()]]:
    return Condition, ()
