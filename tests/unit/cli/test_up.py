"""What is shown before anything is spent, and while something takes time."""

import sys
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.model.make import NOON, offer, pool

from spotkeeper.cli.terminal import TerminalTalk
from spotkeeper.cli.up import say_plan
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.lifecycle.plan import Candidate, Plan
from spotkeeper.model.machine import Kind
from spotkeeper.model.need import Need

HOURS = timedelta(hours=8)


def plan(*, kind: Kind = Kind.BOX, lasting: timedelta | None = HOURS, **wished: Any) -> Plan:
    first = offer("0.4253", at=pool(zone_id="use1-az1"))
    second = offer("0.5", at=pool(zone="us-east-1b"))
    deadline = None if lasting is None else NOON + lasting
    return Plan(
        LaunchRequest("train", Need(gpus=1), kind=kind, lasting=lasting, **wished),
        (Candidate(first, Decimal("0.446565"), deadline), Candidate(second, deadline=deadline)),
        not_after=deadline,
        made_at=NOON,
    )


def told(capsys: pytest.CaptureFixture[str], made: Plan, *, dry_run: bool = False) -> str:
    say_plan(made, dry_run=dry_run)
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_a_plan_says_all_that_spending_needs_to_know(capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, plan())
    for fact in (
        "Plan for train",
        "box; on interruption: stop",
        "g5.xlarge in us-east-1a (use1-az1)",
        "1 more pool",
        "$0.4253/h",
        "$10.21/day",
        "57.72 % below On-Demand ($1.0060/h)",
        "band unknown",
        "$0.4466/h",
        "deep-learning",
        "2026-11-23 20:00 UTC (in 8h)",
    ):
        assert fact in text


def test_a_plan_ends_with_what_it_all_costs_now_and_at_the_most(
    capsys: pytest.CaptureFixture[str],
) -> None:
    priced = replace(plan(tags={"team": "ml"}), usd_per_gib_month={"gp3": Decimal("0.08")})
    text = told(capsys, priced)
    # 8 h at 0.4253 + 0.0119 (100 GB in the shortest month) + 0.005; the dearest pool: On-Demand
    assert "until then at today's price $3.54; at most $8.19 (your maximum price)" in text
    assert "public IPv4, $0.0050/h" in text
    assert "tags       team=ml" in text
    assert "until then unknown" in told(capsys, plan())


def test_a_plan_says_who_ends_the_machine_and_what_it_may_cost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = told(capsys, plan())
    assert "budget" not in text
    assert "guard" not in text

    text = told(capsys, plan(guard="scheduler", budget_usd=Decimal(5)))
    assert "guard      EventBridge Scheduler" in text
    assert "its request is cancelled" in text
    assert "$5.00 of compute" in text
    assert "the deadline comes first" in text


def test_what_comes_after_the_deadline_depends_on_the_kind(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "only its disk costs" in told(capsys, plan())
    assert "then it is ended" in told(capsys, plan(kind=Kind.ONCE))


def test_no_deadline_is_said_as_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert "costs, until you end it" in told(capsys, plan(lasting=None))


def test_an_unknown_on_demand_price_is_said_to_be_unknown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = replace(plan(), candidates=(Candidate(offer(on_demand=None)),))
    text = told(capsys, made)
    assert "On-Demand price unknown" in text
    assert "EC2's default" in text


def test_what_the_disk_costs_is_said_or_said_to_be_unknown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "gp3, encrypted; costs while it exists (price unknown)" in told(capsys, plan())
    priced = replace(plan(), usd_per_gib_month={"gp3": Decimal("0.088")})
    assert "disk       100 GB gp3, encrypted: $0.0121/h, $8.80/month" in told(capsys, priced)


def test_a_dry_run_and_a_warning_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, replace(plan(), warnings=("mind \x1b[31mthis",)), dry_run=True)
    assert text.startswith("Dry run for train\n")
    assert "note: mind  [31mthis" in text


def test_without_a_terminal_a_wait_is_mentioned_now_and_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    talk = TerminalTalk()
    for second in range(0, 40, 5):
        talk.waiting("waiting for capacity", timedelta(seconds=second))
    talk.waiting("starting", timedelta(seconds=41))
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "waiting for capacity (0s)",
        "waiting for capacity (15s)",
        "waiting for capacity (30s)",
        "starting (41s)",
    ]


def test_on_a_terminal_the_line_is_rewritten_and_gone_before_the_next(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    talk = TerminalTalk()
    talk.waiting("waiting \x1b", timedelta(seconds=1))
    talk.waiting("waiting \x1b", timedelta(seconds=2))
    talk.say("running")
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "\r\x1b[2Kwaiting   (1s)\r\x1b[2Kwaiting   (2s)\r\x1b[2Krunning\n"
    talk.finish()
    assert capsys.readouterr().err == ""
