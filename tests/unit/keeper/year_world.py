"""An account that lives for a year in memory: time passes, EC2 and the guards do their part."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from tests.fakes import geography
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.fakes.ec2 import BOOT, SHUTDOWN, STOP, TERMINATED_LISTED, Disk, Server
from tests.fakes.resources import Group, KeyPair, Tagged
from tests.fakes.threads import without_threads
from tests.unit.keeper.year_weather import Weather

from spotkeeper.lifecycle import name_claim
from spotkeeper.model.machine import ENDED, InstanceState, Kind
from spotkeeper.model.resource import ResourceKind
from spotkeeper.model.spot_request import RequestState
from spotkeeper.model.tags import TAG_DEADLINE, TAG_NAME, TAG_OWNER, parse_tag_time
from spotkeeper.timings import FREE_WHEN_INTERRUPTED_WITHIN, SHORTEST_BILLED

DELAYS_SECONDS = (0, 5, 120, 300)
#: EC2 forgets what ended, and the client tokens with it.
REMEMBERED = timedelta(days=2)
#: The share of machines whose own timer does not work.
DEAF = 0.1

_PAID = frozenset({InstanceState.PENDING, InstanceState.RUNNING})
_TAKES = {
    InstanceState.PENDING: BOOT,
    InstanceState.STOPPING: STOP,
    InstanceState.SHUTTING_DOWN: SHUTDOWN,
}
_HOUR = Decimal(3600)


class World:
    """The account, its clock and its faults."""

    def __init__(self, dice: random.Random, *, share: float) -> None:
        self.dice = dice
        self.clock = FakeClock()
        self.weather = Weather(dice, share)
        delay = timedelta(seconds=dice.choice(DELAYS_SECONDS))
        self.cloud = FakeCloud(clock=self.clock, visibility=delay, fate=self.weather)
        self.ec2 = self.cloud.ec2
        self.changes: dict[str, list[tuple[InstanceState, datetime]]] = {}
        self._deaf: dict[str, bool] = {}
        self._forgotten: dict[str, datetime] = {}  # the last birth of a name's instances

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Write down every change of an instance meanwhile, for its bill; random tokens come from
        the dice, so that a year can be lived again."""
        become = Server.become

        def noted(server: Server, now: InstanceState, then: InstanceState, at: datetime) -> None:
            begins = at - _TAKES.get(now, timedelta(0))
            self.changes.setdefault(server.id, []).append((now, begins))
            become(server, now, then, at)

        def token_hex(size: int) -> str:
            return self.dice.randbytes(size).hex()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Server, "become", noted)
            patch.setattr(name_claim, "secrets", SimpleNamespace(token_hex=token_hex))
            without_threads(patch)
            yield

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def mine(self) -> list[Server]:
        """The caller's instances that have not ended."""
        return [each for each in self.ec2.servers.values() if _is_mine(each.tags) and alive(each)]

    def live_until(self, moment: datetime) -> None:
        """Let time pass; what falls due in between happens at its own time."""
        while True:
            self.ec2.catch_up()
            self._timers()
            if self.now >= moment:
                return
            due = [each for each in self._due() if self.now < each < moment]
            self.clock.sleep(min([*due, moment]) - self.now)

    def _due(self) -> Iterator[datetime]:
        for server in self.ec2.servers.values():
            if server.changes_at is not None:
                yield server.changes_at
            if (deadline := deadline_of(server)) is not None and server.state in _PAID:
                yield deadline
        for request in self.ec2.requests.values():
            yield from filter(None, (request.relaunch_at, request.notice_ends))
        yield from (each.at for each in self.ec2.schedules.values())
        yield from (each for each in self.ec2.dry.values() if each is not None)

    def _timers(self) -> None:
        """The timer on each machine, where it works: a box is powered off, the other kind ends."""
        for server in self.mine:
            deadline = deadline_of(server)
            if server.state is not InstanceState.RUNNING or not deadline or deadline > self.now:
                continue
            if self._deaf.setdefault(server.id, self.dice.random() < DEAF):
                continue
            request = self.ec2.requests[server.request_id]
            if server.order.kind is Kind.ONCE or request.state is not RequestState.ACTIVE:
                self.ec2.terminate(server)
                continue
            server.become(InstanceState.STOPPING, InstanceState.STOPPED, self.now + STOP)
            request.notice_ends = None
            request.show(RequestState.DISABLED, "instance-stopped-by-user", self.now)

    def forget_old(self) -> None:
        """What ended long ago is not known any more, nor are the tokens of its launch."""
        ec2 = self.ec2
        gone = {
            each.id
            for each in ec2.servers.values()
            if each.ended_at is not None and self.now - each.ended_at > REMEMBERED
        }
        named = {request.instance_id for request in ec2.requests.values() if request.cancellable}
        for server_id in gone - named:
            server = ec2.servers.pop(server_id)
            self._forgotten[server.name] = max(
                server.born, self._forgotten.get(server.name, server.born)
            )
            self.changes.pop(server_id, None)
        launches = self.cloud._launches
        for token, (_, server_id) in list(launches.items()):
            if server_id not in ec2.servers:
                del launches[token]
        held = {server.request_id for server in ec2.servers.values()}
        for request in list(ec2.requests.values()):
            old = self.now - request.since > REMEMBERED
            if old and not request.cancellable and request.id not in held:
                del ec2.requests[request.id]

    def shows_all(self, name: str, since: datetime) -> bool:
        """Whether EC2 still lists every instance of a name that was born since then."""
        servers = [s for s in self.ec2.servers.values() if s.name == name and s.born >= since]
        ends = (each.ended_at for each in servers)
        forgotten = name in self._forgotten and self._forgotten[name] >= since
        hidden = any(e is not None and self.now - e >= TERMINATED_LISTED for e in ends)
        return bool(servers) and not forgotten and not hidden

    def bill(self, name: str, since: datetime) -> Decimal:
        """What AWS charges for a name's instances that were born since then."""
        servers = self.ec2.servers.values()
        mine = (each for each in servers if each.name == name and each.born >= since)
        return sum((self._charged(each) for each in mine), Decimal(0))

    def _charged(self, server: Server) -> Decimal:
        usd_per_second = self.ec2.price(server.order.pool) / _HOUR
        total = Decimal(0)
        begin: datetime | None = server.born
        for state, at in self.changes.get(server.id, ()):
            if state in _PAID:
                begin = at
            elif begin is not None:
                taken = server.reason.startswith("Server.")
                free = taken and at - begin < FREE_WHEN_INTERRUPTED_WITHIN
                seconds = 0 if free else max(at - begin, SHORTEST_BILLED).total_seconds()
                total += usd_per_second * Decimal(seconds)
                begin = None
        return total

    def orphans(self, listed_at: datetime) -> list[str]:
        """Things of the caller that hang on nothing, since their machine is gone, and that EC2
        listed then: what another computer made a moment ago nobody can know."""
        ec2 = self.ec2
        born_by = listed_at - ec2.visibility
        names = {each.name for each in self.mine}
        open_requests = [each for each in ec2.requests.values() if each.cancellable]
        regions = {each.region for each in self.mine} | {each.region for each in open_requests}
        names |= {each.order.tags.get(TAG_NAME, "") for each in open_requests}
        claims = [t for t in ec2.resource_ids.values() if t.kind == ResourceKind.TEMPLATE]
        billed: list[Disk | Tagged] = [*ec2.disks.values(), *claims]
        lost = [each for each in billed if _lost(each.tags, names)]
        shared: list[Group | KeyPair] = [*ec2.groups.values(), *ec2.keys.values()]
        unneeded = [g for g in shared if _is_mine(g.tags) and g.region not in regions]
        return [
            *(f"{each.id} of {_name(each.tags)}" for each in lost if each.born <= born_by),
            *(g.id for g in unneeded if g.born <= born_by),
            *(s.name for s in ec2.schedules.values() if not _guards(s.name, names)),
        ]


def deadline_of(server: Server) -> datetime | None:
    """The deadline in the instance's own tag."""
    return parse_tag_time(server.tags.get(TAG_DEADLINE))


def alive(server: Server) -> bool:
    """Whether it runs, or may again."""
    return server.state not in ENDED


def _is_mine(tags: dict[str, str]) -> bool:
    return tags.get(TAG_OWNER) == geography.OWNER


def _name(tags: dict[str, str]) -> str:
    return tags.get(TAG_NAME, "")


def _lost(tags: dict[str, str], names: set[str]) -> bool:
    return _is_mine(tags) and _name(tags) not in names


def _guards(schedule: str, names: set[str]) -> bool:
    return any(schedule.startswith(f"{name}-") for name in names)
