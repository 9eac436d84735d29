"""The journal for whoever only reads, or ends: what this computer refuses is said, and no more.

A full disk or a damaged file must keep nobody from giving machines back; AWS's own tags find them.
A launch uses the journal itself, which refuses before anything is made.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from spotkeeper.errors import StoreProblem
from spotkeeper.model.journal_entry import Damaged, Entry
from spotkeeper.model.lives import is_damaged

if TYPE_CHECKING:
    from spotkeeper.lifecycle.ports import Clock, Journal


class BestEffortJournal:
    """A journal that raises no ``StoreProblem``, but remembers it as a warning."""

    def __init__(self, journal: "Journal", clock: "Clock") -> None:
        self._journal = journal
        self._clock = clock
        self._told: dict[str, None] = {}
        self._damaged: dict[str, None] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What could not be used so far, and what to do about it."""
        still = [damaged(name) for name in self._damaged if is_damaged(self.read(name))]
        return (*self._told, *still)

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold the name, where this computer can; raises ``Busy`` where another process does."""
        with ExitStack() as held:
            with self._noted():
                held.enter_context(self._journal.lock(name))
            yield

    def append(self, name: str, entry: Entry) -> None:
        """Write an entry, where this computer can."""
        with self._noted():
            self._journal.append(name, entry)

    def read(self, name: str) -> Sequence[Entry]:
        """All entries of a name; one that cannot be read at all may own anything."""
        found: Sequence[Entry] = (Damaged(self._clock.now()),)
        with self._noted():
            found = self._journal.read(name)
            if is_damaged(found):
                self._damaged[name] = None
        return found

    def names(self) -> tuple[str, ...]:
        """Every name with a record, as far as it can be read."""
        found: list[str] = []
        with self._noted():
            found += self._journal.names()
        return tuple(found)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except StoreProblem as problem:
            self._told[problem.paragraph()] = None


def damaged(name: str) -> str:
    """What a damaged line means, and what to do."""
    return (
        f"a line of the journal of {name} is damaged: the name may own what it does not know; run "
        f"`spot down {name}` to end all of it, in every region, or `spot sweep` to see it"
    )
