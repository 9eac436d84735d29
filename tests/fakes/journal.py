"""A journal in memory; it survives the death of the program that wrote it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.fakes.fate import Fate

from spotkeeper.errors import Busy
from spotkeeper.model.journal_entry import Event, What


class MemoryJournal:
    """Behaves as the journal on the disk does."""

    def __init__(self, fate: Fate | None = None) -> None:
        self.fate = fate or Fate()
        self._events: dict[str, list[Event]] = defaultdict(list)
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

    def append(self, name: str, event: Event) -> None:
        told = f"journal {event.what}"
        self.fate.before(told)
        self._events[name].append(event)
        self.fate.after(told)

    def damage(self, name: str, position: int) -> None:
        """An entry that was whole cannot be read any more; it is as old as the one after it."""
        events = self._events[name]
        later = events[position + 1] if position + 1 < len(events) else events[position]
        events[position] = Event(later.at, What.DAMAGED)

    def read(self, name: str) -> Sequence[Event]:
        return tuple(self._events.get(name, ()))

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._events))
