"""``spot extend``."""

import click

from spotkeeper.cli import render, suggestions
from spotkeeper.cli.context import Choices, agreed, global_options, pass_choices
from spotkeeper.cli.terminal import plain_text
from spotkeeper.keeper.inputs import length
from spotkeeper.keeper.results import ExtendReport
from spotkeeper.lifecycle.guard import check_validity
from spotkeeper.model.duration import words

COLUMNS = (render.field("Name", "name"), render.field("Deadline", "deadline"))


@click.command(name="extend", short_help="Move a machine's deadline later.")
@click.argument("name", shell_complete=suggestions.machines)
@click.argument("by", metavar="TIME")
@click.option("--yes", is_flag=True, help="Do not ask before a deadline is taken away.")
@global_options
@pass_choices
def command(choices: Choices, /, name: str, by: str, *, yes: bool) -> None:
    """Give a machine TIME (4h, 90m, 2d) from now, or add it with +TIME.

    A deadline is never moved to an earlier time, so that 4h may be repeated; +4h adds every time.
    `none` takes it away from a machine that was launched with --once; the Spot request of a box
    ends a week after its first deadline, and EC2 cannot move that. A budget sets the deadline no
    more.

    Example: spot extend train 4h
    """
    keeper = choices.keeper()
    if length(by.strip().removeprefix("+")) is None and not yes:
        report = keeper.show(name, choices.region)
        if report.asked_at:
            check_validity(report.machine, None, report.asked_at)
        agreed(choices, f"Let {name} run, and cost, until you end it?")
    found = keeper.extend(name, by, choices.region)
    warnings = (*keeper.warnings, *found.report.warnings)
    if choices.output != "table":
        rows = [found.to_dict()]
        render.emit(choices, "extension", rows, columns=COLUMNS, warnings=warnings)
        return
    render.warn(warnings)
    for line in _told(name, found):
        click.echo(plain_text(line))


def _told(name: str, found: ExtendReport) -> list[str]:
    after = found.report.machine.deadline
    told = " -> ".join("none" if at is None else render.moment(at) for at in (found.before, after))
    lines = [f"{name}: deadline {told}"]
    if after is not None and found.remaining is not None:
        usd = found.usd_until_deadline
        cost = (
            "at an unknown price"
            if usd is None
            else f"{render.total(usd)} of compute at today's price"
        )
        lines.append(f"{words(found.remaining)} from now, {cost}")
    return lines
