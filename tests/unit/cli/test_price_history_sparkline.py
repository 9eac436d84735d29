"""Blocks for numbers."""

from hypothesis import given
from hypothesis import strategies as st

from spotkeeper.cli.price_history import BLOCKS, PLAIN, Scale, sparkline
from spotkeeper.cli.terminal import drawable

values = st.lists(st.floats(0.001, 1000), min_size=1, max_size=30)


def test_rising_prices_rise() -> None:
    numbers = [float(number) for number in range(1, 9)]

    assert sparkline(numbers, Scale.of(numbers)) == BLOCKS


def test_a_gap_where_nothing_is_known() -> None:
    assert sparkline([None, 1.0, 2.0], Scale.of([1.0, 2.0])) == " ▁█"


def test_a_hundredth_is_no_mountain() -> None:
    numbers = [1.0, 1.01, 1.0, 1.005]

    assert len(set(sparkline(numbers, Scale.of(numbers)))) <= 2


def test_means_of_equal_prices_are_drawn_as_equal() -> None:
    numbers = [0.1578, 0.15780000000000002, 0.15779999999999997]

    assert len(set(sparkline(numbers, Scale.of(numbers)))) == 1


@given(values)
def test_a_higher_value_never_has_a_lower_block(numbers: list[float]) -> None:
    scale = Scale.of(numbers)
    line = sparkline(sorted(numbers), scale)

    assert list(line) == sorted(line)
    assert set(line) <= set(BLOCKS)
    plain = sparkline(sorted(numbers), scale, blocks=PLAIN)
    assert [PLAIN.index(sign) for sign in plain] == [BLOCKS.index(sign) for sign in line]


def test_plain_characters_for_a_terminal_without_blocks() -> None:
    encodings = ("utf-8", "ascii", "latin-1", None, "no such")
    assert [drawable(BLOCKS, PLAIN, name) for name in encodings] == [BLOCKS, *[PLAIN] * 4]
