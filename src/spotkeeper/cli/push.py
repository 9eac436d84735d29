"""``spot push``."""

from pathlib import Path

import click

from spotkeeper.cli import render, suggestions
from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.cli.terminal import plain_text

COLUMNS = (render.field("Name", "name"), render.field("Destination", "destination"))


@click.command(name="push", short_help="Bring files to a machine.")
@click.argument("name", shell_complete=suggestions.machines)
@click.argument("path", default=".", type=click.Path(path_type=Path))
@click.argument("dest", required=False)
@click.option("--delete", is_flag=True, help="Delete there what is here no more.")
@global_options
@pass_choices
def command(choices: Choices, /, name: str, path: Path, dest: str | None, *, delete: bool) -> None:
    """Bring a file, or what is in the folder PATH, into the folder DEST of a machine: the working
    folder into ~/NAME by default.

    In a folder that git knows, what it ignores stays here and is never deleted there; name an
    ignored folder to bring it. Links, modes and times stay. By rsync where both sides have it,
    which goes on where it was cut off, else by tar.

    Example: spot push train data ~/data
    """
    found = choices.keeper().push(name, path, dest, choices.region, delete=delete)
    choices.talk.finish()
    if choices.output != "table":
        render.emit(choices, "push", [found.to_dict()], columns=COLUMNS, warnings=())
        return
    gone = f", {len(found.deleted)} deleted there" if delete else ""
    click.echo(plain_text(f"{name}: {path} is in {found.destination}{gone}"))
