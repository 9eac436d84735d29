"""What ``--help`` prints can be read on a narrow terminal, and says what each option is."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from spotkeeper.cli.app import spot


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        with click.Context(command) as ctx:
            for name in command.list_commands(ctx):
                if below := command.get_command(ctx, name):
                    yield from commands(below, f"{path} {name}")


EVERY = dict(commands(spot, "spot"))

ROOT = Path(__file__).parents[3]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/spotkeeper/**/*.py")]

#: How a command is named: in quotes, and in a page at the beginning of a line, too.
NAMED = {".py": r"`spot ([a-z][^`\n]*)`", ".md": r"(?:`|^\$ |^)spot ([a-z][^`\n#|>]*)"}

#: click remembers in a command which options are its help, from the first context that asks.
SETTINGS = spot.context_settings


@pytest.mark.parametrize("width", [60, 80])
def test_every_line_of_help_fits_but_a_line_that_is_to_be_copied(width: int) -> None:
    for path, command in EVERY.items():
        ctx = click.Context(command, info_name=path, terminal_width=width, **SETTINGS)
        for line in command.get_help(ctx).splitlines():
            is_example = line.startswith(("    spot ", "  bash:", "  zsh:", "  fish:"))
            assert len(line) <= (80 if is_example else width), (path, line)


def test_every_option_says_what_it_is_and_what_it_takes_in_words_of_ours() -> None:
    for path, command in EVERY.items():
        with click.Context(command, info_name=path, **SETTINGS) as ctx:
            for option in command.params:
                help_of = option.get_help_record(ctx)
                if isinstance(option, click.Option) and not option.hidden:
                    assert help_of is not None, (path, option.name)
                    assert help_of[1], (path, option.name)
                    words = set(help_of[0].replace("[", " ").split())
                    assert not words & {"INTEGER", "FLOAT", "RANGE"}, (path, help_of)


def test_every_command_that_a_message_or_a_page_names_exists_with_its_options() -> None:
    named = [
        (page.name, line)
        for page in PAGES
        for line in re.findall(NAMED[page.suffix], page.read_text(), re.M)
    ]
    assert len(named) > 300
    for page, line in named:
        first, *rest = line.split(" -- ")[0].split()
        longer = f"spot {first} {rest[0] if rest else ''}"
        command = EVERY.get(longer, EVERY.get(f"spot {first}"))
        assert command, (page, line)
        known = {name for option in command.params for name in option.opts} | {"--help"}
        typed = {word.split("=")[0].rstrip(".,;") for word in rest}
        assert {word for word in typed if re.match("--?[a-z]", word)} <= known, (page, line)
