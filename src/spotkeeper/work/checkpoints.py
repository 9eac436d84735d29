"""When a set of checkpoints is taken, and which one a start begins from: packed into the agent."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from spotkeeper.work.run import Outcome, Run

#: Whole sets that are kept beside the folder; a start goes back so many at most.
KEPT_SETS = 3

#: At most one set in this time, so that the disk belongs to the command.
SET_EVERY_S = 60.0

#: A rebalance recommendation brings the next set forward, but not more often than this.
RECOMMENDED_EVERY_S = 600.0

#: Room that is left to the command when a set is copied: so much, or this part of a small disk.
SPARE_BYTES = 1 << 30
SPARE_SHARE = 20


@dataclass(frozen=True)
class Look:
    """The checkpoint folder at one moment. ``digest`` changes when anything in it does;
    ``writing`` is a file that somebody holds open for writing."""

    at: float
    digest: str
    writing: str = ""


def holds_still(before: Look | None, now: Look) -> bool:
    """Whether nothing in the folder moved between two looks, and nobody is writing there."""
    return before is not None and before.digest == now.digest and not now.writing


def is_due(now: Look, *, kept: Collection[str], last_at: float, every_s: float) -> bool:
    """Whether the folder is as no set has it, and it is time to keep it."""
    return now.digest not in kept and now.at - last_at >= every_s


@dataclass(frozen=True)
class Folder:
    """The checkpoint folder before a start. ``is_suspect``: a file of it was written in place
    after the last set, and whoever wrote it was killed."""

    digest: str
    is_suspect: bool = False


def usable_sets(run: Run, sets: Sequence[tuple[int, str]]) -> list[int]:
    """The numbers of the whole sets that no attempt died of, of numbers and digests."""
    deadly = _deadly(run)
    return [number for number, digest in sorted(sets, reverse=True) if digest not in deadly]


def set_to_start_from(run: Run, folder: Folder, sets: Sequence[tuple[int, str]]) -> int:
    """The number of the set that a start begins from; 0: the folder as it lies.

    The folder is the newest state there is; a set is better where an attempt died of that very
    state, or where the folder was left in the middle of a save.
    """
    usable = usable_sets(run, sets)
    if usable and (folder.is_suspect or folder.digest in _deadly(run)):
        return usable[0]
    return 0


def _deadly(run: Run) -> set[str]:
    return {
        each.start.digest
        for each in run.attempts
        if each.end is not None and each.end.outcome is Outcome.OLDER_CHECKPOINT
    }
