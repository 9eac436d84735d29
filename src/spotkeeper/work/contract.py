"""What a user's command may rely on, on a machine and in a rehearsal: packed into the agent.

Laptop and machine both read this file, so that neither can mean something else by a variable, an
exit code or a limit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

#: Version of every file that the agent keeps and of every answer that it gives.
SCHEMA = 1

#: The command asks to be run again: EX_TEMPFAIL of sysexits.h.
RUN_AGAIN = 75

#: What a shell answers for a command that is not there, and for one that cannot be executed.
NO_SUCH_COMMAND = 127
NOT_EXECUTABLE = 126

#: Names that end so are being written: they count in no checkpoint.
UNFINISHED = (".tmp", ".partial")

#: What a command may choose to be told with, and the number that POSIX and Linux give it.
SIGNALS = ("TERM", "USR1", "USR2")

GRACE_S = 60.0

#: Tags of an instance: the id of its run, and of the run that is not to begin again. The machine
#: reads the second; so it is told also when it could not be asked.
RUN_TAG, CANCEL_TAG = "spotkeeper:run", "spotkeeper:cancel"

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

#: Shorter values would blot out half of a log: every "7" of ``--env SEED=7``.
SHORTEST_SECRET = 8
HIDDEN = b"***"


class UnreadableSpec(ValueError):
    """The description of a run is not one that this version understands."""


@dataclass(frozen=True)
class RunSpec:
    """Everything a machine must know to bring a command to its end.

    ``command`` and ``setup`` are lists of arguments, never lines for a shell. ``setup`` runs
    before the first attempt, in the folder of the code. ``secrets`` are the variables that the
    user named; ``environment`` is what they are added to (None: the login environment of ``user``
    on the machine, read once). ``grace_s`` seconds pass between the signal and the end after a
    stop or a cancel. ``then`` is what happens to the machine at the end: ``stop`` or ``keep``.
    """

    run_id: str
    name: str
    command: tuple[str, ...]
    setup: tuple[tuple[str, ...], ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] | None = None
    user: str | None = None
    signal: str = "TERM"
    grace_s: float = GRACE_S
    retries: int = 0
    then: str = "stop"
    deadline: str = "never"
    commit: str = ""
    gpus: int = 0

    def to_json(self) -> str:
        """As it is kept on the machine and sent to it; any byte of a value survives."""
        return json.dumps({"schema": SCHEMA, **asdict(self)})

    @classmethod
    def from_json(cls, text: str) -> RunSpec:
        """Read what :meth:`to_json` wrote.

        Raises:
            UnreadableSpec: it is none, or of a later version.
        """
        try:
            found = json.loads(text)
            schema = found.pop("schema")
            found["command"] = tuple(found["command"])
            found["setup"] = tuple(tuple(step) for step in found["setup"])
            spec = cls(**found)
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise UnreadableSpec(f"this is no description of a run: {problem}") from None
        if schema != SCHEMA:
            raise UnreadableSpec("the run was described by another version of spotkeeper")
        spec.check()
        return spec

    def check(self) -> None:
        """Refuse what no machine could run.

        Raises:
            UnreadableSpec: a value is none of those that are allowed; it is named.
        """
        wrong = {
            "run_id": not _RUN_ID.fullmatch(self.run_id),
            "command": not self.command or not self.command[0],
            "signal": self.signal not in SIGNALS,
            "then": self.then not in {"stop", "keep"},
            "grace_s": not 0 <= self.grace_s <= 24 * 3600,
            "retries": self.retries < 0,
            "env": any(not name or "=" in name for name in self.secrets),
        }
        texts = (*self.command, *self.secrets, *self.secrets.values(), self.run_id)
        wrong["command or env (a NUL in it)"] = any("\0" in text for text in texts)
        for name, is_wrong in wrong.items():
            if is_wrong:
                raise UnreadableSpec(f"the run's {name} cannot be used")


class RunPaths:
    """Where one run keeps what its command sees; all below the folder of the run."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.code = f"{folder}/code"  # as it was pushed, then as set-up left it: never run in
        self.work = f"{folder}/work"  # where the command runs: fresh for every attempt
        self.venv = f"{folder}/venv"  # what set-up installed: the command's where it is one
        self.checkpoint = f"{folder}/checkpoint"
        self.output = f"{folder}/output"
        self.exchange = f"{folder}/exchange"
        self.notice = f"{self.exchange}/notice.json"
        self.done = f"{self.exchange}/done"
        self.progress = f"{self.exchange}/progress"


def surroundings(
    spec: RunSpec, paths: RunPaths, base: Mapping[str, str], *, attempt: int, resumed: bool
) -> dict[str, str]:
    """The environment of one attempt: what the user named wins, but over none of ours."""
    return {
        **base,
        "TERM": "dumb",
        "PWD": paths.work,
        "PYTHONUNBUFFERED": base.get("PYTHONUNBUFFERED", "1"),
        **spec.secrets,
        "SPOT_CHECKPOINT_DIR": paths.checkpoint,
        "SPOT_OUTPUT_DIR": paths.output,
        "SPOT_NOTICE_FILE": paths.notice,
        "SPOT_DONE_FILE": paths.done,
        "SPOT_PROGRESS_FILE": paths.progress,
        "SPOT_NAME": spec.name,
        "SPOT_RUN_ID": spec.run_id,
        "SPOT_ATTEMPT": str(attempt),
        "SPOT_RESUMED": "1" if resumed else "0",
        "SPOT_DEADLINE": spec.deadline,
        "SPOT_COMMIT": spec.commit,
    }


def masked(data: bytes, more: bytes, secrets: Mapping[str, str]) -> tuple[bytes, int]:
    """The data with every value that the user named shown as ``***``, and how much of ``data`` and
    then ``more`` it stands for: a value that begins in the one and ends in the other is whole."""
    values = sorted(_hidden(secrets), key=len, reverse=True)
    shown, used, whole = [], 0, data + more
    for found in re.finditer(b"|".join(map(re.escape, values)) or b"(?!)", whole):
        if found.start() >= len(data):
            break
        shown += [whole[used : found.start()], HIDDEN]
        used = found.end()
    return b"".join([*shown, whole[used : len(data)]]), max(used, len(data))


def longest_secret(secrets: Mapping[str, str]) -> int:
    """How many bytes the longest value has that is not shown."""
    return max(map(len, _hidden(secrets)), default=0)


def _hidden(secrets: Mapping[str, str]) -> list[bytes]:
    values = (value.encode("utf-8", "surrogateescape") for value in secrets.values())
    return [value for value in values if len(value) >= SHORTEST_SECRET]


def answer(**found: Any) -> str:
    """What the agent prints when it is asked: one line of JSON with its version."""
    return json.dumps({"schema": SCHEMA, **found})
