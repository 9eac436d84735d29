"""A one-time schedule of EventBridge Scheduler: half of the guard outside of a machine."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class GuardCall(StrEnum):
    """What a schedule of the guard does; the words end its name."""

    CANCEL = "cancel"
    TERMINATE = "terminate"


@dataclass(frozen=True, slots=True, order=True)
class Schedule:
    """Cancels a request or ends an instance at a moment.

    ``target`` is the id of the request or instance, ``role`` the ARN of the role that may end it,
    ``created`` when AWS says that it was made, which does not tell two schedules apart.
    """

    region: str
    name: str
    at: datetime
    call: GuardCall
    target: str
    role: str
    owner: str
    created: datetime | None = field(default=None, compare=False)
