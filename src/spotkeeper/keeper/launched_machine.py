"""A machine as a program has it in its hands."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Protocol, Unpack

from spotkeeper.errors import BadInput, Interrupted
from spotkeeper.keeper.arguments import checked
from spotkeeper.keeper.results import MachineReport
from spotkeeper.lifecycle.teardown import left_behind
from spotkeeper.work.run_report import RunReport

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from spotkeeper.keeper.inputs import LogWords, RunWords
    from spotkeeper.keeper.logs import RunLog
    from spotkeeper.keeper.pull import Pulled
    from spotkeeper.keeper.push import Pushed
    from spotkeeper.keeper.results import DownReport


class MachineKeeper(Protocol):
    """Who launched a machine; ``Keeper`` is one."""

    def push(
        self, name: str, path: Path | str, destination: str | None, regions: Sequence[str]
    ) -> Pushed:
        """Bring files there."""

    def pull(
        self, name: str, remote: str | None, local: Path | str | None, regions: Sequence[str]
    ) -> Pulled:
        """Fetch files from there."""

    def run(
        self, name: str, command: Sequence[str], regions: Sequence[str], **words: Unpack[RunWords]
    ) -> RunReport:
        """Start a command there."""

    def logs(self, name: str, regions: Sequence[str], **words: Unpack[LogWords]) -> RunLog:
        """What its run printed."""

    def cancel(self, name: str, regions: Sequence[str]) -> RunReport:
        """End its run."""

    def down(self, names: Sequence[str], regions: Sequence[str]) -> DownReport:
        """Give machines back."""


@dataclass(frozen=True, repr=False)
class StartedRun(RunReport):
    """A command that was started a moment ago, as it was then.

    for line in run.logs(follow=True):
        print(line)
    """

    keeper: MachineKeeper = field(kw_only=True, compare=False)
    region: str = field(kw_only=True)

    def logs(self, **words: Unpack[LogWords]) -> RunLog:
        """As ``Keeper.logs``."""
        return self.keeper.logs(self.name, (self.region,), **words)

    def cancel(self) -> RunReport:
        """As ``Keeper.cancel``."""
        return self.keeper.cancel(self.name, (self.region,))


@dataclass(frozen=True, slots=True, repr=False)
class LaunchedMachine(MachineReport):
    """A machine that was launched a moment ago; a ``with`` block gives it back at its end,
    whatever happened in it.

    with keeper.up(plan) as machine:
        print(machine.login.line())
    """

    keeper: MachineKeeper | None = field(default=None, compare=False)

    @classmethod
    def of(cls, report: MachineReport, keeper: MachineKeeper) -> LaunchedMachine:
        """The machine of a report, with who ends it."""
        facts = {each.name: getattr(report, each.name) for each in fields(MachineReport)}
        return cls(**facts, keeper=keeper)

    def push(self, path: Path | str = ".", destination: str | None = None) -> Pushed:
        """As ``Keeper.push``."""
        return self._keeper.push(self.machine.name, path, destination, (self.machine.region,))

    def pull(self, remote: str | None = None, local: Path | str | None = None) -> Pulled:
        """As ``Keeper.pull``."""
        return self._keeper.pull(self.machine.name, remote, local, (self.machine.region,))

    def run(self, command: Sequence[str], **words: Unpack[RunWords]) -> StartedRun:
        """As ``Keeper.run``."""
        region = self.machine.region
        report = self._keeper.run(self.machine.name, command, (region,), **words)
        facts = {each.name: getattr(report, each.name) for each in fields(RunReport)}
        return StartedRun(**facts, keeper=self._keeper, region=region)

    @property
    def _keeper(self) -> MachineKeeper:
        if self.keeper is None:
            raise BadInput(f"{self.machine.name} was not launched by a keeper")
        return self.keeper

    def __enter__(self) -> LaunchedMachine:
        return self

    @checked()
    def __exit__(self, *_: object) -> None:
        """Raises ``LeftBehind`` where something of it is left, and ``Interrupted`` where somebody
        does not want to wait for its end."""

        name, region = self.machine.name, self.machine.region
        try:
            report = self._keeper.down((name,), (region,))
        except KeyboardInterrupt:
            raise Interrupted(
                f"Interrupted while {name} was given back: it may still exist",
                next_step=f"Run `spot down {name}` to end it.",
            ) from None
        if report.left:
            raise left_behind(report.left)
