"""Which step a command has come to, as far as its output tells."""

import re
from collections.abc import Sequence
from typing import NamedTuple

#: How people print how far they are. Output may have several shapes: the one that tells most
#: counts, and of equals the first.
SHAPES = tuple(
    re.compile(shape, re.IGNORECASE)
    for shape in (
        rb"\b(?:global[ _]?)?step(?:s)?\b[\"' ]{0,2}[:=#/ ]{0,3}(\d{1,12})\b",
        rb"\b(?:iter(?:ation)?|it|batch)\b[\"' ]{0,2}[:=#/ ]{0,3}(\d{1,12})\b",
        rb"\b(\d{1,12})/\d{1,12} \[",  # tqdm's bar
        rb"\bepoch\b[\"' ]{0,2}[:=#/ ]{0,3}(\d{1,12})\b",
    )
)

#: A line that never ends is read up to here.
LONGEST_LINE = 64 << 10


class StepReader:
    """Reads the steps of one output as it comes. The step of a line that has not ended may still
    grow: it waits."""

    def __init__(self) -> None:
        self._rest = b""
        self._told: list[list[tuple[int, float]]] = [[] for _ in SHAPES]
        self.different: list[set[int]] = [set() for _ in SHAPES]

    def feed(self, data: bytes, at: float) -> None:
        """More of the output, which came at this time."""
        text = self._rest + data
        whole = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
        if len(text) - whole > LONGEST_LINE:
            whole = len(text)
        self._rest = text[whole:]
        for place, shape in enumerate(SHAPES):
            steps = [int(found.group(1)) for found in shape.finditer(text[:whole])]
            self._told[place] += [(step, at) for step in steps]
            self.different[place].update(steps)

    def steps(self, shape: int) -> list[tuple[int, float]]:
        """The steps that were told in this shape, and when."""
        return self._told[shape]


def best_shape(readers: Sequence[StepReader]) -> int:
    """The shape in which these outputs, of one command, tell most steps."""
    told = [sum(len(each.different[n]) for each in readers) for n in range(len(SHAPES))]
    return told.index(max(told))


class Repeats(NamedTuple):
    """Steps of several attempts, one after another, compared."""

    twice: int
    lost: Sequence[int]
    skipped: int


def compare(attempts: Sequence[Sequence[int]]) -> Repeats:
    """How many steps were run more than once, how many each interruption cost, and how many never
    ran. ``attempts`` are the numbers that each attempt told; where none follows, none was lost."""
    ran = [step for steps in attempts for step in set(steps)]
    lost = []
    for number, steps in enumerate(attempts[:-1], start=1):
        later = next((each for each in attempts[number:] if each), ())
        lost.append(len({step for step in steps if later and step >= later[0]}))
    first, last = min(ran, default=0), max(ran, default=-1)
    return Repeats(len(ran) - len(set(ran)), tuple(lost), last - first + 1 - len(set(ran)))
