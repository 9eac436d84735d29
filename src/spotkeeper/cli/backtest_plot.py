"""A picture of a backtest: what each start cost under each policy, and one run told."""

from datetime import UTC
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spotkeeper.cli import picture
from spotkeeper.cli.terminal import plain_text
from spotkeeper.work.deadline import ON_DEMAND, SPOT

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    from matplotlib.axes import Axes

    from spotkeeper.keeper.backtest import BacktestReport

COSTS_INCHES, LEGEND_INCHES, STRIP_INCHES, TITLES_INCHES = 3.4, 0.8, 0.28, 1.0

#: More would be one thick line.
MOST_MARKS = 60

#: What a strip shows, in colours that also differ in black and white.
OFFERED = "there"
COLOURS = {SPOT: "#7fb2dc", ON_DEMAND: "#8c2d04", OFFERED: "#bdbdbd"}
STRIP_HEIGHT = 0.72


def draw(report: "BacktestReport", path: Path) -> None:
    """Draw it into a file.

    Raises:
        StoreProblem: the file cannot be written.
    """
    strips_inches = STRIP_INCHES * (len(report.request.policies) + 1)
    height_inches = COSTS_INCHES + LEGEND_INCHES + strips_inches + TITLES_INCHES
    with picture.drawn(path, report.title, height_inches) as figure:
        parts: Any = figure.subfigures(
            2, 1, height_ratios=(COSTS_INCHES + LEGEND_INCHES, strips_inches + TITLES_INCHES)
        )
        upper, lower = parts
        _draw_costs(upper.subplots(), report)
        _draw_strips(lower.subplots(), report)


def _draw_costs(axes: "Axes", report: "BacktestReport") -> None:
    times: Any = [report.trace.moment(first) for first in report.first_ticks]
    mark = "." if len(times) <= MOST_MARKS else ""
    optima: Any = report.backtest.optima_usd
    axes.plot(times, optima, color="#000000", linewidth=2.4, marker=mark, label="optimum")
    for name, (colour, dashes) in zip(report.request.policies, picture.STYLES, strict=False):
        runs = report.backtest.runs[name]
        usd = [run.usd for run in runs]
        late = [place for place, run in enumerate(runs) if run.is_late]
        label = f"{name}, {len(late)} late" if late else name
        axes.plot(
            times, usd, color=colour, linestyle=dashes, linewidth=1.3, marker=mark, label=label
        )
        axes.plot(
            [times[place] for place in late],
            [usd[place] for place in late],
            color=colour,
            linestyle="",
            marker="x",
        )
    axes.set_ylim(bottom=0)
    axes.set_ylabel("US dollars per run")
    axes.set_title("Cost by when the job began (x: late)", loc="left", fontsize=picture.LETTERS)
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.47, -0.1),
        ncols=3,
        frameon=False,
        fontsize=picture.LETTERS - 3,
    )
    picture.dress(axes)
    picture.date(axes)


def _draw_strips(axes: "Axes", report: "BacktestReport") -> None:
    place, job = report.told_start, report.backtest.job
    first = report.first_ticks[place]
    window = report.trace.window(first, job.ticks)
    there = [OFFERED if any(q.is_offered for q in quotes) else "" for quotes in window]
    rows: list[tuple[str, Iterable[Hashable]]] = [("Spot was there", there)]
    rows += [(name, report.backtest.runs[name][place].choices) for name in report.request.policies]
    tick_h = job.terms.tick_h
    for height, (_, choices) in enumerate(rows):
        for kind, begin, ticks in _stretches(choices):
            if kind in COLOURS:
                left, width = begin * tick_h, ticks * tick_h
                axes.barh(height, width, STRIP_HEIGHT, left, color=COLOURS[kind])
    axes.axvline(job.within_h, color="#000000", linewidth=1.4)
    axes.set_yticks(range(len(rows)), [plain_text(name) for name, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, job.within_h * 1.01)
    axes.set_xlabel(
        "hours since then\nlight: Spot, dark: On-Demand, blank: waiting",
        fontsize=picture.LETTERS - 1,
    )
    begun = report.trace.moment(first).astimezone(UTC)
    axes.set_title(
        f"One run, begun {begun:%Y-%m-%d %H:%M} UTC", loc="left", fontsize=picture.LETTERS
    )
    axes.spines[["top", "right"]].set_visible(False)


def _stretches(choices: "Iterable[Hashable]") -> "Iterator[tuple[Hashable, int, int]]":
    """What is the same for some ticks: what, since which tick, and for how many."""
    begin = 0
    for kind, same in groupby(choices):
        ticks = len(list(same))
        yield kind, begin, ticks
        begin += ticks
