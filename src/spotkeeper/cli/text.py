"""Text that is safe to show."""

import unicodedata

#: Unicode categories that can move the cursor, hide text or turn it around; of what Python does
#: not know yet (Cn), nobody can say.
_UNSAFE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


def plain_text(text: str) -> str:
    """The text without control, formatting and bidirectional characters: one line."""
    if text.isprintable():
        return text
    return "".join(
        " " if unicodedata.category(character) in _UNSAFE else character for character in text
    )
