"""``spot logs``."""

import sys
from typing import Any

import click

from spotkeeper.cli import suggestions
from spotkeeper.cli.context import Choices, global_options, pass_choices
from spotkeeper.cli.terminal import plain_text
from spotkeeper.errors import Interrupted
from spotkeeper.keeper.logs import RunLog


@click.command(name="logs", short_help="Print the output of a machine's run, or follow it.")
@click.argument("name", shell_complete=suggestions.machines)
@click.option("-f", "--follow", is_flag=True, help="To the end of the run, across interruptions.")
@click.option("-n", "lines", metavar="N", type=click.IntRange(1), help="The last lines only.")
@click.option("--since", metavar="TIME", help="What was printed since then, such as 10m.")
@click.option(
    "--attempt", type=click.IntRange(0), metavar="N", help="Of one attempt; 0 is set-up."
)
@click.option("--raw", is_flag=True, help="The bytes as they are, also values of --env.")
@global_options
@pass_choices
def command(choices: Choices, /, name: str, **given: Any) -> int:
    """Print what the command of `spot run` printed: its latest attempt.

    With -f it is followed to its end, also while EC2 has taken the machine; the exit code then is
    0 if the run finished, else 1. Values given with --env are shown as ***.
    """
    return show_log(choices, choices.keeper().logs(name, choices.region, **given))


def show_log(choices: Choices, log: RunLog) -> int:
    """Print the pieces as they come; the exit code.

    Raises:
        Interrupted: by Ctrl-C, while the run goes on.
    """
    out = sys.stdout if choices.output == "table" else sys.stderr
    try:
        for piece in log.pieces():
            choices.talk.finish()
            if out.isatty() and not log.wish.raw:
                out.write(_for_terminal(piece))
            else:
                out.flush()
                out.buffer.write(piece)
            out.flush()
    except KeyboardInterrupt:
        if not log.wish.follow:
            raise
        raise Interrupted(
            f"The run on {log.name} goes on",
            next_step=f"`spot logs -f {log.name}` follows it, `spot cancel {log.name}` ends it.",
        ) from None
    return 0 if log.report is None or log.report.is_done else 1


def _for_terminal(piece: bytes) -> str:
    """Progress bars may go back on their line; nothing else moves anybody's cursor."""
    text = piece.decode("utf-8", "replace")
    return "".join(each if each in "\r\n\t" else plain_text(each) for each in text)
