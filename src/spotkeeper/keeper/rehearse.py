"""``rehearse``: the user's command under the real agent, on a machine made of this computer.

A notice at a step that nobody knows beforehand, the end of the machine, another start: what a Spot
Instance goes through, without an account, and with a verdict.
"""

import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from spotkeeper.agent import control, folders
from spotkeeper.agent.attempts import Attempts
from spotkeeper.agent.disk import Storage
from spotkeeper.agent.log import LogReader
from spotkeeper.agent.machine import RunFolder
from spotkeeper.agent.notices import RESERVE_S
from spotkeeper.agent.signs import written_away, written_beside
from spotkeeper.agent.stand_in import Notice, StandInMachine
from spotkeeper.errors import SpotkeeperError
from spotkeeper.lifecycle.ports import Talk
from spotkeeper.model.record import Record, Result
from spotkeeper.store.working_folder import WorkingFolder
from spotkeeper.work.contract import UNFINISHED, RunSpec
from spotkeeper.work.rehearsal import (
    Interruption,
    Moment,
    RehearsalVerdict,
    Rehearsed,
    moments,
    verdict,
)
from spotkeeper.work.run import Attempt, Run
from spotkeeper.work.steps import StepReader, best_shape, compare

NAME = "rehearsal"

#: Between two looks at record and output.
LOOK_S = 0.05

#: How often it is said how long it takes.
SAID_EVERY_S = 1.0

#: Who is left when the command itself has ended, says nothing and does next to nothing for so
#: long, is ended, so that the rehearsal is.
LEFT_IDLE_S, LEFT_IDLE_CORES = 5.0, 0.01

#: Who goes on is named after so many looks, one a second.
LEFT_SAID_AFTER_LOOKS = 10

#: A hard end waits for a first save, but not longer.
FIRST_SAVE_S = 30.0

_PIECE_BYTES = 1 << 20
_LAST_WORDS_BYTES = 2000


@dataclass(frozen=True)
class RehearsalOrder:
    """What is to be rehearsed. ``is_hard``: the machine is gone without a notice; ``grace_s``
    passes between the signal and the end; the same ``seed`` draws the same moments."""

    command: tuple[str, ...]
    notices: int = 1
    is_hard: bool = False
    grace_s: float = 60.0
    signal: str = "TERM"
    seed: int = 1


@dataclass(frozen=True, repr=False)
class RehearsalReport(Result):
    """What was seen, what it means, and the files that git ignores and that were not there."""

    seen: Rehearsed
    verdict: RehearsalVerdict
    ignored: tuple[str, ...] = ()

    def to_dict(self) -> Record:
        """The interruptions as items, and the verdict."""
        seen, repeats = self.seen, self.seen.repeats
        return {
            "items": [each.to_dict() for each in seen.interruptions],
            "survives": self.verdict.survives,
            "verdict": self.verdict.sentence,
            "mend": list(self.verdict.mend),
            "state": seen.state.value,
            "steps_done": seen.steps_done or None,
            "steps_twice": repeats.twice if repeats else None,
            "wrote_elsewhere": list(seen.elsewhere),
            "warnings": [*seen.remarks(), *self._blind_spots()],
        }

    def _blind_spots(self) -> list[str]:
        found = []
        if self.ignored and not self.seen.finished:
            named = ", ".join(self.ignored[:3])
            found.append(f"git ignores {named}: not part of the code, here and on a machine")
        if not sys.platform.startswith("linux"):
            found.append(
                "this system does not tell who listens to a signal, and a process that leaves its "
                "parents before it is seen is not seen"
            )
        return found


def rehearse(
    order: RehearsalOrder, *, folder: Path, environment: Mapping[str, str], talk: Talk
) -> RehearsalReport:
    """Run the command in a folder of its own, interrupt it as ordered, and judge.

    Raises:
        BadInput: the folder holds too much to be code.
    """
    code = WorkingFolder(folder)
    planned = moments(order.seed, order.notices)
    seen, lasted_s = _one_life(order, code, environment, planned, talk)
    if seen.finished and not seen.interruptions:
        talk.say("It was over before its notice came; once more, with an earlier one.")
        steps = len(seen.steps[0]) * 2 // 3
        planned = moments(order.seed, order.notices, steps=steps, within_s=lasted_s / 2)
        seen, _ = _one_life(order, code, environment, planned, talk)
    ignored = tuple(code.ignored()) if not seen.interruptions else ()
    return RehearsalReport(seen, verdict(seen), ignored)


def _one_life(
    order: RehearsalOrder,
    code: WorkingFolder,
    environment: Mapping[str, str],
    planned: Sequence[Moment],
    talk: Talk,
) -> tuple[Rehearsed, float]:
    """One run from its start to its end on a machine of its own; and how long that took."""
    home = Path(tempfile.mkdtemp(prefix="spot-rehearsal-"))
    machine = StandInMachine(home)
    began = time.monotonic()
    try:
        rehearsing = _Rehearsing(order, machine, planned, talk)
        rehearsing.start(code, environment)
        return rehearsing.to_its_end(), time.monotonic() - began
    finally:
        machine.close()
        shutil.rmtree(home, ignore_errors=True)


class _Output:
    """The output of one attempt as it comes: steps, and when there was a last word."""

    def __init__(self, folder: str) -> None:
        self._log = LogReader(f"{folder}/log")
        self._place = 0
        self.reader = StepReader()
        self.word_at = self.began_at = time.monotonic()

    def look(self) -> None:
        while True:
            begin, data = self._log.read(self._place, _PIECE_BYTES)
            if not data:
                return
            self._place, self.word_at = begin + len(data), time.monotonic()
            self.reader.feed(data, self.word_at)

    def last_words(self) -> str:
        end = self._log.end
        _, data = self._log.read(end - min(end, _LAST_WORDS_BYTES), _LAST_WORDS_BYTES)
        return data.decode("utf-8", "replace")


class _Rehearsing:
    def __init__(
        self, order: RehearsalOrder, machine: StandInMachine, planned: Sequence[Moment], talk: Talk
    ) -> None:
        self._order, self._machine, self._talk = order, machine, talk
        self._planned = list(planned)
        self._run = Run()
        self._outputs: dict[int, _Output] = {}
        self._interruptions: list[Interruption] = []
        self._notice: tuple[int, Notice] | None = None
        self._run_id = f"{NAME}-{secrets.token_hex(4)}"
        self._attempts = Attempts(Storage(), self._run_id)
        self._elsewhere: dict[str, None] = {}
        self._left: dict[str, None] = {}
        self._began_at = self._said_at = time.monotonic()
        self._left_sign, self._left_since, self._left_looked_at = (0.0, 0.0), 0.0, 0.0
        self._left_looks = 0
        self._has_saved = False

    @property
    def _folder(self) -> RunFolder:
        return self._machine.home.run(self._run_id)

    def start(self, code: WorkingFolder, environment: Mapping[str, str]) -> None:
        control.prepare(self._machine.home, self._run_id, None)
        target = Path(self._folder.paths.code)
        code.copy_to(target)
        spec = RunSpec(
            self._run_id,
            NAME,
            _command(self._order.command, code.path, target),
            environment=dict(environment),
            signal=self._order.signal,
            grace_s=self._order.grace_s,
            then="keep",
            commit=code.commit(),
        )
        spec.check()
        control.start(self._machine.home, spec)
        self._machine.start()

    def to_its_end(self) -> Rehearsed:
        while not self._run.is_over:
            time.sleep(LOOK_S)
            self._run = control.read_run(self._folder)
            if not self._machine.is_alive:
                raise SpotkeeperError("The agent of the rehearsal ended by itself")
            for number, output in self._outputs.items():
                if number == self._run.last_attempt:
                    output.look()
                    self._say_how_long(number)
            self._advance()
        return self._told()

    def _say_how_long(self, number: int) -> None:
        now = time.monotonic()
        if now - self._said_at >= SAID_EVERY_S:
            self._said_at = now
            self._talk.waiting(f"attempt {number}", timedelta(seconds=now - self._began_at))

    def _advance(self) -> None:
        attempt = self._run.attempts[-1] if self._run.attempts else None
        if attempt is None:
            return
        if attempt.number not in self._outputs:
            self._outputs[attempt.number] = _Output(self._folder.attempt(attempt.number))
        if self._notice is not None and self._notice[0] == attempt.number:
            if attempt.end is not None and not self._run.is_over:
                self._after_notice(attempt, self._notice[1])
        elif attempt.end is not None or self._is_noted(attempt):
            return
        elif self._planned and self._is_now(self._planned[0], attempt):
            self._planned.pop(0)
            self._interrupt(attempt)
        else:
            self._end_what_is_left(self._folder.attempt(attempt.number), attempt.number)

    def _is_noted(self, attempt: Attempt) -> bool:
        """Whether it was ended already, and its record does not tell so yet."""
        return any(each.attempt == attempt.number for each in self._interruptions)

    def _end_what_is_left(self, folder: str, number: int) -> None:
        attempts, now = self._attempts, time.monotonic()
        if attempts.end_of_command(folder) is None or now - self._left_looked_at < 1.0:
            return
        self._left_looked_at = now
        sign = (self._outputs[number].word_at, attempts.processes(folder).cpu_s())
        spoke, worked_s = sign[0] != self._left_sign[0], sign[1] - self._left_sign[1]
        self._left_looks += 1
        if self._left_looks == LEFT_SAID_AFTER_LOOKS:
            named = ", ".join(sorted({e.program for e in attempts.alive(folder, signal.SIGTERM)}))
            self._talk.say(
                f"The command itself has ended, and {named} goes on. It is over, here and on a "
                "machine, when nobody is left; Ctrl-C ends this rehearsal"
            )
        if spoke or worked_s > LEFT_IDLE_CORES * (now - self._left_since):
            self._left_sign, self._left_since = sign, now
        elif now - self._left_since > LEFT_IDLE_S:
            alive = attempts.alive(folder, signal.SIGTERM)
            self._left.update({each.program: None for each in alive})
            attempts.kill(folder)

    def _is_now(self, moment: Moment, attempt: Attempt) -> bool:
        output, now = self._outputs[attempt.number], time.monotonic()
        if self._order.is_hard:
            is_early = now - output.began_at < max(moment.at_most_s, FIRST_SAVE_S)
            if is_early and self._state() == attempt.start.digest:
                return False
        told = self._steps(attempt.number) if moment.steps else [(0, output.began_at)]
        place = max(0, moment.steps - 1)
        reached_at = told[place][1] if place < len(told) else None
        return moment.is_now(
            since_step_s=None if reached_at is None else now - reached_at,
            since_word_s=now - output.word_at,
            age_s=now - output.began_at,
        )

    def _interrupt(self, attempt: Attempt) -> None:
        if not self._order.is_hard:
            grace_s = self._order.grace_s
            told = self._machine.notice(seconds=min(grace_s + RESERVE_S, 2 * grace_s))
            self._notice = (attempt.number, told)
            return
        self._machine.end()
        self._outputs[attempt.number].look()
        self._note(Interruption(attempt.number, is_hard=True, at_step=self._last_step(attempt)))
        self._machine.start()

    def _after_notice(self, attempt: Attempt, notice: Notice) -> None:
        self._outputs[attempt.number].look()
        told_s = attempt.told_at - notice.at if attempt.told_at else None
        saved_at, since = self._saved_at(), attempt.told_at or notice.at
        self._note(
            Interruption(
                attempt.number,
                is_hard=False,
                at_step=self._last_step(attempt),
                told_s=told_s,
                stopped_s=self._run.last_at - since,
                saved_s=max(0.0, saved_at - since) if saved_at > notice.at else None,
                was_killed=attempt.killing is not None,
                left=attempt.killing.left if attempt.killing else (),
            )
        )
        self._machine.end()
        self._notice = None
        self._machine.start()

    def _note(self, interruption: Interruption) -> None:
        self._interruptions.append(interruption)
        self._has_saved = self._has_saved or bool(self._state())
        code, work = self._folder.paths.code, self._folder.paths.work
        began_at = self._run.attempts[0].start.at
        self._elsewhere.update(dict.fromkeys(written_beside(code, work)))
        self._elsewhere.update(dict.fromkeys(written_away(code, began_at)))
        kind = "ended without notice" if interruption.is_hard else "notice"
        at = "-" if interruption.at_step is None else f"step {interruption.at_step:,}"
        self._talk.say(f"{at}: {kind}")

    def _state(self) -> str:
        return folders.digest(folders.look(self._folder.paths.checkpoint, but=UNFINISHED))

    def _saved_at(self) -> float:
        state = folders.look(self._folder.paths.checkpoint, but=UNFINISHED)
        return max((each.ctime_ns / 1e9 for each in state.values() if each.is_file), default=0.0)

    def _last_step(self, attempt: Attempt) -> int | None:
        steps = self._steps(attempt.number)
        return steps[-1][0] if steps else None

    def _steps(self, number: int) -> list[tuple[int, float]]:
        """The steps that an attempt told, and when, in the shape that tells most of all."""
        shape = best_shape([each.reader for each in self._outputs.values()])
        return self._outputs[number].reader.steps(shape)

    def _told(self) -> Rehearsed:
        for output in self._outputs.values():
            output.look()
        numbers = sorted(self._outputs)
        steps = tuple(tuple(step for step, _ in self._steps(number)) for number in numbers)
        lost = compare(steps).lost if any(steps) else ()
        following = [*steps[1:], ()]
        interruptions = tuple(
            replace(
                each,
                resumed_at=next(iter(following[place]), None),
                lost_steps=lost[place] if place < len(lost) else None,
            )
            for place, each in enumerate(self._interruptions)
        )
        last = self._outputs[max(self._outputs)].last_words() if self._outputs else ""
        return Rehearsed(
            self._run.state,
            self._run.words,
            interruptions,
            self._order.notices,
            steps,
            has_saved=self._has_saved or bool(self._state()),
            elsewhere=tuple(self._elsewhere),
            left=tuple(self._left),
            last_words=last,
        )


def _command(command: tuple[str, ...], folder: Path, copy: Path) -> tuple[str, ...]:
    """The user's own program, also where it is none of the code: ``.venv/bin/python``."""
    program = command[0]
    is_path = os.sep in program and not os.path.isabs(program)  # noqa: PTH117 - a word, no path yet
    if is_path and not (copy / program).exists() and (folder / program).exists():
        return (os.path.abspath(folder / program), *command[1:])  # noqa: PTH100 - links stay links
    return command


def own_surroundings(environment: Mapping[str, str]) -> dict[str, str]:
    """The user's environment without the folder of programs that came with spotkeeper alone, so
    that ``python`` means the user's own."""
    ours = os.path.dirname(sys.executable)  # noqa: PTH120 - compared as text with PATH
    theirs = environment.get("VIRTUAL_ENV", "")
    is_theirs = sys.prefix == sys.base_prefix or os.path.join(theirs, "bin") == ours  # noqa: PTH118
    if is_theirs:
        return dict(environment)
    path = [each for each in environment.get("PATH", "").split(os.pathsep) if each != ours]
    return {**environment, "PATH": os.pathsep.join(path)}
