"""Who of a command's processes is told that it must end: packed into the agent.

A command is a tree of processes. A signal to all of it loses the save of every script with data
workers, one to its first process only is lost in a shell. So those are told that work: processes
that listen to the signal and are neither copies of their parent nor launchers of one that listens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: They start others and wait; what they catch a signal with runs when the one they wait for ended.
SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "busybox"})

#: In the arguments of a worker that multiprocessing started as a program of its own.
SPAWNED = "--multiprocessing-fork"

#: In the arguments of processes that serve the one that started them, and are never told:
#: multiprocessing's and loky's workers and helpers, torch's compilers, the senders of trackers.
HELPERS = (
    SPAWNED,
    "multiprocessing.resource_tracker",
    "multiprocessing.forkserver",
    "joblib.externals.loky",
    "torch._inductor.compile_worker",
    "wandb-core",
    "wandb.sdk.internal",
)


@dataclass(frozen=True)
class Process:
    """A process of the command. ``started`` tells it from a later one of the same number;
    ``is_copy``: forked and never turned into another program; ``listens``: it handles the signal,
    or takes it from a queue."""

    pid: int
    parent: int
    started: str
    arguments: tuple[str, ...]
    is_copy: bool = False
    listens: bool = False

    @property
    def program(self) -> str:
        """The name of what it runs, without its folder."""
        return _name(self.arguments[0]).lstrip("-") if self.arguments else ""

    @property
    def script(self) -> str:
        """What it was started for: the first argument that is no option, else its program."""
        plain = (each for each in self.arguments[1:] if not each.startswith("-"))
        return next(plain, self.arguments[0] if self.arguments else "")

    @property
    def is_shell(self) -> bool:
        """Whether it only starts others."""
        return self.program in SHELLS

    @property
    def is_helper(self) -> bool:
        """Whether it serves its parent, as its command line says."""
        return any(word in each for each in self.arguments for word in HELPERS)

    def launched(self, child: Process) -> bool:
        """Whether it was given the child's script to start: ``uv run torchrun train.py``."""
        return _name(child.script) in map(_name, self.arguments[1:])


class _Tree:
    def __init__(self, processes: Sequence[Process]) -> None:
        self._by_pid = {each.pid: each for each in processes}
        self._children: dict[int, list[Process]] = {}
        for each in processes:
            self._children.setdefault(each.parent, []).append(each)

    @property
    def roots(self) -> list[Process]:
        return [each for each in self._by_pid.values() if each.parent not in self._by_pid]

    def serves(self, process: Process) -> bool:
        """Whether it is a copy of its parent, or a helper of it."""
        parent = self._by_pid.get(process.parent)
        is_copy = process.is_copy and parent is not None and not parent.is_shell
        return is_copy or process.is_helper

    def children(self, process: Process) -> list[Process]:
        return [each for each in self._children.get(process.pid, []) if not self.serves(each)]

    def workers(self, process: Process) -> list[Process]:
        """Those at or below the process that shall be told; none if nobody there listens."""
        below = [
            worker
            for child in self.children(process)
            if process.is_shell or not process.listens or process.launched(child)
            for worker in self.workers(child)
        ]
        if not process.listens:
            return below or self._listening_copies(process)
        if process.is_shell:
            # A shell heeds its trap once the child that it waits for has ended.
            return below or [process, *self.children(process)]
        is_peer = any(each.arguments == process.arguments for each in below)
        return [process, *below] if is_peer or not below else below

    def shells_above(self, told: Sequence[Process]) -> list[Process]:
        """Deaf shells above those that are told: they end at once, so no next line is begun."""
        found: dict[int, Process] = {}
        for each in told:
            parent = self._by_pid.get(each.parent)
            while parent is not None:
                if parent.is_shell and not parent.listens:
                    found[parent.pid] = parent
                parent = self._by_pid.get(parent.parent)
        return list(found.values())

    def everyone(self, process: Process) -> list[Process]:
        below = [each for child in self.children(process) for each in self.everyone(child)]
        return [process, *below]

    def _listening_copies(self, process: Process) -> list[Process]:
        """A deaf parent leaves the work to its copies, as ``torch.multiprocessing`` does."""
        copies = [
            each
            for each in self._children.get(process.pid, [])
            if each.is_copy or SPAWNED in each.arguments
        ]
        return [each for each in copies if each.listens]


def to_be_told(processes: Sequence[Process], *, may_work_on: bool) -> tuple[Process, ...]:
    """Those who shall be sent the signal now.

    Where nobody listens, the signal would only kill: then nobody is told if the command
    ``may_work_on`` until it is killed anyway, else everybody who is no copy or helper.
    """
    tree = _Tree(processes)
    told = [each for root in tree.roots for each in tree.workers(root)]
    if told:
        return tuple(_unique([*tree.shells_above(told), *told]))
    if may_work_on:
        return ()
    return tuple(each for root in tree.roots for each in tree.everyone(root))


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _unique(processes: Sequence[Process]) -> list[Process]:
    by_pid: Mapping[int, Process] = {each.pid: each for each in processes}
    return list(by_pid.values())
