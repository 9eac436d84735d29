"""Which step a command has come to, as far as its output tells: packed into the agent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

#: How people print how far they are. The first shape that the output has decides for all of it.
SHAPES = tuple(
    re.compile(shape, re.IGNORECASE)
    for shape in (
        rb"\b(?:global[ _]?)?step(?:s)?\b[\"' ]{0,2}[:=#/ ]{0,3}(\d{1,12})\b",
        rb"\b(?:iter(?:ation)?|it|batch)\b[\"' ]{0,2}[:=#/ ]{0,3}(\d{1,12})\b",
        rb"\b(\d{1,12})/\d{1,12} \[",  # tqdm's bar
        rb"\bepoch\b[\"' ]{0,2}[:=#/ ]{0,3}(\d{1,12})\b",
    )
)


class StepLine(NamedTuple):
    """A step that was told: its number, and the place behind it in the output."""

    step: int
    end: int


def steps_in(output: bytes, *, shape: re.Pattern[bytes] | None = None) -> list[StepLine]:
    """The steps that the output tells, in its order; none if it tells them in no known shape."""
    found = shape or shape_of(output)
    if found is None:
        return []
    return [StepLine(int(match.group(1)), match.end()) for match in found.finditer(output)]


def shape_of(output: bytes) -> re.Pattern[bytes] | None:
    """How this output tells its steps."""
    return next((shape for shape in SHAPES if shape.search(output)), None)


class Repeats(NamedTuple):
    """Steps of several attempts, one after another, compared."""

    twice: int
    lost: Sequence[int]
    skipped: int


def compare(attempts: Sequence[Sequence[int]]) -> Repeats:
    """How many steps were run more than once, how many each interruption cost, and how many never
    ran. ``attempts`` are the numbers that each attempt told."""
    ran = [step for steps in attempts for step in set(steps)]
    lost = []
    for number, steps in enumerate(attempts[:-1], start=1):
        later = next((each for each in attempts[number:] if each), ())
        again = later[0] if later else min(steps, default=0)
        lost.append(len({step for step in steps if step >= again}))
    first, last = min(ran, default=0), max(ran, default=-1)
    return Repeats(len(ran) - len(set(ran)), tuple(lost), last - first + 1 - len(set(ran)))
