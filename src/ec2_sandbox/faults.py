"""Errors asked for by tests: the next calls of an operation fail as EC2 would."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

CLIENT_ERROR, SERVER_ERROR, UNAVAILABLE = 400, 500, 503

# APIReference/errors-overview.html: what is EC2's own fault is a 5xx, the rest mostly 400.
STATUS_OF_CODE: Mapping[str, int] = {
    "RequestLimitExceeded": UNAVAILABLE,
    "Throttling": UNAVAILABLE,
    "SlowDown": UNAVAILABLE,
    "ServiceUnavailable": UNAVAILABLE,
    "Unavailable": UNAVAILABLE,
    "InternalError": SERVER_ERROR,
    "InternalFailure": SERVER_ERROR,
    "InternalServerError": SERVER_ERROR,
    "ServerInternal": SERVER_ERROR,
    "InsufficientInstanceCapacity": SERVER_ERROR,
    "InsufficientHostCapacity": SERVER_ERROR,
    "InsufficientAddressCapacity": SERVER_ERROR,
    "InsufficientReservedInstanceCapacity": SERVER_ERROR,
    "InsufficientVolumeCapacity": SERVER_ERROR,
    "AuthFailure": 401,
    "UnauthorizedOperation": 403,
    "AccessDenied": 403,
    "OptInRequired": 401,
    "InvalidClientTokenId": 403,
    "SignatureDoesNotMatch": 403,
}

#: An AuthFailure with these words is about images, not about credentials, and a 400.
NOT_SHARED = "Not authorized for images"

#: Not a call: the next instance that is about to come up, whoever launched or started it. It ends,
#: or stops again, with the fault's code and message for its state reason.
BOOT = "InstanceBoot"

MESSAGE_OF_CODE: Mapping[str, str] = {
    "RequestLimitExceeded": "Request limit exceeded.",
    "Throttling": "Rate exceeded",
    "ThrottlingException": "Rate exceeded",
    "AuthFailure": "AWS was not able to validate the provided access credentials",
    "UnauthorizedOperation": "You are not authorized to perform this operation.",
    "InternalError": "An internal error has occurred",
    "Unavailable": "The service is unavailable. Please try again shortly.",
    "ServiceUnavailable": "The service is unavailable. Please try again shortly.",
    "InsufficientInstanceCapacity": (
        "There is no Spot capacity available that matches your request."
    ),
    "MaxSpotInstanceCountExceeded": "Max spot instance count exceeded",
    "Client.InternalError": "Client error on launch",
    "Server.InternalError": "Internal error on launch",
    "Client.VolumeLimitExceeded": "Volume limit exceeded",
}


class FaultDetails(TypedDict, total=False):
    """What may be said of a fault besides its operation and code; see ``Fault``."""

    message: str
    times: int
    region: str | None
    http_status: int | None
    after_effect: bool


@dataclass(frozen=True)
class Fault:
    """The next ``times`` calls of ``operation`` (in ``region``, if given) answer ``code``.

    With ``after_effect`` the call is carried out and its answer is lost: the client sees HTTP 503.
    An ``http_status`` of 0 drops the connection; None is the status that belongs to the code.
    """

    operation: str
    code: str
    message: str = ""
    times: int = 1
    region: str | None = None
    http_status: int | None = None
    after_effect: bool = False

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        if self.http_status is not None:
            return self.http_status
        if self.after_effect:
            return UNAVAILABLE
        if self.message.startswith(NOT_SHARED):
            return CLIENT_ERROR
        return STATUS_OF_CODE.get(self.code, CLIENT_ERROR)

    @property
    def text(self) -> str:
        """What the answer says: the message asked for, or EC2's for the code."""
        return self.message or MESSAGE_OF_CODE.get(self.code, f"{self.code} was asked for.")

    def hits(self, operation: str, region: str) -> bool:
        """Whether a call of ``operation`` in ``region`` is to fail."""
        return self.operation == operation and self.region in {None, region}


def take(faults: Sequence[Fault], operation: str, region: str) -> tuple[Fault | None, list[Fault]]:
    """The fault for this call, if any, and the faults that remain."""
    hit = next((fault for fault in faults if fault.hits(operation, region)), None)
    if hit is None:
        return None, list(faults)
    rest = [fault for fault in faults if fault is not hit]
    return hit, [replace(hit, times=hit.times - 1), *rest] if hit.times > 1 else rest
