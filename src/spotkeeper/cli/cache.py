"""``spot cache``: what is remembered between commands."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime

import click

from spotkeeper.cli import render
from spotkeeper.cli.context import Choices, Commands, global_options, pass_choices
from spotkeeper.cli.terminal import plain_text
from spotkeeper.model.spelling import counted
from spotkeeper.store import cache
from spotkeeper.store.folders import Folders

COLUMNS = (
    render.field("What", "kind"),
    render.Column("Answers", lambda row: f"{row['answers']:,}", right=True),
    render.Column("Newest", lambda row: render.seconds(row["newest_seconds"]), right=True),
    render.Column("Oldest", lambda row: render.seconds(row["oldest_seconds"]), right=True),
    render.Column("kB", lambda row: f"{row['size_bytes'] / 1000:.0f}", right=True),
)

FIELDS = ("cache", "kind", "key", "at", "age_seconds", "size_bytes")


@click.group(
    name="cache",
    cls=Commands,
    short_help="Show or clear what is remembered of prices, types and images.",
    invoke_without_command=True,
)
@global_options
@click.pass_context
def command(context: click.Context) -> None:
    """Show what is remembered, with its age and size by this computer's clock; `spot cache clear`
    forgets it.

    Types are good for a week, prices of On-Demand and of disks for a day, interruption rates for
    half a day. Scores are good for 15 minutes, quotas for 5. Current prices are always asked for;
    the last ones are kept for --offline only.
    """
    if context.invoked_subcommand is None:
        _show(context.find_root().obj)


@command.command(short_help="Forget everything that is remembered.")
@global_options
@pass_choices
def clear(choices: Choices) -> None:
    """Forget everything that is remembered. Machines and the journal are not touched."""
    gone = cache.clear(_folders().cache)
    if choices.output == "table":
        click.echo(plain_text(f"{counted(gone, 'answer')} forgotten."))
    else:
        render.emit(choices, "cache", [{"cleared": gone}], columns=())


def _show(choices: Choices) -> None:
    now = datetime.now(UTC)
    found = (
        {
            "cache": name,
            "kind": entry.kind,
            "key": entry.key,
            "at": entry.at.isoformat(),
            "age_seconds": max(0, int((now - entry.at).total_seconds())),
            "size_bytes": entry.size_bytes,
        }
        for name, entry in cache.everything(_folders().cache)
    )
    rows = render.HeadedRows(found, FIELDS)
    shown = _by_kind(rows) if choices.output == "table" else rows
    render.emit(choices, "cache", shown, columns=COLUMNS)
    if not rows and choices.output == "table":
        click.echo("Nothing is remembered.", err=True)


def _by_kind(rows: Iterable[render.Row]) -> list[render.Row]:
    """A line for each kind of answer; ``--output json`` has every one."""
    found: dict[str, list[render.Row]] = {}
    for row in rows:
        found.setdefault(row["kind"], []).append(row)
    return [
        {
            "kind": kind,
            "answers": len(some),
            "newest_seconds": min(row["age_seconds"] for row in some),
            "oldest_seconds": max(row["age_seconds"] for row in some),
            "size_bytes": sum(row["size_bytes"] for row in some),
        }
        for kind, some in sorted(found.items())
    ]


def _folders() -> Folders:
    return Folders.of_user(os.environ)
