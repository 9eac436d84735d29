"""The calls since the last snapshot: a large world is not written whole after each of them.

A snapshot costs what the world is large, a call what it touches. As long as the calls since the
last snapshot have cost less than that did, they are kept as they came, with their moment and
moto's random state, and carried out again after the snapshot is read.
"""

import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ec2_sandbox.protocol.wire import Call
from ec2_sandbox.server import snapshot

NAME = "calls.journal"
SMALL_S = 0.01  # CPU seconds; a snapshot that costs less is written after every call

# What is kept of a WSGI environment.
PLAIN = (str, int, bool, tuple)

# EC2's calls that would not come out the same again; those of other services are not kept either.
UNREPEATABLE = {"CreateKeyPair"}


@dataclass(frozen=True)
class KeptCall:
    """A call as it came; ``environ`` is empty where it was refused and only time had passed."""

    moment: datetime
    random: Any
    environ: Mapping[str, Any]
    body: bytes


def kept(call: Call, environ: Mapping[str, Any], moment: datetime, random: Any) -> KeptCall | None:
    """What it takes to carry it out again, where that can be done."""
    if environ and (not call.is_ec2 or call.operation in UNREPEATABLE):
        return None
    plain = {name: value for name, value in environ.items() if isinstance(value, PLAIN)}
    return KeptCall(moment, random, plain, call.body)


@dataclass
class Journal:
    """The calls that were kept on top of one snapshot.

    ``identity``  of that snapshot: calls on top of another one are none of its own.
    ``limit_s``   CPU seconds of calls after which the next snapshot is due; ``spent_s`` so far.
    """

    identity: str = ""
    limit_s: float = 0.0
    spent_s: float = 0.0

    def begin(self, identity: str, cost_s: float) -> None:
        """A snapshot was written."""
        self.identity, self.spent_s = identity, 0.0
        self.limit_s = cost_s if cost_s > SMALL_S else 0.0

    def keep(self, home: Path, call: KeptCall | None, cost_s: float) -> bool:
        """Keep a call; False where it cannot be, and where it is time for a snapshot."""
        if call is None or self.spent_s + cost_s >= self.limit_s:
            return False
        first = not self.spent_s
        with snapshot.private_file(home / NAME, append=not first) as file:
            if first:
                file.write(self.identity.encode() + b"\n")
            file.write(snapshot.dumps(call))
        self.spent_s += cost_s
        return True


def read(home: Path, identity: str) -> Iterator[KeptCall]:
    """The calls on top of this snapshot; one that was cut short was never answered."""
    path = home / NAME
    if not path.exists():
        return
    snapshot.check_is_ours(path)
    with path.open("rb") as file:
        if file.readline().strip() != identity.encode():
            return
        while True:
            try:
                yield pickle.load(file)  # noqa: S301 - the file is ours alone
            except (EOFError, pickle.UnpicklingError):
                return
