"""Global options, before and after the verb, through the real group of commands."""

from collections.abc import Callable

import click
import pytest

from spotkeeper.cli.app import SECTIONS, run, spot
from spotkeeper.cli.context import Choices
from spotkeeper.errors import Refused

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


def test_practising_is_said_by_option_or_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPOT_SANDBOX", raising=False)
    assert not Choices().practising
    assert Choices(sandbox=True).practising
    monkeypatch.setenv("SPOT_SANDBOX", "1")
    assert Choices().practising
