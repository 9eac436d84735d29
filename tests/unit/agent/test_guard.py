"""The guard: the tag is the truth, and what was last read of it counts where it cannot be read."""

from pathlib import Path

import pytest
from tests.unit.agent.machine_room import OFF, SYSTEMD, Room, furnished, linux_only

pytestmark = linux_only

PAST, FUTURE = "2001-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
NEITHER_TIME_NOR_NEVER = [
    "",
    "soon",
    "NEVER",
    "never ",
    "tomorrow",
    "2999-01-01",
    "2999-01-01T00:00:00",
    "2999-01-01T00:00:00+01:00",
    "2999-01-01 00:00:00Z",
    " 2999-01-01T00:00:00Z",
    "2999-01-01T00:00:00Z\n2999-01-01T00:00:00Z",
    "2999-1-1T0:0:0Z",
    "2026-13-45T99:00:00Z",
    "@32503680000",
    "<html>404</html>",
]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return furnished(tmp_path, [*SYSTEMD, "curl"])


def guarded(room: Room, *, launch: str, tag: str | None) -> list[str]:
    """What the guard calls on a machine launched with one deadline and tagged with another."""
    room.boot(launch)
    return looked(room, tag)


def looked(room: Room, tag: str | None) -> list[str]:
    """What the guard calls when it looks now."""
    room.tag(tag)
    room.forget()
    room.look()
    return room.calls


@pytest.mark.parametrize(
    ("launch", "tag", "calls"),
    [
        (FUTURE, FUTURE, []),
        (PAST, PAST, OFF),
        (PAST, FUTURE, []),
        (FUTURE, PAST, OFF),
        (PAST, "never", []),
        ("never", PAST, OFF),
        (PAST, None, OFF),
        (FUTURE, None, []),
        ("never", None, []),
    ],
)
def test_the_tag_decides_and_without_one_the_launch(
    room: Room, launch: str, tag: str | None, calls: list[str]
) -> None:
    assert guarded(room, launch=launch, tag=tag) == calls


@pytest.mark.parametrize(
    ("launch", "tag", "calls"),
    [(PAST, FUTURE, []), (PAST, "never", []), (FUTURE, PAST, OFF)],
)
def test_the_last_deadline_that_was_read_is_remembered(
    room: Room, launch: str, tag: str, calls: list[str]
) -> None:
    assert guarded(room, launch=launch, tag=tag) == calls
    assert looked(room, None) == calls
    assert room.memory.read_text() == f"{tag}\n"


@pytest.mark.parametrize("tag", NEITHER_TIME_NOR_NEVER)
@pytest.mark.one_in(3)
def test_only_an_exact_time_or_never_is_believed(room: Room, tag: str) -> None:
    assert guarded(room, launch=PAST, tag=tag) == OFF
    assert room.memory.read_text() == f"{PAST}\n"


@pytest.mark.parametrize("memory", [None, *NEITHER_TIME_NOR_NEVER])
@pytest.mark.one_in(3)
def test_where_no_deadline_is_known_that_is_said_and_the_machine_stays(
    room: Room, memory: str | None
) -> None:
    room.boot(PAST)
    room.memory.unlink()
    if memory is not None:
        room.memory.write_text(f"{memory}\n")
    room.forget()
    done = room.look()
    assert (done.returncode, room.calls) == (1, [])
    assert "no deadline is known" in done.stderr


@pytest.mark.parametrize(("failures", "calls"), [(1, []), (2, []), (3, OFF)])
def test_a_look_asks_three_times(room: Room, failures: int, calls: list[str]) -> None:
    room.boot(PAST)
    room.write("failures", "one\n" * failures)
    assert looked(room, FUTURE) == calls
    assert len(room.looked_up) == failures + (2 if failures < 3 else 0)


def test_a_deadline_that_cannot_be_remembered_counts_all_the_same(room: Room) -> None:
    room.boot(FUTURE)
    room.memory.with_name("deadline.new").mkdir()
    room.tag(PAST)
    done = room.look()
    assert "cannot be remembered" in done.stderr
    assert room.memory.read_text() == f"{FUTURE}\n"
    assert OFF[0] in room.calls


@pytest.mark.parametrize(
    ("uptime_s", "tag", "calls"),
    [(60, None, []), (60, PAST, OFF), (181, None, OFF)],
)
def test_memory_alone_ends_no_machine_that_has_just_started(
    room: Room, uptime_s: int, tag: str | None, calls: list[str]
) -> None:
    (room.root / "proc").mkdir(parents=True)
    (room.root / "proc/uptime").write_text(f"{uptime_s}.25 100.00\n")
    assert guarded(room, launch=PAST, tag=tag) == calls


@pytest.mark.parametrize(
    ("deadline", "date", "calls", "told"),
    [
        (FUTURE, "Tue, 01 Jan 2999 00:00:00 GMT", OFF, True),
        (PAST, "Sun, 31 Dec 2000 23:59:59 GMT", [], True),
        (FUTURE, "Sun, 31 Dec 2000 23:59:59 GMT", [], False),
        (PAST, "yesterday", OFF, False),
        (PAST, "Sun, 41 Dec 2000 23:59:59 GMT", OFF, False),
        (PAST, "Sun, 31 Foo 2000 23:59:59 GMT", OFF, False),
    ],
)
def test_the_time_of_the_metadata_service_counts_where_the_clock_is_wrong(
    room: Room, deadline: str, date: str, calls: list[str], *, told: bool
) -> None:
    room.boot(deadline)
    room.tag(deadline)
    room.forget()
    room.write("date", date)
    done = room.look()
    assert room.calls == calls
    assert ("the clock of this machine says" in done.stderr) is told


def test_a_shutdown_that_hangs_is_done_without_units_and_then_by_the_kernel(room: Room) -> None:
    room.write("hangs", "")
    (room.root / "proc").mkdir(parents=True)
    assert guarded(room, launch=PAST, tag=PAST) == [*OFF, "systemctl poweroff --force"]
    assert room.slept == ["sleep 300", "sleep 180"]
    assert (room.root / "proc/sysrq-trigger").read_text() == "o\n"


def test_the_metadata_is_read_with_a_session_token(room: Room) -> None:
    guarded(room, launch=FUTURE, tag=FUTURE)
    token, tag = room.looked_up
    assert "-X PUT" in token
    assert token.endswith("http://169.254.169.254/latest/api/token")
    assert "X-aws-ec2-metadata-token: a-token" in tag
    assert tag.endswith("/latest/meta-data/tags/instance/spotkeeper:deadline")


@pytest.mark.parametrize("tag", ['$(touch {0}); "; reboot', "`touch {0}`", "x[$(touch {0})]"])
def test_a_hostile_tag_executes_nothing(room: Room, tag: str, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    calls = guarded(room, launch=FUTURE, tag=tag.format(trap))
    assert not trap.exists()
    assert calls == []
