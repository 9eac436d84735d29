"""Client tokens of all operations but those that keep their own: the first answer, repeated."""

from collections.abc import Mapping
from typing import Any

from ec2_sandbox.protocol.client_tokens import REMEMBERED, Answered, fingerprint, mismatch
from ec2_sandbox.world import world

__all__ = ["answered_before", "fingerprint", "remember", "token_of"]

# A launch's token also stands for what became of its instances; they look after their own.
KEEP_THEIR_OWN = {"RunInstances", "CreateFleet"}


def token_of(operation: str, params: Mapping[str, Any]) -> str | None:
    """The client token that is to be kept for the operation, if it came with one."""
    return None if operation in KEEP_THEIR_OWN else params.get("ClientToken")


def answered_before(
    region: str, operation: str, token: str, params: Mapping[str, Any]
) -> str | None:
    """The body that the token's first call was answered with; None for a new token."""
    before = world().answers.get((region, operation, token))
    if before is None or world().now - before.moment > REMEMBERED:
        return None
    if before.fingerprint != fingerprint(params):
        raise mismatch()
    return before.body


def remember(region: str, operation: str, token: str, asked: str, body: str) -> None:
    """Keep the answer for a day; older ones are forgotten on the way."""
    now = world().now
    fresh = {key: one for key, one in world().answers.items() if now - one.moment <= REMEMBERED}
    world().answers = {**fresh, (region, operation, token): Answered(asked, body, now)}
