"""How a command ends: an exit code, one paragraph or one record, and no traceback."""

import json
import sys
from pathlib import Path

import click
import pytest

from spotkeeper import errors
from spotkeeper.cli.app import error_record, run
from spotkeeper.cli.context import Choices, agreed
from spotkeeper.errors import Declined, NoCapacity, QuotaReached, SpotkeeperError

PROBLEM = QuotaReached(
    "You may run 0 vCPUs of G here.",
    next_step="Ask for more.",
    region="us-east-1",
    aws_code="MaxSpotInstanceCountExceeded",
)


def ending(monkeypatch: pytest.MonkeyPatch, problem: BaseException) -> None:
    """Every command that connects ends like this."""

    def connect(_choices: Choices, **_: bool) -> None:
        raise problem

    monkeypatch.setattr(Choices, "keeper", connect)


def test_an_error_is_one_paragraph_with_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ending(monkeypatch, PROBLEM)
    assert run(["ls"]) == 6
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "spot: You may run 0 vCPUs of G here. Ask for more.\n"


def test_an_error_as_json_is_one_record_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ending(monkeypatch, PROBLEM)
    assert run(["ls", "--output", "json"]) == 6
    told = capsys.readouterr()
    assert told.out == ""
    assert json.loads(told.err) == {"error": error_record(PROBLEM)}


def test_the_record_of_an_error_has_the_promised_fields() -> None:
    assert error_record(PROBLEM) == {
        "kind": "quota",
        "message": "You may run 0 vCPUs of G here.",
        "next_step": "Ask for more.",
        "aws_code": "MaxSpotInstanceCountExceeded",
        "region": "us-east-1",
    }


def test_details_follow_only_where_there_are_some() -> None:
    assert error_record(NoCapacity("dry", details={"tried": 3}))["details"] == {"tried": 3}
    assert "details" not in error_record(NoCapacity("dry"))


def test_every_error_has_a_next_step_of_its_own_or_its_kinds() -> None:
    assert NoCapacity("dry").next_step == NoCapacity.default_next_step
    assert NoCapacity("dry", next_step="Wait.").paragraph() == "dry. Wait."


@pytest.mark.parametrize("problem", [KeyboardInterrupt(), click.Abort()])
def test_ctrl_c_ends_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], problem: BaseException
) -> None:
    ending(monkeypatch, problem)
    assert run(["ls"]) == 130
    assert "Interrupted" in capsys.readouterr().err


def test_control_characters_of_an_answer_do_not_reach_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ending(monkeypatch, SpotkeeperError("EC2 said \x1b[31mno\n\u202e"))
    assert run(["ls"]) == 1
    assert not {"\x1b", "\u202e"} & set(capsys.readouterr().err)


@pytest.mark.parametrize(
    "arguments",
    [
        ["find", "--gpus", "many"],
        ["find", "--nope"],
        ["find", "--limit", "0"],
        ["prices"],
        ["--output", "xml", "ls"],
        ["down"],
    ],
)
def test_a_wrong_command_line_is_a_usage_error_with_its_help(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "--help" in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--output", "json", "find", "--gpus", "many"],
        ["find", "--output", "json", "--gpus", "many"],
        ["find", "--gpus", "many", "--output", "json"],
    ],
)
def test_a_usage_error_is_a_record_too_wherever_json_was_asked_for(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert json.loads(capsys.readouterr().err)["error"]["kind"] == "bad-input"


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["find", "--help"], ["ls", "-h"]]
)
def test_help_and_version_are_data_and_no_error(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 0
    told = capsys.readouterr()
    assert told.out
    assert told.err == ""


def test_the_help_lists_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--help"])
    told = " ".join(capsys.readouterr().out.split())
    codes = {kind.exit_code for kind in vars(errors).values() if hasattr(kind, "exit_code")}
    assert all(f"{code} " in told.split("Exit codes:")[1] for code in codes)


def test_without_a_terminal_nothing_is_agreed_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    with pytest.raises(Declined) as caught:
        agreed(Choices(), "Launch it?")
    assert "--yes" in caught.value.next_step


@pytest.mark.parametrize("answer", [True, False])
def test_with_a_terminal_the_user_decides(monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:  # noqa: FBT001 - a parameter of the test
    monkeypatch.setattr(Choices, "interactive", property(lambda _choices: True))
    monkeypatch.setattr(click, "confirm", lambda _question, err: answer and err)
    if answer:
        agreed(Choices(), "Launch it?")
    else:
        with pytest.raises(Declined, match="Nothing was changed"):
            agreed(Choices(), "Launch it?")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full: nothing is ever full")
@pytest.mark.parametrize(
    ("runs", "told"),
    [
        ("", "spot: Cannot write the output: No space left"),
        ("train", "; train runs, and costs. See `spot show train`."),
    ],
)
def test_an_answer_that_cannot_be_written_ends_with_what_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], runs: str, told: str
) -> None:
    with Path("/dev/full").open("w") as full, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", full)
        assert run(["--version"], Choices(runs=runs)) == 1
    assert told in capsys.readouterr().err
