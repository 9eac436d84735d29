"""``spot extend``."""

from datetime import datetime

import click

from spotkeeper.cli import render, suggestions
from spotkeeper.cli.context import Choices, agreed, global_options, pass_choices
from spotkeeper.cli.terminal import plain_text
from spotkeeper.keeper.inputs import length
from spotkeeper.keeper.results import ExtendReport
from spotkeeper.model.duration import words

COLUMNS = (render.field("Name", "name"), render.field("Deadline", "deadline"))


@click.command(name="extend", short_help="Move a machine's deadline later.")
@click.argument("name", shell_complete=suggestions.machines)
@click.argument("by", metavar="TIME")
@click.option("--yes", is_flag=True, help="Do not ask before a deadline is taken away.")
@global_options
@pass_choices
def command(choices: Choices, /, name: str, by: str, *, yes: bool) -> None:
    """Move a machine's deadline later by TIME (4h, 90m, 2d), or take it away with `none`.

    TIME is added to the deadline; to now where it has passed or there was none. Doing it twice
    adds it twice: what is printed is the deadline that counts. A budget sets the deadline no more.
    The request of a box cannot be moved: it ends a week after the first deadline.

    Example: spot extend train 4h
    """
    lasting = length(by)
    if lasting is None and not yes:
        agreed(choices, f"Let {name} run, and cost, until you end it?")
    keeper = choices.keeper()
    found = keeper.extend(name, lasting, choices.region)
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
    lines = [f"{name}: deadline {_moment(found.before)} -> {_moment(after)}"]
    if after is not None and found.remaining is not None:
        usd = found.usd_until_deadline
        cost = "at an unknown price" if usd is None else f"${usd:.2f} of compute at today's price"
        local = after.astimezone()
        lines.append(f"{words(found.remaining)} from now ({local:%a %H:%M} here), {cost}")
    return lines


def _moment(moment: datetime | None) -> str:
    return "none" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
