"""Client tokens: the same call twice has one effect (APIReference, Ensuring idempotency)."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.ec2.exceptions import EC2ClientError

from ec2_sandbox.protocol.refusal import refuse

REMEMBERED = timedelta(hours=24)

# Not part of what was asked for when a token comes again.
NOT_COMPARED = {"ClientToken", "DryRun"}


@dataclass(frozen=True)
class Answered:
    """A call that was carried out: what it asked for, what it was told, and when."""

    fingerprint: str
    body: str
    moment: datetime


def fingerprint(params: Mapping[str, Any]) -> str:
    """The same for the same request, whatever the order of its parameters."""
    compared = {key: value for key, value in params.items() if key not in NOT_COMPARED}
    text = json.dumps(compared, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def mismatch() -> EC2ClientError:
    """The token came before, with other parameters; raise what this returns."""
    return refuse(
        "IdempotentParameterMismatch",
        "Arguments on this idempotent request are inconsistent with arguments used in previous "
        "request(s).",
    )
