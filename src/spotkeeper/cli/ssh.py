"""``spot ssh``."""

import getopt
from collections.abc import Sequence

import click

from spotkeeper.cli import suggestions
from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.cli.terminal import plain_text
from spotkeeper.errors import BadInput
from spotkeeper.ssh import shell
from spotkeeper.store.folders import private_folder

#: Short options of ssh(1), a colon behind those that take a value.
SSH_OPTIONS = "46AaB:b:Cc:D:E:e:F:fGgI:i:J:Kkl:L:MmNnO:o:P:p:Q:qR:S:sTtVvW:w:XxYy"


class SshCommand(click.Command):
    """What stands behind ``--`` is for the machine, to the letter."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put it aside, once the machine is named."""
        cut = args.index("--") if "--" in args else 0
        if any(not each.startswith("-") for each in args[:cut]):
            ctx.meta[__name__], args = args[cut + 1 :], args[:cut]
        return super().parse_args(ctx, args)


@click.command(
    name="ssh",
    cls=SshCommand,
    short_help="Log in to a machine, or run a command on it.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("name", shell_complete=suggestions.machines)
@click.argument(
    "typed", metavar="[OPTION OF SSH]... [[--] COMMAND...]", nargs=-1, type=click.UNPROCESSED
)
@click.option("--print", "only_print", is_flag=True, help="Print the ssh line and do nothing.")
@click.option("--config", "only_config", is_flag=True, help="Print a section for ~/.ssh/config.")
@global_options
@pass_choices
def command(
    choices: Choices, /, *, name: str, typed: tuple[str, ...], only_print: bool, only_config: bool
) -> int:
    """Log in to a machine, or run a command on it; options of ssh are passed on.

    The host key is remembered per machine, never in your own known_hosts. The exit code is that
    of ssh. Machines of the sandbox are logged in to as well.

    \b
    Examples:
      spot ssh train -- nvidia-smi
      spot ssh train -N -L 8888:localhost:8888
      spot ssh train --config >> ~/.ssh/config     (for scp, rsync and editors)
    """
    options, remote = _split(typed)
    remote += click.get_current_context().meta.get(__name__, [])
    login = choices.keeper().ssh(name, choices.region)
    private_folder(login.known_hosts.parent)
    if only_config:
        for line in login.config().splitlines():
            click.echo(plain_text(line))
        return 0
    if only_print:
        click.echo(login.line(remote, options))
        return 0
    shell.refuse_simulated(login)
    return shell.run(login.command(remote, options))


def _split(typed: Sequence[str]) -> tuple[list[str], list[str]]:
    """The options of ssh, and the command behind them."""
    try:
        _, remote = getopt.getopt([*typed], SSH_OPTIONS)
    except getopt.GetoptError as problem:
        raise BadInput(
            f"ssh: {problem.msg}", next_step="See `spot ssh --help` and `man ssh`."
        ) from None
    return [*typed[: len(typed) - len(remote)]], remote
