"""Resources of ours on AWS: their ids, their tags, and what of them is left behind."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from spotkeeper.model.disk import Disk
from spotkeeper.model.launch import ClaimNonce, LaunchToken
from spotkeeper.model.record import Record, Result
from spotkeeper.model.tags import TAG_CLAIM, TAG_LAUNCH, tagged_name


class ResourceKind(StrEnum):
    """``ResourceType`` of the EC2 model, for what we make."""

    REQUEST = "spot-instances-request"
    INSTANCE = "instance"
    VOLUME = "volume"
    GROUP = "security-group"
    KEY = "key-pair"
    INTERFACE = "network-interface"
    SNAPSHOT = "snapshot"
    TEMPLATE = "launch-template"
    FLEET = "fleet"
    SCHEDULE = "schedule"  # of EventBridge Scheduler, which EC2 does not know


@dataclass(frozen=True, slots=True, repr=False, order=True)
class ResourceId(Result):
    """Something of ours on AWS, by its id."""

    kind: str
    id: str
    region: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id} in {self.region}"

    def to_dict(self) -> Record:
        """As an item of ``--output json``."""
        return {"kind": str(self.kind), "id": self.id, "region": self.region}


@dataclass(frozen=True, slots=True, repr=False)
class Leftover(Result):
    """Something of ours that could not be ended, and why."""

    resource_id: ResourceId
    reason: str

    def to_dict(self) -> Record:
        """As an item of ``--output json``."""
        return {**self.resource_id.to_dict(), "reason": self.reason}


@dataclass(frozen=True, slots=True)
class TaggedResource:
    """A row of DescribeTags, grouped: a thing of ours with all its tags."""

    resource_id: ResourceId
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that exists in a region and may be ours, whatever its kind.

    ``born``          when it was made; ``None`` where AWS does not say.
    ``state``         in EC2's own words.
    ``holder``        the instance that it hangs on.
    ``instance_type``, ``zone_name``  of an instance: what it is charged by.
    ``disk``          of a volume: what that is charged by.
    """

    resource_id: ResourceId
    tags: Mapping[str, str]
    born: datetime | None = None
    state: str = ""
    holder: str = ""
    instance_type: str = ""
    zone_name: str = ""
    disk: Disk | None = None
    usd_per_hour: Decimal | None = None

    @property
    def name(self) -> str:
        """The name of the machine that it belongs to."""
        return tagged_name(self.tags)

    @property
    def launch(self) -> LaunchToken:
        """The token of the launch that made it."""
        return LaunchToken(self.tags.get(TAG_LAUNCH, ""))

    @property
    def claim(self) -> ClaimNonce:
        """The nonce of its launch, which no other computer can come to."""
        return ClaimNonce(self.tags.get(TAG_CLAIM, ""))
