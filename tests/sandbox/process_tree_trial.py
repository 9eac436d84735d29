"""The promises of a ProcessTree, tried on real processes; a program, to be alone in a namespace.

``python process_tree_trial.py namespace|group|mark``
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ec2_sandbox.guests import process_trees
from ec2_sandbox.guests.process_trees import (
    ControlGroup,
    MarkedProcesses,
    PidNamespace,
    ProcessTree,
    kill_all,
    send,
)

MARK = "PROCESS_TREE_TRIAL=1"

#: Plain, double-forked, in a session of its own, deaf to what is polite, two of a kind.
COMMANDS = (
    "exec sleep 300",
    "(sleep 300 &) ; sleep 300",
    "setsid sleep 300 & exit",
    "trap '' TERM HUP; nohup sleep 300 >/dev/null",
    "sleep 300 & exec sleep 300",
)
SLEEPERS = 7


def main(kind: str) -> None:
    process_trees.control_process(process_trees.SET_CHILD_SUBREAPER, 1)
    group = ControlGroup.made(f"trial-{os.getpid()}") if kind == "group" else None
    trees: dict[str, ProcessTree | None] = {
        "namespace": PidNamespace(),
        "group": group,
        "mark": MarkedProcesses(MARK, os.getpid()),
    }
    tree = trees[kind]
    if tree is None:
        sys.exit("no control group can be made here")
    for command in COMMANDS:
        environment = {"PATH": os.environ["PATH"], **dict([MARK.split("=")])}
        program = ["sh", "-c", f"sleep 0.2; {command}"]
        process = subprocess.Popen(program, env=environment)
        if group:
            group.add(process.pid)
    _until(lambda: len(_sleepers(tree)) == SLEEPERS)
    [first, *others] = sorted(_sleepers(tree))
    send([first], signal.SIGTERM)
    _until(lambda: _sleepers(tree) == set(others))
    assert kill_all(tree)
    assert tree.members() == set()
    if group:
        group.remove()
        assert not Path(group.folder).exists()


def _sleepers(tree: ProcessTree) -> set[int]:
    return {pid for pid in tree.members() if _command(pid).startswith("sleep\x00300")}


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def _until(is_so: Callable[[], bool]) -> None:
    ends = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < ends
        for _ in range(9):
            try:
                os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
        time.sleep(0.02)


if __name__ == "__main__":
    main(sys.argv[1])
