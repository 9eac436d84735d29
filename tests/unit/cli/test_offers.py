"""The table of offers, and what stands under it."""

import re
import sys
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.model.make import NOON, hardware, offer, pool

from spotkeeper.cli import offers, records, render
from spotkeeper.cli.choices import Choices
from spotkeeper.model.odds import Band, HazardSteps, Work
from spotkeeper.model.offer import Explanation, Offer, Ranking, Source

LONG = replace(
    offer("12.3456", on_demand="43.9296", at=pool("c7i-flex.metal-24x", "ap-southeast-1a")),
    hardware=hardware("c7i-flex.metal-24x", vcpus=192, memory_mib=2048 * 1024),
    interruption_band="10-15%",
    expected_usd_per_useful_hour=Decimal("12.345678"),
    placement_score=10,
    quota_free_vcpus=9_600,
)


def titles(*found: Offer) -> list[str]:
    rows = [records.offer(each) for each in found]
    return [column.title.replace("\n", " ") for column in offers.columns(rows)]


def test_a_column_stands_where_it_has_something_to_show() -> None:
    bare = offer(row=hardware(gpus=None))
    assert titles(bare) == [
        *("Type", "Zone", "vCPU /GiB", "Spot $/h", "On- Demand", "Saved %"),
        *("Inter- rupted", "Expec- ted", "$/h per vCPU"),
    ]
    assert titles(LONG)[-3:] == ["Score of 10", "Quota fits", "$/h per GPU"]
    assert "GPU, GiB" in titles(bare, LONG)


@pytest.mark.parametrize("row", [LONG, replace(LONG, placement_score=None, quota_free_vcpus=None)])
@pytest.mark.parametrize("width", [80, 120])
def test_the_longest_names_fit_a_terminal(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    row: Offer,
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    shown = [records.offer(row)]
    render.emit(Choices(no_color=True), "offers", shown, columns=offers.columns(shown))
    out = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert max(map(len, out.splitlines())) <= width
    for words in ("c7i-flex.metal-24x", "ap-southeast-1a", "12.346", "10-15%"):
        assert words in out
    assert ("43.930" in out) == (width == 120)
    assert ("192/2048" in out) == (width == 120 or row.placement_score is None)


def test_the_unknown_is_a_hyphen() -> None:
    row = records.offer(offer(on_demand=None))
    cells = {column.title: column.cell(row) for column in offers.COLUMNS}
    names = ("On-\nDemand", "Saved\n%", "Inter-\nrupted", "Expec-\nted")
    assert [cells[name] for name in names] == ["-"] * 4


def dated(fact: str, hours: float, origin: str = "ec2:X") -> Source:
    return Source(fact, origin, NOON - timedelta(hours=hours))


def rest(capsys: pytest.CaptureFixture[str], *found: Offer, count: int = 0) -> str:
    offers.say_rest(Ranking(found, found=count or len(found), made_at=NOON))
    return capsys.readouterr().err


def test_facts_are_told_with_source_and_the_age_of_the_oldest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    one = (dated("spot_usd_per_hour", 0), dated("on_demand_usd_per_hour", 1), dated("hardware", 1))
    other = (dated("on_demand_usd_per_hour", 3.5), dated("interruption_band", 5, "spot-advisor"))
    told = rest(capsys, replace(offer(), sources=one), replace(offer(), sources=other))
    assert told == (
        "facts: prices now; On-Demand 3h old; types 1h old; bands (Spot Advisor) 5h old\n"
    )


def test_what_comes_last_and_what_is_not_shown_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = rest(capsys, offer(), replace(offer(), cooling="no room 3 min ago"), count=9)
    assert told.splitlines() == [
        "g5.xlarge@us-east-1a comes last: no room 3 min ago",
        "2 of 9 pools; more with --limit 9",
    ]
    assert rest(capsys, offer()) == ""


STEPS = HazardSteps(
    band=Band("5-10%", 10),
    by_band=0.02,
    score=8,
    by_score=0.01,
    interruptions=1.5,
    hours=30,
    final=0.03,
)


def why(capsys: pytest.CaptureFixture[str], steps: HazardSteps | None, **more: Any) -> str:
    found = records.explanation(Explanation(offer("0.4"), Work(**more), steps))
    offers.say_why(found, {"excluded": 3})
    return capsys.readouterr().out


def test_the_winner_is_explained_term_by_term(capsys: pytest.CaptureFixture[str]) -> None:
    assert why(capsys, STEPS).splitlines() == [
        "Why g5.xlarge@us-east-1a is first:",
        "  price      $0.4/h",
        "  risk       0.0300 interruptions/h in a run of 24h: 0.0200 by the band 5-10%, x 0.50 by "
        "the placement score 8 of 10, x 3.00 by our own 1.5 interruptions in 30 h (older ones "
        "count less)",
        "  lost work  25m an interruption: 10m restart and half of a checkpoint every 30m",
        "  expected   $0.4 x (1 + 0.0300 x 0.42 h) = $0.4050 for an hour of work kept",
        "refused 3: excluded",
    ]


def test_what_is_not_known_of_the_winner_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert "not known, so that the price alone counts" in why(capsys, None)
    assert "since no band is known, the worst" in why(capsys, replace(STEPS, band=None))


def test_progress_is_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert offers.progress(Choices()) is None
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert offers.progress(Choices()) is not None
