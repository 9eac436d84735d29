"""``spot ssh``."""

import click

from spotkeeper.cli import suggestions
from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.ssh import shell
from spotkeeper.store.folders import private_folder


@click.command(
    name="ssh",
    short_help="Log in to a machine, or run a command on it.",
    context_settings={"ignore_unknown_options": False},
)
@click.argument("name", shell_complete=suggestions.machines)
@click.argument("remote", metavar="[-- COMMAND...]", nargs=-1, type=click.UNPROCESSED)
@click.option("--print", "only_print", is_flag=True, help="Print the ssh line and do nothing.")
@global_options
@pass_choices
def command(choices: Choices, name: str, remote: tuple[str, ...], only_print: bool) -> int:  # noqa: FBT001
    """Log in to a machine, or run a command on it.

    The host key is remembered per machine, never in your own known_hosts. The exit code is that
    of ssh. Machines of the sandbox are logged in to as well.

    Example: spot ssh train -- nvidia-smi
    """
    login = choices.keeper().ssh(name, choices.region)
    private_folder(login.known_hosts.parent)
    if only_print:
        click.echo(login.line(remote))
        return 0
    shell.refuse_simulated(login, name)
    return shell.run(login.command(remote))
