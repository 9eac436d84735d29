"""A pool of threads that is no such thing: what is asked for is done at once, always in order."""

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self, TypeVar

import pytest

T = TypeVar("T")
R = TypeVar("R")


class OneByOne:
    """Stands in for ``ThreadPoolExecutor`` where a run must be the same every time."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is left to wait for."""

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        return map(work, items)


def without_threads(patch: pytest.MonkeyPatch) -> None:
    """Make the product ask region after region, wherever a module gets its pool from."""
    for module in (
        "concurrent.futures",
        "spotkeeper.keeper.quota_facts",
        "spotkeeper.market.market",
    ):
        patch.setattr(f"{module}.ThreadPoolExecutor", OneByOne, raising=False)
