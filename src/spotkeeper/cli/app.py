"""The group of commands, and how a command ends."""

import contextlib
import importlib
import io
import json
import os
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

import click

from spotkeeper import __version__
from spotkeeper.cli.context import Choices, Commands, global_options
from spotkeeper.cli.terminal import plain_text
from spotkeeper.errors import BadInput, Interrupted, SpotkeeperError

#: Section → command → its one line of help; the command itself is imported when it is used, so
#: that `spot --help` stays quick.
SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Look": {
        "find": "Rank the Spot pools that fit a need, best first.",
        "prices": "Compare On-Demand and Spot prices of instance types.",
        "backtest": "Try on the past when a job should pay On-Demand.",
    },
    "Work": {
        "rehearse": "Does my script survive an interruption? Try it here.",
        "run": "Run a command on a machine until it is done.",
        "logs": "Print the output of a machine's run, or follow it.",
        "cancel": "End the run of a machine; the machine stays.",
        "push": "Bring files to a machine.",
        "pull": "Fetch a run's output, or other files.",
        "forward": "Open ports of a machine on this computer.",
    },
    "Machines": {
        "up": "Launch a machine on the best pool and wait until it answers.",
        "ls": "List your machines in all regions, as AWS sees them now.",
        "show": "Show one machine.",
        "ssh": "Log in to a machine, or run a command on it.",
        "stop": "Stop a box; its disk is kept, and still costs.",
        "start": "Start a stopped box again.",
        "extend": "Move a machine's deadline later.",
        "down": "Give machines back: cancel, terminate, verify, clean up.",
    },
    "Account": {
        "doctor": "Check what a launch needs, each line with its fix.",
        "policy": "Print the least IAM policy that a command needs.",
        "costs": "What your machines have cost, by name, day, type or tag.",
        "sweep": "Find what nobody wants any more, in all regions, and end it.",
    },
    "Practice": {
        "tour": "See the whole life of a machine, in the sandbox.",
        "sandbox": "Run a simulated EC2 on this computer, at no cost.",
    },
    "More": {
        "cache": "Show or clear what is remembered of prices, types and images.",
        "completion": "Print what completes names and types in your shell.",
    },
}

UNWRITTEN = 1
ANY_HELP = BadInput.default_next_step


#: What others call it.
ALSO_CALLED = {
    "connect": "ssh", "create": "up", "delete": "down", "destroy": "down", "help": "--help",
    "history": "show", "version": "--version",
    "kill": "down", "launch": "up", "list": "ls", "login": "ssh", "price": "prices",
    "ps": "ls", "rm": "down", "search": "find", "status": "ls", "terminate": "down",
}  # fmt: skip


class SpotGroup(Commands):
    """Lists commands in sections and imports one only when it is run."""

    also_called = ALSO_CALLED

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of the sections."""
        return [name for section in SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module named like the command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"spotkeeper.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One block of help per section."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))


@click.group(cls=SpotGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="spot", message="%(prog)s %(version)s")
@global_options
def spot() -> None:
    """EC2 Spot machines for people who develop ML models.

    See what every pool costs, launch the best one, reach it, keep it through interruptions, and
    give it back. `spot tour` shows all of it without an AWS account.

    Exit codes: 0 ok, 1 error, 2 usage, 3 declined, 4 credentials or permission, 5 no capacity,
    6 quota, 7 not found, 8 something is left behind, 9 the name is taken, 130 interrupted.
    """


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what it has no sign for is a ?, and no crash
            stream.reconfigure(errors="replace")
    choices = Choices()
    closed = sys.stdout is None
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever called
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115 - to the very end
    try:
        code = run(arguments, choices)
    except Exception as problem:
        code = _own_fault(problem, choices)
    if closed:
        code = _unwritten("it is closed", choices)
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    # All is written: to take the objects apart one by one would be for nobody.
    os._exit(code)


def run(arguments: list[str] | None = None, choices: Choices | None = None) -> int:
    """Run the command line; its exit code. Nothing that is explained shows a traceback."""
    choices = choices or Choices()
    try:
        code = spot.main(arguments, prog_name="spot", standalone_mode=False, obj=choices)
        sys.stdout.flush()
    except (SpotkeeperError, click.ClickException, click.Abort, KeyboardInterrupt) as problem:
        return _told(_explained(problem), choices)
    except SystemExit:  # click's own answer to a reader that left
        return _unwritten("", choices)
    except OSError as problem:
        if not (left := isinstance(problem, BrokenPipeError)) and _is_writable():
            raise
        # What is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _unwritten("" if left else problem.strerror, choices)
    finally:
        choices.close()
    return code if isinstance(code, int) else 0


def _is_writable() -> bool:
    """Whether the output takes another line, so that something else failed."""
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError:
        return False
    return True


def _unwritten(reason: str | None, choices: Choices) -> int:
    """Say why there is no answer, and what runs nevertheless: a reader that left knows why."""
    if reason or choices.runs:
        runs = f"{choices.runs} runs, and costs" if choices.runs else ""
        why = f"Cannot write the output: {reason}" if reason else ""
        step = (
            f"See `spot show {choices.runs}`." if runs else "What was done is done: see `spot ls`."
        )
        _told(SpotkeeperError("; ".join(filter(None, (why, runs))), next_step=step), choices)
    return UNWRITTEN


def _own_fault(problem: Exception, choices: Choices) -> int:
    """Say where spotkeeper itself failed, but not with which values: one may be a secret."""
    import traceback

    frames = traceback.extract_tb(problem.__traceback__)
    places = [f"{os.path.basename(each.filename)}:{each.lineno}" for each in reversed(frames)]  # noqa: PTH119 - pathlib is not needed otherwise
    told = SpotkeeperError(
        f"This is a fault of spotkeeper: {type(problem).__name__} at {places[0]}",
        next_step="Please report it with what --debug says. `spot ls` shows what there is.",
    )
    if choices.debug:
        click.echo(plain_text(f"debug: {' < '.join(places)}"), err=True)
    return _told(told, choices)


def _explained(problem: BaseException) -> SpotkeeperError:
    match problem:
        case SpotkeeperError():
            return problem
        case click.NoSuchOption(ctx=click.Context() as ctx):
            from spotkeeper.model.spelling import did_you_mean

            known = {each.lstrip("-"): each for one in ctx.command.params for each in one.opts}
            asked, see = problem.option_name.lstrip("-"), f"See `{ctx.command_path} --help`."
            step = did_you_mean(asked, known, see, shown=known)
            return BadInput(problem.message, next_step=step)
        case click.UsageError():
            path = problem.ctx.command_path if problem.ctx else "spot"
            return BadInput(problem.format_message(), next_step=f"See `{path} --help`.")
        case click.ClickException():
            return BadInput(problem.format_message())
        case _:
            return Interrupted("Interrupted")


def _told(problem: SpotkeeperError, choices: Choices) -> int:
    choices.talk.finish()
    problem.respell(lambda text: text.replace(ANY_HELP, f"See `{choices.command_path} --help`."))
    with contextlib.suppress(OSError):  # the code tells those who cannot be told in words
        if choices.output == "json":
            click.echo(json.dumps({"error": error_record(problem)}), err=True)
        else:
            click.echo(f"spot: {plain_text(problem.paragraph())}", err=True)
    return problem.exit_code


def error_record(problem: SpotkeeperError) -> dict[str, Any]:
    """An error as ``--output json`` prints it."""
    return {
        "kind": problem.kind,
        "message": problem.message,
        "next_step": problem.next_step,
        "aws_code": problem.aws_code,
        "region": problem.region,
        **({"details": problem.details} if problem.details else {}),
    }
