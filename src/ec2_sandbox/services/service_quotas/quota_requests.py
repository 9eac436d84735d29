"""A request to increase a quota, as Service Quotas shows it; it is decided on the agenda."""

from dataclasses import dataclass
from datetime import datetime, timedelta

OPEN = {"PENDING", "CASE_OPENED"}

CASE_AFTER = timedelta(minutes=10)
SMALL_AFTER = timedelta(hours=2)
LARGE_AFTER = timedelta(days=1)
SMALL_VCPUS, SMALL_FACTOR = 64, 4


@dataclass
class QuotaRequest:
    """``desired`` in vCPUs; times are the sandbox's, UTC."""

    id: str
    code: str
    region: str
    desired: float
    created: datetime
    updated: datetime
    status: str = "PENDING"
    case_id: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it was not decided yet; a quota has at most one such request."""
        return self.status in OPEN

    def change(self, status: str, moment: datetime) -> None:
        """What becomes of it."""
        self.status, self.updated = status, moment


def decided_after(present: float, desired: float) -> timedelta:
    """How long AWS takes: hours for a little more, a day when somebody has to look at it.

    AWS names no times ("some requests are approved automatically, others need days"), so these
    are chosen: soon for up to 64 vCPUs or four times what there is.
    """
    small = desired <= SMALL_VCPUS or desired <= SMALL_FACTOR * present
    return SMALL_AFTER if small else LARGE_AFTER
