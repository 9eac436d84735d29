"""Chance without a generator: numbers drawn from a hash of facts, the same for ever. Pure."""

from hashlib import blake2b, shake_128
from statistics import NormalDist

WORD_BYTES = 4
WORDS = 1 << 8 * WORD_BYTES

_standard_normal = NormalDist()


def uniform(*facts: object) -> float:
    """A number in (0, 1) that stands for the facts."""
    text = "|".join(map(str, facts))
    drawn = blake2b(text.encode(), digest_size=WORD_BYTES).digest()
    return (int.from_bytes(drawn) + 0.5) / WORDS


def normal(*facts: object) -> float:
    """A standard normal deviate that stands for the facts."""
    return _standard_normal.inv_cdf(uniform(*facts))


def uniforms(count: int, *facts: object) -> list[float]:
    """``count`` independent numbers in (0, 1) that stand for the facts."""
    text = "|".join(map(str, facts))
    drawn = shake_128(text.encode()).digest(count * WORD_BYTES)
    return [
        (int.from_bytes(drawn[at : at + WORD_BYTES]) + 0.5) / WORDS
        for at in range(0, len(drawn), WORD_BYTES)
    ]
