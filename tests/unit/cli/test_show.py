"""How the life of a machine is told."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.unit.model.make import NOON, instance, request

from spotkeeper.cli import show
from spotkeeper.cli.context import Choices
from spotkeeper.cli.machines import show_one
from spotkeeper.costs.history import Chapter
from spotkeeper.costs.usage import Interval
from spotkeeper.keeper.results import MachineHistory, MachineReport
from spotkeeper.model.machine import Machine
from spotkeeper.work.run import Accepted, Remark, Starting
from spotkeeper.work.run_report import RunReport

RAN = Interval(
    "us-east-1", "us-east-1a", "g5.xlarge", NOON - timedelta(hours=2), NOON, interrupted=True
)
BEGUN = Chapter(NOON, "launched", "EC2 launched \x1b]0;it\x07\u202e", 3)
TAKEN = Chapter(NOON, "interrupted", "interrupted by EC2", 3, RAN, Decimal("0.62"))
FREE = Chapter(NOON, "interrupted", "interrupted by EC2", 3, RAN)


def lines(capsys: pytest.CaptureFixture[str], *chapters: Chapter, lives: int = 3) -> list[str]:
    show.show_history(Choices(), MachineHistory("train", chapters, lives), ())
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()[2:]]


def test_what_ran_has_its_hours_and_its_cost(capsys: pytest.CaptureFixture[str]) -> None:
    told = lines(capsys, BEGUN, TAKEN, FREE)
    assert told[0].startswith("2026-")
    assert told[1].split()[-2:] == ["2h", "0.6200"]
    assert told[2].split()[-2:] == ["2h", "-"]
    assert told[3] == "In all 4h, - of compute."  # what one cost is not known
    assert lines(capsys, BEGUN, TAKEN, TAKEN)[-1] == "In all 4h, $1.24 of compute."
    assert "In all" not in lines(capsys, BEGUN, TAKEN)[-1]


def test_no_control_character_reaches_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert all(character.isprintable() for line in lines(capsys, BEGUN) for character in line)


@pytest.mark.parametrize(
    ("lives", "told"), [(1, ""), (2, "1 earlier life"), (9, "8 earlier lives")]
)
def test_the_lives_before_are_counted(
    capsys: pytest.CaptureFixture[str], lives: int, told: str
) -> None:
    show.show_history(Choices(), MachineHistory("train", (BEGUN,), lives), ())
    err = capsys.readouterr().err
    assert told in err
    assert bool(err) == (lives > 1)


def test_json_has_everything_and_says_whose_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    show.show_history(
        Choices(output="json"), MachineHistory("train", (BEGUN, TAKEN), 3), ("note",)
    )
    document = json.loads(capsys.readouterr().out)
    assert (document["kind"], document["name"], document["lives"]) == ("history", "train", 3)
    assert document["items"][0]["text"] == BEGUN.text
    assert document["items"][1] == {
        "at": "2026-11-23T12:00:00Z",
        "what": "interrupted",
        "text": "interrupted by EC2",
        "life": 3,
        "ran_seconds": 7200,
        "spot_usd": 0.62,
    }
    assert document["warnings"] == ["note"]


def test_what_the_machine_had_to_say_of_its_run_stands_below_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = (
        Accepted(0, "run-1"),
        Remark(1, "restless", "of the attempt before"),
        Starting(2, 1, "a"),
        *(Remark(60.0, "restless", "a file never holds still") for _ in range(2)),
        Remark(120.0, "stalled", "no output\x1b[2J"),
    )
    status = {"record": [line.to_json() for line in record], "at": 130.0, "progress": "0.5"}
    run = RunReport.of("train", status)
    show_one(Choices(), MachineReport(Machine(instance(), request()), last_run=run), ())
    told = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    at = next(place for place, line in enumerate(told) if line.startswith("run  "))
    assert "running, 50% done; seen 1970-01-01 00:02 UTC" in told[at]
    said = [line.strip() for line in told[at + 1 : at + 3]]
    assert said[0] == "01-01 00:01 UTC: a file never holds still"
    assert said[1].startswith("01-01 00:02 UTC: no output")
    assert all(line.isprintable() for line in said)
