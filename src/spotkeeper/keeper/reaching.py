"""The verbs that reach into a machine."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from spotkeeper.keeper.arguments import checked
from spotkeeper.keeper.read_only import ReadOnlyKeeper
from spotkeeper.keeper.regions import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spotkeeper.keeper.forward import Opened
    from spotkeeper.keeper.machines import MachineReader
    from spotkeeper.keeper.pull import Pulled
    from spotkeeper.keeper.push import Pushed
    from spotkeeper.ssh.shell import Login


class ReachingKeeper(ReadOnlyKeeper):
    """Logs in to machines, brings files there and back, and opens their ports here."""

    @cached_property
    def _reader(self) -> MachineReader:
        from spotkeeper.keeper.machines import MachineReader

        return MachineReader(self._edges)

    @checked()
    def ssh(self, name: str, regions: Sequence[str] = ()) -> Login:
        """How to reach a running machine.

        Raises:
            NotFound, Refused: no such machine, or it has no address now.
        """
        return self._reader.way_in(name, listed(regions, self._edges), self._talk)

    @checked()
    def push(
        self,
        name: str,
        path: Path | str = ".",
        destination: str | None = None,
        regions: Sequence[str] = (),
        *,
        delete: bool = False,
    ) -> Pushed:
        """Bring a file, or what is in a folder, into a folder of a running machine, by default
        ``~/NAME``; with ``delete`` what is here no more goes there, too. What git ignores stays,
        on both sides.

        Raises:
            NotFound, Refused: no such machine, or it has no address now.
            SpotkeeperError: it could not be reached, or something not be read or written.
        """
        from spotkeeper.keeper.push import pushed

        login = self._reader.reachable(name, listed(regions, self._edges), self._talk)
        return pushed(login, Path(path), destination, self._talk, delete=delete)

    @checked()
    def pull(
        self,
        name: str,
        remote: str | None = None,
        local: Path | str | None = None,
        regions: Sequence[str] = (),
    ) -> Pulled:
        """Fetch a file, or what is in a folder, of a running machine into a folder of this
        computer, by default its run's output.

        Raises:
            NotFound: no such machine, or there is nothing of that name there.
            Refused: it has no address now.
            SpotkeeperError: it could not be reached, or something not be read or written.
        """
        from spotkeeper.keeper.pull import pulled

        login = self._reader.reachable(name, listed(regions, self._edges), self._talk)
        return pulled(login, remote, None if local is None else Path(local), self._talk)

    @checked()
    def forward(
        self, name: str, ports: Sequence[str], regions: Sequence[str] = (), *, opened: Opened
    ) -> None:
        """Keep ports of a machine, written as ``PORT`` or ``LOCAL:PORT``, open on this computer
        until Ctrl-C; ``opened`` is told their URLs once they are.

        Raises:
            BadInput: a port of this computer is taken.
            NotFound: no such machine, or it is stopped, and not by EC2.
            SpotkeeperError: it could not be reached.
        """
        from spotkeeper.keeper.forward import Forwarded, Forwarding

        wanted = tuple(map(Forwarded.of, ports))
        clock = self._edges.clock
        kept = Forwarding(name, wanted, self._reader, clock, self._talk, opened)
        kept.keep(listed(regions, self._edges))
