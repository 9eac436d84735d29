"""When an instance ran, from what was told of it."""

from datetime import UTC, datetime, timedelta

from ec2_sandbox.history import Happening, HappeningKind
from ec2_sandbox.run_history import RunHistory, note

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def at(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


def lived(*states: tuple[int, str]) -> RunHistory:
    """The history in which these states were entered at these minutes."""
    histories: dict[str, RunHistory] = {}
    for minute, state in states:
        note(
            histories,
            Happening(at(minute), HappeningKind.INSTANCE, "i-1", "us-east-1", {"state": state}),
        )
    return histories["i-1"]


def test_it_runs_from_running_to_the_beginning_of_the_end() -> None:
    runs = lived((0, "pending"), (1, "running"), (9, "shutting-down"), (10, "terminated"))
    assert runs.spans(at(60)) == [(at(1), at(9))]
    assert not runs.is_running


def test_what_still_runs_ends_now() -> None:
    assert lived((1, "running")).spans(at(5)) == [(at(1), at(5))]


def test_a_stop_parts_two_runs() -> None:
    runs = lived((0, "running"), (5, "stopping"), (6, "stopped"), (20, "pending"), (21, "running"))
    assert runs.spans(at(30)) == [(at(0), at(5)), (at(21), at(30))]


def test_it_never_ran_when_it_ended_before() -> None:
    assert lived((0, "pending"), (1, "terminated")).spans(at(5)) == []


def test_a_recommendation_is_remembered_until_the_instance_stops() -> None:
    histories: dict[str, RunHistory] = {}
    note(
        histories,
        Happening(at(0), HappeningKind.INSTANCE, "i-1", "us-east-1", {"state": "running"}),
    )
    note(histories, Happening(at(3), HappeningKind.REBALANCE, "i-1", "us-east-1", {"pool": "a@b"}))
    assert histories["i-1"].rebalance_at == at(3)
    note(
        histories,
        Happening(at(4), HappeningKind.INSTANCE, "i-1", "us-east-1", {"state": "stopping"}),
    )
    assert histories["i-1"].rebalance_at is None


def test_other_things_are_no_lives() -> None:
    histories: dict[str, RunHistory] = {}
    note(
        histories,
        Happening(at(0), HappeningKind.VOLUME, "vol-1", "us-east-1", {"state": "created"}),
    )
    assert histories == {}
