"""A mapping of which only a few values are ever asked for."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

S = TypeVar("S")
V = TypeVar("V")


class Derived(Mapping[str, V]):
    """Another mapping's values, made into something else when they are asked for.

    A region has a thousand types, and a ranking asks for the cheapest of them.
    """

    def __init__(self, source: Mapping[str, S], make: Callable[[S], V]) -> None:
        self._source = source
        self._make = make

    def __getitem__(self, key: str) -> V:
        return self._make(self._source[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._source)

    def __len__(self) -> int:
        return len(self._source)
