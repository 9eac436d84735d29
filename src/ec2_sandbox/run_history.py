"""When each instance ran, kept after EC2 has forgotten it: metrics and the console ask."""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from ec2_sandbox.history import Happening, HappeningKind

LOAD_TAG = "spotkeeper:sandbox-cpu"  # idle, busy or percent: forces the simulated CPU load
RUNS = {"running"}
ENDS = {"stopping", "stopped", "shutting-down", "terminated"}


@dataclass
class Life:
    """One instance: the moments at which it began and ended to run, in turn.

    ``load_tag`` is what its tag said of its load when it last began or ended.
    """

    instance_id: str
    region: str
    turns: list[datetime] = field(default_factory=list)
    rebalance_at: datetime | None = None
    load_tag: str | None = None

    @property
    def is_running(self) -> bool:
        """Whether the last start has no end yet."""
        return len(self.turns) % 2 == 1

    def spans(self, now: datetime) -> list[tuple[datetime, datetime]]:
        """Begin and end of every run; the one that goes on ends ``now``."""
        turns = [*self.turns, now] if self.is_running else self.turns
        return list(pairwise(turns))[::2]


def note(lives: dict[str, Life], happening: Happening) -> None:
    """Remember what a happening says about when an instance runs."""
    if happening.kind not in {HappeningKind.INSTANCE, HappeningKind.REBALANCE}:
        return
    life = lives.setdefault(happening.subject, Life(happening.subject, happening.region))
    if happening.kind is HappeningKind.REBALANCE:
        life.rebalance_at = happening.moment
        return
    wanted = ENDS if life.is_running else RUNS
    if happening.facts.get("state") in wanted:
        life.turns.append(happening.moment)
        life.rebalance_at = None
