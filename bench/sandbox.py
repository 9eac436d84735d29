"""The sandbox against plain ``python -m moto.server`` of the same version, over HTTP.

Everything is CPU seconds of the server's process, medians of five, the two servers in turn. Exits
with 1 when a limit is passed.
"""

import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import servers
from servers import CALM, Moto, Sandbox, Server

ROUNDS = 5
PAGE = 1_000  # rows
NEXT_TOKEN = re.compile(rb"<nextToken>([^<]+)</nextToken>")
LAUNCHES = 40
LISTED = 100  # machines
IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
QUOTA = ("L-34B43A08", 1e6)  # Standard Spot, vCPUs: what is measured is no quota

FLEET_TYPES = ("c5", "m5", "r5", "c6i", "m6i", "r6i", "g4dn", "g5", "g6", "m7i")
FLEET_ZONES = tuple(f"us-east-1{letter}" for letter in "abcdf")
SHORT, LONG = timedelta(days=2.5), timedelta(days=30)
STEP = timedelta(hours=6)
SIZES = (10, 30, 100, 300, 1_000)  # machines
TICKS = 20  # per reading


@dataclass(frozen=True)
class Line:
    """One comparison: ``ratio`` must be at most ``limit``."""

    what: str
    theirs: float
    ours: float
    limit: float
    unit: str

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs

    @property
    def is_over(self) -> bool:
        return self.ratio > self.limit


def cpu_of(server: Server, act: Callable[[], object]) -> float:
    """CPU seconds that the server needs for an act."""
    before = server.cpu_seconds()
    act()
    return server.cpu_seconds() - before


def launch(server: Server, count: int = 1, **more: str) -> bytes:
    """Spot machines with a tag, as the product launches them."""
    return server.call(
        "RunInstances",
        **{
            "ImageId": IMAGE,
            "InstanceType": "m5.large",
            "MinCount": count,
            "MaxCount": count,
            "InstanceMarketOptions.MarketType": "spot",
            "TagSpecification.1.ResourceType": "instance",
            "TagSpecification.1.Tag.1.Key": "Name",
            "TagSpecification.1.Tag.1.Value": "bench",
            **more,
        },
    )


def price_page(server: Server) -> float:
    """CPU milliseconds for 1,000 of all current prices; moto's rows all come in one answer."""
    if isinstance(server, Sandbox):
        server.control.advance(timedelta(seconds=1))  # nothing may be left from the round before
    rows = 0

    def ask() -> None:
        nonlocal rows
        rows = sum(page.count(b"<item>") for page in _pages(server))

    return cpu_of(server, ask) * 1_000 * PAGE / rows


def _pages(server: Server) -> Iterator[bytes]:
    now = server.control.now() if isinstance(server, Sandbox) else datetime.now(UTC)
    token = b""
    while True:
        following = {"NextToken": token.decode()} if token else {}
        page = server.call(
            "DescribeSpotPriceHistory", StartTime=now.isoformat(), MaxResults=PAGE, **following
        )
        yield page
        found = NEXT_TOKEN.search(page)
        token = found[1] if found else b""
        if not token:
            return


def launches(server: Server) -> float:
    """CPU milliseconds for one of 40 launches that follow each other on an empty account."""
    launch(server)
    spent = cpu_of(server, lambda: [launch(server) for _ in range(LAUNCHES)])
    return spent * 1_000 / LAUNCHES


def listing(server: Server) -> float:
    """CPU milliseconds for the list of 100 machines."""
    return cpu_of(server, lambda: _described(server, LISTED)) * 1_000


def _described(server: Server, expected: int) -> None:
    found = server.call("DescribeInstances").count(b"<instanceId>")
    if found != expected:
        raise SystemExit(f"{expected} machines were launched, {found} are listed")


def cold_start(server: Server) -> tuple[float, float]:
    """CPU seconds up to the first answer, and MB after the same few calls."""
    spent = server.cpu_seconds()
    server.call("DescribeSpotPriceHistory", MaxResults=PAGE)
    launches(server)
    server.call("DescribeInstances")
    return spent, server.memory_mb()


def cold_starts(folder: Path) -> list[Line]:
    theirs, ours = [], []
    for number in range(ROUNDS):
        with servers.moto() as moto:
            theirs.append(cold_start(moto))
        with servers.sandbox(folder / f"cold{number}") as sandbox:
            ours.append(cold_start(sandbox))
    their_cpu, their_memory = (statistics.median(column) for column in zip(*theirs, strict=True))
    our_cpu, our_memory = (statistics.median(column) for column in zip(*ours, strict=True))
    return [
        Line("cold start to the first answer", their_cpu, our_cpu, 1.3, "s"),
        Line("memory after the same calls", their_memory, our_memory, 1.5, "MB"),
    ]


def compared(moto: Moto, sandbox: Sandbox) -> list[Line]:
    """The calls, in turn."""
    prices = [(price_page(moto), price_page(sandbox)) for _ in range(ROUNDS)]
    runs: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        moto.reset()
        sandbox.reset(CALM)
        runs.append((launches(moto), launches(sandbox)))
    for server in (moto, sandbox):
        for _ in range(LISTED - LAUNCHES - 1):
            launch(server)
    lists = [(listing(moto), listing(sandbox)) for _ in range(ROUNDS)]
    return [
        _line("1,000 rows of current prices", prices, 0.2),
        _line("RunInstances (Spot), 40 in a row", runs, 1.5),
        _line("DescribeInstances, 100 machines", lists, 1 / 3),
    ]


def _line(what: str, readings: list[tuple[float, float]], limit: float) -> Line:
    theirs, ours = zip(*readings, strict=True)
    return Line(what, statistics.median(theirs), statistics.median(ours), limit, "ms")


def begin(sandbox: Sandbox) -> None:
    """A living market without limits."""
    sandbox.reset(replace(CALM, scenario="living"))
    for code in ("L-34B43A08", "L-3819A6DF"):
        sandbox.control.quota(code, QUOTA[1])


def populate(sandbox: Sandbox) -> None:
    """A box and a machine for once in each of ten types, which make 50 pools in five zones."""
    options = "InstanceMarketOptions.SpotOptions"
    box = {
        f"{options}.SpotInstanceType": "persistent",
        f"{options}.InstanceInterruptionBehavior": "stop",
    }
    for family in FLEET_TYPES:
        for kind in (box, {}):
            launch(sandbox, 1, InstanceType=f"{family}.xlarge", **kind)


def month(sandbox: Sandbox) -> Line:
    """A month against two and a half days of the same market, both from the first launch on."""
    readings = [(_lived(sandbox, SHORT), _lived(sandbox, LONG)) for _ in range(ROUNDS)]
    return _line("a living market, 20 machines", readings, 12.0)


def _lived(sandbox: Sandbox, length: timedelta) -> float:
    begin(sandbox)

    def lead() -> None:
        populate(sandbox)
        live(sandbox, length)

    return cpu_of(sandbox, lead) * 1_000


def pace(sandbox: Sandbox) -> float:
    """Happenings per CPU second when a month passes at once."""
    rates = []
    for _ in range(ROUNDS):
        begin(sandbox)
        populate(sandbox)
        before = happenings(sandbox)
        spent = cpu_of(sandbox, lambda: sandbox.control.advance(LONG))
        rates.append((happenings(sandbox) - before) / spent)
    return statistics.median(rates)


def live(sandbox: Sandbox, length: timedelta) -> None:
    """Time passes, and four times a day somebody looks at the machines and the 50 prices."""
    filters = _values("InstanceType", [f"{family}.xlarge" for family in FLEET_TYPES])
    zones = {
        "Filter.1.Name": "availability-zone",
        **_values("Filter.1.Value", list(FLEET_ZONES)),
    }
    for _ in range(length // STEP):
        now = sandbox.control.advance(STEP)
        sandbox.call("DescribeInstances")
        sandbox.call("DescribeSpotPriceHistory", StartTime=now.isoformat(), **filters, **zones)


def _values(name: str, values: list[str]) -> dict[str, str]:
    return {f"{name}.{number}": value for number, value in enumerate(values, start=1)}


def happenings(sandbox: Sandbox) -> int:
    """How much has happened since the reset."""
    return int(sandbox.control.status()["happenings"])


@dataclass(frozen=True)
class Size:
    """CPU milliseconds with so many machines."""

    machines: int
    listing: float
    hour: float
    look: float
    volume: float


def grown(sandbox: Sandbox) -> list[Size]:
    """The list, an hour in a quiet market, and a call that only catches up, as machines grow."""
    sandbox.reset(CALM)
    sandbox.control.quota(*QUOTA)
    sizes, there = [], 0
    for machines in SIZES:
        while there < machines:
            more = min(20, machines - there)
            launch(sandbox, more)
            there += more
        sandbox.control.advance(timedelta(minutes=5))
        sizes.append(_measured(sandbox, machines))
    return sizes


def _measured(sandbox: Sandbox, machines: int) -> Size:
    hour = timedelta(hours=1)
    lists = [cpu_of(sandbox, lambda: _described(sandbox, machines)) for _ in range(ROUNDS)]
    hours = [_each(sandbox, lambda: sandbox.control.advance(hour)) for _ in range(ROUNDS)]
    where = {"AvailabilityZone": FLEET_ZONES[0], "Size": 1}
    made = [_each(sandbox, lambda: sandbox.call("CreateVolume", **where)) for _ in range(ROUNDS)]
    poll = [_each(sandbox, lambda: sandbox.call("DescribeRegions")) for _ in range(ROUNDS)]
    return Size(machines, *(statistics.median(one) * 1_000 for one in (lists, hours, poll, made)))


def _each(server: Server, act: Callable[[], object]) -> float:
    return cpu_of(server, lambda: [act() for _ in range(TICKS)]) / TICKS


def growth(sizes: list[Size]) -> list[Line]:
    """The cost per machine at 1,000 against that at 100, and that of a volume beside them."""
    small = next(size for size in sizes if size.machines == LISTED)
    large = sizes[-1]
    return [
        Line("CreateVolume", small.volume, large.volume, 2.0, "ms"),
        *(
            Line(
                f"{what}, per machine",
                getattr(small, part) * 1_000 / small.machines,
                getattr(large, part) * 1_000 / large.machines,
                2.0,
                "us",
            )
            for what, part in (
                ("DescribeInstances", "listing"),
                ("an hour", "hour"),
                ("a look", "look"),
            )
        ),
    ]


def show(lines: list[Line], theirs: str, ours: str) -> bool:
    """Print a table; whether a limit was passed."""
    print(f"{'':<34}{theirs:>11}{ours:>11}{'ratio':>8}{'limit':>7}")
    for line in lines:
        verdict = "over" if line.is_over else "ok"
        print(
            f"{line.what:<34}{line.theirs:>8,.4g} {line.unit:<2}{line.ours:>8,.4g} {line.unit:<2}"
            f"{line.ratio:>8.2f}{line.limit:>7.2f}  {verdict}"
        )
    print()
    return any(line.is_over for line in lines)


def show_sizes(sizes: list[Size]) -> None:
    print(
        "A list, an hour that passes, a call that only looks at the clock, a volume that is made"
    )
    print(f"{'machines':>8}{'DescribeInstances':>20}{'an hour':>12}{'a look':>12}{'a volume':>12}")
    for size in sizes:
        print(
            f"{size.machines:>8}{size.listing:>17.2f} ms{size.hour:>9.2f} ms{size.look:>9.2f} ms"
            f"{size.volume:>9.2f} ms"
        )
    print()


def main() -> int:
    """Measure, print, and say whether every limit was held."""
    print(f"Sandbox and plain moto.server: CPU of the server, medians of {ROUNDS}, in turn\n")
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        lines = cold_starts(folder)
        with servers.moto() as moto:
            sandbox = running.enter_context(servers.sandbox(folder / "sandbox"))
            lines = [*compared(moto, sandbox), *lines]
        over = show(lines, "moto", "sandbox")
        sizes = grown(sandbox)
        show_sizes(sizes)
        over |= show(growth(sizes), "at 100", "at 1,000")
        over |= show([month(sandbox)], "2.5 days", "month")
        print(f"A month at once: {pace(sandbox):,.0f} happenings per CPU second")
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
