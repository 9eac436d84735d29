"""``logs``: the output of a run, piece by piece, also while its machine is away."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from spotkeeper.errors import (
    CredentialsProblem,
    Interrupted,
    NotFound,
    SpotkeeperError,
    Unreachable,
)
from spotkeeper.keeper.arguments import for_program
from spotkeeper.keeper.edges import Edges
from spotkeeper.keeper.inputs import given_length
from spotkeeper.keeper.machine_agent import MachineAgent
from spotkeeper.keeper.machines import SEEN_RUNS, MachineReader, usable
from spotkeeper.keeper.results import MachineReport
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.lifecycle.ports import Talk
from spotkeeper.lifecycle.power import comes_back, is_interrupted
from spotkeeper.model.machine import InstanceState, Machine
from spotkeeper.timings import LONGEST_PAUSE, LOOK_AT_LOG, LOOK_AT_RECORD
from spotkeeper.work.contract import CANCEL_TAG, RUN_TAG
from spotkeeper.work.run import Remark, Run, event_of, read, read_line
from spotkeeper.work.run_report import RunReport

#: The ends of logs as they were seen last, by the instance that they are on.
SEEN_LOGS = "logs"
KEPT_BYTES = 1 << 16


@dataclass(frozen=True)
class LogWish:
    """Which part of the output is wanted; ``attempt`` is None for the latest, ``whole`` begins at
    set-up, ``raw`` shows the values that the user named as they are."""

    follow: bool = False
    lines: int = 0
    since: timedelta | None = None
    attempt: int | None = None
    raw: bool = False
    whole: bool = False


def wish_of(words: Mapping[str, Any]) -> LogWish:
    """Which part a program or the command line wants.

    Raises:
        BadInput: a length of time that is none.
    """
    since = words.get("since")
    age = None if since is None else given_length(since, "--since", "Use 10m or 2h.")
    return LogWish(**{**words, "since": age})


class RunReader:
    """Asks machines for their run, and remembers what they said."""

    def __init__(self, edges: Edges, machines: MachineReader) -> None:
        self._edges, self._machines = edges, machines

    def agent(self, machine: Machine) -> MachineAgent:
        """The agent of a machine that runs.

        Raises:
            NotFound: the machine is off, or has no address; with the run that was seen last.
            SandboxProblem: it is a simulated one.
        """
        name, login = machine.name, self._machines.login(machine)
        if machine.state != InstanceState.RUNNING or login is None:
            seen = self._machines.seen_run(machine)
            when = f" at {seen.seen_at:%H:%M} UTC" if seen and seen.seen_at else ""
            last = f". Its run{when}: {seen.sentence()}" if seen else ""
            step = (
                "EC2 starts it again when it has room; the run goes on by itself then. "
                f"`spot logs -f {name}` waits for it, `spot down {name}` gives it up"
                if is_interrupted(machine)
                else f"Its log is on its disk: `spot start {name}`, then ask again"
            )
            raise NotFound(f"{name} is {machine.summary()}{last}", next_step=f"{step}.")
        return MachineAgent(usable(login))

    def look(self, machine: Machine, agent: MachineAgent) -> tuple[RunReport, list[str]]:
        """The run of a machine as it is now, and the lines of its record.

        Raises:
            NotFound: there was none yet.
        """
        status = agent.status()
        report = RunReport.of(machine.name, status)
        if report is None or machine.instance is None:
            raise NotFound(
                f"No command was ever run on {machine.name} with `spot run`",
                next_step=f"Run one with `spot run {machine.name} -- COMMAND`.",
            )
        self._edges.memory.put(SEEN_RUNS, machine.instance.id, status)
        return report, status["record"]

    def name_on(self, machine: Machine, run_id: str, talk: Talk) -> None:
        """Have the machine's tags name the run, so that every computer can cancel it; a tag that
        cannot be set is said, and no more."""
        try:
            self._tag(machine, RUN_TAG, run_id)
        except SpotkeeperError as problem:
            talk.say(f"No tag of {machine.name} could name the run: {problem.message}")

    def cancel(self, machine: Machine) -> RunReport:
        """Ask for the end of a run; where its machine cannot be asked, by a tag that the machine
        reads now and then, and as soon as it is back.

        Raises:
            NotFound: there is no run.
            SpotkeeperError: neither could be done.
        """
        agent = None
        try:
            agent = self.agent(machine)
            agent.ask("cancel")
            return self.look(machine, agent)[0]
        except (NotFound, Unreachable, CredentialsProblem) as problem:
            seen = self._machines.seen_run(machine)
            if seen is None or (agent and isinstance(problem, NotFound)):
                raise
        if seen.run.is_over or seen.is_cancelled:
            return seen
        self._tag(machine, CANCEL_TAG, seen.run.run_id)
        return replace(seen, is_cancelled=True)

    def _tag(self, machine: Machine, key: str, value: str) -> None:
        if machine.instance is not None:
            self._edges.cloud.retag(machine.region, [machine.instance.id], {key: value})

    def remember_log(self, machine: Machine, run_id: str, data: bytes) -> None:
        """Keep the end of what was seen of a run's output."""
        if machine.instance is not None:
            kept = [run_id, self._edges.clock.now().isoformat(), data.decode("latin-1")]
            self._edges.memory.put(SEEN_LOGS, machine.instance.id, kept)

    def seen_log(self, machine: Machine) -> tuple[datetime, bytes] | None:
        """That end and when it was seen, if the run is still the machine's."""
        if machine.instance is None:
            return None
        memory, id_ = self._edges.memory, machine.instance.id
        run_id, at, text = memory.get(SEEN_LOGS, id_, younger_than=timedelta.max) or ("", "", "")
        if not run_id or machine.tags.get(RUN_TAG, run_id) != run_id:
            return None
        return datetime.fromisoformat(at), text.encode("latin-1")

    def let_in(self, machine: Machine, talk: Talk) -> None:
        """Let the caller's present address in to the machine."""
        self._machines.admit(machine, talk)

    def watched(self, report: MachineReport, asked: LaunchRequest, talk: Talk) -> MachineReport:
        """The report of a machine that was launched; its agent watches it if that was asked for.

        Raises:
            Interrupted: by Ctrl-C; the machine runs.
        """
        if asked.idle is None and not asked.notify_url:
            return report
        idle_s = asked.idle.total_seconds() if asked.idle else 0
        try:
            agent = self.agent(report.machine)
            agent.have(talk, name=asked.name, idle_s=idle_s, notify_url=asked.notify_url)
        except SpotkeeperError as problem:
            told = (
                f"nobody watches whether {asked.name} is used, or tells of it: {problem.message}"
            )
            talk.say(told)
            return replace(report, warnings=(*report.warnings, told))
        except KeyboardInterrupt:
            raise Interrupted(
                f"Interrupted: {asked.name} runs, and nobody watches whether it is used",
                next_step=f"It costs until its deadline, or `spot down {asked.name}`.",
            ) from None
        return report

    def looked_at(self, report: MachineReport) -> MachineReport:
        """The report with the run as it is now, where one was seen that is not over and the
        machine answers; else as it was seen last."""
        if report.last_run is None or report.last_run.run.is_over:
            return report
        try:
            run, _ = self.look(report.machine, self.agent(report.machine))
        except SpotkeeperError:
            return report
        return replace(report, last_run=run)


@dataclass(repr=False)
class RunLog:
    """The output of a run, line by line; ``report`` is the run as it was seen last, where it was
    followed."""

    name: str
    wish: LogWish
    reader: RunReader
    find: Callable[[], Machine]
    talk: Talk
    sleep: Callable[[timedelta], None]
    report: RunReport | None = None
    _seen: bytes = b""
    _run_id: str = ""
    _lines_told: int = 0
    _looked_at: float = field(default_factory=time.monotonic)
    _machine: Machine | None = field(default=None)
    _agent: MachineAgent | None = field(default=None)

    def __repr__(self) -> str:
        return f"<RunLog name={self.name!r}>"

    def __iter__(self) -> Iterator[str]:
        """Lines of text, without their ends; for programs."""
        begun = b""
        try:
            for piece in self.pieces():
                *lines, begun = (begun + piece).split(b"\n")
                yield from (line.decode("utf-8", "replace") for line in lines)
        except SpotkeeperError as problem:
            problem.respell(for_program)
            raise
        if begun:
            yield begun.decode("utf-8", "replace")

    def pieces(self) -> Iterator[bytes]:
        """Pieces as they come: until now, or until the end of the run where it is followed. Of a
        machine that is off, the last that this computer saw."""
        try:
            for data in self._pieces():
                self._seen = (self._seen + data)[-KEPT_BYTES:]
                yield data
        except NotFound:
            is_any = self.wish == LogWish(lines=self.wish.lines)
            kept = self.reader.seen_log(self._machine) if self._machine and is_any else None
            if kept is None:
                raise
            at, data = kept
            told = self._machine.summary() if self._machine else ""
            self.talk.say(
                f"{self.name}: {told}; what was seen of it until {at:%Y-%m-%d %H:%M} UTC:"
            )
            yield b"".join(data.splitlines(keepends=True)[-self.wish.lines :])
        finally:
            if self._machine and self._seen and self._run_id and not self.wish.raw:
                self.reader.remember_log(self._machine, self._run_id, self._seen)

    def _pieces(self) -> Iterator[bytes]:
        wish = self.wish
        following = self._begin()
        while True:
            began = time.monotonic()
            head, data = self._patiently(lambda agent: agent.logs(*following))  # noqa: B023
            if data:
                yield data
            attempt, place, self._run_id = head["attempt"], head["next"], head.get("run_id", "")
            following = self._place(attempt, place)
            if head["is_last"] or not wish.follow:
                if place < head["end"]:
                    continue
                later = self._later(attempt) if wish.follow and wish.attempt is None else None
                if later is None:
                    return
                if later != attempt:
                    following = self._place(later, 0)
                    continue
            if not data:
                # a look through a tunnel is work for this computer, and a call to AWS
                twice = timedelta(seconds=2 * (time.monotonic() - began))
                time.sleep(max(LOOK_AT_LOG, min(twice, LONGEST_PAUSE)).total_seconds())
                self._look_now_and_then()

    def _look_now_and_then(self) -> None:
        """For what the machine has to say of a command that says nothing."""
        now = time.monotonic()
        if now - self._looked_at > LOOK_AT_RECORD.total_seconds():
            self._look()

    def _later(self, attempt: int) -> int | None:
        """The attempt to be read after one that has ended; None after the last."""
        run = self._look()
        later = [each.number for each in run.attempts if each.number > attempt]
        return min(later) if later else None if run.is_over else attempt

    def _begin(self) -> list[str]:
        """The words that find the first piece."""
        wish = self.wish
        if wish.whole:
            return self._place(0, 0)
        status: dict[str, Any] = {}
        if wish.follow or wish.since is not None or wish.attempt:
            status = self._patiently(lambda agent: agent.status())
            self._lines_told = len(status["record"] or ())
            self._refuse_unknown(read(status["record"] or ()))
        words = ["--attempt", str(wish.attempt)] if wish.attempt is not None else []
        if wish.lines:
            words += ["--lines", str(wish.lines)]
        if wish.since is not None:
            words += ["--since", str(status["at"] - wish.since.total_seconds())]
        return [*words, *self._rawly()]

    def _refuse_unknown(self, run: Run) -> None:
        if self.wish.attempt is not None and self.wish.attempt > run.last_attempt:
            raise NotFound(
                f"The run on {self.name} had no attempt {self.wish.attempt}",
                next_step=f"The latest is {run.last_attempt}; 0 is set-up.",
            )

    def _place(self, attempt: int, place: int) -> list[str]:
        return ["--place", str(place), "--attempt", str(attempt), *self._rawly()]

    def _rawly(self) -> list[str]:
        return ["--raw"] if self.wish.raw else []

    def _look(self) -> Run:
        def look(agent: MachineAgent) -> tuple[RunReport, list[str]]:
            assert self._machine is not None  # noqa: S101 - its agent was asked for
            return self.reader.look(self._machine, agent)

        self.report, record = self._patiently(look)
        for line in map(read_line, record[self._lines_told :]):
            remark = ("", line.words) if isinstance(line, Remark) else None
            event = remark or (event_of(line) if line is not None else None)
            if line is not None and event is not None:
                at = datetime.fromtimestamp(line.at, UTC)
                self.talk.say(f"{self.name}: {at:%H:%M:%S} UTC, {': '.join(filter(None, event))}")
        self._lines_told, self._looked_at = len(record), time.monotonic()
        return self.report.run

    def _patiently(self, ask: Callable[[MachineAgent], Any]) -> Any:
        """What an agent answers; who follows waits for a machine that is away. This computer may
        be at another address by now, which is let in once."""
        began, is_let_in = time.monotonic(), False
        while True:
            try:
                if self._agent is None:
                    self._machine = self.find()
                    self._agent = self.reader.agent(self._machine)
                return ask(self._agent)
            except (Unreachable, NotFound) as problem:
                if not is_let_in and self._machine and isinstance(problem, Unreachable):
                    self.reader.let_in(self._machine, self.talk)
                    self._agent, is_let_in = None, True
                    continue
                told, pause = self._away(problem)
            self.talk.waiting(f"{self.name}: {told}", timedelta(seconds=time.monotonic() - began))
            self._agent = None
            pause()

    def _away(self, problem: SpotkeeperError) -> tuple[str, Callable[[], None]]:
        """Why there is no answer for now, and how to wait for the next try.

        Raises:
            SpotkeeperError: the problem, where nobody follows or nothing will change.
        """
        if self.wish.follow and isinstance(problem, Unreachable):
            return problem.message, lambda: time.sleep(LOOK_AT_LOG.total_seconds())
        machine = None if self._agent or not self.wish.follow else self._machine
        if machine is not None and comes_back(machine):
            return machine.summary(), lambda: self.sleep(LONGEST_PAUSE)
        raise problem
