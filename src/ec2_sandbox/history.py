"""What happened, as an append-only list of frozen facts: the source of `events` and `bill`.

Whoever wants to act on what happens (the event bus, say) registers an observer; nothing below
this module knows them.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

#: Of a line on disk.
LINE_VERSION = 1


class HappeningKind(StrEnum):
    """What a happening is about; its facts are listed beside it."""

    INSTANCE = "instance"  # state, pool, lifecycle, cause, request, ip; cause ec2: interrupted
    REQUEST = "request"  # state, code, pool, instance
    NOTICE = "notice"  # action, at, pool; the subject is the instance
    REBALANCE = "rebalance"  # pool; the subject is the instance
    VOLUME = "volume"  # state (created, changed, deleted), gb, type, zone, iops, throughput
    SNAPSHOT = "snapshot"  # state (created, deleted), gb
    ADDRESS = "address"  # state (allocated, released), ip: an Elastic IP
    FLEET = "fleet"  # state, event, and what the event tells
    MARKET = "market"  # what (drained, refilled, priced), until, usd; the subject is the pool
    QUOTA = "quota"  # vcpus, by (control, request)
    SCHEDULE = "schedule"  # target, outcome
    CONTROL = "control"  # what was asked


@dataclass(frozen=True, slots=True)
class Happening:
    """One fact with its time; ``subject`` is an id or a pool."""

    moment: datetime
    kind: HappeningKind
    subject: str
    region: str
    facts: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> str:
        """One line; ``from_json`` reads it."""
        plain = {
            "v": LINE_VERSION,
            "at": self.moment.isoformat(),
            "kind": self.kind,
            "subject": self.subject,
            "region": self.region,
            "facts": dict(self.facts),
        }
        return json.dumps(plain, separators=(",", ":"))


def from_json(line: str) -> Happening:
    """What ``as_json`` wrote."""
    plain = json.loads(line)
    moment, kind = datetime.fromisoformat(plain["at"]), HappeningKind(plain["kind"])
    return Happening(moment, kind, plain["subject"], plain["region"], plain["facts"])


Observer = Callable[[Happening], None]
observers: list[Observer] = []


@dataclass
class History:
    """The happenings of one world, oldest first.

    ``unsaved`` are those that are not in the history file yet; ``saved`` counts the others, which
    are the first ``saved_bytes`` of the file.
    """

    saved: int = 0
    saved_bytes: int = 0
    unsaved: list[Happening] = field(default_factory=list)

    def tell(self, happening: Happening) -> None:
        """Add a fact, and let whoever observes hear of it."""
        self.unsaved.append(happening)
        for observer in observers:
            observer(happening)
