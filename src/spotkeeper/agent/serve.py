"""The agent: brings the run that is on the machine to its end, one turn after another.

A turn reads what there is, takes at most one step, and writes that step down before it is taken.
So the agent may be killed at any moment, and the next one goes on from the record. What it can do
besides stands in duties (:class:`Duty`), each in a file of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from spotkeeper.agent import folders
from spotkeeper.agent.attempts import Attempts, signal_number
from spotkeeper.agent.disk import Storage, read_text
from spotkeeper.agent.holder import Order, one_after_another
from spotkeeper.agent.log import LogReader
from spotkeeper.agent.login import activated, login_environment
from spotkeeper.agent.machine import Home, Host, RunFolder
from spotkeeper.agent.processes import make_group
from spotkeeper.work.contract import RunSpec, masked, surroundings
from spotkeeper.work.outcome import AttemptEnd, judge, pause_s
from spotkeeper.work.run import (
    Asked,
    Attempt,
    Declared,
    Ended,
    Killing,
    Line,
    Outcome,
    Remark,
    Run,
    RunState,
    Starting,
    Told,
    read,
)
from spotkeeper.work.telling import to_be_told

#: After a notice or a stop that no end of the machine followed, the work is put back.
PUT_BACK_S = 180.0

#: Who is left when the workers have ended gets so long to end unasked.
LEFTOVERS_S = 10.0

#: How often a turn is taken: while something ends, while a command runs, while nothing does.
HURRIED_S, WORKING_S, RESTING_S = 0.2, 0.5, 1.0

#: How often the checkpoint folder and the metadata service are looked at.
LOOK_S = 5.0

#: So much of a set-up's output tells why it failed.
SAID_LINES, SAID_OF_A_LINE, SAID_BYTES = 3, 120, 2000

#: The stronger reason wins when two ask for the end of an attempt.
_WEIGHT = {"leftovers": 0, "notice": 1, "stop": 2, "cancel": 3}


@dataclass(frozen=True)
class Begin:
    """What is known of the checkpoint folder when an attempt begins."""

    resumed: bool = False
    digest: str = ""
    from_set: int = 0


class Agent:
    """Serves one machine. ``attempts`` makes the attempts of a run by its id."""

    def __init__(
        self,
        home: Home,
        machine: Host,
        attempts: Callable[[str], Attempts],
        *,
        disk: Storage,
        duties: Sequence[type[Duty]] = (),
    ) -> None:
        self.home, self.machine, self.disk, self.look_s = home, machine, disk, LOOK_S
        self.run, self.spec = Run(), None
        self.begin, self.no_start_before = Begin(), 0.0
        self._make_attempts, self.attempts = attempts, attempts("")
        self._clock_began = time.time() - time.monotonic()
        self._was_told_to_end = self._machine_ends = False
        self._workers_gone_at = 0.0
        self.duties = [duty(self) for duty in duties]
        self._looked_at = dict.fromkeys(self.duties, 0.0)

    run: Run
    spec: RunSpec | None

    # --- what duties use ---------------------------------------------------------------------

    def clock(self) -> float:
        """Now, in seconds since 1970; no correction of the computer's clock moves it."""
        return self._clock_began + time.monotonic()

    @property
    def folder(self) -> RunFolder:
        """Where the run is kept."""
        return self.home.run(self.run.run_id)

    @property
    def attempt_folder(self) -> str:
        """Where the open attempt, or else the latest, is kept."""
        return self.folder.attempt(self.run.attempts[-1].number if self.run.attempts else 0)

    @property
    def is_working(self) -> bool:
        """Whether a run is on the machine that is not over."""
        return self.spec is not None and not self.run.is_over

    @property
    def settings(self) -> Mapping[str, object]:
        """What was said of the machine."""
        found: Mapping[str, object] = json.loads(read_text(self.home.settings) or "{}")
        return found

    def write(self, line: Line) -> None:
        """Add a line to the record; what it says is true from now on."""
        moved = self.run.after(line)
        self.disk.append(self.folder.record, line.to_json())
        self.run = moved
        for duty in self.duties:
            duty.heard(line)

    def remark(self, about: str, words: str, *, once_since: float = 0.0) -> None:
        """Say something about the run, unless the same was said since then."""
        if not self.run.remarked(about, since=once_since):
            say(words)
            self.write(Remark(self.clock(), about, words))

    def ask(self, why: str, *, until: float, ends_at: float = 0.0) -> None:
        """The open attempt, if any, shall end; no other begins before the machine has ended."""
        if why in {"notice", "stop"}:
            self.no_start_before = max(ends_at, self.clock()) + PUT_BACK_S
        attempt = self.run.open_attempt
        if attempt and not (attempt.asked and _WEIGHT[attempt.asked.why] >= _WEIGHT[why]):
            self.write(Asked(self.clock(), why, until, ends_at))

    # --- turns -------------------------------------------------------------------------------

    def serve(self, *, parent: int = 0) -> None:
        """Take turns until the machine ends, this program is to end alone, or its parent is gone,
        where one is named."""
        self.disk.keep_ballast()
        while not self._has_ended():
            self.turn()
            if parent and os.getppid() != parent:
                self.attempts.kill(self.attempt_folder)
                return
            time.sleep(self._pause_s())

    def end(self) -> None:
        """The machine ends, or only this program does; which of them, the next turn asks."""
        self._was_told_to_end = True

    def _has_ended(self) -> bool:
        if self._was_told_to_end and not self._machine_ends:
            self._machine_ends = self.machine.is_shutting_down()
            if not self._machine_ends:
                return True  # the command does not notice
        is_busy = any(duty.is_busy for duty in self.duties)
        return self._machine_ends and self.run.open_attempt is None and not is_busy

    def turn(self) -> None:
        """Take one step, and let every duty look that is due. A world that fails is no end."""
        now = self.clock()
        due = [each for each in self.duties if now - self._looked_at[each] >= each.every_s]
        self._looked_at.update(dict.fromkeys(due, now))
        for step in (self._advance, *(duty.look for duty in due)):
            self._attempted(step)

    def _attempted(self, step: Callable[[], None]) -> None:
        try:
            step()
        except (OSError, subprocess.SubprocessError, ValueError) as problem:
            say(f"{type(problem).__name__}: {problem}")
            if self.is_working:
                with contextlib.suppress(OSError):
                    self.remark(f"agent {step.__name__}", f"the agent cannot go on: {problem}")

    def _pause_s(self) -> float:
        attempt = self.run.open_attempt
        if self._machine_ends or (attempt and attempt.asked):
            return HURRIED_S
        return WORKING_S if self.is_working else RESTING_S

    def _advance(self) -> None:
        self._read_run()
        if self.spec is None or self.run.is_over:
            return
        attempt = self.run.open_attempt
        if attempt is None:
            self._between_attempts(self.spec)
            return
        until = self.clock() + self.spec.grace_s
        if self._machine_ends:
            self.ask("stop", until=until)
        if os.path.exists(self.folder.cancel):
            self.ask("cancel", until=until)
        attempt = self.run.attempts[-1]
        if self._is_gone(attempt):
            self._end(attempt, self.spec)
        elif attempt.asked:
            self._stop(attempt, attempt.asked, self.spec)

    def _read_run(self) -> None:
        current = self.home.current_run()
        if current and current != self.run.run_id:
            folder = self.home.run(current)
            self.spec = RunSpec.from_json(read_text(folder.spec))
            self.run = read(read_text(folder.record).splitlines())
            self.attempts = self._make_attempts(current)

    def _is_gone(self, attempt: Attempt) -> bool:
        """Whether nobody of the attempt is left: of another life of the machine nobody is."""
        is_here = attempt.start.boot == self.machine.boot
        return not is_here or not self.attempts.is_alive(self.attempt_folder)

    # --- beginning ---------------------------------------------------------------------------

    def _between_attempts(self, spec: RunSpec) -> None:
        if os.path.exists(self.folder.cancel):
            self.write(Declared(self.clock(), RunState.CANCELLED, ""))
            return
        if self._machine_ends or self.clock() < self._may_start_at():
            return
        if not os.path.isdir(self.folder.paths.code):
            why = "its code was deleted from the machine"
            self.write(Declared(self.clock(), RunState.FAILED, why))
            return
        checkpoint = self.folder.paths.checkpoint
        self.begin = Begin(resumed=bool(folders.look(checkpoint)))
        if not any(duty.before_attempt() for duty in self.duties):
            self._begin(spec)

    def _may_start_at(self) -> float:
        last = self.run.attempts[-1] if self.run.attempts else None
        if last is None or last.end is None:
            return self.no_start_before
        put_back = 0.0
        if last.asked and last.asked.why != "leftovers" and last.start.boot == self.machine.boot:
            put_back = max(last.asked.ends_at, last.asked.at) + PUT_BACK_S
        return max(self.no_start_before, put_back, last.end.at + pause_s(self.run))

    def _begin(self, spec: RunSpec) -> None:
        number = self.run.last_attempt + 1 if self.run.is_set_up or not spec.setup else 0
        folder, paths, begin = self.folder.attempt(number), self.folder.paths, self.begin
        environment = activated(self._environment(spec), paths.venv if number else "")
        _make_fresh(paths.code, paths.work)
        folders.remove_all(folder)
        folders.remove_all(paths.notice)
        boot = self.machine.boot
        self.write(
            Starting(self.clock(), number, boot, begin.resumed, begin.digest, begin.from_set)
        )
        surrounded = surroundings(
            spec, paths, environment, attempt=max(1, number), resumed=begin.resumed
        )
        command = spec.command if number else one_after_another(spec.setup)
        group = make_group(f"spotkeeper-{spec.run_id}-{number}")
        self.attempts.begin(folder, Order(command, paths.work, surrounded, group, spec.user))

    def _environment(self, spec: RunSpec) -> Mapping[str, str]:
        if spec.environment is not None:
            return spec.environment
        kept = read_text(self.folder.environment)
        if not kept:
            kept = json.dumps(login_environment(spec.user))
            self.disk.replace(self.folder.environment, kept.encode())
        found: dict[str, str] = json.loads(kept)
        return found

    # --- stopping ----------------------------------------------------------------------------

    def _stop(self, attempt: Attempt, asked: Asked, spec: RunSpec) -> None:
        folder, number = self.attempt_folder, signal_number(spec.signal)
        alive = self.attempts.alive(folder, number)
        if attempt.killing or self.clock() >= asked.until:
            if not attempt.killing:
                left = sorted({each.program for each in alive})
                self.write(Killing(self.clock(), tuple(left)))
            self.attempts.kill(folder)
            return
        if any(each.pid in attempt.told for each in alive):
            self._workers_gone_at = 0.0
            return
        self._workers_gone_at = self._workers_gone_at or self.clock()
        told = to_be_told(alive, may_work_on=self._may_work_on(attempt, asked))
        fresh = [each for each in told if each.pid not in attempt.told]
        if fresh:
            self.attempts.send(folder, fresh, number)
            commands = tuple(" ".join(each.arguments)[:80] for each in fresh)
            self.write(Told(self.clock(), tuple(each.pid for each in fresh), commands))

    def _may_work_on(self, attempt: Attempt, asked: Asked) -> bool:
        """Whether those who would only be killed by the signal are left alone for now."""
        if attempt.told:
            return self.clock() - self._workers_gone_at < LEFTOVERS_S
        return asked.why == "notice" and attempt.number > 0

    # --- ending ------------------------------------------------------------------------------

    def _end(self, attempt: Attempt, spec: RunSpec) -> None:
        paths = self.folder.paths
        done = attempt.number > 0 and os.path.exists(paths.done)
        seen = self.attempts.end_of_command(self.attempt_folder)
        ending = AttemptEnd(self.clock(), done=done)
        is_of_this_life = attempt.start.boot == self.machine.boot
        if seen is not None and (is_of_this_life or seen.signal not in _OF_A_SHUTDOWN):
            ending = AttemptEnd(self.clock(), seen.code, seen.signal, seen.why, done=done)
        elif is_of_this_life and not attempt.killing:
            ending = AttemptEnd(self.clock(), why="it was ended with its parent", done=done)
        for duty in self.duties:
            ending = duty.after_attempt(attempt, ending)
        verdict = judge(self.run, attempt, ending, retries=spec.retries)
        if verdict.outcome is Outcome.READY:
            folders.bring_to(paths.work, paths.code)
        words = verdict.words
        if attempt.number == 0 and verdict.outcome is Outcome.FAILED:
            words = ": ".join(filter(None, (words, self._said_last(spec))))
        self.write(
            Ended(
                self.clock(),
                attempt.number,
                verdict.outcome,
                words,
                code=ending.code,
                signal=ending.signal,
                saved=ending.saved,
            )
        )
        self.attempts.forget(self.attempt_folder)
        self._workers_gone_at = 0.0

    def _said_last(self, spec: RunSpec) -> str:
        data, _ = masked(
            LogReader(f"{self.attempt_folder}/log").last(SAID_BYTES), b"", spec.secrets
        )
        lines = data.decode("utf-8", "replace").splitlines()
        said = [line.strip()[:SAID_OF_A_LINE] for line in lines if line.strip()]
        return " | ".join(said[-SAID_LINES:])


#: How a machine that ends kills who is left: nobody of ours may have been there to ask for it.
_OF_A_SHUTDOWN = frozenset({signal.SIGTERM, signal.SIGKILL})


class Duty:
    """Nothing to do, in each case."""

    #: How often :meth:`look` is called; 0: at every turn.
    every_s = 5.0

    def __init__(self, agent: Agent) -> None:
        self.agent = agent

    def look(self) -> None:
        """Do what is to be done now and then."""

    def before_attempt(self) -> str:
        """Why no attempt may begin now; "" if it may."""
        return ""

    def after_attempt(self, attempt: Attempt, ending: AttemptEnd) -> AttemptEnd:
        """Add what is known of the end of an attempt; nobody of it is left."""
        return ending

    def heard(self, line: Line) -> None:
        """A line was written to the record."""

    @property
    def is_busy(self) -> bool:
        """Whether something is under way that the end of the machine should wait for."""
        return False


def _make_fresh(code: str, work: str) -> None:
    """The working folder holds the code and nothing else; what cannot be mended is made anew."""
    try:
        folders.bring_to(code, work)
    except OSError:
        folders.remove_all(work)
        folders.bring_to(code, work)


def say(text: str) -> None:
    """For the journal of the operating system."""
    sys.stderr.write(f"spot agent: {text}\n")
    sys.stderr.flush()
