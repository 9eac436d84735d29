"""What the boot script arms, and that no value can make it do anything else."""

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.unit.agent.machine_room import OFF, SYSTEMD, Room, furnished, in_hours, linux_only

from spotkeeper import agent

pytestmark = linux_only

HOSTILE = [
    '$(touch {0}); "; reboot',
    "`touch {0}`",
    "'; touch {0}; '",
    "a[$(touch {0})]",
    "never\n$(touch {0})\nreboot",
    "\n#spotkeeper deadline dG91Y2g=\n",
    "-f {0}",
    "",
]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """A machine with systemd."""
    return furnished(tmp_path, [*SYSTEMD, "curl"])


@pytest.fixture
def plain_room(tmp_path: Path) -> Room:
    """A machine without systemd."""
    return furnished(tmp_path, [*SYSTEMD[1:], "curl"])


def test_the_script_is_good_bash() -> None:
    bash = shutil.which("bash") or "bash"
    done = subprocess.run(
        [bash, "-n"], input=agent.boot_script(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_boot_installs_the_guard_and_starts_its_timer(room: Room) -> None:
    done = room.boot(in_hours(8))
    assert (done.returncode, done.stderr) == (0, "")
    assert room.guard.stat().st_mode & 0o777 == 0o755
    assert room.calls == [
        "systemctl daemon-reload",
        "systemctl enable spotkeeper-guard.timer",
        "systemctl start --no-block spotkeeper-guard.timer",
    ]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_finds_no_fault_in_the_units(room: Room) -> None:
    room.boot(in_hours(8))
    asked = ["systemd-analyze", "verify", "--man=no", f"--root={room.root}"]
    units = [f"spotkeeper-guard.{kind}" for kind in ("service", "timer")]
    done = subprocess.run([*asked, *units], capture_output=True, text=True, check=False)
    found = [line for line in done.stderr.splitlines() if "spotkeeper" in line]
    assert found == []


def test_the_units_outlast_shutdown_emergency_and_rescue(room: Room) -> None:
    room.boot(in_hours(8))
    service = (room.units / "spotkeeper-guard.service").read_text()
    timer = (room.units / "spotkeeper-guard.timer").read_text()
    for unit in (service, timer):
        assert "DefaultDependencies=no\nIgnoreOnIsolate=yes\n" in unit
        assert "Conflicts=" not in unit
    assert "ExecStart=/usr/local/sbin/spotkeeper-guard\n" in service
    assert "OnBootSec=60\nOnUnitActiveSec=60\nAccuracySec=1\n" in timer
    assert "WantedBy=sysinit.target emergency.target rescue.target\n" in timer


def test_the_deadline_is_kept_as_given(room: Room) -> None:
    deadline = in_hours(8)
    room.boot(deadline)
    assert room.memory.read_text() == f"{deadline}\n"


def test_a_second_boot_is_like_the_first_and_forgets_nothing(room: Room) -> None:
    launch, moved = in_hours(8), in_hours(20)
    room.boot(launch)
    installed = room.guard.read_text()
    room.tag(moved)
    room.look()
    assert room.boot(launch).returncode == 0
    assert room.guard.read_text() == installed
    assert room.memory.read_text() == f"{moved}\n"


@pytest.mark.parametrize(("hours", "instance"), [(8, "i-2"), (9, "i-1")])
def test_what_an_image_remembers_of_another_machine_is_forgotten(
    room: Room, hours: int, instance: str
) -> None:
    launch = in_hours(hours)
    room.boot(in_hours(8), "i-1")
    room.tag(in_hours(-1))
    room.look()
    room.boot(launch, instance)
    assert room.memory.read_text() == f"{launch}\n"


def test_a_boot_with_a_full_disk_leaves_the_guard_as_it_was(room: Room) -> None:
    room.boot(in_hours(8))
    installed = room.guard.read_text()
    (room.folder / "bin/chmod").unlink()  # a file that was cut off never gets its mode
    room.boot(in_hours(9))
    assert room.guard.read_text() == installed
    assert room.guard.stat().st_mode & 0o777 == 0o755


def test_a_systemd_that_starts_no_timer_leaves_the_guard_to_a_loop(plain_room: Room) -> None:
    (plain_room.folder / "bin/systemctl").write_text("#!/bin/sh\nexit 1\n")
    (plain_room.folder / "bin/systemctl").chmod(0o755)
    plain_room.let_pass(1)
    plain_room.boot(in_hours(-1))
    plain_room.wait_for_the_end()
    assert plain_room.calls == OFF


def test_without_systemd_the_guard_looks_every_minute_too(plain_room: Room) -> None:
    plain_room.let_pass(3)
    plain_room.tag(in_hours(1))
    assert plain_room.boot(in_hours(1)).returncode == 0
    plain_room.wait_for_the_end()
    assert plain_room.slept == ["sleep 60"] * 4
    assert len(plain_room.looked_up) == 3 * 2  # each look asks for a token and for the tag
    assert plain_room.calls == []


@pytest.mark.parametrize(
    ("given", "moved", "calls"),
    [
        (1, 5, []),
        (-1, 5, []),
        (5, -1, OFF),
        (-1, None, OFF),
        (1, None, []),
    ],
)
def test_without_systemd_a_moved_deadline_counts(
    plain_room: Room, given: float, moved: float | None, calls: list[str]
) -> None:
    if moved is not None:
        plain_room.tag(in_hours(moved))
    plain_room.let_pass(1)
    plain_room.boot(in_hours(given))
    plain_room.wait_for_the_end()
    assert plain_room.calls == calls


def test_without_systemd_a_machine_that_has_no_deadline_hears_of_one(plain_room: Room) -> None:
    plain_room.tag(in_hours(-1))
    plain_room.let_pass(1)
    plain_room.boot("never")
    plain_room.wait_for_the_end()
    assert plain_room.calls == OFF


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_executes_nothing(room: Room, value: str, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    text = value.format(trap)
    assert room.boot(text).returncode == 0
    assert room.memory.read_text() == f"{text.rstrip()}\n"
    room.look()
    assert not trap.exists()
    assert not [call for call in room.calls if call.startswith("reboot")]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_executes_nothing_without_systemd(
    plain_room: Room, value: str, tmp_path: Path
) -> None:
    trap = tmp_path / "trap"
    plain_room.let_pass(1)
    assert plain_room.boot(value.format(trap)).returncode == 0
    plain_room.wait_for_the_end()
    assert not trap.exists()
    assert set(plain_room.calls) <= set(OFF)  # what is no time at all is over
