"""Runs whose machine cannot be asked: cancelled all the same, shown as they were seen last."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fakes.cloud import FakeCloud
from tests.fakes.edges import home_with_key, keeper

from spotkeeper.errors import CredentialsProblem, NotFound, Unreachable
from spotkeeper.keeper import machine_agent
from spotkeeper.keeper.keeper import Keeper
from spotkeeper.keeper.machines import SEEN_RUNS
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.model.machine import Instance
from spotkeeper.model.need import Need
from spotkeeper.work.contract import CANCEL_TAG, RUN_TAG
from spotkeeper.work.run import Accepted, Declared, RunState

ID = "dev-1234"
RECORD = [Accepted(1, ID).to_json()]
OVER = [*RECORD, Declared(2, RunState.FAILED, "exit 1").to_json()]


Away = Callable[[FakeCloud, Keeper], None]


def interrupted(cloud: FakeCloud, _: Keeper) -> None:
    cloud.ec2.interrupt("dev")


def stopped(_: FakeCloud, computer: Keeper) -> None:
    computer.stop("dev")


def silent(*_: object) -> None:
    """It runs, and its ssh does not answer."""


def locked(*_: object) -> None:
    """It runs, and its key is on another computer."""


def machine_of(cloud: FakeCloud, computer: Keeper, tags: dict[str, str]) -> Instance:
    plan = computer.plan(LaunchRequest("dev", Need(types=("g5.xlarge",))))
    instance = computer.up(plan).machine.instance
    assert instance is not None
    cloud.retag(instance.region, [instance.id], tags)
    return instance


def test_a_run_of_another_computer_is_shown_as_its_machine_tells_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = FakeCloud()
    computer = keeper(cloud, home=home_with_key(tmp_path))
    machine_of(cloud, computer, {RUN_TAG: ID})
    told = json.dumps({"schema": 1, "record": OVER, "at": 9.0, "progress": ""}).encode() + b"\n"
    monkeypatch.setattr(machine_agent, "run_remote", lambda *_, **__: (0, told, b""))
    run = computer.show("dev").last_run
    assert run is not None
    assert run.sentence() == "failed (exit 1) since 1970-01-01 00:00 UTC"
    assert keeper(cloud, home=tmp_path).ls()[0].last_run == run, "it is remembered"


@pytest.mark.parametrize("away", [interrupted, stopped, silent, locked])
@pytest.mark.parametrize(
    ("record", "tags", "wish"),
    [
        (RECORD, {}, ID),
        (RECORD, {RUN_TAG: ID}, ID),
        (None, {RUN_TAG: ID}, ID),
        (RECORD, {RUN_TAG: "of-another-computer"}, "of-another-computer"),
        (OVER, {RUN_TAG: ID}, None),
        (None, {}, None),
    ],
)
def test_a_tag_keeps_the_wish_until_the_machine_is_back(
    record: list[str] | None,
    tags: dict[str, str],
    wish: str | None,
    away: Away,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cloud = FakeCloud()
    computer = keeper(cloud, home=home_with_key(tmp_path))
    instance = machine_of(cloud, computer, tags)
    if record is not None:
        status = {"record": record, "at": 9.0, "progress": ""}
        computer._edges.memory.put(SEEN_RUNS, instance.id, status)
    away(cloud, computer)

    def lost(*_: object, **__: object) -> None:
        kind = CredentialsProblem if away is locked else Unreachable
        raise kind("The connection to dev was lost")

    monkeypatch.setattr(machine_agent, "run_remote", lost)
    if record is None and not tags:
        with pytest.raises((NotFound, Unreachable, CredentialsProblem)):
            computer.cancel("dev")
        return
    for _ in range(2):
        report = computer.cancel("dev")
        assert report.is_cancelled is bool(wish)
        assert ("does not begin again" in report.sentence()) is bool(wish)
    shown = computer.show("dev")
    assert shown.machine.tags.get(CANCEL_TAG) == wish
    assert shown.last_run == report
    assert cloud.calls.count("retag") == (2 if wish else 1)


@pytest.mark.parametrize(
    ("lines", "run_on_it", "shown"),
    [(0, ID, b"one\ntwo\n"), (1, ID, b"two\n"), (0, "a-later-one", None)],
)
def test_of_a_machine_that_is_off_the_output_is_shown_that_was_seen_last(
    lines: int,
    run_on_it: str,
    shown: bytes | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cloud = FakeCloud()
    computer = keeper(cloud, home=home_with_key(tmp_path))
    machine_of(cloud, computer, {RUN_TAG: ID})
    told = {"run_id": ID, "attempt": 1, "place": 0, "next": 8, "end": 8, "is_last": False}
    answer = json.dumps({"schema": 1, **told}).encode() + b"\none\ntwo\n"
    with monkeypatch.context() as reached:
        reached.setattr(machine_agent, "run_remote", lambda *_, **__: (0, answer, b""))
        assert b"".join(computer.logs("dev").pieces()) == b"one\ntwo\n"
    [instance] = computer.ls()
    assert instance.machine.instance is not None
    cloud.retag(instance.machine.region, [instance.machine.instance.id], {RUN_TAG: run_on_it})
    computer.stop("dev")
    log = computer.logs("dev", lines=lines)
    if shown is None:
        with pytest.raises(NotFound):
            b"".join(log.pieces())
    else:
        assert b"".join(log.pieces()) == shown
