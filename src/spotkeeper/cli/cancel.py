"""``spot cancel``."""

import click

from spotkeeper.cli import suggestions
from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.cli.run import show_run


@click.command(name="cancel", short_help="End the run of a machine; the machine stays.")
@click.argument("name", shell_complete=suggestions.machines)
@global_options
@pass_choices
def command(choices: Choices, /, name: str) -> None:
    """Ask for the end of the run of a machine.

    Its command is told with the signal of the run and has the time of --grace to save; what is
    left of it then is killed. A run that is over stays as it ended. `spot logs -f NAME` sees the
    end. While EC2 has taken the machine, or it is stopped, a tag keeps the wish: the run does not
    begin again when the machine is back.
    """
    report = choices.keeper().cancel(name, choices.region)
    if not report.run.is_over and not report.is_cancelled:
        choices.talk.say(f"{name}: its end was asked for; `spot logs -f {name}` sees it")
    show_run(choices, report)
