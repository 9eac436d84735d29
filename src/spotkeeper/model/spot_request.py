"""EC2's Spot request: its states and status codes, in EC2's words and in a user's."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class RequestState(StrEnum):
    """``SpotInstanceState`` of the EC2 model."""

    OPEN = "open"
    ACTIVE = "active"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    DISABLED = "disabled"


#: States in which a request may still launch or restart something, so the ones to cancel.
CANCELLABLE = frozenset({RequestState.OPEN, RequestState.ACTIVE, RequestState.DISABLED})

#: ``Status.Code`` → what it means to the person who waits. ``{at}`` is the time of the change.
#: Source: EC2 User Guide, "Spot request status codes".
STATUS_WORDS: Mapping[str, str] = {
    "pending-evaluation": "EC2 is looking at the request",
    "pending-fulfillment": "EC2 is launching it",
    "fulfilled": "running",
    "capacity-not-available": "waiting for capacity since {at}",
    "capacity-oversubscribed": "waiting for capacity since {at}",
    "price-too-low": "waiting: the Spot price is above your maximum",
    "not-scheduled-yet": "waiting for its start time",
    "launch-group-constraint": "waiting: its launch group cannot start together",
    "az-group-constraint": "waiting: its zone group cannot start together",
    "placement-group-constraint": "waiting: its placement group is full",
    "constraint-not-fulfillable": "waiting: no pool fits the request's conditions",
    "bad-parameters": "refused by EC2: bad parameters",
    "limit-exceeded": "refused by EC2: volume limit reached",
    "system-error": "refused by EC2: internal error",
    "schedule-expired": "expired {at} before it was fulfilled",
    "canceled-before-fulfillment": "cancelled {at} before it was fulfilled",
    "request-canceled-and-instance-running": "request cancelled {at}, the instance still runs",
    "marked-for-stop": "EC2 will stop it within two minutes (notice {at})",
    "marked-for-termination": "EC2 will end it within two minutes (notice {at})",
    "instance-stopped-by-user": "stopped by you {at}",
    "instance-stopped-no-capacity": "interrupted {at}, waiting for capacity",
    "instance-stopped-capacity-oversubscribed": "interrupted {at}, waiting for capacity",
    "instance-stopped-by-price": "interrupted {at} by price, waiting for it to fall",
    "instance-stopped-by-experiment": "stopped {at} by a fault injection experiment",
    "marked-for-stop-by-experiment": "an experiment will stop it within two minutes",
    "instance-terminated-by-user": "ended by you {at}",
    "spot-instance-terminated-by-user": "ended by you {at}",
    "instance-terminated-no-capacity": "interrupted {at}: EC2 took the capacity back",
    "instance-terminated-capacity-oversubscribed": "interrupted {at}: EC2 took the capacity back",
    "instance-terminated-by-price": "interrupted {at} by price",
    "instance-terminated-by-service": "ended by EC2 {at} while stopped",
    "instance-terminated-by-schedule": "ended {at} by its schedule",
    "instance-terminated-by-experiment": "ended {at} by a fault injection experiment",
    "instance-terminated-launch-group-constraint": "ended {at} with its launch group",
}

#: What words say of a request that EC2 has yet to fulfil.
WAITING = re.compile("(^|, )(waiting|EC2 is ).*")

#: Codes that say EC2, and not the user, took the machine away.
INTERRUPTED_CODES = frozenset(
    code for code, words in STATUS_WORDS.items() if words.startswith("interrupted")
)
#: Codes that EC2 shows while the instance still has its two minutes to run.
TAKEN_AT_NOTICE = frozenset(c for c in INTERRUPTED_CODES if c.startswith("instance-terminated"))

FULFILLED = "fulfilled"
BEING_FULFILLED = frozenset({"pending-evaluation", "pending-fulfillment"})
ENDED_BY_USER = frozenset({"instance-terminated-by-user", "spot-instance-terminated-by-user"})
CANCELLED_AND_RUNNING = "request-canceled-and-instance-running"
NOTICE_CODES = frozenset({"marked-for-stop", "marked-for-termination"})

#: Codes that speak of an instance that runs; its own state is newer where it has ended.
LIVING_CODES = NOTICE_CODES | {FULFILLED, CANCELLED_AND_RUNNING}


@dataclass(frozen=True, slots=True)
class SpotRequest:
    """A Spot Instance request as EC2 describes it."""

    id: str
    region: str
    state: RequestState
    status_code: str
    status_since: datetime
    persistent: bool
    interruption_behavior: str
    created_at: datetime
    instance_id: str | None = None
    instance_type: str | None = None
    zone_name: str | None = None
    valid_until: datetime | None = None
    max_price_usd_per_hour: Decimal | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """Its status in words a user understands; an unknown one as EC2 says it."""
        return self.words_for(self.status_code)

    def words_for(self, code: str) -> str:
        """The words for a code, with the time of this request's last change. A request that is
        given up keeps the code of its waiting, and waits no more."""
        known = STATUS_WORDS.get(code)
        if known is not None and not self.cancellable:
            known = WAITING.sub("", known) or f"{self.state} {{at}} before it was fulfilled"
        return code if known is None else known.format(at=f"{self.status_since:%H:%M}")

    @property
    def relaunches(self) -> bool:
        """Whether EC2 is about to launch another instance, as the last one has ended."""
        ended = self.status_code in ENDED_BY_USER | TAKEN_AT_NOTICE
        return ended and self.state is RequestState.OPEN

    @property
    def cancellable(self) -> bool:
        """Whether the request may still launch something."""
        return self.state in CANCELLABLE
