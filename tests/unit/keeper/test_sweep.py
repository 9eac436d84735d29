"""`Keeper.sweep` over the account in memory: nothing is left, nothing of others is touched."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.fate import Fate, Killed
from tests.fakes.journal import MemoryJournal
from tests.fakes.threads import without_threads
from tests.unit.keeper.sweep_stage import (
    OTHER_KINDS,
    REGION,
    WINDOW,
    Stage,
    calls,
    killed,
    verdicts,
)
from tests.unit.model.make import entry_of

from spotkeeper.errors import Interrupted, PermissionDenied
from spotkeeper.lifecycle.sweep import Verdict
from spotkeeper.model.journal_entry import Intent, Ready, Settled
from spotkeeper.model.resource import ResourceKind
from spotkeeper.model.tags import TAG_LAUNCH, TAG_NAME, TAG_OWNER


@pytest.fixture(autouse=True)
def region_after_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a run is the same every time, and dies where it is told to."""
    without_threads(monkeypatch)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_machine_of_this_computer_and_all_that_it_needs_are_kept(stage: Stage) -> None:
    stage.up()
    stage.clock.sleep(2 * WINDOW)
    swept = stage.sweep()
    assert verdicts(swept) == {Verdict.KEPT}
    assert (swept.ended, swept.left) == ((), ())


def test_after_the_loss_of_all_local_state_everything_of_every_kind_is_ended(
    stage: Stage,
) -> None:
    stage.up("one")
    stage.up("two")
    for kind in OTHER_KINDS:
        stage.add(kind)
    stage.forget()

    listed = stage.sweep(apply=False)
    assert verdicts(listed) == {Verdict.UNWANTED}
    assert len(listed.left) == len(listed.found)
    assert any(each.resource.usd_per_hour for each in listed.found)
    assert stage.ec2.leftovers()

    swept = stage.sweep()
    assert swept.left == ()
    assert set(swept.ended) == {each.resource_id for each in listed.found}
    assert stage.ec2.leftovers() == []
    assert stage.ec2.born_after_first_terminate() == []


def test_schedules_are_kept_with_the_machine_that_they_guard_and_go_after_it(
    stage: Stage,
) -> None:
    stage.up(guard="scheduler")
    stage.clock.sleep(2 * WINDOW)
    kept = stage.sweep()
    assert verdicts(kept) == {Verdict.KEPT}
    schedules = [
        each.resource_id for each in kept.found if each.resource_id.kind == ResourceKind.SCHEDULE
    ]
    assert len(schedules) == 2

    stage.forget()
    stage.suffer(Fate())
    swept = stage.sweep()

    assert swept.left == ()
    assert set(schedules) <= set(swept.ended)
    assert stage.ec2.leftovers() == []
    seen = stage.cloud.fate.seen
    assert seen.index("terminate") < seen.index("disarm schedule")


def test_a_schedule_of_somebody_else_stays(stage: Stage) -> None:
    stage.up(guard="scheduler")
    for key, each in stage.ec2.schedules.items():
        stage.ec2.schedules[key] = replace(each, owner="123456789012:user/you")
    before = set(stage.ec2.schedules)
    stage.forget()
    assert stage.sweep().left == ()
    assert set(stage.ec2.schedules) == before


def test_what_is_young_and_unknown_is_spared_and_its_time_is_told(stage: Stage) -> None:
    stage.up()
    stage.journal = MemoryJournal()
    before = stage.ec2.leftovers()
    swept = stage.sweep()
    assert {each.resource_id for each in swept.left} == {each.resource_id for each in swept.found}
    assert any("look again after" in each.reason for each in swept.left)
    assert stage.ec2.leftovers() == before


def test_a_launch_that_is_under_way_on_this_computer_is_spared(stage: Stage) -> None:
    stage.up()
    stage.clock.sleep(2 * WINDOW)
    entries = [each for each in stage.journal.read("dev") if not isinstance(each, Ready)]
    stage.journal = MemoryJournal()
    for each in entries:
        stage.journal.append("dev", each)
    with stage.journal.lock("dev"):
        swept = stage.sweep()
        assert verdicts(swept) == {Verdict.SPARED}
    assert swept.left == ()
    assert stage.sweep().left == ()
    assert stage.ec2.leftovers() == []


def test_a_machine_past_its_deadline_is_ended(stage: Stage) -> None:
    stage.up()
    stage.clock.sleep(timedelta(hours=25))
    swept = stage.sweep()
    assert swept.left == ()
    assert stage.ec2.leftovers() == []


def test_what_belongs_to_others_or_carries_no_tag_is_not_touched(stage: Stage) -> None:
    stage.up()
    for resource_ids in (stage.ec2.servers, stage.ec2.disks, stage.ec2.requests):
        for resource_id in resource_ids.values():
            resource_id.tags[TAG_OWNER] = "123456789012:user/you"
    untagged = stage.add(ResourceKind.SNAPSHOT)
    untagged.tags.clear()
    for group in stage.ec2.groups.values():
        group.tags.clear()
    stage.forget()
    before = {each for each in stage.ec2.leftovers() if not each.startswith(("key", "lt"))}

    assert stage.sweep().left == ()

    assert set(stage.ec2.leftovers()) == before


def test_another_launch_of_a_kept_name_is_ended_alone(stage: Stage) -> None:
    stage.up()
    stray = stage.add(ResourceKind.SNAPSHOT)
    stage.clock.sleep(2 * WINDOW)
    swept = stage.sweep()
    assert [each.id for each in swept.ended] == [stray.id]
    stage.clock.sleep(WINDOW)
    assert verdicts(stage.sweep()) == {Verdict.KEPT}


def test_a_forgotten_disk_of_a_kept_name_is_ended_and_the_machine_stays_wanted(
    stage: Stage,
) -> None:
    stage.up()
    [disk] = stage.ec2.disks.values()
    old = replace(disk, id="vol-old", held=False, tags={**disk.tags, TAG_LAUNCH: "old"})
    stage.ec2.disks[old.id] = old
    stage.clock.sleep(2 * WINDOW)

    assert [each.id for each in stage.sweep().ended] == ["vol-old"]
    stage.clock.sleep(WINDOW)
    assert verdicts(stage.sweep()) == {Verdict.KEPT}
    assert [server.state for server in stage.ec2.servers.values()] == ["running"]


def test_what_carries_no_name_is_ended_too(stage: Stage) -> None:
    stage.up()
    for resource_ids in (stage.ec2.servers, stage.ec2.disks, stage.ec2.requests):
        for resource_id in resource_ids.values():
            resource_id.tags[TAG_NAME] = "No name of ours"
    stage.forget()
    first, second = stage.sweep(), stage.sweep()
    assert second.left == ()
    assert first.ended
    assert stage.ec2.leftovers() == []
    assert stage.ec2.born_after_first_terminate() == []


def test_a_region_that_does_not_answer_counts_as_left_and_the_others_are_swept(
    stage: Stage,
) -> None:
    stage.up()
    stage.forget()
    stage.cloud.silent.add("eu-west-1")
    swept = stage.sweep()
    assert [(each.resource_id.kind, each.resource_id.id) for each in swept.left] == [
        ("region", "eu-west-1")
    ]
    assert stage.ec2.leftovers() == []


def test_a_machine_in_a_silent_region_is_not_given_up(stage: Stage) -> None:
    stage.up()
    stage.clock.sleep(2 * WINDOW)
    stage.cloud.silent.add(REGION)
    assert [each.resource_id.id for each in stage.sweep().left] == [REGION]
    stage.cloud.silent.clear()
    assert verdicts(stage.sweep()) == {Verdict.KEPT}


def test_where_no_region_may_be_looked_into_the_refusal_is_the_answer(stage: Stage) -> None:
    stage.cloud.refusals["region_inventory"] = PermissionDenied("no", region=REGION)
    with pytest.raises(PermissionDenied):
        stage.sweep()


def test_a_caller_without_the_scheduler_is_told_so_and_nothing_counts_as_left(
    stage: Stage,
) -> None:
    stage.cloud.denied.add("listed schedule")
    swept = stage.sweep()
    assert swept.left == ()
    assert any("schedules" in each for each in swept.warnings)


def test_a_journal_of_which_nothing_is_there_any_more_is_settled(stage: Stage) -> None:
    stage.up()
    for request in list(stage.ec2.requests.values()):
        stage.ec2.cancel(request)
    for server in list(stage.ec2.servers.values()):
        stage.ec2.terminate(server)
    stage.clock.sleep(WINDOW)
    stage.ec2.catch_up()
    stage.ec2.disks.clear()
    assert stage.sweep().left == ()
    assert isinstance(stage.journal.read("dev")[-1], Settled)


def test_listing_changes_neither_the_account_nor_the_journal(stage: Stage) -> None:
    stage.up()
    stage.clock.sleep(timedelta(hours=25))
    before, entries = stage.ec2.leftovers(), stage.journal.read("dev")
    assert stage.sweep(apply=False).left
    assert (stage.ec2.leftovers(), stage.journal.read("dev")) == (before, entries)


def test_a_launch_that_was_cut_off_is_told_before_anything_of_it_is_listed(stage: Stage) -> None:
    fields = {"token": "t", "region": REGION}
    stage.journal.append("dev", entry_of(Intent, stage.clock.now(), fields))
    [left] = stage.sweep(apply=False).left
    assert (left.resource_id.kind, left.resource_id.id, left.resource_id.region) == (
        "launch",
        "dev",
        REGION,
    )
    stage.clock.sleep(WINDOW)
    assert stage.sweep(apply=False).left == ()


class CtrlC(Fate):
    """The user presses Ctrl-C during a call."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at

    def before(self, call: str) -> None:
        super().before(call)
        if len(self.seen) - 1 == self._at:
            raise KeyboardInterrupt


def test_ctrl_c_half_way_says_how_to_go_on(stage: Stage) -> None:
    stage.up()
    stage.clock.sleep(timedelta(hours=25))
    stage.suffer(CtrlC(8))
    with pytest.raises(Interrupted) as caught:
        stage.sweep()
    assert "spot sweep --apply" in caught.value.next_step
    stage.suffer(Fate())
    assert stage.sweep().left == ()
    assert stage.ec2.leftovers() == []


def cut_off(stage: Stage) -> None:
    """The launch dies when all is made, before its user is told."""
    at = calls(stage.home, Stage.up).index("journal ready")
    stage.suffer(Killed(at, after=False))
    killed(stage.up)
    stage.suffer(Fate())


def test_a_machine_whose_launch_was_cut_off_is_told_by_ls_and_can_be_kept(stage: Stage) -> None:
    cut_off(stage)
    assert any("spot start dev" in told for told in stage.keeper().ls().warnings)
    assert Verdict.UNWANTED in verdicts(stage.sweep(apply=False))

    stage.keeper().start("dev")

    assert verdicts(stage.sweep()) == {Verdict.KEPT}
    assert not any("cut off" in told for told in stage.keeper().ls().warnings)


def test_ls_is_silent_about_a_launch_that_is_under_way(stage: Stage) -> None:
    cut_off(stage)
    with stage.journal.lock("dev"):
        assert not any("cut off" in told for told in stage.keeper().ls().warnings)
