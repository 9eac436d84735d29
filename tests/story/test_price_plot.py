"""`spot prices --plot`: a picture of the history."""

import struct
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.conftest import Sandbox
from tests.story.conftest import Spot

pytest.importorskip("matplotlib", reason="the plot extra is not installed")

PRICES = ("prices", "g5.xlarge", "--region", "us-east-1", "--days", "2")


def test_a_png_with_the_table_as_before(spot: Spot, home: Path, sandbox: Sandbox) -> None:
    sandbox.reset(speed=0, step=0)  # the last bar of a table is as long as it is late
    answer = spot(*PRICES, "--plot", "g5.png")

    assert answer.code == 0, answer.err
    assert answer.out == spot(*PRICES).out
    data = (home / "g5.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", data[16:24])
    assert width > 1_000  # 80 mm in print at 300 dots per inch
    assert height > 500
    assert "g5.png is written" in answer.err


def test_an_svg_of_two_types_has_two_panels(spot: Spot, home: Path) -> None:
    answer = spot(*PRICES, "c5.xlarge", "--max-price", "0.5", "--plot", "both.SVG")

    assert answer.code == 0, answer.err
    root = ElementTree.fromstring((home / "both.SVG").read_text())  # noqa: S314 - our own file
    groups = [element.get("id") for element in root.iter("{http://www.w3.org/2000/svg}g")]
    assert {"axes_1", "axes_2"} <= set(groups)
    assert "axes_3" not in groups


def test_the_same_picture_twice(spot: Spot, home: Path) -> None:
    dump = home / "dump.csv"
    dump.write_text(spot(*PRICES, "--output", "csv").out)
    for name in ("one.svg", "two.svg"):
        assert spot("prices", "--from", str(dump), "--plot", name).code == 0

    assert (home / "one.svg").read_bytes() == (home / "two.svg").read_bytes()


@pytest.mark.parametrize("name", ["g5.pdf", "g5", "png", "g5.png.txt"])
def test_another_kind_of_file_is_refused_before_anything_is_asked(
    spot: Spot, home: Path, name: str
) -> None:
    answer = spot(*PRICES, "--plot", name, "--debug")

    assert answer.code == 2
    assert ".png or a .svg" in answer.err
    assert "calls: none" in answer.err
    assert not (home / name).exists()


def test_without_matplotlib_the_way_to_it_is_named(
    spot: Spot, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    answer = spot(*PRICES, "--plot", "g5.png", "--debug")

    assert answer.code == 2
    assert "pip install 'spotkeeper[plot]'" in answer.err
    assert "calls: none" in answer.err


def test_a_folder_that_is_not_there(spot: Spot, home: Path) -> None:
    answer = spot(*PRICES, "--plot", "no/such/g5.png")

    assert answer.code == 1
    assert "no/such/g5.png" in answer.err
    assert not list(home.glob("**/.g5.png*"))


def test_an_older_picture_survives_a_failure(spot: Spot, home: Path) -> None:
    (home / "g5.png").mkdir()

    answer = spot(*PRICES, "--plot", "g5.png")

    assert answer.code == 1
    assert (home / "g5.png").is_dir()
    assert [path.name for path in home.glob("*g5.png*")] == ["g5.png"]


def test_too_many_for_one_picture(spot: Spot, home: Path) -> None:
    answer = spot("prices", "g*.xlarge", "c5.*", "--region", "us-east-1", "--plot", "all.png")

    assert answer.code == 2
    assert "too many for a picture" in answer.err
    assert not (home / "all.png").exists()
