"""Text that is safe to show."""

import unicodedata

#: Unicode categories that can move the cursor, hide text or turn it around.
_UNSAFE = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


def plain_text(text: str) -> str:
    """The text without control, formatting and bidirectional characters: one line."""
    return "".join(
        " " if unicodedata.category(character) in _UNSAFE else character for character in text
    )
