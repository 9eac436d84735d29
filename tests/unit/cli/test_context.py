"""Global options, before and after the verb, through the real group of commands."""

from collections.abc import Callable

import click
import pytest

from spotkeeper.cli.app import SECTIONS, run, spot
from spotkeeper.cli.context import Choices
from spotkeeper.cli.options import Amount
from spotkeeper.errors import BadInput, Refused
from spotkeeper.keeper.wiring import is_practice
from spotkeeper.model.option import OPTIONS

Parsed = Callable[..., Choices]


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Parsed:
    """Reads a command line up to where it would connect, and gives what was chosen."""
    seen: list[Choices] = []

    def connect(choices: Choices, **_: bool) -> None:
        seen.append(choices)
        raise Refused("read, not run")

    monkeypatch.setattr(Choices, "keeper", connect)

    def parse(*arguments: str) -> Choices:
        assert run(list(arguments)) == 1
        assert "read, not run" in capsys.readouterr().err
        return seen.pop()

    return parse


@pytest.mark.parametrize(
    ("typed", "name", "value"),
    [
        (["--profile", "ml"], "profile", "ml"),
        (["--region", "us-east-1"], "region", ("us-east-1",)),
        (["--region", "a", "--region", "b"], "region", ("a", "b")),
        (["--endpoint-url", "http://x"], "endpoint_url", "http://x"),
        (["--sandbox"], "sandbox", True),
        (["--output", "json"], "output", "json"),
        (["--output", "csv"], "output", "csv"),
        (["--no-color"], "no_color", True),
        (["--debug"], "debug", True),
    ],
)
def test_a_global_option_counts_before_and_after_the_verb(
    parsed: Parsed, typed: list[str], name: str, value: object
) -> None:
    assert getattr(parsed(*typed, "ls"), name) == value
    assert getattr(parsed("ls", *typed), name) == value


def test_without_options_the_defaults_count(parsed: Parsed) -> None:
    assert parsed("ls") == Choices()


def test_the_option_after_the_verb_wins(parsed: Parsed) -> None:
    chosen = parsed("--region", "a", "--output", "csv", "ls", "--region", "b", "--output", "json")
    assert (chosen.region, chosen.output) == (("b",), "json")


def test_what_stands_before_the_verb_is_kept_when_others_follow(parsed: Parsed) -> None:
    chosen = parsed("--profile", "ml", "--sandbox", "ls", "--region", "b")
    assert (chosen.profile, chosen.sandbox, chosen.region) == ("ml", True, ("b",))


@pytest.mark.parametrize("name", [name for section in SECTIONS.values() for name in section])
def test_every_command_has_a_help_and_takes_the_global_options(name: str) -> None:
    command = spot.get_command(click.Context(spot), name)
    assert command is not None
    assert command.help
    assert command.get_short_help_str(limit=200)
    subject = (
        next(iter(command.commands.values())) if isinstance(command, click.Group) else command
    )
    options = {option for parameter in subject.params for option in parameter.opts}
    assert {"--profile", "--region", "--output", "--sandbox", "--debug"} <= options


def test_a_command_that_does_not_exist_is_a_usage_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["lss"]) == 2
    assert "lss" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("told", "means"),
    [
        *((word, True) for word in ("1", "true", "TRUE", "yes", "on", " 1")),
        *((word, False) for word in ("0", "false", "No", "off", "", None)),
        *((word, None) for word in ("2", "Y", "banana", "1.0")),
    ],
)
def test_the_sandbox_is_asked_for_by_yes_or_no_and_a_guess_is_refused(
    told: str | None, *, means: bool | None
) -> None:
    environment = {} if told is None else {"SPOT_SANDBOX": told}
    assert is_practice(environment, asked=True)
    if means is None:
        with pytest.raises(BadInput, match="neither yes nor no"):
            is_practice(environment, asked=False)
    else:
        assert is_practice(environment, asked=False) is means


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("fnid", "find"), ("list", "ls"), ("rm", "down"), ("terminate", "down"), ("upp", "up")],
)
def test_a_command_that_is_none_is_answered_with_the_one_that_was_meant(
    capsys: pytest.CaptureFixture[str], typed: str, meant: str
) -> None:
    assert run([typed]) == 2
    assert f"Did you mean `spot {meant}`?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["sandbox", "intrupt"], "Did you mean `spot sandbox interrupt`?"),
        (["cache", "claer"], "Did you mean `spot cache clear`?"),
        (["find", "--typ", "x"], "No such option '--typ'. Did you mean --type?"),
        (["up", "--zzz", "1"], "See `spot up --help`."),
        (["down"], "Name the machines to give back, or use --all. See `spot down --help`."),
    ],
)
def test_what_is_mistyped_is_told_with_its_own_help(
    typed: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(typed) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "typed", "read"),
    [
        ("--gpu-memory", "80GB", 80),
        ("--memory", "16GiB", 16),
        ("--memory", "1.5 TiB", 1536),
        ("--disk", "1tb", 1024),
        ("--gpus", "2", 2),
        ("--disk", "100.5", "whole number like 80 or 80GB"),
        ("--memory", "16MB", "number like 80 or 80GB"),
        ("--gpus", "two", "whole number like 8"),
        ("--gpus", "8GB", "whole number like 8"),
        ("--vcpus", "-1", "below zero"),
        ("--gpu-memory", "nan", "number like 80 or 80GB"),
    ],
)
def test_a_number_may_bear_its_unit_and_what_is_none_is_told_in_words(
    option: str, typed: str, read: float | str
) -> None:
    [amount] = [each for each in OPTIONS if f"--{each.flag}" == option]
    if isinstance(read, str):
        with pytest.raises(click.BadParameter, match=read):
            Amount(amount).convert(typed, None, None)
    else:
        assert Amount(amount).convert(typed, None, None) == read
