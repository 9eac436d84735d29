"""The figures of bench/calibration_prices.py, and the comparison itself where the data is."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[4]
DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    """The script as a module."""
    path = ROOT / "bench" / "calibration_prices.py"
    spec = importlib.util.spec_from_file_location("calibration_prices", path)
    assert spec
    assert spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_movements_of_two_zones(bench: ModuleType) -> None:
    seen = bench.Movements(days=2)
    seen.add("m5.large", [10.0, 11.0, 11.0, 10.0])
    seen.add("m5.large", [21.0, 21.0])
    seen.add("c5.large", [5.0])
    assert list(seen.records) == [2, 1, 0.5]
    assert seen.swings == pytest.approx([1.1, 1, 1])
    assert list(seen.steps) == pytest.approx([10, 0, 100 / 11, 0])
    assert seen.spreads() == [2.0]
    assert seen.pinned_percent() == pytest.approx(200 / 3)


def test_quantiles(bench: ModuleType) -> None:
    values = list(range(10, 0, -1))
    assert [bench.quantile(values, share) for share in (0, 0.5, 0.9, 1)] == [1, 6, 10, 10]


def test_a_line_is_marked_when_it_is_off(bench: ModuleType) -> None:
    near, off = (bench.Line("steps, %", 1.0, simulated, 0.2) for simulated in (1.2, 1.3))
    assert (near.holds, off.holds) == (True, False)
    assert str(off).endswith("off")
    assert len(str(off)) < 80


def test_types_are_told_apart_by_their_family(bench: ModuleType) -> None:
    for name, expected in {
        "g6.xlarge": "accelerated",
        "p5.48xlarge": "accelerated",
        "t3.micro": "burstable",
        "m5d.large": "local disk",
        "i4i.large": "local disk",
        "c6in.large": "network, EBS, frequency",
        "m4.large": "before the fifth generation",
        "x2idn.16xlarge": "large memory",
        "m6a.large": "AMD",
        "c7g.large": "Graviton",
        "m5.large": "the rest",
    }.items():
        assert bench.class_of(name) == expected


def test_without_data_it_says_so(
    bench: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["calibration_prices.py", str(tmp_path)])
    assert bench.main() == 2
    assert f"{tmp_path} lacks aws-spot-price-history" in capsys.readouterr().err


@pytest.mark.soak
@pytest.mark.shared_data
@pytest.mark.skipif(not DATA.exists(), reason="the real market data is not on this computer")
def test_the_market_is_like_the_real_one(
    bench: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["calibration_prices.py", str(DATA)])
    assert bench.main() == 0, capsys.readouterr().out
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
