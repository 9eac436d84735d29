"""Errors asked for by tests: the next calls of an operation fail as EC2 would."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypedDict


class FaultDetails(TypedDict, total=False):
    """What may be said of a fault besides its operation and code; see ``Fault``."""

    message: str
    times: int
    region: str | None
    http_status: int
    after_effect: bool


@dataclass(frozen=True)
class Fault:
    """The next ``times`` calls of ``operation`` (in ``region``, if given) answer ``code``.

    With ``after_effect`` the call is carried out and its answer is lost: the client sees HTTP 503,
    or a dropped connection when ``http_status`` is 0.
    """

    operation: str
    code: str
    message: str = ""
    times: int = 1
    region: str | None = None
    http_status: int = 400
    after_effect: bool = False

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
