"""The output of a run, read along while connections break and the machine goes away."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest
from tests.fakes.talk import FakeTalk
from tests.unit.model.make import instance, request

from spotkeeper.errors import NotFound, Unreachable
from spotkeeper.keeper import logs
from spotkeeper.keeper.logs import LogWish, RunLog, RunReader
from spotkeeper.model.machine import InstanceState, Machine
from spotkeeper.work.run import Accepted, Asked, Ended, Line, Outcome, Remark, Starting
from spotkeeper.work.run_report import RunReport

RUNS = Machine(instance(), request())
STOPPED = instance(state=InstanceState.STOPPED)
INTERRUPTED = Machine(STOPPED, request(status_code="instance-stopped-no-capacity"))
BY_USER = Machine(STOPPED, request(status_code="instance-stopped-by-user"))
STOPPING = Machine(instance(state=InstanceState.STOPPING), request())

OUTPUT = {0: b"installed\n", 1: b"one\ntwo\n", 2: b"three\nfour\n"}
RECORD: tuple[Line, ...] = (
    Accepted(1, "run-1"),
    Starting(2, 0, "a"),
    Ended(3, 0, Outcome.READY, "exit 0"),
    Starting(4, 1, "a"),
    Remark(4.5, "restless", "a file never holds still"),
    Ended(5, 1, Outcome.INTERRUPTED, "exit 0"),
    Starting(6, 2, "b"),
    Ended(7, 2, Outcome.FINISHED, "exit 0"),
)


@dataclass
class Stage:
    """A machine whose agent gives three bytes at a time, and every third time nothing at all;
    ``away`` is how it is found when the first attempt was read, as often as it is looked for."""

    away: list[Machine] = field(default_factory=list)
    asked: int = 0
    attempt: int = 0
    slept: int = 0
    let_in_at: list[int] = field(default_factory=list)
    is_deaf: bool = False
    talk: FakeTalk = field(default_factory=FakeTalk)

    def find(self) -> Machine:
        return self.away.pop(0) if self.attempt == 1 and self.away else RUNS

    def agent(self, machine: Machine) -> "Stage":
        if machine is not RUNS:
            raise NotFound(machine.summary())
        return self

    def look(self, *_: object) -> tuple[RunReport, list[str]]:
        self._break()
        lines = RECORD[: {0: 5, 1: 7, 2: 8}[self.attempt]]
        record = [line.to_json() for line in lines]
        report = RunReport.of("train", {"record": record, "at": 9.0, "progress": ""})
        assert report is not None
        return report, record

    def status(self) -> dict[str, Any]:
        return {"at": 9.0, "record": [line.to_json() for line in RECORD]}

    def logs(self, *words: str) -> tuple[dict[str, Any], bytes]:
        self._break()
        told = dict(zip(words[::2], words[1::2], strict=True))
        self.attempt, place = int(told["--attempt"]), int(told["--place"])
        whole = OUTPUT[self.attempt]
        piece = whole[place : place + 3]
        after = place + len(piece)
        head = {"run_id": "run-1", "attempt": self.attempt, "next": after, "end": len(whole)}
        return {**head, "is_last": after == len(whole)}, piece

    def remember_log(self, _: Machine, run_id: str, data: bytes) -> None:
        assert run_id == "run-1"
        assert b"".join(OUTPUT.values()).startswith(data)

    def let_in(self, *_: object) -> None:
        self.let_in_at.append(self.asked)

    def sleep(self, length: timedelta) -> None:
        self.slept += 1

    def _break(self) -> None:
        self.asked += 1
        if self.is_deaf or self.asked % 3 == 0:
            raise Unreachable("The connection to train was lost")

    def read(self, wish: LogWish) -> tuple[bytes, RunLog]:
        log = RunLog("train", wish, cast("RunReader", self), self.find, self.talk, self.sleep)
        return b"".join(log.pieces()), log


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LOOK_AT_LOG", timedelta(0))
    monkeypatch.setattr(logs, "LOOK_AT_RECORD", timedelta(0))


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ((Starting(60, 1, "a"),), "running"),
        (
            (
                Starting(60, 1, "a"),
                Asked(120, "notice", 240.0),
                Ended(130, 1, Outcome.INTERRUPTED, "SIGTERM", signal=15),
                Starting(660, 2, "b", resumed=True),
            ),
            "running, attempt 2, interrupted once (00:02 UTC), "
            "came back 00:11 UTC from its checkpoint",
        ),
        (  # the end of the machine was seen by nobody: the line is of the boot after it
            (
                Starting(60, 1, "a"),
                Ended(600, 1, Outcome.INTERRUPTED, "lost"),
                Starting(660, 2, "b"),
                Ended(720, 2, Outcome.INTERRUPTED, "exit 0", code=0),
            ),
            "interrupted (exit 0), attempt 2, interrupted 2 times (last 00:12 UTC)",
        ),
        (
            (
                Starting(60, 1, "a"),
                Ended(600, 1, Outcome.INTERRUPTED, "lost"),
                Starting(660, 2, "b"),
            ),
            "running, attempt 2, interrupted once, came back 00:11 UTC",
        ),
    ],
)
def test_interruptions_are_told_in_one_sentence(lines: tuple[Line, ...], told: str) -> None:
    record = [line.to_json() for line in (Accepted(1, "run-1"), *lines)]
    report = RunReport.of("train", {"record": record, "at": 900.0, "progress": ""})
    assert report is not None
    assert report.sentence() == told


@pytest.mark.parametrize("away", [[], [STOPPING, INTERRUPTED, INTERRUPTED]])
def test_nothing_is_lost_or_said_twice(away: list[Machine]) -> None:
    stage = Stage([*away])
    output, log = stage.read(LogWish(follow=True, whole=True))
    assert output == b"".join(OUTPUT.values())
    assert log.report is not None
    assert log.report.is_done
    assert log.report.sentence().endswith("attempt 2, interrupted once, came back 00:00 UTC")
    assert stage.slept == len(away)
    assert stage.talk.said == [
        "train: 00:00:04 UTC, a file never holds still",
        "train: 00:00:05 UTC, interrupted: exit 0",
        "train: 00:00:06 UTC, resumed: attempt 2",
        "train: 00:00:07 UTC, finished: exit 0",
    ]


def test_who_follows_does_not_wait_for_a_machine_that_nobody_starts() -> None:
    with pytest.raises(NotFound, match="stopped"):
        Stage([STOPPING, BY_USER]).read(LogWish(follow=True, whole=True))


def test_an_attempt_that_there_was_not_is_said_and_not_shown_as_silent() -> None:
    with pytest.raises(NotFound, match="no attempt 3"):
        Stage().read(LogWish(attempt=3))


def test_who_moved_is_let_in_once_and_then_told() -> None:
    stage = Stage(is_deaf=True)
    with pytest.raises(Unreachable):
        stage.read(LogWish(whole=True))
    assert (stage.let_in_at, stage.asked) == ([1], 2)
