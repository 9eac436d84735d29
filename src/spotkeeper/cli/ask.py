"""Asking the user, where there is one."""

import click

from spotkeeper.cli.context import Choices
from spotkeeper.cli.text import plain_text
from spotkeeper.errors import Declined


def agreed(choices: Choices, question: str) -> None:
    """Go on only if the user says yes.

    Raises:
        Declined: the user said no, or there is no terminal to ask at.
    """
    if not choices.interactive:
        raise Declined("There is no terminal to ask at")
    if not click.confirm(plain_text(question), err=True):
        raise Declined("Nothing was changed", next_step="Run the command again when ready.")
