"""Duty: tell what a person would want to know of an attempt that goes on: that it gives no sign,
that it saves nothing, what it left running."""

from __future__ import annotations

import os
import re
import signal

from spotkeeper.agent import folders
from spotkeeper.agent.disk import read_text
from spotkeeper.agent.log import LogReader
from spotkeeper.agent.serve import Agent, Duty
from spotkeeper.work.contract import UNFINISHED
from spotkeeper.work.run import Attempt, Line, Starting

#: No output, no save, no progress for so long is said.
STALLED_S = 30 * 60.0

#: A run that saved nothing for so long has nothing to resume from.
NOTHING_SAVED_S = 15 * 60.0

#: Who is left when the command itself has ended, and uses this little for so long, is ended.
LEFT_IDLE_S, LEFT_IDLE_CORES = 10 * 60.0, 0.01

#: A name in a folder that is emptied at a start, or is memory.
_PASSING = re.compile(r"(?:/var)?/tmp/[\w.+-]+|/dev/shm/[\w.+-]+")


class Signs(Duty):
    """Looks at output, saves and processes of the open attempt."""

    every_s = 10.0

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent)
        self._sign: tuple[object, ...] = ()
        self._sign_at = self._left_cpu_s = self._left_at = 0.0

    def heard(self, line: Line) -> None:
        """Count from the start of an attempt."""
        if isinstance(line, Starting):
            self._sign_at, self._left_at = line.at, 0.0

    def look(self) -> None:
        """See whether there is something to say."""
        attempt, now = self.agent.run.open_attempt, self.agent.clock()
        if attempt is None or attempt.asked:
            return
        progress = read_text(self.agent.folder.paths.progress)
        log_bytes = LogReader(f"{self.agent.attempt_folder}/log").end
        sign = (log_bytes, len(self.agent.run.sets), progress)
        if sign != self._sign:
            self._sign, self._sign_at = sign, now
        if now - self._sign_at > STALLED_S:
            words = f"no output, no save, no progress for {STALLED_S / 60:.0f} minutes"
            self.agent.remark("stalled", words, once_since=self._sign_at)
        self._say_if_nothing_is_saved(attempt, now)
        self._end_what_is_left(attempt, now)

    def _say_if_nothing_is_saved(self, attempt: Attempt, now: float) -> None:
        paths = self.agent.folder.paths
        is_late = now - attempt.start.at > NOTHING_SAVED_S and attempt.number > 0
        if is_late and not folders.look(paths.checkpoint, but=UNFINISHED):
            began_at = attempt.start.at
            places = [*written_beside(paths.code, paths.work), *written_away(paths.code, began_at)]
            where = ", ".join(places) or "nothing in its folder"
            words = f"nothing to resume from: SPOT_CHECKPOINT_DIR is empty; it wrote {where}"
            self.agent.remark("nothing saved", words)

    def _end_what_is_left(self, attempt: Attempt, now: float) -> None:
        """The command itself has ended and others of it live on: at work, or forgotten."""
        agent, folder = self.agent, self.agent.attempt_folder
        if agent.attempts.end_of_command(folder) is None:
            return
        cpu_s = agent.attempts.processes(folder).cpu_s()
        idle_s = now - self._left_at
        if not self._left_at or cpu_s - self._left_cpu_s > LEFT_IDLE_CORES * idle_s:
            self._left_at, self._left_cpu_s = now, cpu_s
            left = {each.program for each in agent.attempts.alive(folder, signal.SIGTERM)}
            if left:
                words = f"the command has ended; still running: {', '.join(sorted(left))}"
                agent.remark(f"left running {attempt.number}", words)
        elif idle_s > LEFT_IDLE_S and agent.spec:
            agent.ask("leftovers", until=now + agent.spec.grace_s)


def written_beside(code: str, work: str, *, most: int = 3) -> list[str]:
    """Where in the working folder there is what is no code: the fullest places first."""
    known, sizes = folders.look(code), dict[str, int]()
    for name, entry in folders.look(work).items():
        is_code = name in known and known[name].content == entry.content
        if entry.is_file and not is_code and not name.endswith(b".pyc"):
            place = f"./{os.fsdecode(os.path.dirname(name) or name)}"
            sizes[place] = sizes.get(place, 0) + entry.size
    return sorted(sizes, key=lambda place: -sizes[place])[:most]


def written_away(code: str, since: float) -> list[str]:
    """What the code names of folders that no start of a machine brings back, and that was written
    to since then."""
    files = (name for name, entry in folders.look(code).items() if entry.is_file)
    texts = (read_text(os.path.join(code, os.fsdecode(name))) for name in files)
    named = {found for text in texts for found in _PASSING.findall(text)}
    return sorted(each for each in named if _newest(each) >= since)


def _newest(path: str) -> float:
    """When something at or below it was written last; 0 where there is nothing."""
    if not os.path.isdir(path):
        return os.path.getmtime(path) if os.path.isfile(path) else 0.0
    return max((each.mtime_ns / 1e9 for each in folders.look(path).values()), default=0.0)


DUTY = Signs
