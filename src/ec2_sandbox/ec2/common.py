"""What holds for every operation of EC2, whoever answers it: moto's method or one of ours."""

import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores, get_service_model
from moto.ec2.responses import EC2Response

from ec2_sandbox.ec2 import listings, unknown_ids
from ec2_sandbox.protocol.client_tokens import REMEMBERED, Answered, fingerprint, mismatch
from ec2_sandbox.protocol.refusal import DryRunWouldSucceed, EC2Error, missing, refuse
from ec2_sandbox.world import world

Method = Callable[[], Any]

# DryRun: operations that only read, and how a method of moto asks for it.
LOOKS = ("Describe", "Get", "List", "Search")
ASKS = "error_on_dryrun"

# A launch's token also stands for what became of its instances; they look after their own.
KEEP_THEIR_TOKENS = {"RunInstances", "CreateFleet"}

SET_IN_TEXT = re.compile(r"\{('[^{}]*')\}")


class EveryCall(EC2Response):  # type: ignore[misc]
    """DryRun, client tokens, filters and pages, for all operations alike."""

    def call_action(self) -> Any:
        """Let moto find, call and serialise the method, with ours around it."""
        operation = self._get_action()
        name = camelcase_to_underscores(operation)
        if method := getattr(self, name, None):
            setattr(self, name, partial(self.answer, operation, method))
        return super().call_action()

    def answer(self, operation: str, method: Method) -> Any:
        """What the operation answers through its method; what is refused is raised."""
        try:
            _check_required(operation, self.params)
            if self.params.get("DryRun"):
                return self._rehearsed(operation, method)
            if token := _token_of(operation, self.params):
                return self._once(token, partial(self._answered, operation, method))
            return self._answered(operation, method)
        except EC2Error as error:
            raise _in_plain_words(error) from None
        except NotImplementedError as gap:
            raise refuse(
                "UnsupportedOperation",
                f"The sandbox does not model this use of {operation}: {gap}",
            ) from gap

    def _answered(self, operation: str, method: Method) -> Any:
        unknown_ids.check(operation, self.params, self.ec2_backend)
        listing = listings.listing_of(operation) if _is_motos(method) else None
        return listings.answered(self, listing, method) if listing else method()

    def _rehearsed(self, operation: str, method: Method) -> Any:
        if _may_run_dry(operation, method):
            self._answered(operation, method)
        raise DryRunWouldSucceed

    def _once(self, token: str, method: Method) -> Any:
        region, operation = self.region, self._get_action()
        before = _answered_before(region, operation, token, self.params)
        if before is not None:
            return before
        asked = fingerprint(self.params)
        result = method()
        body = self.serialized(result)[2] if isinstance(result, ActionResult) else str(result)
        _remember(region, operation, token, asked, body)
        return body


def _is_motos(method: Method) -> bool:
    """Whether moto itself answers, not a method of ours."""
    return method.__module__.startswith("moto.")


def _may_run_dry(operation: str, method: Method) -> bool:
    """Whether a dry run may call the method: it reads, is ours, or asks for DryRun itself.

    EC2 checks permissions and parameters of a dry run (UserGuide, "Dry run" of each operation).
    moto forgets DryRun in some hundred operations. The answer of a look may simply be thrown away;
    a change that does not ask for itself is answered before it begins.
    """
    if operation.startswith(LOOKS) or not _is_motos(method):
        return True
    return ASKS in method.__code__.co_names


def _token_of(operation: str, params: Mapping[str, Any]) -> str | None:
    """The client token that is to be kept for the operation, if it came with one."""
    return None if operation in KEEP_THEIR_TOKENS else params.get("ClientToken")


def _answered_before(
    region: str, operation: str, token: str, params: Mapping[str, Any]
) -> str | None:
    """The body that the token's first call was answered with; None for a new token."""
    before = world().answers.get((region, operation, token))
    if before is None or world().now - before.moment > REMEMBERED:
        return None
    if before.fingerprint != fingerprint(params):
        raise mismatch()
    return before.body


def _remember(region: str, operation: str, token: str, asked: str, body: str) -> None:
    """Keep the answer for a day; older ones are forgotten on the way."""
    now = world().now
    fresh = {key: one for key, one in world().answers.items() if now - one.moment <= REMEMBERED}
    world().answers = {**fresh, (region, operation, token): Answered(asked, body, now)}


@cache
def _required(operation: str) -> tuple[str, ...]:
    """Parameters that EC2's model requires; an empty list has errors of its own."""
    shape = get_service_model("ec2").operation_model(operation).input_shape
    names = shape.required_members if shape else []
    return tuple(name for name in names if shape.members[name].type_name != "list")


def _check_required(operation: str, params: Mapping[str, Any]) -> None:
    """SDKs see to it themselves; whoever speaks HTTP to us may not."""
    for name in _required(operation):
        if params.get(name) is None:
            raise missing(name)


def _in_plain_words(error: EC2Error) -> EC2Error:
    """moto shows Python sets, in an order of their own; EC2 shows a list."""
    text = str(error.message)
    if not SET_IN_TEXT.search(text):
        return error

    def listed(found: re.Match[str]) -> str:
        return ", ".join(sorted(one.strip("'") for one in found[1].split(", ")))

    return refuse(error.code, SET_IN_TEXT.sub(listed, text))
