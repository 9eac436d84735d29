"""The guard: the tag is the truth, the deadline given at launch counts where it cannot be read."""

from pathlib import Path

import pytest
from tests.unit.agent.machine_room import Room, furnished, in_hours, linux_only

pytestmark = linux_only

OFF = ["shutdown -h now"]
PAST, FUTURE = in_hours(-1), in_hours(1)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return furnished(tmp_path, ["systemctl", "shutdown", "curl", "wall", "reboot"])


def guarded(room: Room, *, baked: str, tag: str | None) -> list[str]:
    """What the guard calls on a machine launched with one deadline and tagged with another."""
    room.boot(baked)
    if tag is not None:
        room.tag(tag)
    room.forget()
    room.look()
    return room.calls


def test_before_the_deadline_nothing_happens(room: Room) -> None:
    assert guarded(room, baked=FUTURE, tag=FUTURE) == []


def test_after_the_deadline_the_machine_is_powered_off(room: Room) -> None:
    assert guarded(room, baked=PAST, tag=PAST) == OFF


def test_a_deadline_moved_later_keeps_the_machine(room: Room) -> None:
    assert guarded(room, baked=PAST, tag=FUTURE) == []


def test_a_deadline_moved_earlier_ends_the_machine(room: Room) -> None:
    assert guarded(room, baked=FUTURE, tag=PAST) == OFF


def test_a_deadline_that_was_lifted_keeps_the_machine(room: Room) -> None:
    assert guarded(room, baked=PAST, tag="never") == []


def test_a_deadline_set_on_a_machine_without_one_ends_it(room: Room) -> None:
    assert guarded(room, baked="never", tag=PAST) == OFF


@pytest.mark.parametrize(
    ("baked", "calls"),
    [(PAST, OFF), (FUTURE, []), ("never", [])],
    ids=["past", "future", "never"],
)
def test_the_deadline_of_the_launch_counts_where_no_tag_can_be_read(
    room: Room, baked: str, calls: list[str]
) -> None:
    assert guarded(room, baked=baked, tag=None) == calls


@pytest.mark.parametrize("tag", ["", "soon", "2026-13-45T99:00:00Z", "<html>404</html>"])
def test_a_tag_that_is_no_time_does_not_disarm_the_guard(room: Room, tag: str) -> None:
    assert guarded(room, baked=PAST, tag=tag) == OFF


def test_a_machine_without_curl_is_still_guarded(room: Room) -> None:
    (room.folder / "bin" / "curl").unlink()
    assert guarded(room, baked=PAST, tag=FUTURE) == OFF


def test_the_metadata_is_read_with_a_session_token(room: Room) -> None:
    guarded(room, baked=FUTURE, tag=FUTURE)
    token, tag = room.looked_up
    assert "-X PUT" in token
    assert token.endswith("http://169.254.169.254/latest/api/token")
    assert "X-aws-ec2-metadata-token: a-token" in tag
    assert tag.endswith("/latest/meta-data/tags/instance/spotkeeper:deadline")


@pytest.mark.parametrize("tag", ['$(touch {0}); "; reboot', "`touch {0}`", "x[$(touch {0})]"])
def test_a_hostile_tag_executes_nothing(room: Room, tag: str, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    calls = guarded(room, baked=FUTURE, tag=tag.format(trap))
    assert not trap.exists()
    assert calls == []


def test_the_guard_looks_again_every_time(room: Room) -> None:
    assert guarded(room, baked=FUTURE, tag=FUTURE) == []
    room.tag(PAST)
    room.look()
    assert room.calls == OFF
