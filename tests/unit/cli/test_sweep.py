"""What a sweep shows: a table that fits 80 columns, totals, and what to type next."""

import json
import re
import sys
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.fakes.clock import FIRST_DAY as NOW
from tests.unit.lifecycle.test_sweep import REGION, resource_id

from spotkeeper.cli import sweep
from spotkeeper.cli.context import Choices
from spotkeeper.keeper.results import SweepReport
from spotkeeper.lifecycle.sweep import Classification, ForgottenRequest, Verdict
from spotkeeper.model.resource import Leftover, Resource, ResourceId, ResourceKind

SCHEDULE = f"{'n' * 39}-0123456789ab-terminate"
FLEET = "fleet-0123abcd-0123-0123-0123-0123456789ab"
WHY = "made a moment ago, not by this computer; look again after 19:00:57 UTC"


def classified(resource: Resource, verdict: Verdict, usd: str | None) -> Classification:
    priced = None if usd is None else Decimal(usd)
    return Classification(replace(resource, usd_per_hour=priced), verdict, WHY)


def swept(*found: Classification, **more: object) -> SweepReport:
    unsettled = (each for each in found if each.verdict is not Verdict.KEPT)
    left = tuple(Leftover(each.resource_id, each.reason) for each in unsettled)
    return replace(SweepReport(found, left=left, asked_at=NOW), **more)  # type: ignore[arg-type]


INSTANCE = classified(resource_id(), Verdict.UNWANTED, "183.4567")
DISK = classified(resource_id(ResourceKind.VOLUME), Verdict.UNWANTED, None)
LONG = [
    classified(
        Resource(ResourceId(kind, id_, "ap-southeast-5"), resource_id().tags), Verdict.YOUNG, "0"
    )
    for kind, id_ in ((ResourceKind.SCHEDULE, SCHEDULE), (ResourceKind.FLEET, FLEET))
]


def shown(capsys: pytest.CaptureFixture[str], found: SweepReport, *, applied: bool = False) -> str:
    sweep.show(Choices(no_color=True), found, applied=applied)
    return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)


@pytest.mark.parametrize("applied", [False, True])
def test_the_longest_names_can_be_read_at_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, applied: bool
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    found = swept(INSTANCE, DISK, *LONG, ended=tuple(each.resource_id for each in LONG))
    out = shown(capsys, found, applied=applied)
    table = out[: out.index("Left:")]
    assert max(map(len, table.splitlines())) <= 80
    assert "183.4567" in table
    assert "2h" in table
    assert "sched" in table


def test_the_total_counts_what_is_left_and_says_how_much_is_unknown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept = classified(resource_id(launch="kept"), Verdict.KEPT, "9")
    out = shown(capsys, swept(INSTANCE, DISK, kept))
    assert "Left: $183.46/h, $4402.96/day, and 1 of unknown cost." in out
    assert f"Kept: instance {kept.resource_id.id}" in out


def test_an_empty_account_has_nothing_left(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, swept()) == "Nothing is left.\n"


def test_json_has_the_fields_that_were_promised(capsys: pytest.CaptureFixture[str]) -> None:
    forgotten_request = ForgottenRequest(
        INSTANCE.resource_id, NOW - timedelta(hours=1), "why", "aws ec2 ..."
    )
    found = swept(INSTANCE, ended=(DISK.resource_id,), others=(forgotten_request,))
    sweep.show(Choices(output="json"), found, applied=True)
    told = json.loads(capsys.readouterr().out)
    assert told["kind"] == "sweep"
    assert told["ended"] == [{"kind": "volume", "id": DISK.resource_id.id, "region": REGION}]
    [left] = told["left"]
    assert left == {
        "kind": "instance",
        "id": INSTANCE.resource_id.id,
        "region": REGION,
        "reason": WHY,
        "name": "dev",
        "verdict": "unwanted",
        "age_seconds": 7200,
        "usd_per_hour": 183.4567,
    }
    [other] = told["others"]
    assert (other["age_seconds"], other["instance_id"]) == (3600, None)


SILENT = Leftover(ResourceId("region", REGION, REGION), "no answer")


@pytest.mark.parametrize(
    ("found", "applied", "step"),
    [
        (swept(INSTANCE), False, "Run `spot sweep --apply` to end"),
        (swept(INSTANCE), True, "safe to repeat"),
        (swept(LONG[0]), False, "when the time"),
        (swept(classified(resource_id(), Verdict.UNREAD, "1")), True, "spot down NAME"),
        (swept(left=(SILENT,)), True, "answers"),
    ],
)
def test_what_is_left_says_what_to_type_next(
    found: SweepReport, *, applied: bool, step: str
) -> None:
    problem = sweep.left_behind(found, applied=applied)
    assert problem.exit_code == 8
    assert problem.message == "1 thing is left"
    assert step in problem.next_step
