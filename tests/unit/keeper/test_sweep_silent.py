"""A region that does not answer a sweep may have the machine that lives on a claim elsewhere."""

from pathlib import Path

import pytest
from tests.fakes.edges import launched
from tests.fakes.inventory import FakeInventory
from tests.fakes.journal import MemoryJournal
from tests.fakes.threads import without_threads
from tests.unit.keeper.sweep_stage import WINDOW, Stage, verdicts

from spotkeeper.errors import NameTaken, PermissionDenied, Refused, SpotkeeperError
from spotkeeper.keeper.results import SweepReport
from spotkeeper.lifecycle.launch_request import LaunchRequest
from spotkeeper.lifecycle.ports import RegionInventory
from spotkeeper.lifecycle.sweep import Verdict
from spotkeeper.model.need import Need
from spotkeeper.model.resource import ResourceKind
from spotkeeper.model.tags import TAG_NAME

FAR = "eu-west-1"


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A box far from where its name is claimed, launched long ago."""
    without_threads(monkeypatch)
    stage = Stage(tmp_path)
    launch_request = LaunchRequest("dev", Need(types=("m5.large",), regions=(FAR,)))
    launched(stage.keeper(), launch_request)
    stage.clock.sleep(3 * WINDOW)
    return stage


def swept(stage: Stage, monkeypatch: pytest.MonkeyPatch, problem: SpotkeeperError) -> SweepReport:
    """A sweep whose look at everything in the far region is refused."""
    region_inventory = FakeInventory.region_inventory

    def closed(self: FakeInventory, region: str, owner: str) -> RegionInventory:
        if region == FAR:
            raise problem
        return region_inventory(self, region, owner)

    with monkeypatch.context() as patch:
        patch.setattr(FakeInventory, "region_inventory", closed)
        return stage.sweep()


@pytest.mark.parametrize("computer", ["same", "another"])
def test_the_claim_stays_and_the_name_is_taken(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, computer: str
) -> None:
    if computer == "another":
        stage.journal = MemoryJournal()
    answer = swept(stage, monkeypatch, Refused("no", region=FAR))
    told = {"no", f"dev may be in {FAR}, which did not answer"}
    assert {each.reason for each in answer.left} == told
    assert verdicts(answer) == {Verdict.UNREAD}
    stage.journal = MemoryJournal()
    with pytest.raises(NameTaken):
        stage.up()


def test_a_region_that_is_closed_to_the_caller_and_forgotten_keeps_no_claim(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.journal = MemoryJournal()
    answer = swept(stage, monkeypatch, PermissionDenied("no", region=FAR))
    assert [each.kind for each in answer.ended] == [ResourceKind.TEMPLATE]


def test_a_claim_that_is_kept_is_not_reported_when_only_its_region_is_looked_at_again(
    stage: Stage,
) -> None:
    stage.add(ResourceKind.SNAPSHOT, **{TAG_NAME: "other"})
    stage.clock.sleep(WINDOW)
    answer = stage.sweep()
    assert [each.kind for each in answer.ended] == [ResourceKind.SNAPSHOT]
    assert answer.left == ()
