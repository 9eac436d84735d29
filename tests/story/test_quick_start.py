"""Help and version are quick, complete, and fit a terminal."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from spotkeeper import __version__
from spotkeeper.cli.app import SECTIONS, run, spot

SLOW = {"boto3", "botocore", "moto", "flask", "urllib3"}
COMMANDS = [name for section in SECTIONS.values() for name in section]


def python(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_nothing_that_is_slow(option: str) -> None:
    done = python("-X", "importtime", "-m", "spotkeeper", option)

    assert done.returncode == 0, done.stderr
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "spotkeeper.cli.app" in modules
    assert {module.partition(".")[0] for module in modules} & SLOW == set()
    if option == "--version":
        assert done.stdout == f"spot {__version__}\n"


@pytest.mark.parametrize("name", ["spot", "spotkeeper"])
def test_both_names_start_it(name: str) -> None:
    program = Path(sys.executable).with_name(name)
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"spot {__version__}\n"


def test_the_help_of_a_command_imports_nothing_that_is_slow() -> None:
    program = (
        "import sys; from spotkeeper.cli.app import run\n"
        f"for name in {COMMANDS}: run([name, '--help'])\n"
        f"print(sorted({SLOW!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = python("-c", program)

    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "[]"


def test_a_look_at_the_market_imports_nothing_about_machines() -> None:
    program = (
        "import sys; from spotkeeper.cli import find\n"
        "import spotkeeper; spotkeeper.connect(region='us-east-1')\n"
        "print(*sorted(name for name in sys.modules if name.startswith('spotkeeper')))"
    )
    done = python("-c", program)

    assert done.returncode == 0, done.stderr
    imported = set(done.stdout.split())
    assert "spotkeeper.aws.feeds" in imported
    about_machines = {
        "lifecycle.ports",
        "model.machine",
        "costs.usage",
        "aws.cloud",
        "aws.account",
    }
    assert imported & {f"spotkeeper.{name}" for name in about_machines} == set()


def test_help_lists_every_command_in_its_section(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0

    told = capsys.readouterr().out
    positions = [told.index(f"\n{title}:") for title in SECTIONS]
    assert positions == sorted(positions)
    for section in SECTIONS.values():
        for name, short_help in section.items():
            assert f"  {name} " in told
            assert short_help.split(maxsplit=1)[0] in told


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_fits_80_columns(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    context = click.Context(spot)
    command = spot.get_command(context, name)
    assert command is not None
    listed = next(section[name] for section in SECTIONS.values() if name in section)
    assert command.get_short_help_str(limit=200) == listed
    assert len(listed) <= 80 - 12

    assert run([name, "--help"]) == 0
    told = capsys.readouterr().out
    assert f"spot {name}" in told
    assert all(len(line) <= 80 for line in told.splitlines())
    for option in ("--profile", "--region", "--output", "--sandbox", "--debug"):
        assert option in told


def test_every_sandbox_verb_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    group = spot.get_command(click.Context(spot), "sandbox")
    assert isinstance(group, click.Group)
    assert set(group.commands) >= {
        *("start", "stop", "status", "env", "reset"),
        *("advance", "interrupt", "drain", "price"),
    }
    for name in group.commands:
        assert run(["sandbox", name, "--help"]) == 0
    assert "Traceback" not in capsys.readouterr().err


def test_spot_alone_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    code = run([])

    captured = capsys.readouterr()
    assert code in {0, 2}
    assert "Machines:" in captured.out + captured.err
