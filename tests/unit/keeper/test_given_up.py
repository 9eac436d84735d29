"""A give-back that fails before EC2 lists what it gave us: nothing is taken for gone."""

from pathlib import Path

import pytest
from tests.fakes.threads import without_threads
from tests.unit.keeper.sweep_stage import WINDOW, Stage

from spotkeeper.errors import ExpiredCredentials
from spotkeeper.model.resource import ResourceKind


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A guarded machine that no list shows yet."""
    without_threads(monkeypatch)
    stage = Stage(tmp_path, visibility=300)
    expired = ExpiredCredentials("log in again", aws_code="ExpiredToken")
    look, ready = stage.cloud.observe, stage.cloud.instance
    refusals = [expired, expired]  # to note what is to end, and to look what there is

    def at_first_not(region: str, owner: str, name: str | None = None) -> object:
        if refusals:
            raise refusals.pop()
        return look(region, owner, name)

    def refused(region: str, instance_id: str) -> object:
        monkeypatch.setattr(stage.cloud, "observe", at_first_not)
        raise expired

    monkeypatch.setattr(stage.cloud, "instance", refused)
    with pytest.raises(Exception, match="Left behind"):
        stage.up(guard="scheduler")
    monkeypatch.setattr(stage.cloud, "instance", ready)
    return stage


def test_what_is_not_listed_yet_keeps_its_guard_and_its_claim(stage: Stage) -> None:
    calls = [schedule.call for schedule in stage.ec2.schedules.values()]
    assert sorted(calls) == ["cancel", "terminate"]
    kinds = [resource_id.kind for resource_id in stage.ec2.resource_ids.values()]
    assert kinds == [ResourceKind.TEMPLATE]


def test_the_next_down_ends_it(stage: Stage) -> None:
    stage.clock.sleep(WINDOW)
    assert stage.keeper().down(("dev",)).left == ()
    assert stage.ec2.leftovers() == []
