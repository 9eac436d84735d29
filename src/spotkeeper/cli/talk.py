"""What is said while something takes time: on stderr, never in the data."""

import sys
from datetime import timedelta

import click

from spotkeeper.cli.text import plain_text
from spotkeeper.model.duration import words

#: Without a terminal a wait is mentioned this often.
QUIET_FOR = timedelta(seconds=15)


class TerminalTalk:
    """One line that is rewritten on a terminal; a line now and then elsewhere."""

    def __init__(self) -> None:
        self._last = ""
        self._told_at = timedelta(0)
        self._open = False

    def say(self, text: str) -> None:
        """A step was taken."""
        self._end_line()
        click.echo(plain_text(text), err=True)

    def waiting(self, text: str, elapsed: timedelta) -> None:
        """Still waiting for something."""
        line = plain_text(f"{text} ({words(elapsed)})")
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[2K{line}", err=True, nl=False)
            self._open = True
        elif text != self._last or elapsed - self._told_at >= QUIET_FOR:
            self._told_at = elapsed
            click.echo(line, err=True)
        self._last = text

    def _end_line(self) -> None:
        if self._open:
            click.echo(err=True)
            self._open = False
