"""What befalls a program around its calls: it dies, or an answer is lost."""

from dataclasses import dataclass

from spotkeeper.errors import Unreachable


class Crash(BaseException):
    """The process was killed: nothing in the product may catch this."""


class Fate:
    """Nothing happens; counts every call to the cloud and every journal entry."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def before(self, call: str) -> None:
        """The call is about to take effect."""
        self.seen.append(call)

    def after(self, call: str) -> None:
        """The call has taken effect, its answer is on its way."""


class Killed(Fate):
    """The process dies at the n-th call (from 0), before or after it takes effect."""

    def __init__(self, at: int, *, after: bool) -> None:
        super().__init__()
        self._at = at
        self._after = after
        self._dead = False

    def before(self, call: str) -> None:
        if self._dead:
            raise Crash(call)
        super().before(call)
        if len(self.seen) - 1 == self._at and not self._after:
            self._die(call)

    def after(self, call: str) -> None:
        if len(self.seen) - 1 == self._at and self._after:
            self._die(call)

    def _die(self, call: str) -> None:
        self._dead = True
        raise Crash(call)


class LostAnswer(Fate):
    """No answer comes to the n-th call; whether it took effect is for the test to say."""

    def __init__(self, at: int, *, after: bool) -> None:
        super().__init__()
        self._at = at
        self._after = after

    def before(self, call: str) -> None:
        super().before(call)
        if not self._after:
            self._maybe_lose(call)

    def after(self, call: str) -> None:
        if self._after:
            self._maybe_lose(call)

    def _maybe_lose(self, call: str) -> None:
        if len(self.seen) - 1 == self._at and not call.startswith("journal"):
            raise Unreachable(f"{call}: no answer")


@dataclass(frozen=True)
class Blow:
    """What befalls the program at its n-th call or journal entry, counted from 0."""

    at: int
    kind: str  # killed or lost, before or after the call takes effect


class Struck(Fate):
    """One blow, or several; a process that was killed does nothing more."""

    def __init__(self, *blows: Blow) -> None:
        super().__init__()
        self._blows = {(blow.at, blow.kind) for blow in blows}
        self._dead = False

    def before(self, call: str) -> None:
        if self._dead:
            raise Crash(call)
        super().before(call)
        self._strike(call, "before")

    def after(self, call: str) -> None:
        if not self._dead:
            self._strike(call, "after")

    def _strike(self, call: str, when: str) -> None:
        at = len(self.seen) - 1
        if (at, f"killed {when}") in self._blows:
            self._dead = True
            raise Crash(call)
        if (at, f"lost {when}") in self._blows and not call.startswith("journal"):
            raise Unreachable(f"{call}: no answer")
