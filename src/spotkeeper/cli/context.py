"""Options that every command has, before and after the verb, and what follows from them."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import click

from spotkeeper.cli.options import as_click
from spotkeeper.cli.terminal import TerminalTalk, plain_text
from spotkeeper.errors import BadInput, Declined
from spotkeeper.model.option import PROFILE, REGIONS

if TYPE_CHECKING:
    from spotkeeper.keeper.keeper import Keeper
    from spotkeeper.model.risk import Work


F = TypeVar("F", bound=Callable[..., Any])

OUTPUTS = ("table", "json", "csv")


@dataclass
class Choices:
    """What the user chose; filled while the command line is read.

    ``runs``          the machine that this command made, to be told of if its answer cannot be
                      written.
    ``command_path``  what was typed, as far as it is commands.
    """

    profile: str | None = None
    region: tuple[str, ...] = ()
    endpoint_url: str | None = None
    sandbox: bool = False
    output: str = "table"
    no_color: bool = False
    debug: bool = False
    runs: str = ""
    command_path: str = field(default="spot", compare=False)
    work: "Work | None" = None
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    talk: TerminalTalk = field(default_factory=TerminalTalk, compare=False)

    def keeper(self, *, refresh: bool = False, offline: bool = False) -> "Keeper":
        """Connect as chosen; with ``refresh`` nothing that is remembered is believed, with
        ``offline`` nobody is asked."""
        from spotkeeper.keeper.keeper import Keeper
        from spotkeeper.keeper.wiring import Connection, wired
        from spotkeeper.model.risk import Work

        first = next((name for name in self.region if name != "any"), None)
        chosen = Connection(
            self.profile,
            first,
            self.endpoint_url,
            self.sandbox,
            refresh,
            offline,
            self.work or Work(),
            click.get_current_context().info_name or "",
        )
        edges = wired(chosen, environment=os.environ, on_call=self._count)
        return Keeper(edges, talk=self.talk)

    @property
    def interactive(self) -> bool:
        """Whether there is somebody to ask."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def close(self) -> None:
        """Say how many calls were made, where that was asked for."""
        if self.debug:
            self._print_calls()

    def _count(self, service: str, operation: str, region: str) -> None:
        self.calls[service, operation] += 1
        if self.debug:
            click.echo(plain_text(f"debug: {service} {operation} {region}"), err=True)

    def _print_calls(self) -> None:
        by_service: Counter[str] = Counter()
        for (service, _), count in self.calls.items():
            by_service[service] += count
        told = ", ".join(f"{count} {name}" for name, count in sorted(by_service.items()))
        click.echo(plain_text(f"debug: calls: {told or 'none'}"), err=True)


def keep(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Store a global option, wherever it stood; the last one wins."""
    choices = ctx.find_root().obj
    choices.command_path = ctx.command_path
    if value in (None, False, ()):
        return
    setattr(choices, str(parameter.name), value)


_GLOBAL = (
    as_click(PROFILE),
    as_click(REGIONS, "region"),
    click.option("--endpoint-url", metavar="URL", help="Another EC2-compatible server."),
    click.option("--sandbox", is_flag=True, help="Practise on the simulated EC2."),
    click.option(
        "--output",
        type=click.Choice(OUTPUTS),
        is_eager=True,  # known before another option is found to be wrong
        help="How to print; table by default.",
    ),
    click.option("--no-color", is_flag=True, help="No colours (also NO_COLOR)."),
    click.option("--debug", is_flag=True, help="Show and count the calls to AWS."),
)


def global_options(function: F) -> F:
    """Add the global options to a command or group."""
    for option in reversed(_GLOBAL):
        function = _quiet(option)(function)
    return function


def _quiet(option: Callable[[F], F]) -> Callable[[F], F]:
    """The option, stored in ``Choices`` instead of passed to the function."""

    def add(function: F) -> F:
        function = option(function)
        parameter = function.__click_params__[-1]  # type: ignore[attr-defined]
        parameter.callback = keep
        parameter.expose_value = False
        return function

    return add


class Commands(click.Group):
    """A group that says which of its commands was meant."""

    #: What others call them.
    also_called: ClassVar[Mapping[str, str]] = {}

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Says which command was meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchOption:
            raise
        except click.UsageError:
            from spotkeeper.model.spelling import did_you_mean

            path = ctx.command_path
            known = {name: name for name in self.list_commands(ctx)} | {**self.also_called}
            lines = {word: f"`{path} {meant}`" for word, meant in known.items()}
            step = did_you_mean(args[0], known, f"See `{path} --help`.", shown=lines)
            raise BadInput(f"No such command {args[0]!r}", next_step=step) from None


pass_choices = click.make_pass_decorator(Choices)


def agreed(choices: Choices, question: str) -> None:
    """Go on only if the user says yes.

    Raises:
        Declined: the user said no, or there is no terminal to ask at.
    """
    if not choices.interactive:
        raise Declined("There is no terminal to ask at")
    if not click.confirm(plain_text(question), err=True):
        raise Declined("Nothing was changed", next_step="Run the command again when ready.")
