"""What the boot script arms, and that no value can make it do anything else."""

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.unit.agent.machine_room import Room, furnished, in_hours, linux_only

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
    return furnished(tmp_path, ["systemctl", "shutdown", "curl", "wall", "reboot"])


@pytest.fixture
def plain_room(tmp_path: Path) -> Room:
    """A machine without systemd."""
    return furnished(tmp_path, ["shutdown", "curl", "wall", "reboot", "sleep"])


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


def test_the_timer_looks_every_minute_from_boot_on(room: Room) -> None:
    room.boot(in_hours(8))
    service = (room.units / "spotkeeper-guard.service").read_text()
    timer = (room.units / "spotkeeper-guard.timer").read_text()
    assert "ExecStart=/usr/local/sbin/spotkeeper-guard\n" in service
    assert "OnBootSec=60\n" in timer
    assert "OnUnitActiveSec=60\n" in timer
    assert "WantedBy=timers.target\n" in timer


def test_the_deadline_is_kept_as_given(room: Room) -> None:
    deadline = in_hours(8)
    room.boot(deadline)
    assert (room.root / "var/lib/spotkeeper/deadline").read_text() == f"{deadline}\n"


def test_a_second_boot_is_like_the_first(room: Room) -> None:
    room.boot(in_hours(8))
    first = room.guard.read_text()
    assert room.boot(in_hours(8)).returncode == 0
    assert room.guard.read_text() == first


def test_the_timer_keeps_its_minute() -> None:
    # systemd may let a timer wait for another minute unless it is told how exact it has to be.
    assert "\nAccuracySec=1\n" in agent.boot_script()


def test_without_systemd_the_guard_looks_every_minute_too(plain_room: Room) -> None:
    plain_room.let_pass(3)
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
        (5, -1, ["shutdown -h now"]),
        (-1, None, ["shutdown -h now"]),
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
    assert plain_room.calls == ["shutdown -h now"]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_executes_nothing(room: Room, value: str, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    text = value.format(trap)
    assert room.boot(text).returncode == 0
    assert (room.root / "var/lib/spotkeeper/deadline").read_text() == f"{text.rstrip()}\n"
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
    assert set(plain_room.calls) <= {"shutdown -h now"}  # what is no time at all is over
