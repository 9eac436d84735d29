"""What is said when a run could not be started."""

from pathlib import Path
from typing import Any, cast

import pytest
from tests.fakes.cloud import FakeCloud
from tests.fakes.market import market
from tests.fakes.talk import FakeTalk
from tests.unit.model.make import instance, request

from spotkeeper.errors import (
    Interrupted,
    NameTaken,
    NotFound,
    Refused,
    SpotkeeperError,
    Unreachable,
)
from spotkeeper.keeper import run
from spotkeeper.keeper.edges import Silence
from spotkeeper.keeper.logs import RunReader
from spotkeeper.keeper.run import Runner, RunOrder
from spotkeeper.model.machine import Machine
from spotkeeper.ssh.shell import Login
from spotkeeper.store.working_folder import WorkingFolder
from spotkeeper.work.contract import RunSpec
from spotkeeper.work.run import Accepted
from spotkeeper.work.run_report import RunReport

RECORD = [Accepted(1, "run-of-another").to_json()]
RUNNING = RunReport.of("train", {"record": RECORD, "at": 9.0, "progress": ""})


class Stage:
    """A machine on which one of the steps fails; ``runs`` is how its run is found, look by
    look."""

    def __init__(self, step: str, problem: BaseException, runs: list[RunReport | None]) -> None:
        self._step, self._problem, self._runs = step, problem, runs

    def agent(self, _: Machine) -> "Stage":
        return self

    def look(self, *_: object) -> tuple[RunReport, list[str]]:
        found = self._runs.pop(0) if self._runs else None
        if found is None:
            raise NotFound("No command was ever run")
        return found, RECORD

    def __getattr__(self, step: str) -> Any:
        def done(*_: object, **__: object) -> str:
            if step == self._step:
                raise self._problem
            return "/somewhere"

        return done


@pytest.mark.parametrize(
    ("step", "problem", "runs", "kind", "said"),
    [
        ("have", Unreachable("gone"), [], Unreachable, "runs, and costs, until `spot stop"),
        ("have", Refused("no python3"), [], Refused, "runs, and costs, until `spot stop"),
        ("prepare", Refused("not over"), [None, RUNNING], NameTaken, "`spot cancel train`"),
        ("push", Unreachable("lost"), [], Unreachable, "runs, and costs, until `spot stop"),
        ("push", SpotkeeperError("No space left"), [], SpotkeeperError, "runs, and costs, until"),
        ("push", KeyboardInterrupt(), [], Interrupted, "nothing was started"),
        ("start", Refused("not over"), [None, RUNNING], NameTaken, "`spot cancel train`"),
        ("start", Unreachable("gone"), [], Unreachable, "started is not known: see `spot show"),
        ("prepare", KeyboardInterrupt(), [], Interrupted, "nothing was started"),
        ("start", KeyboardInterrupt(), [], Interrupted, "started is not known: see `spot show"),
    ],
)
def test_what_is_left_is_told(  # noqa: PLR0913, PLR0917 - a row of a table
    step: str,
    problem: BaseException,
    runs: list[RunReport | None],
    kind: type[SpotkeeperError],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage(step, problem, [*runs])
    monkeypatch.setattr(run, "push", stage.push)
    reader = cast("RunReader", stage)
    order = RunOrder(("true",), WorkingFolder(tmp_path), ())
    login = Login("192.0.2.1", "ubuntu", "i-1", tmp_path / "train")
    machine = Machine(instance(tags={"spotkeeper:name": "train"}), request())
    with pytest.raises(kind) as caught:
        Runner(reader, market(FakeCloud()), Silence()).start(order, machine, login)
    assert type(caught.value) is kind
    assert said in caught.value.paragraph()


@pytest.mark.parametrize(("kind", "count"), [("g5.xlarge", 1), ("m5.large", 0), ("x9.nano", 0)])
def test_a_machine_shows_as_many_gpus_as_its_type_has(
    kind: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage("", Refused(""), [None, RUNNING])
    specs: list[RunSpec] = []
    monkeypatch.setattr(run, "push", stage.push)
    monkeypatch.setattr(stage, "start", specs.append, raising=False)
    machine = Machine(
        instance(instance_type=kind, tags={"spotkeeper:name": "train"}),
        request(instance_type=kind),
    )
    order = RunOrder(("true",), WorkingFolder(tmp_path), (Path("poetry.lock"),))
    talk = FakeTalk()
    runner = Runner(cast("RunReader", stage), market(FakeCloud()), talk)
    runner.start(order, machine, Login("192.0.2.1", "ubuntu", "i-1", tmp_path / "train"))
    assert [spec.gpus for spec in specs] == [count]
    assert "note: poetry.lock is not installed; --setup SCRIPT can do that" in talk.said
