"""``spot down``."""

from collections.abc import Sequence

import click

from spotkeeper.cli import render, suggestions
from spotkeeper.cli.context import Choices, agreed, global_options, pass_choices
from spotkeeper.cli.costs import interruptions
from spotkeeper.cli.terminal import plain_text
from spotkeeper.errors import BadInput
from spotkeeper.keeper.results import DownReport, MachineReport
from spotkeeper.lifecycle.teardown import left_behind
from spotkeeper.model.duration import words
from spotkeeper.model.resource import ResourceId
from spotkeeper.model.spelling import counted

ENDED = (
    render.field("Ended", "kind"),
    render.field("Id", "id"),
    render.field("Region", "region"),
)
COSTS = (
    render.field("Name", "name"),
    render.field("Type", "instance_type", spare=4),
    render.Column("Ran", lambda row: render.seconds(row["ran_seconds"]), right=True, spare=6),
    render.Column("Interrupted", interruptions, right=True, spare=5),
    render.usd("Spot $", "spot_usd"),
    render.usd("On-Demand $", "on_demand_usd"),
    render.percent("Saved %", "saving_percent", spare=3),
)


@click.command(name="down", short_help="Give machines back: cancel, terminate, verify, clean up.")
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=suggestions.machines)
@click.option("--all", "everything", is_flag=True, help="Everything of yours.")
@click.option("--yes", is_flag=True, help="Do not ask: the disks of boxes are deleted.")
@global_options
@pass_choices
def command(choices: Choices, names: tuple[str, ...], everything: bool, yes: bool) -> None:  # noqa: FBT001
    """Give machines back: cancel the request, terminate, verify, delete disk, group and key.

    A box's disk goes with all that is on it: that is asked. Where nobody can be asked, and without
    --yes, a box is stopped instead, and the exit code is 8.

    Safe to repeat. The exit code is 8, with a list, while anything is left. The cost shown is an
    estimate; AWS's bill decides.
    """
    if bool(names) == everything:
        raise BadInput("Name the machines to give back, or use --all")
    keeper, where = choices.keeper(), choices.region
    asked = not yes and choices.interactive
    if asked:
        ending = keeper.everything(where) if everything else names
        _ask(choices, ending, keeper.boxes(ending, where), everything=everything)
    report = keeper.down(names, where, everything=everything, keep_boxes=not (yes or asked))
    _show(choices, report)
    if report.left:
        raise left_behind(report.left)


def _ask(
    choices: Choices, names: Sequence[str], boxes: Sequence[MachineReport], *, everything: bool
) -> None:
    """Ask where a disk with somebody's work would go, or where nobody said which machines."""
    for box in boxes:
        ran = f"has run for {words(box.ran)}" if box.ran else f"is {box.machine.summary()}"
        told = f"{box.machine.name} {ran}; its disk is deleted, with all that is on it."
        click.echo(plain_text(told), err=True)
    if boxes or everything:
        agreed(choices, f"Give back {', '.join(names) or 'nothing'}?")


def _sum(costs: Sequence[render.Row], key: str) -> float | None:
    amounts = [cost[key] for cost in costs]
    return None if None in amounts else sum(amounts)


def _show(choices: Choices, report: DownReport) -> None:
    told = report.to_dict()
    ended, costs = told["ended"], told["costs"]
    if choices.output != "table":
        extra = {"ended": ended, "left": told["left"], "costs": costs}
        rows = render.HeadedRows(ended, ResourceId("", "", "").to_dict())
        render.emit(choices, "down", rows, columns=ENDED, warnings=report.warnings, extra=extra)
        return
    render.emit(choices, "down", ended, columns=ENDED, warnings=report.warnings)
    if costs:
        click.echo("\nWhat it cost (estimate):")
        render.emit(choices, "costs", costs, columns=COSTS)
        disk, address, whole = (
            render.total(_sum(costs, each)) for each in ("disk_usd", "address_usd", "total_usd")
        )
        sums = f"With disks ({disk}) and public addresses ({address}) {whole} in all."
        click.echo(plain_text(sums))
        if unseen := sum(cost["unseen"] for cost in costs):
            click.echo(plain_text(f"{counted(unseen, 'stop')} not seen: it is at most so much."))
    if not told["left"]:
        click.echo("Nothing is left.")
