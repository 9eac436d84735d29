"""Which word was meant, and how a number of things is said."""

from collections.abc import Collection, Mapping

#: How alike two words are at least, of which one may be meant by the other; 1 is the same.
NEAR = 0.6
LONGEST_WORD = 60


def did_you_mean(
    word: str, known: Collection[str], otherwise: str, shown: Mapping[str, str] | None = None
) -> str:
    """A question after the known word that comes nearest; ``otherwise`` where none is near.

    ``shown`` tells how a word is shown, where that differs. Names of two parts, such as
    ``g5.xlarge``, are near where both parts are; letters that only changed places come first.
    """
    from difflib import SequenceMatcher  # for a wrong word only

    asked = word[:LONGEST_WORD].casefold()

    def nearness(known_word: str) -> tuple[bool, float, str]:
        other = known_word.casefold()
        alike = asked.count(".") == other.count(".")
        parts = zip(asked.split("."), other.split("."), strict=True) if alike else [(asked, other)]
        ratio = min(SequenceMatcher(None, *pair).ratio() for pair in parts)
        return ratio >= NEAR and sorted(asked) == sorted(other), ratio, other

    near = max(known, key=nearness, default="")
    if nearness(near)[1] < NEAR:
        return otherwise
    return f"Did you mean {(shown or {}).get(near, near)}?"


def counted(count: int, thing: str, things: str = "") -> str:
    """So many things: ``1 file``, ``2 files``; ``things`` where an s does not do."""
    return f"{count:,} {thing if count == 1 else things or f'{thing}s'}"
