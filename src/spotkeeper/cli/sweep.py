"""``spot sweep``."""

from collections.abc import Sequence
from decimal import Decimal

import click

from spotkeeper.cli import render
from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.cli.terminal import plain_text
from spotkeeper.errors import LeftBehind
from spotkeeper.keeper.results import SweepReport
from spotkeeper.lifecycle.sweep import Verdict
from spotkeeper.model.money import usd_per_day
from spotkeeper.model.resource import ResourceId

#: EC2's names of what we make, in fewer letters.
SHORT = {
    "spot-instances-request": "request",
    "security-group": "group",
    "key-pair": "key",
    "launch-template": "template",
    "network-interface": "interface",
}

APPLY = "Run `spot sweep --apply` to end what is unwanted."
AGAIN = "Run `spot sweep --apply` again: it is safe to repeat."
LATER = "Run `spot sweep` again when the time that is given above has come."
UNREAD = "End what you do not want with `spot down NAME`."
REGIONS = "Run `spot sweep` again when what is named above answers."


def _what(row: render.Row) -> str:
    return f"{SHORT.get(row['kind'], row['kind'])} {row['id']}"


def _age(row: render.Row) -> str:
    return render.UNKNOWN if row["age_seconds"] is None else render.seconds(row["age_seconds"])


LEFT = (
    render.Column("Name", lambda row: row["name"] or render.UNKNOWN, spare=1),
    render.Column("What", _what, wraps=True, folds_at=22),
    render.field("Where", "region", spare=4),
    render.Column("Age", _age, right=True, spare=3),
    render.usd("$/h", "usd_per_hour"),
    render.field("Why", "reason", wraps=True),
)
#: What an item that is left tells besides its id.
JUDGED = ("reason", "name", "verdict", "age_seconds", "usd_per_hour")
ENDED = (render.Column("Ended", _what, wraps=True, folds_at=44), render.field("Where", "region"))


def show(choices: Choices, swept: SweepReport, *, applied: bool) -> None:
    """What was ended, what is left, what is kept, and what looks forgotten by others."""
    found = swept.to_dict()
    items = found["ended"] if applied else found["left"]
    if choices.output != "table":
        columns, judged = (ENDED, ()) if applied else (LEFT, JUDGED)
        rows = render.HeadedRows(items, (*ResourceId("", "", "").to_dict(), *judged))
        render.emit(choices, "sweep", rows, columns=columns, warnings=swept.warnings, extra=found)
        return
    render.emit(choices, "sweep", found["ended"], columns=ENDED, warnings=swept.warnings)
    if found["ended"] and found["left"]:
        click.echo()
    render.emit(choices, "sweep", found["left"], columns=LEFT)
    lines = [*_total(swept), *_kept(found["kept"]), *map(_other, found["others"])]
    click.echo(plain_lines(lines) if lines else "Nothing is left.")


def left_behind(swept: SweepReport, *, applied: bool) -> LeftBehind:
    """Why the exit code is 8, and what to type next."""
    verdicts = {each.resource_id: each.verdict for each in swept.found}
    told = {verdicts.get(each.resource_id) for each in swept.left}
    count = len(swept.left)
    if Verdict.UNWANTED in told:
        step = AGAIN if applied else APPLY
    elif Verdict.YOUNG in told:
        step = LATER
    else:
        step = REGIONS if None in told else UNREAD
    resource_ids = "1 thing is" if count == 1 else f"{count} things are"
    return LeftBehind(f"{resource_ids} left", next_step=step)


def plain_lines(lines: Sequence[str]) -> str:
    """Lines that are safe to show."""
    return "\n".join(map(plain_text, lines))


def _total(swept: SweepReport) -> list[str]:
    judged = {each.resource_id: each.resource for each in swept.found}
    costs = [
        judged[each.resource_id].usd_per_hour for each in swept.left if each.resource_id in judged
    ]
    if not costs:
        return []
    total = sum((usd for usd in costs if usd is not None), Decimal(0))
    told = f"Left: {render.rate(total)}, {render.total(usd_per_day(total))}/day"
    unknown = sum(usd is None for usd in costs)
    return [told + (f", and {unknown} of unknown cost" if unknown else "") + "."]


def _kept(kept: Sequence[render.Row]) -> list[str]:
    """One line for each reason, the machine's own first."""
    reasons: dict[str, list[render.Row]] = {}
    for row in kept:
        reasons.setdefault(row["reason"], []).append(row)
    return [f"Kept: {', '.join(map(_what, rows))} ({why})." for why, rows in reasons.items()]


def _other(row: render.Row) -> str:
    cost = "unknown" if row["usd_per_hour"] is None else render.rate(row["usd_per_hour"])
    return (
        f"Not spotkeeper's, and it looks forgotten: {_what(row)} in {row['region']}, {_age(row)} "
        f"old, {cost}: {row['reason']}. If so: {row['command']}"
    )


@click.command(
    name="sweep", short_help="Find what nobody wants any more, in all regions, and end it."
)
@click.option("--apply", "end", is_flag=True, help="End it; without, it is only listed.")
@global_options
@pass_choices
def command(choices: Choices, end: bool) -> None:  # noqa: FBT001
    """Find everything of yours that nobody wants any more, in all enabled regions.

    Lists Spot requests, instances, disks, snapshots, groups, keys, launch templates, fleets,
    network interfaces and schedules with their age, price and why they are unwanted; --apply ends
    them in the safe order. Only what carries spotkeeper's tag and your own owner id is touched.

    Kept is what this computer launched and did not give back, until its deadline. A machine that
    you launched on ANOTHER computer is unwanted here: look at the list before you add --apply.
    What is younger than five minutes and unknown here is left alone, and told of.

    Spot requests of others that look forgotten are shown with the command that ends them. The exit
    code is 8 while anything is left, and 0 when all is well. Safe to repeat.
    """
    swept = choices.keeper().sweep(choices.region, apply=end)
    show(choices, swept, applied=end)
    if swept.left:
        raise left_behind(swept, applied=end)
