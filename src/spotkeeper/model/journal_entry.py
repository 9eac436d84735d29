"""What the journal remembers of one machine: a class for each kind of entry."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from spotkeeper.model.disk import Disk
from spotkeeper.model.launch import ClaimNonce, LaunchToken

_NO_TOKEN, _NO_NONCE = LaunchToken(""), ClaimNonce("")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal; ``kind`` is its name in the file."""

    at: datetime
    kind: ClassVar[str]


@dataclass(frozen=True, slots=True)
class Intent(Entry):
    """About to create something billable.

    ``pool``          as type@zone.
    ``claim``         the nonce of the claim that the launch lives on, made in ``claim_region``.
    ``guard``         what ends the machine besides its own timer; empty for nothing.
    ``key_file``      the public key that was named; empty for the usual one.
    ``disks``         those that a machine is made with.
    ``connect``       how the machine is reached; empty in older files, for its public address.
    """

    kind = "intent"
    region: str = ""
    pool: str = ""
    token: LaunchToken = _NO_TOKEN
    attempt: int = 0
    claim: ClaimNonce = _NO_NONCE
    claim_region: str = ""
    owner: str = ""
    guard: str = ""
    key_file: str = ""
    disks: tuple[Disk, ...] = ()
    connect: str = ""

    @property
    def instance_type(self) -> str:
        """The type that was asked for."""
        return self.pool.partition("@")[0]

    @property
    def zone_name(self) -> str:
        """The zone that was asked in; empty where the entry does not say."""
        return self.pool.partition("@")[2]


@dataclass(frozen=True, slots=True)
class Launched(Entry):
    """EC2 gave us an instance, and a request with it unless that is empty; by their ids."""

    kind = "launched"
    region: str = ""
    token: LaunchToken = _NO_TOKEN
    instance: str = ""
    request: str = ""


@dataclass(frozen=True, slots=True)
class LaunchRefused(Entry):
    """EC2 said no for certain; ``code`` is the kind of the error."""

    kind = "refused"
    region: str = ""
    token: LaunchToken = _NO_TOKEN
    code: str = ""


@dataclass(frozen=True, slots=True)
class NameClaimed(Entry):
    """The name is ours: the launch template that says so, and the nonce on it."""

    kind = "claimed"
    claim_id: str = ""
    claim: ClaimNonce = _NO_NONCE
    claim_region: str = ""


@dataclass(frozen=True, slots=True)
class NameReleased(Entry):
    """That launch template is gone."""

    kind = "released"
    claim_id: str = ""


@dataclass(frozen=True, slots=True)
class Ready(Entry):
    """A launch came to its end: the user was told of the machine, which is wanted from now on."""

    kind = "ready"
    token: LaunchToken = _NO_TOKEN


@dataclass(frozen=True, slots=True)
class DeadlineMoved(Entry):
    """The deadline was moved, ``None`` for never; with ``instance`` the guard was, to that one."""

    kind = "moved"
    deadline: datetime | None = None
    before: datetime | None = None
    instance: str = ""


@dataclass(frozen=True, slots=True)
class Ending(Entry):
    """About to give back this life of the name, or ``only`` the launches with these tokens."""

    kind = "ending"
    only: frozenset[LaunchToken] = frozenset()


@dataclass(frozen=True, slots=True)
class Seen(Entry):
    """The machine was in another state than before.

    ``state``     running, stopped or ended, ``since`` then.
    ``launched``  when the run began that was on, or was the last.
    ``by``        who brought it there: ec2 or user; empty where nobody saw it end.
    ``reason``    EC2's, where it failed to start it or keep it; empty for an interruption.
    """

    kind = "seen"
    state: str = ""
    since: datetime | None = None
    launched: datetime | None = None
    by: str = ""
    instance: str = ""
    region: str = ""
    zone_name: str = ""
    instance_type: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Settling(Entry):
    """Ended and verified once; EC2's window is not over since ``born``, when something of the
    name may last have come into being; the last intent, where that is not told."""

    kind = "settling"
    born: datetime | None = None


@dataclass(frozen=True, slots=True)
class Settled(Entry):
    """Gone for certain."""

    kind = "settled"


@dataclass(frozen=True, slots=True)
class Damaged(Entry):
    """Read in place of a line that was damaged: it may have said anything."""

    kind = "damaged"


#: Every kind that is written, or read.
KINDS: tuple[type[Entry], ...] = (
    Intent,
    Launched,
    LaunchRefused,
    NameClaimed,
    NameReleased,
    Ready,
    DeadlineMoved,
    Ending,
    Seen,
    Settling,
    Settled,
    Damaged,
)
