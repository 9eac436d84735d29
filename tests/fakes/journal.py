"""A journal in memory; it survives the death of the program that wrote it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.fakes.fate import Fate

from spotkeeper.errors import Busy
from spotkeeper.model.journal_entry import Damaged, Entry


class MemoryJournal:
    """Behaves as the journal on the disk does."""

    def __init__(self, fate: Fate | None = None) -> None:
        self.fate = fate or Fate()
        self._events: dict[str, list[Entry]] = defaultdict(list)
        self._held: set[str] = set()

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        if name in self._held:
            raise Busy(f"Another spot command is working on {name}")
        self._held.add(name)
        try:
            yield
        finally:
            self._held.discard(name)

    def append(self, name: str, entry: Entry) -> None:
        told = f"journal {entry.kind}"
        self.fate.before(told)
        self._events[name].append(entry)
        self.fate.after(told)

    def damage(self, name: str, position: int) -> None:
        """An entry that was whole cannot be read any more; it is as old as the one after it."""
        entries = self._events[name]
        later = entries[position + 1] if position + 1 < len(entries) else entries[position]
        entries[position] = Damaged(later.at)

    def read(self, name: str) -> Sequence[Entry]:
        return tuple(self._events.get(name, ()))

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._events))
