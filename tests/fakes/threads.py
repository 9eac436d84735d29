"""Threads that are none: what is asked for is done at once, always in order."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import pytest

from spotkeeper.market import market

K = TypeVar("K")
V = TypeVar("V")


def one_by_one(ask: Callable[[K], V], keys: Iterable[K]) -> dict[K, V]:
    """Stands in for ``market.answers`` where a run must be the same every time."""
    return {key: ask(key) for key in dict.fromkeys(keys)}


def without_threads(patch: pytest.MonkeyPatch) -> None:
    """Make the product ask region after region."""
    patch.setattr(market, "answers", one_by_one)
