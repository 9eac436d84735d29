"""What a rehearsal is to show, and the verdict on what it showed."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spotkeeper.model.record import Record, Result
from spotkeeper.model.spelling import counted
from spotkeeper.work.run import RunState
from spotkeeper.work.steps import Repeats, compare

#: A first notice comes within so many steps, a later one too, counted from the start before it.
WITHIN_STEPS = 24

#: A command that tells no steps, or takes long for one, gets its notice after so long at most.
WITHIN_S = 12.0

#: Without a word for so long it is silent: loading, evaluating, compiling.
SILENT_S = 0.3


@dataclass(frozen=True)
class Moment:
    """When an attempt is interrupted: after ``steps`` of it (0: before the first) and
    ``delay_s`` more, in a silent phase where ``in_silence``; after ``at_most_s`` in any case."""

    steps: int
    delay_s: float
    in_silence: bool = False
    at_most_s: float = WITHIN_S

    def is_now(self, *, since_step_s: float | None, since_word_s: float, age_s: float) -> bool:
        """Whether the attempt has come to it. ``since_step_s`` counts from its step, or from the
        start where it is before the first; None before that step."""
        has_come = since_step_s is not None and since_step_s >= self.delay_s
        is_silent = not self.in_silence or since_word_s >= SILENT_S
        return age_s >= self.at_most_s or (has_come and is_silent)


def moments(
    seed: int, count: int, *, steps: int = WITHIN_STEPS, within_s: float = WITHIN_S
) -> list[Moment]:
    """So many moments within so many steps, the same for the same seed. The first is at a step;
    the others also before the first step and in silent phases."""
    draw = random.Random(seed)  # noqa: S311 - a seed is the point of it
    found = []
    for number in range(count):
        kind = draw.choice(("step", "step", "start", "silence")) if number else "step"
        at = 0 if kind == "start" else draw.randint(1, max(1, steps // count))
        delay_s = draw.uniform(0.0, 0.4 if kind == "start" else 0.2)
        found.append(Moment(at, delay_s, kind == "silence", within_s))
    return found


@dataclass(frozen=True, repr=False)
class Interruption(Result):
    """One interruption as it went. Times are seconds; None is what was not seen."""

    attempt: int
    is_hard: bool
    at_step: int | None
    told_s: float | None = None
    stopped_s: float | None = None
    saved_s: float | None = None
    was_killed: bool = False
    left: tuple[str, ...] = ()
    resumed_at: int | None = None
    lost_steps: int | None = None

    def to_dict(self) -> Record:
        """As an item of ``--output json``."""
        return {
            "attempt": self.attempt,
            "kind": "hard" if self.is_hard else "notice",
            "at_step": self.at_step,
            "told_seconds": _rounded(self.told_s),
            "saved_seconds": _rounded(self.saved_s),
            "stopped_seconds": _rounded(self.stopped_s),
            "was_killed": self.was_killed,
            "left_running": list(self.left),
            "resumed_at": self.resumed_at,
            "lost_steps": self.lost_steps,
        }


@dataclass(frozen=True)
class Rehearsed:
    """What a rehearsal showed, before it is judged. ``steps`` are those that each attempt told,
    ``elsewhere`` the places it wrote to outside of what is kept, ``left`` the programs that lived
    on when the command itself had ended, ``last_words`` of its output."""

    state: RunState
    words: str
    interruptions: tuple[Interruption, ...]
    asked_for: int
    steps: tuple[tuple[int, ...], ...]
    has_saved: bool
    elsewhere: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    last_words: str = ""

    @property
    def repeats(self) -> Repeats | None:
        """Steps lost, run twice and skipped; None where the output tells no steps."""
        return compare(self.steps) if any(self.steps) else None

    @property
    def finished(self) -> bool:
        """Whether it came to its end."""
        return self.state is RunState.FINISHED

    @property
    def began_again(self) -> bool:
        """Whether an attempt threw away what the one before had done."""
        pairs = [(a, b) for a, b in zip(self.steps, self.steps[1:], strict=False) if a and b]
        return any(after[0] <= before[0] for before, after in pairs)

    @property
    def steps_lost(self) -> int:
        """In all; 0 where the output tells no steps."""
        return sum(self.repeats.lost) if self.repeats else 0

    @property
    def steps_done(self) -> int:
        """How many different steps ran; 0 where the output tells none."""
        return len({step for steps in self.steps for step in steps})

    def sums(self) -> str:
        """Steps lost, twice and done, and what a save takes: what was seen of it."""
        parts = []
        if self.repeats and self.interruptions:
            of = self.steps_done + self.repeats.skipped
            parts = [f"{counted(self.steps_lost, 'step')} lost", f"{self.repeats.twice:,} twice"]
            parts.append(f"{self.steps_done:,} of {of:,} done")
        saves = [each.saved_s for each in self.interruptions if each.saved_s is not None]
        return ", ".join([*parts, *([f"a save is {max(saves):.1f} s"] if saves else [])])

    def remarks(self) -> list[str]:
        """What a person should know beside the verdict."""
        given, found = len(self.interruptions), []
        if 0 < given < self.asked_for:
            found.append(f"it was over after {given} of {counted(self.asked_for, 'interruption')}")
        if given and not any(self.steps):
            found.append('its output tells no steps (like "step 12"), so none could be counted')
        killed = sorted({name for each in self.interruptions for name in each.left})
        if killed:
            found.append(f"left running when time was up, and killed: {', '.join(killed)}")
        if self.left:
            found.append(f"left running when the command had ended: {', '.join(self.left)}")
        if given and self.elsewhere and self.has_saved:
            found.append(f"not kept for the next attempt: {', '.join(self.elsewhere)}")
        return found


@dataclass(frozen=True)
class RehearsalVerdict:
    """Whether the command survives, in a sentence, and the two lines that mend it."""

    survives: bool
    sentence: str
    mend: tuple[str, ...] = ()


_SAVE = (
    'path = os.path.join(os.environ["SPOT_CHECKPOINT_DIR"], "state.pt")',
    "if os.path.exists(path): state = load(path)   # and save(state, path) every few minutes",
)
_LISTEN = (
    "signal.signal(signal.SIGTERM, lambda *_: stop.append(True))   # stop = [] before",
    "if stop: save(state, path); break   # in the loop, after each step",
)
_WHOLE = ('save(state, path + ".tmp")', 'os.replace(path + ".tmp", path)   # never half a file')
_RESUME = (
    'if os.environ["SPOT_RESUMED"] == "1":',
    "    state = load(path)   # and begin at the step after the one that was saved",
)
_NO_QUESTIONS = (
    "answer what it asks beforehand: an option, a variable (--env NAME=VALUE), a settings file",
    "its standard input is empty here and on the machine, so that it never waits for a person",
)
_WORKERS = (
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)   # in worker_init_fn of the DataLoader",
    "signal.signal(signal.SIGTERM, lambda *_: stop.append(True))   # in the main process only",
)

_Row = tuple[Callable[[Rehearsed], bool], bool, str, tuple[str, ...]]

#: Read from top to bottom: the first row that fits decides.
VERDICTS: Sequence[_Row] = (
    (
        lambda seen: "EOF when reading a line" in seen.last_words,
        False,
        "it asks a question, and nobody is there to answer",
        _NO_QUESTIONS,
    ),
    (
        lambda seen: not seen.interruptions and not seen.finished,
        False,
        "it fails by itself ({words}), before any notice",
        (),
    ),
    (
        lambda seen: not seen.interruptions,
        False,
        "it was over before a notice could reach it, so nothing was shown; give it more to do",
        (),
    ),
    (
        lambda seen: (
            "DataLoader worker" in seen.last_words and "killed by signal" in seen.last_words
        ),
        False,
        "your data workers were ended by the signal, and the save with them",
        _WORKERS,
    ),
    (
        lambda seen: not seen.finished and seen.has_saved,
        False,
        "it cannot go on from what it saved ({words})",
        _WHOLE,
    ),
    (
        lambda seen: not seen.has_saved and bool(seen.elsewhere),
        False,
        "it saves to {elsewhere}, which is not kept, and begins again each time",
        _SAVE,
    ),
    (
        lambda seen: (
            not seen.has_saved and bool(seen.steps[1:] and seen.steps[1]) and not seen.began_again
        ),
        False,
        "it goes on from a place of its own, which is not SPOT_CHECKPOINT_DIR and is not watched",
        _SAVE,
    ),
    (
        lambda seen: not seen.has_saved,
        False,
        "it saves nothing, and begins again each time",
        _SAVE,
    ),
    (lambda seen: not seen.finished, False, "it did not come to its end ({words})", ()),
    (
        lambda seen: (
            not any(each.is_hard or each.told_s or each.was_killed for each in seen.interruptions)
            and any(seen.steps)
            and not any(seen.steps[1:])
        ),
        False,
        "nobody in it listens to the signal, and it was over before it would have been killed, so "
        "nothing was shown; give it more to do, or less --grace",
        _LISTEN,
    ),
    (
        lambda seen: seen.began_again,
        False,
        "it saves, but begins at its first step again",
        _RESUME,
    ),
    (
        lambda seen: seen.steps_lost > 0 and not all(each.is_hard for each in seen.interruptions),
        True,
        "it survives, but runs {lost} again that a save at the notice would keep",
        _LISTEN,
    ),
    (lambda _: True, True, "it survives", ()),
)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def verdict(seen: Rehearsed) -> RehearsalVerdict:
    """The first row of the table that fits."""
    _, survives, sentence, mend = next(row for row in VERDICTS if row[0](seen))
    elsewhere = ", ".join(seen.elsewhere)
    said = sentence.format(
        words=seen.words, elsewhere=elsewhere, lost=counted(seen.steps_lost, "step")
    )
    return RehearsalVerdict(survives, said, mend)
