"""How the life of a machine is told."""

import click

from spotkeeper.cli import records, render
from spotkeeper.cli.context import Choices
from spotkeeper.cli.text import plain_text
from spotkeeper.keeper.results import History


def _time(row: render.Row) -> str:
    return str(row["at"]).replace("T", " ").removesuffix("Z")


def _ran(row: render.Row) -> str:
    seconds = row["ran_seconds"]
    return "" if seconds is None else render.seconds(seconds)


def _cost(row: render.Row) -> str:
    return "" if row["ran_seconds"] is None else render.money(row["spot_usd"])


COLUMNS = (
    render.Column("Time (UTC)", _time),
    render.field("What happened", "text", wraps=True),
    render.Column("Ran", _ran, right=True),
    render.Column("Spot $", _cost, right=True),
)


def show(choices: Choices, found: History, warnings: tuple[str, ...]) -> None:
    """A line for each thing that happened; costs are estimates, of compute alone."""
    rows = [records.chapter(chapter) for chapter in found.chapters]
    extra = {"name": found.name, "lives": found.lives}
    render.emit(choices, "history", rows, columns=COLUMNS, warnings=warnings, extra=extra)
    earlier = found.lives - len({row["life"] for row in rows})
    if earlier and choices.output == "table":
        told = f"{earlier} earlier {'life' if earlier == 1 else 'lives'} of {found.name}"
        click.echo(plain_text(f"{told}: add --all to see everything"), err=True)
