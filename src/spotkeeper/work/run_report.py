"""A run as it is told to a person: the story of its record in words."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from spotkeeper.model.record import Record, Result, moment
from spotkeeper.work.contract import CANCEL_TAG, RUN_TAG
from spotkeeper.work.run import Outcome, Remark, Run, RunState, read


@dataclass(frozen=True, repr=False)
class RunReport(Result):
    """The run of a machine as it was at ``seen_at``, by the clock of the machine; ``None``: this
    computer knows its id alone. ``is_cancelled``: a tag tells its machine so when that is back."""

    name: str
    run: Run
    seen_at: datetime | None
    progress: float | None = None
    is_cancelled: bool = False

    @classmethod
    def of(cls, name: str, status: Mapping[str, Any]) -> "RunReport | None":
        """What an agent's status says; ``None`` where there was no run yet."""
        if status["record"] is None:
            return None
        return cls(name, read(status["record"]), _time(status["at"]), _share(status["progress"]))

    @classmethod
    def remembered(
        cls, name: str, status: Mapping[str, Any] | None, tags: Mapping[str, str]
    ) -> "RunReport | None":
        """The run of a machine that cannot be asked, by what it said last and by its tags."""
        seen = cls.of(name, status) if status else None
        run_id = tags.get(RUN_TAG, "")
        if run_id and (seen is None or seen.run.run_id != run_id):
            seen = cls(name, Run(run_id), None)  # of another computer
        if seen is None or seen.run.is_over:
            return seen
        return replace(seen, is_cancelled=tags.get(CANCEL_TAG) == seen.run.run_id)

    @property
    def is_done(self) -> bool:
        """Whether its command came to its end, and well."""
        return self.run.state is RunState.FINISHED

    def remarks(self) -> list[Remark]:
        """What the machine had to say since its latest start, each once."""
        since = self.run.attempts[-1].start.at if self.run.attempts else 0.0
        return [*{each.words: each for each in self.run.remarks if each.at >= since}.values()]

    @property
    def state(self) -> str | None:
        """Its word; ``None`` where this computer did not see it."""
        return self.run.state.value if self.seen_at else None

    def sentence(self) -> str:
        """State, attempts, the last checkpoint and how far it is."""
        run, told = self.run, [self.state or "not seen from this computer yet"]
        reason = run.words if run.state not in {RunState.RUNNING, RunState.FINISHED} else ""
        told[0] += f" ({reason})" if reason else ""
        told[0] += f" since {_time(run.last_at):%Y-%m-%d %H:%M} UTC" if run.is_over else ""
        if run.last_attempt > 1:
            told.append(f"attempt {run.last_attempt}")
        told += self._interruptions()
        if run.sets:
            last = run.sets[-1]
            size = f"{last.size_bytes / 1e6:,.1f} MB"
            told.append(f"last checkpoint {_time(last.at):%H:%M:%S} UTC ({size})")
        if self.progress is not None and not run.is_over:
            told.append(f"{self.progress:.0%} done")
        if self.is_cancelled:
            told.append("cancelled: it ends, and does not begin again")
        return ", ".join(told)

    def _interruptions(self) -> list[str]:
        """How many, when the latest was, if the machine saw it, and how the command went on."""
        attempts = self.run.attempts
        cut = [
            place
            for place, each in enumerate(attempts)
            if each.end and each.end.outcome is Outcome.INTERRUPTED
        ]
        if not cut:
            return []
        last, after = attempts[cut[-1]], attempts[cut[-1] + 1 :]
        seen = last.asked or (None if last.was_unseen else last.end)
        told = "interrupted once" if len(cut) == 1 else f"interrupted {len(cut)} times"
        if seen:
            told += f" ({'' if len(cut) == 1 else 'last '}{_time(seen.at):%H:%M} UTC)"
        if not after:
            return [told]
        again = f"came back {_time(after[0].start.at):%H:%M} UTC"
        return [told, again + (" from its checkpoint" if after[0].start.resumed else "")]

    def to_dict(self) -> Record:
        """As ``run`` of a machine in ``--output json``."""
        run = self.run
        last = run.sets[-1] if run.sets else None
        return {
            "name": self.name,
            "run_id": run.run_id,
            "state": self.state,
            "reason": run.words or None,
            "attempts": run.last_attempt,
            "interruptions": run.count(Outcome.INTERRUPTED),
            "accepted_at": moment(_time(run.accepted_at)) if run.accepted_at else None,
            "checkpoint_at": moment(_time(last.at)) if last else None,
            "checkpoint_bytes": last.size_bytes if last else None,
            "progress": self.progress,
            "cancelled": self.is_cancelled or run.state is RunState.CANCELLED,
            "remarks": [
                {"at": moment(_time(each.at)), "words": each.words} for each in self.remarks()
            ],
            "seen_at": moment(self.seen_at),
            "summary": self.sentence(),
        }


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _share(text: str) -> float | None:
    try:
        share = float(text)
    except ValueError:
        return None
    return share if 0 <= share <= 1 else None
