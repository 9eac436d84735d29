"""What an attempt came to, decided from how it ended: packed into the agent.

One table, read from top to bottom: the first row that fits decides. A new case is a new row.
"""

from __future__ import annotations

import signal as signals
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spotkeeper.work.contract import RUN_AGAIN
from spotkeeper.work.run import Attempt, Outcome, Run

#: So many starts within the time, without a newer set of checkpoints, are a loop.
LOOP_S = 30 * 60.0
LOOP_STARTS = 10
LOOP_FAILED_STARTS = 5

#: A start that dies so soon, and saved nothing, may have died of its checkpoint.
DIED_OF_IT_S = 120.0

#: What is waited before a command is run again, doubled each time.
FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True)
class AttemptEnd:
    """How an attempt ended, before it is judged. ``code`` and ``signal`` are the command's own
    (both None: nobody saw it end); ``fault`` is what is wrong with the machine's GPUs."""

    at: float
    code: int | None = None
    signal: int | None = None
    why: str = ""
    done: bool = False
    saved: bool = False
    older_sets: int = 0
    out_of_memory: str = ""
    fault: str = ""

    @property
    def is_unseen(self) -> bool:
        """Whether nobody saw the command end: the machine went away under it."""
        return self.code is None and self.signal is None

    def words(self) -> str:
        """The end in words: ``exit 1, out of memory``."""
        if self.is_unseen:
            return self.why or "the machine went away without notice"
        how = f"exit {self.code}" if self.signal is None else f"killed by {_name(self.signal)}"
        return ", ".join(part for part in (how, self.why, self.out_of_memory) if part)


@dataclass(frozen=True)
class Judgement:
    """An outcome and why."""

    outcome: Outcome
    words: str


@dataclass(frozen=True)
class _Case:
    run: Run
    attempt: Attempt
    ending: AttemptEnd
    retries: int

    @property
    def is_set_up(self) -> bool:
        return self.attempt.number == 0

    @property
    def asked(self) -> str:
        return self.attempt.asked.why if self.attempt.asked else ""

    @property
    def died_of_its_checkpoint(self) -> bool:
        lived_s = self.ending.at - self.attempt.start.at
        resumed = self.attempt.start.resumed and self.attempt.number > 1
        in_vain = resumed and not self.ending.saved and lived_s < DIED_OF_IT_S
        return in_vain and self.ending.older_sets > 0


_Rule = tuple[str, Callable[[_Case], bool], Outcome]

#: What is added to the words of the end, when the row applies, and what the attempt came to.
RULES: Sequence[_Rule] = (
    ("it said that it was done", lambda case: case.ending.done, Outcome.FINISHED),
    ("", lambda case: case.asked == "cancel", Outcome.CANCELLED),
    (
        f"a crash loop: {LOOP_STARTS} starts within {LOOP_S / 60:.0f} minutes and nothing newer "
        "saved",
        lambda case: is_loop(case.run.attempts, case.ending.at),
        Outcome.FAILED,
    ),
    ("", lambda case: case.asked in {"notice", "stop"}, Outcome.INTERRUPTED),
    ("", lambda case: case.ending.is_unseen, Outcome.INTERRUPTED),
    ("", lambda case: case.is_set_up and case.ending.code == 0, Outcome.READY),
    ("", lambda case: case.ending.code == 0, Outcome.FINISHED),
    ("", lambda case: bool(case.ending.fault), Outcome.UNFIT),
    ("in set-up", lambda case: case.is_set_up, Outcome.FAILED),
    (
        f"a crash loop: {LOOP_FAILED_STARTS} starts within {LOOP_S / 60:.0f} minutes failed and "
        "nothing newer was saved",
        lambda case: is_loop(case.run.attempts, case.ending.at, failed=True),
        Outcome.FAILED,
    ),
    ("it asks to be run again", lambda case: case.ending.code == RUN_AGAIN, Outcome.AGAIN),
    (
        "the newest checkpoint could not be used",
        lambda case: case.died_of_its_checkpoint,
        Outcome.OLDER_CHECKPOINT,
    ),
    ("", lambda case: failures(case.run) < case.retries, Outcome.AGAIN),
    ("", lambda _: True, Outcome.FAILED),
)


def judge(run: Run, attempt: Attempt, ending: AttemptEnd, *, retries: int) -> Judgement:
    """What the attempt came to; ``run`` is the run with this attempt still open."""
    case = _Case(run, attempt, ending, retries)
    added, _, outcome = next(rule for rule in RULES if rule[1](case))
    own = ending.fault if outcome is Outcome.UNFIT else ending.words()
    return Judgement(outcome, ", ".join(part for part in (own, added) if part))


def failures(run: Run) -> int:
    """How many attempts failed and were run again; those that asked for it are not counted."""
    ends = [each.end for each in run.attempts if each.end is not None]
    return sum(end.outcome is Outcome.AGAIN and end.code != RUN_AGAIN for end in ends)


def is_loop(attempts: Sequence[Attempt], now: float, *, failed: bool = False) -> bool:
    """Whether the latest starts, the open one among them, lead nowhere: many within half an hour,
    of which none left a newer set. ``failed``: count those only that were no interruptions."""
    kept = [each for each in attempts if now - each.start.at < LOOP_S and each.number]
    for index, each in reversed(tuple(enumerate(kept))):
        if each.sets or (each.end is not None and each.end.saved):
            kept = kept[index + 1 :]
            break
    if not failed:
        return len(kept) >= LOOP_STARTS
    counted = [e for e in kept if e.end is None or e.end.outcome is not Outcome.INTERRUPTED]
    return len(counted) >= LOOP_FAILED_STARTS


def pause_s(run: Run) -> float:
    """How long to wait before the next attempt: not at all after an interruption."""
    ends = [each.end for each in run.attempts if each.end is not None and each.number]
    in_vain = 0
    for end in reversed(ends):
        if end.outcome is not Outcome.AGAIN or end.saved:
            break
        in_vain += 1
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (in_vain - 1)) if in_vain else 0.0


def _name(number: int) -> str:
    try:
        return signals.Signals(number).name
    except ValueError:
        return f"signal {number}"
