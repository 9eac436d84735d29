"""Luck that is the same again for the same seed: a number out of a hash of stable facts."""

from datetime import timedelta
from hashlib import blake2b

from ec2_sandbox.world import world

UNIT = 2**32


def fraction(*facts: object) -> float:
    """From 0 to 1, without 1; always the same for the same facts and seed."""
    text = "|".join(str(fact) for fact in (world().options.seed, *facts))
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest()) / UNIT


def dwell(shortest: float, longest: float, *facts: object) -> timedelta:
    """How long a passing state lasts, in seconds of sandbox time; no time with a dwell of 0."""
    scale = world().options.dwell
    if not scale:
        return timedelta()
    return timedelta(seconds=scale * (shortest + (longest - shortest) * fraction(*facts)))
