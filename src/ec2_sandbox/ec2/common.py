"""What holds for every operation of EC2, whoever answers it: moto's method or one of ours."""

import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores, get_service_model
from moto.ec2.responses import EC2Response

from ec2_sandbox.ec2 import dry_run, idempotency, listings, unknown_ids
from ec2_sandbox.protocol.refusal import DryRunWouldSucceed, EC2Error, refuse

Method = Callable[[], Any]

SET_IN_TEXT = re.compile(r"\{('[^{}]*')\}")


class EveryCall(EC2Response):  # type: ignore[misc]
    """DryRun, client tokens, filters and pages, for all operations alike."""

    def call_action(self) -> Any:
        """Let moto find, call and serialise the method, with ours around it."""
        operation = self._get_action()
        name = camelcase_to_underscores(operation)
        if method := getattr(self, name, None):
            setattr(self, name, partial(self._answer, operation, method))
        return super().call_action()

    def _answer(self, operation: str, method: Method) -> Any:
        try:
            _check_required(operation, self.params)
            if self.params.get("DryRun"):
                return self._rehearsed(operation, method)
            if token := idempotency.token_of(operation, self.params):
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
        listing = listings.listing_of(operation) if dry_run.is_motos(method) else None
        return listings.answered(self, listing, method) if listing else method()

    def _rehearsed(self, operation: str, method: Method) -> Any:
        if dry_run.may_run(operation, method):
            self._answered(operation, method)
        raise DryRunWouldSucceed

    def _once(self, token: str, method: Method) -> Any:
        region, operation = self.region, self._get_action()
        before = idempotency.answered_before(region, operation, token, self.params)
        if before is not None:
            return before
        asked = idempotency.fingerprint(self.params)
        result = method()
        body = self.serialized(result)[2] if isinstance(result, ActionResult) else str(result)
        idempotency.remember(region, operation, token, asked, body)
        return body


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
            raise refuse("MissingParameter", f"The request must contain the parameter {name}")


def _in_plain_words(error: EC2Error) -> EC2Error:
    """moto shows Python sets, in an order of their own; EC2 shows a list."""
    text = str(error.message)
    if not SET_IN_TEXT.search(text):
        return error

    def listed(found: re.Match[str]) -> str:
        return ", ".join(sorted(one.strip("'") for one in found[1].split(", ")))

    return refuse(error.code, SET_IN_TEXT.sub(listed, text))
