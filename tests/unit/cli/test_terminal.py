"""Nothing that somebody else wrote can move the cursor or turn text around."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkeeper.cli.terminal import plain_text

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
C0_C1 = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))
UNSAFE = frozenset(BIDI + C0_C1 + "\u2028\u2029\ufeff\u00ad")


@given(st.text(st.one_of(st.characters(), st.sampled_from(sorted(UNSAFE)))))
def test_no_control_or_bidirectional_character_is_left(text: str) -> None:
    told = plain_text(text)
    assert not UNSAFE & set(told)
    assert len(told) == len(text)
    assert len(told.splitlines()) <= 1
    assert plain_text(told) == told


@pytest.mark.parametrize("character", sorted(UNSAFE), ids=lambda one: f"U+{ord(one):04X}")
def test_an_unsafe_character_becomes_a_blank(character: str) -> None:
    assert plain_text(f"a{character}b") == "a b"


@given(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"])))
def test_what_can_be_read_is_kept(text: str) -> None:
    assert plain_text(text) == text


def test_an_escape_sequence_is_only_text() -> None:
    assert plain_text("\x1b]0;title\x07\x1b[2Jred") == " ]0;title  [2Jred"
