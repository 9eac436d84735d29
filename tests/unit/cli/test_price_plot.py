"""Where names stand at the ends of lines, and where the axis begins."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkeeper.cli import costs, picture, price_plot
from spotkeeper.errors import BadInput
from spotkeeper.keeper.costs import CostReport, CostRow
from spotkeeper.market.series import PoolHistory, series
from spotkeeper.model.place import Zone
from spotkeeper.model.pool import Pool

START = datetime(2026, 8, 25, tzinfo=UTC).timestamp()


def pool(*prices: float) -> PoolHistory:
    times = [START + 3600 * number for number in range(len(prices))]
    found = series(times, prices, end=times[-1] + 3600)
    return PoolHistory(Pool("g5.xlarge", Zone("us-east-1", "us-east-1a")), found, len(prices))


def labels(*prices: float) -> list[price_plot.Label]:
    return [
        price_plot.Label(usd, f"zone {number}", "#000000") for number, usd in enumerate(prices)
    ]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_names_keep_their_order_and_do_not_cover_each_other(prices: list[float]) -> None:
    places = price_plot.spread(labels(*prices), 0.0, 1.08)

    order = sorted(range(len(prices)), key=prices.__getitem__)
    standing = [places[number] for number in order]
    height = picture.LETTERS / 72 / price_plot.PANEL_INCHES
    assert all(over - under > height for under, over in pairwise(standing))
    assert min(standing) >= 0


@pytest.mark.parametrize("file", ["costs.png", "costs.svg"])
def test_costs_are_bars_and_what_is_simulated_says_so(tmp_path: Path, file: str) -> None:
    pytest.importorskip("matplotlib", reason="the plot extra is not installed")
    known = CostRow("train", spot_usd=Decimal(3), disk_usd=Decimal(1), unseen=2)
    unknown = CostRow("notebook", disk_usd=None)
    report = CostReport((known, unknown), ("sandbox: prices are simulated", "2 were not seen"))
    costs.draw(report, tmp_path / file, "Costs by name, 2026-11")
    data = (tmp_path / file).read_bytes()
    assert data.startswith((b"\x89PNG", b"<?xml"))
    assert b"Costs by name, 2026-11\nsandbox: prices are simulated" in data
    with pytest.raises(BadInput, match="101 bars are too many"):
        costs.draw(CostReport((known,) * 101), tmp_path / "many.png", "Costs")


def test_a_name_alone_stands_at_its_price() -> None:
    assert price_plot.spread(labels(0.2, 0.9), 0.0, 1.0) == [0.2, 0.9]


def test_the_axis_begins_at_0_where_prices_are_far_apart_or_on_demand_is_shown() -> None:
    far = pool(0.1, 0.9)
    near = pool(0.90, 0.95)

    assert price_plot.limits([far], labels(0.9))[0] == 0
    assert price_plot.limits([near], labels(0.95, 3.0))[0] == 0


def test_the_axis_is_cut_where_close_prices_would_lie_on_each_other() -> None:
    low, high = price_plot.limits([pool(0.90, 0.95)], labels(0.95))

    assert 0.85 < low < 0.90
    assert 0.95 < high < 1.0


def test_a_flat_price_has_room_around_it() -> None:
    low, high = price_plot.limits([pool(0.4)], labels(0.4))

    assert low < 0.4 < high


@pytest.mark.parametrize("name", ["a.pdf", "a", ".png/x", "png"])
def test_other_files_are_refused(name: str) -> None:
    with pytest.raises(BadInput, match=r"\.png or a \.svg"):
        picture.check(Path(name))
