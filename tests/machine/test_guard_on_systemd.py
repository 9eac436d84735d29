"""The guard on machines that really boot, each a row of the table in docs/safety.md."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Thread
from time import sleep

import pytest
from tests import cloud_init
from tests.conftest import Sandbox
from tests.faulty_metadata import serving
from tests.machine.booted import Ended, Machine, debian, in_seconds, machine, missing, versions
from tests.unit.lifecycle import user_data_forms as forms

from ec2_sandbox.options import SandboxStatus
from spotkeeper.lifecycle.userdata import UNPACKED_FIRST, compose

pytestmark = [
    pytest.mark.machine,
    pytest.mark.skipif(bool(missing()), reason=missing() or "can be booted"),
]

#: Long enough for a first boot.
AHEAD_S = 100
STUBBORN = "[Service]\nExecStart=/bin/sh -c \"trap '' TERM; while :; do sleep 1; done\"\n"


@dataclass(frozen=True)
class Row:
    """What was booted, and what became of it."""

    what: str
    result: str
    is_right: bool
    console: str = ""


class Laboratory:
    """Boots machines beside one another; those of a second boot stand on the first one's disk."""

    def __init__(self, cache: Path, sandbox: Sandbox, pool: ThreadPoolExecutor) -> None:
        self.base, self.sandbox = debian(cache), sandbox
        self._runs = cache / "runs"
        shutil.rmtree(self._runs, ignore_errors=True)
        self.first = pool.submit(self._first)

    def new(self, name: str) -> AbstractContextManager[Machine]:
        """A machine that never booted."""
        return machine(self._runs / name, self.base)

    def armed(self, name: str) -> AbstractContextManager[Machine]:
        """A machine that the guard powered off once: its deadline has passed."""
        return machine(self._runs / name, self.first.result()[0], self.base)

    def _first(self) -> tuple[Path, datetime, Ended]:
        """What the disk of a first boot became, its deadline, and its end."""
        with self.new("first") as made:
            deadline = in_seconds(AHEAD_S)
            made.given(deadline)
            return made.changes, deadline, made.boot()


def row(what: str, ended: Ended, deadline: datetime | None = None) -> Row:
    """Off, and not before its deadline, or since it was booted."""
    late_s = (ended.at - deadline).total_seconds() if deadline else ended.after_s
    since = "the deadline" if deadline else "the start"
    result = f"off {late_s:.0f} s after {since}" if ended.is_off else "stays on"
    return Row(what, result, ended.is_off and late_s > 0, ended.console)


def first_boot(lab: Laboratory) -> Row:
    _, deadline, ended = lab.first.result()
    return row(f"first boot, no metadata service ({versions(lab.base)})", ended, deadline)


def restart(lab: Laboratory) -> Row:
    with lab.armed("restart") as made:
        return row("started again after its deadline", made.boot())


def emergency(lab: Laboratory) -> Row:
    with lab.armed("emergency") as made:
        # In a container systemd passes over disks that are gone, but not over this.
        made.write("etc/fstab", "none /data nosuchfs defaults 0 0\n")
        ended = made.boot()
        seen = "Emergency Mode" in ended.console and "Multi-User System" not in ended.console
        found = row("the same, a line of fstab fails: emergency mode", ended)
        return found if seen else Row(found.what, "no emergency mode", is_right=False)


def rescue(lab: Laboratory) -> Row:
    with lab.armed("rescue") as made:
        return row("the same, into rescue mode", made.boot("systemd.unit=rescue.target"))


def hanging_boot(lab: Laboratory) -> Row:
    with lab.armed("hanging") as made:
        text = (
            "[Unit]\nDefaultDependencies=no\nBefore=sysinit.target\n"
            "[Service]\nType=oneshot\nExecStart=/bin/sleep infinity\n"
        )
        made.unit("hangs.service", text, "sysinit.target")
        return row("the same, a unit holds up its boot for ever", made.boot())


def isolated(lab: Laboratory) -> Row:
    with lab.new("isolated") as made:
        text = (
            "[Service]\nType=oneshot\n"
            "ExecStart=/bin/sh -c 'sleep 20; systemctl --no-block isolate rescue.target'\n"
        )
        made.unit("isolates.service", text)
        deadline = in_seconds(AHEAD_S)
        made.given(deadline)
        return row("taken into rescue mode while it ran", made.boot(), deadline)


def stubborn_unit(lab: Laboratory) -> Row:
    with lab.new("stubborn") as made:
        made.unit("stubborn.service", f"{STUBBORN}TimeoutStopSec=infinity\n")
        deadline = in_seconds(AHEAD_S)
        made.given(deadline)
        return row("a unit that never stops", made.boot(), deadline)


def stubborn_script(lab: Laboratory) -> Row:
    with lab.new("script") as made:
        deadline = in_seconds(AHEAD_S)
        made.given(deadline, b"#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n")
        return row("user data that never ends and traps TERM", made.boot(), deadline)


def inhibited(lab: Laboratory) -> Row:
    with lab.new("inhibited") as made:
        holds = "systemd-inhibit --what=shutdown:sleep --mode=block sleep infinity"
        made.unit("inhibits.service", f"[Service]\nExecStart={holds}\n")
        deadline = in_seconds(AHEAD_S)
        made.given(deadline)
        return row("a program inhibits shutdown", made.boot(), deadline)


def image_of_a_box(lab: Laboratory) -> Row:
    with lab.armed("image") as made:
        made.given(in_seconds(86_400), instance="i-2")
        ended = made.boot(longest_s=200)
        what = "another machine, of an image of that one"
        result = f"off after {ended.after_s:.0f} s" if ended.is_off else "stays on"
        return Row(what, result, not ended.is_off, ended.console)


def extended(lab: Laboratory) -> Row:
    what = "extended; then no metadata service; then one that says it is over"
    with lab.new("extended") as made, serving(lab.sandbox) as metadata:
        drop_in = f"[Service]\nEnvironment=AWS_EC2_METADATA_SERVICE_ENDPOINT={metadata.url}\n"
        made.write("etc/systemd/system/spotkeeper-guard.service.d/endpoint.conf", drop_in)
        metadata.says("2999-01-01T00:00:00Z")
        deadline = in_seconds(AHEAD_S)
        made.given(deadline)

        def happens() -> None:
            sleep(AHEAD_S - 10)
            metadata.times = -1
            sleep(AHEAD_S)
            metadata.says("2001-01-01T00:00:00Z")
            metadata.times = 0

        Thread(target=happens, daemon=True).start()
        ended = made.boot(own_network=False)
        late_s = (ended.at - deadline).total_seconds()
        result = f"off {late_s - AHEAD_S + 10:.0f} s after that" if ended.is_off else "stays on"
        return Row(what, result, ended.is_off and late_s > AHEAD_S - 10, ended.console)


def include_in_vain(lab: Laboratory) -> Row:
    with lab.new("include") as made:
        made.given(in_seconds(AHEAD_S), b"#include\nhttp://127.0.0.1:1/nothing\n")
        ended = made.boot(longest_s=2 * AHEAD_S)
        is_armed = (made.root / "usr/local/sbin/spotkeeper-guard").exists()
    what = "`#include` of a URL that does not answer, which `spot up` refuses without `--guard`"
    return Row(what, "armed" if is_armed else "nothing is armed", not is_armed, ended.console)


CASES = (
    first_boot,
    restart,
    emergency,
    rescue,
    isolated,
    hanging_boot,
    stubborn_script,
    stubborn_unit,
    inhibited,
    extended,
    image_of_a_box,
    include_in_vain,
)


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    """For all at once: they wait more than they do."""
    with ThreadPoolExecutor(len(CASES) + 1) as made:
        yield made


@pytest.fixture(scope="module")
def lab(
    request: pytest.FixtureRequest, running_sandbox: SandboxStatus, pool: ThreadPoolExecutor
) -> Laboratory:
    return Laboratory(request.config.cache.mkdir("machine"), Sandbox(running_sandbox), pool)


@pytest.fixture(scope="module")
def rows(lab: Laboratory, pool: ThreadPoolExecutor) -> dict[str, "Future[Row]"]:
    return {case.__name__: pool.submit(case, lab) for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_a_booted_machine_ends_when_it_should(
    rows: dict[str, "Future[Row]"],
    case: Callable[[Laboratory], Row],
    record_property: Callable[[str, str], None],
) -> None:
    found = rows[case.__name__].result()
    record_property("row", f"| {found.what} | {found.result} |")
    assert found.is_right, found.console[-3_000:]


def test_its_cloud_init_takes_user_data_for_what_it_is(lab: Laboratory) -> None:
    inside = ("chroot", str(lab.base), "python3")
    for script, kind in forms.SINGLE:
        composed = compose("#!/bin/sh\n", {}, script)
        if kind not in UNPACKED_FIRST:
            assert cloud_init.read(composed, inside)[1:] == [(kind, script)]
    for script in forms.UNPACKED_IN_VAIN:
        with pytest.raises(cloud_init.Unreadable):
            cloud_init.read(compose("#!/bin/sh\n", {}, script), inside)
