"""How long EC2 is waited for, and how often it is asked meanwhile."""

from collections.abc import Iterator
from datetime import timedelta

from spotkeeper.lifecycle.ports import Clock

#: EC2 needs about a minute to a running instance, GPU machines a few more to a login, and up to a
#: few minutes to end one and free its network interface.
PATIENCE = timedelta(minutes=10)

FIRST_PAUSE = timedelta(seconds=0.5)
LONGEST_PAUSE = timedelta(seconds=5)


def looks(clock: Clock, patience: timedelta = PATIENCE) -> Iterator[timedelta]:
    """The time elapsed at each look: at once, then ever more seldom, until patience ends."""
    began = clock.now()
    pause = FIRST_PAUSE
    while True:
        elapsed = clock.now() - began
        yield elapsed
        if elapsed >= patience:
            return
        clock.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
