"""What all pictures share, by matplotlib, which is imported only here and only when asked."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spotkeeper.cli.terminal import plain_text
from spotkeeper.errors import BadInput
from spotkeeper.store.folders import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = {".png": "png", ".svg": "svg"}

#: Twice the width of a column of print, with letters twice as large as they are to be read.
WIDTH_INCHES = 6.3
DOTS_PER_INCH = 200
LETTERS = 11

#: Colours that the colour-blind tell apart, dark enough for thin lines, each with its own style.
STYLES: tuple[tuple[str, Any], ...] = (
    ("#0b4f8a", "solid"),
    ("#b3450b", (0, (5, 1.5))),
    ("#00735c", (0, (1, 1))),
    ("#8a2f6b", (0, (6, 1.5, 1, 1.5))),
    ("#000000", (0, (3, 1, 1, 1, 1, 1))),
    ("#6b5d00", (0, (9, 2))),
    ("#3d6f9e", (0, (1, 2.5))),
    ("#7a2a2a", (0, (4, 1, 1, 1))),
)
GREY = "#555555"
#: Ticks at years, months, days, hours, minutes and seconds.
DATES = ("%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%H:%M:%S")


def check(path: Path) -> None:
    """Refuse what cannot become a picture before anything is asked.

    Raises:
        BadInput: another kind of file, or matplotlib is missing.
    """
    if path.suffix.lower() not in FORMATS:
        raise BadInput(
            f"--plot {path}: a picture is a .png or a .svg file",
            next_step="Use --plot picture.png.",
        )
    try:
        import matplotlib as _  # noqa: F401
    except ImportError:
        raise BadInput(
            "--plot needs matplotlib, which is not installed",
            next_step="pip install 'spotkeeper[plot]'",
        ) from None


@contextmanager
def drawn(
    path: Path, title: str, height_inches: float, warnings: Sequence[str] = ()
) -> Iterator["Figure"]:
    """An empty picture to draw on, which then becomes the file, and one everywhere: whatever the
    user likes for other pictures. That its numbers are simulated is part of its title.

    Raises:
        StoreProblem: the file cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    settings: Any = {"font.size": LETTERS, "svg.hashsalt": "spotkeeper", "timezone": "UTC"}
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(settings)
        figure = Figure(
            figsize=(WIDTH_INCHES, height_inches), dpi=DOTS_PER_INCH, layout="constrained"
        )
        yield figure
        simulated = (each for each in warnings if each.startswith("sandbox:"))
        told = "\n".join(map(plain_text, (title, *simulated)))
        figure.suptitle(told, x=0.01, ha="left", fontsize=LETTERS + 1, fontweight="bold")
        written, kind = BytesIO(), FORMATS[path.suffix.lower()]
        metadata: Any = {"Title": told} | ({"Date": None} if kind == "svg" else {})
        figure.savefig(written, format=kind, metadata=metadata)
    write_whole(path, written.getvalue())
    click.echo(plain_text(f"{path} is written"), err=True)


def dress(axes: "Axes") -> None:
    """Lines behind what is drawn, and no frame around it."""
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def date(axes: "Axes") -> None:
    """Times along the lower edge."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=6)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    dates = ConciseDateFormatter(locator, formats=list(DATES), show_offset=False)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(dates)
