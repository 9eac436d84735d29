"""A history folded into the prices now, page by page."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkeeper.model.pool import LINUX
from spotkeeper.model.price_table import Latest, RawPrice, spot_price


def row(
    name: str = "g5.xlarge", zone: str = "us-east-1a", *, day: int = 1, usd: str = "1"
) -> RawPrice:
    return RawPrice(name, LINUX, usd, f"2026-11-{day:02}T00:00:00.000Z", zone, f"{zone}-id")


ROWS = st.builds(
    row,
    st.sampled_from(["g5.xlarge", "m5.large", "c5.large"]),
    st.sampled_from(["us-east-1a", "us-east-1b"]),
    day=st.integers(1, 28),
    usd=st.sampled_from(["1", "2"]),
)


def latest_of(*pages: list[RawPrice]) -> list[RawPrice]:
    found = Latest(LINUX)
    for page in pages:
        found.add(page)
    return found.rows


@given(st.lists(st.lists(ROWS, max_size=6), max_size=5))
def test_each_pool_has_its_latest_row_in_the_order_of_first_sight(
    pages: list[list[RawPrice]],
) -> None:
    expected: dict[tuple[str, str], RawPrice] = {}
    for each in (each for page in pages for each in page):
        known = expected.setdefault((each[0], each[4]), each)
        if each[3] > known[3]:
            expected[each[0], each[4]] = each
    assert latest_of(*pages) == list(expected.values())


@given(st.lists(ROWS, max_size=20), st.integers(0, 10**6))
def test_it_does_not_matter_how_the_rows_are_cut_into_pages(
    rows: list[RawPrice], seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311
    ends = sorted(dice.sample(range(len(rows) + 1), dice.randint(0, len(rows))))
    pages = [rows[a:b] for a, b in zip([0, *ends], [*ends, len(rows)], strict=True)]
    assert latest_of(*pages) == latest_of(rows)


def test_other_products_and_types_are_left_out() -> None:
    windows = row()._replace(product="Windows")
    found = Latest(LINUX, lambda each: each.instance_type.startswith("g"))
    found.add([row(), windows, row("m5.large")])
    assert found.rows == [row()]


def test_a_row_without_a_zone_name_is_known_by_the_zone_id() -> None:
    a, b = (row()._replace(zone="", zone_id=zone_id) for zone_id in ("az1", "az2"))
    assert latest_of([a, b], [a]) == [a, b]


@pytest.mark.parametrize(
    ("broken", "text"),
    [(row(usd="cheap"), "cheap"), (row()._replace(since="yesterday"), "yesterday")],
)
def test_what_is_no_price_is_said_to_be_none(broken: RawPrice, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        spot_price(broken, "us-east-1")


def test_a_time_without_a_zone_is_utc() -> None:
    naive = row()._replace(since="2026-11-01T10:00:00")
    offset = spot_price(naive, "us-east-1").since.utcoffset()
    assert offset is not None
    assert not offset
