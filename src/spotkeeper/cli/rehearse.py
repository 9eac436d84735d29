"""``spot rehearse``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spotkeeper.cli import render
from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.cli.terminal import plain_text
from spotkeeper.keeper.inputs import order_of
from spotkeeper.work.contract import SIGNALS

if TYPE_CHECKING:
    from spotkeeper.keeper.rehearse import RehearsalReport

LAST_LINES = 6

COLUMNS = (
    render.field("At step", "at_step"),
    render.field("Interrupted", "kind"),
    render.field("Told s", "told_seconds"),
    render.field("Saved s", "saved_seconds"),
    render.field("Stopped s", "stopped_seconds"),
    render.field("Resumed at", "resumed_at"),
    render.field("Lost", "lost_steps"),
)


@click.command(
    name="rehearse",
    short_help="Does my script survive an interruption? Try it here.",
    context_settings={"allow_interspersed_args": False},  # what follows the command is its own
)
@click.argument("command_line", metavar="-- COMMAND", nargs=-1, required=True)
@click.option(
    "--notices",
    type=click.IntRange(1, 20),
    metavar="N",
    default=1,
    help="How often; 1 by default.",
)
@click.option("--hard", is_flag=True, help="The machine is gone at once, without a notice.")
@click.option(
    "--grace", default="60s", metavar="TIME", help="From its signal to its end; 60s by default."
)
@click.option(
    "--signal",
    type=click.Choice(SIGNALS),
    default="TERM",
    help="What it is told with; TERM by default.",
)
@click.option(
    "--seed",
    type=int,
    metavar="N",
    default=1,
    help="The same number, the same moments; 1 by default.",
)
@global_options
@pass_choices
def command(choices: Choices, /, command_line: tuple[str, ...], **given: Any) -> int:
    """Run a command as on a Spot machine, interrupt it, start it again, and give a verdict.

    It runs in a folder of its own with the code of this one, under the agent that a machine runs,
    and is told SPOT_CHECKPOINT_DIR. No account, no sandbox, nothing leaves this computer. The
    exit code is 0 if it survives, else 1.
    """
    from spotkeeper.keeper.rehearse import own_surroundings, rehearse

    order = order_of(command_line, given)
    surroundings = own_surroundings(os.environ)
    report = rehearse(order, folder=Path.cwd(), environment=surroundings, talk=choices.talk)
    _show(choices, report)
    return 0 if report.verdict.survives else 1


def _show(choices: Choices, report: "RehearsalReport") -> None:
    told, seen = report.to_dict(), report.seen
    rows, warnings = told.pop("items"), told.pop("warnings")
    render.emit(choices, "rehearsal", rows, columns=COLUMNS, warnings=warnings, extra=told)
    if choices.output != "table":
        return
    if not report.verdict.survives and seen.last_words.strip():
        click.echo("Its last words:")
        for line in seen.last_words.strip().splitlines()[-LAST_LINES:]:
            click.echo(f"  {plain_text(line)}")
    sums = seen.sums()
    verdict = f"Verdict: {report.verdict.sentence}."
    click.echo(plain_text(f"{verdict} {sums[0].upper()}{sums[1:]}." if sums else verdict))
    for line in report.verdict.mend:
        click.echo(plain_text(f"  {line}"))
