"""A picture of prices over time.

Lines are told apart by style as well as by colour, and named at their ends, so that the picture
also reads in black and white and at the width of a column of print.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spotkeeper.cli import picture
from spotkeeper.cli.price_advice import name_of, span
from spotkeeper.cli.render import money
from spotkeeper.cli.terminal import plain_text
from spotkeeper.errors import BadInput
from spotkeeper.keeper.prices import PriceHistory
from spotkeeper.market.series import PoolHistory, summary
from spotkeeper.model.max_price import MaxPrice

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_PANELS = 6
MAX_LINES = 8

PANEL_INCHES, TITLE_INCHES = 3.1, 0.45

ROUNDS_OF_PUSHING = 100
#: Prices that differ by less than this part of the largest would lie on each other if the axis
#: began at 0.
LEAST_SPREAD = 0.35


@dataclass(frozen=True, slots=True)
class Label:
    """A name at the right edge, and the price that it belongs to."""

    usd: float
    text: str
    colour: str


def draw(history: PriceHistory, path: Path, max_price: MaxPrice | None) -> None:
    """Draw a panel per type and region into a file.

    Raises:
        BadInput: more pools than a picture can show.
        StoreProblem: the file cannot be written.
    """
    panels = [list(group) for _, group in groupby(history.pools, key=_title)]
    widest = max(map(len, panels))
    if len(panels) > MAX_PANELS or widest > MAX_LINES:
        raise BadInput(
            f"{len(panels)} panels of up to {widest} zones are too many for a picture",
            next_step=f"Name up to {MAX_PANELS} types, one region at a time.",
        )
    height = TITLE_INCHES + PANEL_INCHES * len(panels)
    length = span(history.end - history.begin)
    title = f"EC2 Spot prices (Linux), {length} to {history.end:%Y-%m-%d}"
    with picture.drawn(path, title, height, history.warnings) as figure:
        rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, pools in zip(rows, panels, strict=True):
            _panel(axes, history, pools, max_price)
        minutes = "%Y-%m-%d %H:%M"
        rows[-1].set_xlabel(f"{history.begin:{minutes}} to {history.end:{minutes}} UTC")


def _title(history: PoolHistory) -> str:
    region = history.pool.region
    return f"{history.pool.instance_type} in {region}" if region else history.pool.instance_type


def _panel(
    axes: "Axes", history: PriceHistory, pools: Sequence[PoolHistory], max_price: MaxPrice | None
) -> None:
    labels = [
        _line(axes, history, each, style)
        for each, style in zip(pools, cycle(picture.STYLES), strict=False)
    ]
    labels += _levels(axes, pools, max_price)
    low, high = limits(pools, labels)
    axes.set_ylim(low, high)
    axes.set_xlim(history.begin, history.end)  # type: ignore[arg-type]  # dates are converted
    axes.set_title(plain_text(_title(pools[0])), loc="left", fontsize=picture.LETTERS)
    axes.set_ylabel("US dollars per hour")
    if low:
        axes.set_title("the axis does not begin at 0", loc="right", fontsize=picture.LETTERS - 3)
    picture.dress(axes)
    picture.date(axes)
    for label, place in zip(labels, spread(labels, low, high), strict=True):
        _name(axes, label, place)


def _line(axes: "Axes", history: PriceHistory, of: PoolHistory, style: tuple[str, Any]) -> Label:
    colour, dashes = style
    changes = list(of.series.changes())
    times = [*(at for at, _ in changes), history.end]
    prices = [*(float(usd) for _, usd in changes), float(changes[-1][1])]
    axes.step(times, prices, where="post", color=colour, linestyle=dashes, linewidth=1.5)  # type: ignore[arg-type]
    return Label(prices[-1], plain_text(name_of(of)), colour)


def _levels(axes: "Axes", pools: Sequence[PoolHistory], max_price: MaxPrice | None) -> list[Label]:
    """The On-Demand price, and a maximum price that is the same everywhere."""
    levels: list[tuple[float, str, Any]] = []
    if listed := pools[0].on_demand_usd_per_hour:
        levels.append((float(listed), f"On-Demand\n${money(listed)}", "solid"))
    fixed = max_price and max_price.resolve(
        summary(pools[0].series).last, pools[0].on_demand_usd_per_hour
    )
    if max_price and max_price.base != "spot" and fixed:
        levels.append((float(fixed), f"max ${money(fixed)}", (0, (2, 2))))
    for usd, _, dashes in levels:
        axes.axhline(
            usd, color=picture.GREY, linewidth=2.2 if dashes == "solid" else 1.2, linestyle=dashes
        )
    return [Label(usd, text, picture.GREY) for usd, text, _ in levels]


def limits(pools: Sequence[PoolHistory], labels: Sequence[Label]) -> tuple[float, float]:
    """From 0, unless everything that is shown lies close together far above it."""
    figures = [summary(each.series) for each in pools]
    levels = [label.usd for label in labels]
    high = max(*levels, *(float(each.greatest) for each in figures))
    low = min(*levels, *(float(each.least) for each in figures))
    if high - low < LEAST_SPREAD * high:
        margin = max(high - low, 0.02 * high) * 0.15
        return low - margin, high + margin
    return 0.0, high * 1.08


def spread(labels: Sequence[Label], low: float, high: float) -> list[float]:
    """Where names can stand without covering each other, near their prices."""
    line = picture.LETTERS * 1.25 / 72 / (PANEL_INCHES * 0.72) * (high - low)
    heights = [line * (1 + label.text.count("\n")) for label in labels]
    places = [label.usd for label in labels]
    order = sorted(range(len(labels)), key=places.__getitem__)
    for _ in range(ROUNDS_OF_PUSHING):
        for under, over in pairwise(order):
            overlap = (heights[under] + heights[over]) / 2 - (places[over] - places[under])
            if overlap > 0:
                places[under] = max(low, places[under] - overlap / 2)
                places[over] = places[over] + overlap / 2
    return places


def _name(axes: "Axes", label: Label, place: float) -> None:
    across = axes.get_yaxis_transform()
    axes.plot(
        [1.0, 1.025],
        [label.usd, place],
        color=label.colour,
        linewidth=0.9,
        transform=across,
        clip_on=False,
    )
    axes.text(
        1.035,
        place,
        label.text,
        color=label.colour,
        fontsize=picture.LETTERS - 1,
        va="center",
        transform=across,
    )
