"""What is said while something takes time: on stderr, never in the data."""

import contextlib
import sys
import unicodedata
from datetime import timedelta

import click

from spotkeeper.model.duration import words
from spotkeeper.timings import QUIET_FOR

#: Unicode categories that can move the cursor, hide text or turn it around; of what Python does
#: not know yet (Cn), nobody can say.
_UNSAFE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


def plain_text(text: str) -> str:
    """The text without control, formatting and bidirectional characters: one line."""
    if text.isprintable():
        return text
    return "".join(
        " " if unicodedata.category(character) in _UNSAFE else character for character in text
    )


def drawable(signs: str, plain: str, encoding: str | None) -> str:
    """The signs, or plain characters where an encoding lacks them."""
    try:
        signs.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return plain
    return signs


def terminal_width() -> int:
    """How many characters fit on a line, 80 where nobody knows."""
    import shutil  # for a table only, with the packers of archives behind it

    return shutil.get_terminal_size().columns


#: Back to the beginning of the line, and nothing on it.
ERASE = "\r\x1b[2K"


class TerminalTalk:
    """One line that is rewritten on a terminal; a line now and then elsewhere."""

    def __init__(self) -> None:
        self._last = ""
        self._told_at = timedelta(0)
        self._open = False

    def say(self, text: str) -> None:
        """A step was taken."""
        self.finish()
        _tell(plain_text(text))

    def waiting(self, text: str, elapsed: timedelta, detail: str = "") -> None:
        """Still waiting for something; ``detail`` is shown on a terminal only."""
        line = f"{text} ({words(elapsed)})"
        if sys.stderr.isatty():
            shown = f"{line} {detail}"[: terminal_width() - 1].rstrip()
            _tell(f"{ERASE}{plain_text(shown)}", nl=False)
            self._open = True
        elif text != self._last or elapsed - self._told_at >= QUIET_FOR:
            self._told_at = elapsed
            _tell(plain_text(line))
        self._last = text

    def finish(self) -> None:
        """Take the line of a wait away, so that what comes next stands alone."""
        if self._open:
            _tell(ERASE, nl=False)
            self._open = False


def _tell(text: str, *, nl: bool = True) -> None:
    """Talk never stops what it tells of: a full disk under a log is no reason to end a launch."""
    with contextlib.suppress(OSError):
        click.echo(text, err=True, nl=nl)
