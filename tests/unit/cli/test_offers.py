"""The table of offers, and what stands under it."""

import re
import sys
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.model.make import NOON, hardware, offer, pool

from spotkeeper.cli import offers, render
from spotkeeper.cli.context import Choices
from spotkeeper.model.offer import Explanation, Offer, Ranking, Source
from spotkeeper.model.risk import Band, HazardSteps, Work

LONG = replace(
    offer("12.3456", on_demand="43.9296", at=pool("c7i-flex.metal-24x", "ap-southeast-1a")),
    hardware=hardware("c7i-flex.metal-24x", vcpus=192, memory_mib=2048 * 1024),
    interruption_band="10-15%",
    expected_usd_per_useful_hour=Decimal("12.345678"),
    placement_score=10,
    quota_free_vcpus=9_600,
    zones=("ap-southeast-1a", "ap-southeast-1c"),
)


def titles(*found: Offer) -> list[str]:
    rows = [each.to_dict() for each in found]
    return [column.title.replace("\n", " ") for column in offers.columns(rows)]


def test_a_column_stands_where_it_has_something_to_show() -> None:
    bare = offer(row=hardware(gpus=None))
    assert titles(bare) == [
        *("Type", "Zone", "vCPU /GiB", "Spot $/h", "On- Demand", "Saved %"),
        *("Inter- rupted", "Expec- ted", "$/h per vCPU"),
    ]
    assert titles(LONG)[-3:] == ["Score of 10", "Quota fits", "$/h per GPU"]
    assert "GPU, GB" in titles(bare, LONG)
    assert ("Zones" in titles(bare), "Zones" in titles(LONG)) == (False, True)
    assert ("Arch" in titles(bare, LONG), "Arch" in titles(bare, ARM)) == (False, True)


ARM = replace(LONG, hardware=replace(LONG.hardware, archs=("arm64",)))


@pytest.mark.parametrize(
    "row", [LONG, ARM, replace(LONG, placement_score=None, quota_free_vcpus=None)]
)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_longest_names_fit_a_terminal(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    row: Offer,
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    shown = [row.to_dict()]
    render.emit(Choices(no_color=True), "offers", shown, columns=offers.columns(shown))
    out = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert max(map(len, out.splitlines())) <= width
    for words in ("c7i-flex.metal-24x", "ap-southeast-1a", "12.346"):
        assert words in out
    assert ("10-15%" in out) == (width > 60 or row is not ARM)
    assert ("arm64" in out) == (row is ARM)
    assert ("43.930" in out) == (width == 120)
    assert ("192/2048" in out) == (width == 120 or (width == 80 and row.placement_score is None))


def test_the_unknown_is_a_hyphen() -> None:
    row = offer(on_demand=None).to_dict()
    cells = {column.title: column.cell(row) for column in offers.COLUMNS}
    names = ("On-\nDemand", "Saved\n%", "Inter-\nrupted", "Expec-\nted", "Zones")
    assert [cells[name] for name in names] == ["-"] * 5


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
    three = replace(offer(), zones=("us-east-1a", "us-east-1b", "us-east-1c"))
    assert rest(capsys, three, offer(), count=9) == "these are 4 of 9 pools; --limit shows more\n"
    told = rest(capsys, offer(), replace(offer(), cooling="no room 3 min ago"), count=9)
    assert told.splitlines() == [
        "g5.xlarge@us-east-1a comes last: no room 3 min ago",
        "these are 2 of 9 pools; --limit shows more",
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


def why(
    capsys: pytest.CaptureFixture[str],
    steps: HazardSteps | None,
    by: str = "value",
    **more: Any,
) -> str:
    found = Explanation(offer("0.4"), Work(**more), steps, sorted_by=by).to_dict()
    offers.say_why(found, {"excluded": 3})
    return capsys.readouterr().out


def test_the_winner_is_explained_term_by_term(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert why(capsys, STEPS).splitlines() == [
        "Why g5.xlarge@us-east-1a is first by value:",
        "  price      $0.4/h",
        "  risk       0.03 interruptions/h in a run of 24h: 0.02 by the band 5-10%, x 0.5",
        "             by the placement score 8 of 10, x 3 by our own 1.5 interruptions in",
        "             30 h (older ones count less)",
        "  lost work  25m an interruption: 10m restart and half of a checkpoint every 30m",
        "  expected   $0.4 x (1 + 0.03 x 0.4167 h) = $0.4050 an hour of kept work",
        "refused 3: excluded",
    ]


def test_what_is_not_known_of_the_winner_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert "not known, so that the price alone counts" in why(capsys, None)
    assert "since no band is known, the worst" in why(capsys, replace(STEPS, band=None))


def test_who_is_first_by_saving_is_told_the_saving(capsys: pytest.CaptureFixture[str]) -> None:
    told = why(capsys, STEPS, by="saving").splitlines()
    assert told[0].endswith("is first by saving:")
    assert told[2] == "  saving     60.24 % of On-Demand, $1.006/h"
    assert not any("saving" in line for line in why(capsys, STEPS, by="price").splitlines())


rates = st.floats(0.0001, 0.5)


@given(st.floats(0.001, 500).map(lambda usd: round(usd, 4)), st.tuples(rates, rates, rates))
def test_the_numbers_of_the_explanation_add_up(
    usd: float, rates: tuple[float, float, float]
) -> None:
    steps = replace(STEPS, by_band=rates[0], by_score=rates[1], final=rates[2])
    found = Explanation(offer(str(usd)), Work(), steps, sorted_by="value").to_dict()
    told = "\n".join(offers.terms(found))

    band, score, own, hazard = (
        float(re.search(pattern, told)[1])  # type: ignore[index]
        for pattern in (
            r": (\S+) by the band",
            r"x (\S+) by the pl",
            r"x (\S+) by our",
            r"k +(\S+) inter",
        )
    )
    assert band * score * own == pytest.approx(hazard, rel=3e-3)
    terms = re.search(r"\$(\S+) x \(1 \+ (\S+) x (\S+) h\) = \$(\S+) an", told)
    assert terms is not None
    price, rate, hours = map(float, terms.groups()[:3])
    last_place = 10.0 ** -len(terms[4].partition(".")[2])
    assert price * (1 + rate * hours) == pytest.approx(float(terms[4]), rel=1e-4, abs=last_place)


def test_progress_is_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert offers.progress(Choices()) is None
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert offers.progress(Choices()) is not None
