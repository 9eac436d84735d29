"""One question to several regions at once.

``concurrent.futures`` does this too, but to import it takes as long as to rank a region's market.
"""

from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

#: Every region is its own endpoint with its own throttle.
AT_ONCE = 16


def answers(ask: Callable[[K], V], keys: Iterable[K]) -> dict[K, V]:
    """The answer to every key, in the order of the keys.

    Raises:
        Exception: what ``ask`` raised for the first key that it raised anything for.
    """
    asked = list(dict.fromkeys(keys))
    found: dict[K, V] = {}
    raised: dict[K, Exception] = {}
    waiting: SimpleQueue[K] = SimpleQueue()
    for key in asked:
        waiting.put(key)

    def work() -> None:
        for key in _taken(waiting):
            try:
                found[key] = ask(key)
            except Exception as problem:  # raised again below, where somebody hears of it
                raised[key] = problem

    threads: list[Thread] = []
    # What is remembered is answered before a second thread is started.
    while len(threads) < AT_ONCE and not waiting.empty():
        threads.append(Thread(target=work, daemon=True))
        threads[-1].start()
    for thread in threads:
        thread.join()
    if first := next((raised[key] for key in asked if key in raised), None):
        raise first
    return {key: found[key] for key in asked}


def _taken(waiting: "SimpleQueue[K]") -> Iterator[K]:
    while True:
        try:
            yield waiting.get_nowait()
        except Empty:
            return
