"""An edge that is made late is made once, at its first use."""

from collections.abc import Callable
from threading import Barrier, Thread

from spotkeeper.keeper.edges import late


class Bell:
    def __init__(self) -> None:
        self.rung = 0

    def ring(self) -> int:
        self.rung += 1
        return self.rung


def counted() -> tuple[Callable[[], Bell], list[Bell]]:
    made: list[Bell] = []

    def make() -> Bell:
        made.append(Bell())
        return made[-1]

    return make, made


def test_nothing_is_made_before_the_first_use() -> None:
    make, made = counted()
    bell = late(make)
    assert made == []
    assert [bell.ring(), bell.ring()] == [1, 2]
    assert len(made) == 1


def test_threads_that_come_at_once_get_the_same() -> None:
    make, made = counted()
    bell, start = late(make), Barrier(8)

    def use() -> None:
        start.wait()
        bell.ring()

    threads = [Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.rung for each in made] == [8]
