"""``spot forward``."""

import click

from spotkeeper.cli import suggestions
from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.cli.terminal import plain_text


@click.command(name="forward", short_help="Open ports of a machine on this computer.")
@click.argument("name", shell_complete=suggestions.machines)
@click.argument("ports", metavar="[LOCAL:]PORT...", nargs=-1, required=True)
@click.option("--open", "opens", is_flag=True, help="Open them in the browser.")
@global_options
@pass_choices
def command(choices: Choices, /, name: str, ports: tuple[str, ...], *, opens: bool) -> None:
    """Have ports of this computer lead to those of a machine until Ctrl-C, and print their URLs.

    They open again after an interruption of the machine, and after a sleep of this computer.
    Nobody else can use them.

    Example: spot forward train 8888 --open
    """

    def opened(urls: tuple[str, ...]) -> None:
        choices.talk.finish()
        for url in urls:
            click.echo(plain_text(url))
            if opens:
                click.launch(url)

    choices.keeper().forward(name, ports, choices.region, opened=opened)
