"""When each instance ran, kept after EC2 has forgotten it: metrics and the console ask."""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from ec2_sandbox.history import Happening, HappeningKind

LOAD_TAG = "spotkeeper:sandbox-cpu"  # idle, busy or percent: forces the simulated CPU load
RUNS = {"running"}
ENDS = {"stopping", "stopped", "shutting-down", "terminated"}


@dataclass
class RunHistory:
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


def note(run_histories: dict[str, RunHistory], happening: Happening) -> None:
    """Remember what a happening says about when an instance runs."""
    if happening.kind not in {HappeningKind.INSTANCE, HappeningKind.REBALANCE}:
        return
    runs = run_histories.setdefault(
        happening.subject, RunHistory(happening.subject, happening.region)
    )
    if happening.kind is HappeningKind.REBALANCE:
        runs.rebalance_at = happening.moment
        return
    wanted = ENDS if runs.is_running else RUNS
    if happening.facts.get("state") in wanted:
        runs.turns.append(happening.moment)
        runs.rebalance_at = None
