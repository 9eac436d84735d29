"""SIGKILL for a real `spot` process at every point that it passes: sweeps leave nothing."""

from collections.abc import Iterator

import pytest
from tests.conftest import Sandbox
from tests.story.killing import LIVES, WORLDS, Death, Killing, World, killing

from ec2_sandbox.options import SandboxStatus

AT_ONCE, LATE = WORLDS

#: One or two of the points of each command, in every run.
SOME = (
    Death("up", AT_ONCE, "after RunInstances 1", loses_home=True),
    Death("up", LATE, "after RunInstances 1", loses_home=False),
    Death("up", LATE, "after CreateLaunchTemplate 1", loses_home=True),
    Death("up --once", AT_ONCE, "before journal-ready 1", loses_home=False),
    Death("up --guard", AT_ONCE, "after CreateSchedule 2", loses_home=True),
    Death("up at the second pool", AT_ONCE, "after journal-intent 2", loses_home=False),
    Death("run", AT_ONCE, "after RunInstances 1", loses_home=True),
    Death("down", LATE, "after CancelSpotInstanceRequests 1", loses_home=True),
    Death("down of a guarded machine", AT_ONCE, "after DeleteSchedule 1", loses_home=False),
    Death("stop", AT_ONCE, "after StopInstances 1", loses_home=True),
    Death("extend", AT_ONCE, "after CreateTags 1", loses_home=False),
    Death("sweep", AT_ONCE, "before DeleteSchedule 1", loses_home=True),
    Death("sweep at another computer", LATE, "after TerminateInstances 1", loses_home=False),
)
ENOUGH = 200


@pytest.fixture(scope="module")
def stage(
    running_sandbox: SandboxStatus, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Killing]:
    with killing(Sandbox(running_sandbox), tmp_path_factory.mktemp("killing")) as found:
        yield found


@pytest.mark.parametrize("death", SOME, ids=str)
@pytest.mark.one_in(12)
def test_after_a_death_the_sweeps_that_are_promised_leave_nothing(
    stage: Killing, death: Death
) -> None:
    assert stage.dies(death) == []


@pytest.mark.soak
@pytest.mark.parametrize("world", WORLDS, ids=str)
@pytest.mark.parametrize("life", LIVES)
def test_wherever_a_command_is_killed_the_sweeps_leave_nothing(
    stage: Killing, life: str, world: World
) -> None:
    deaths = stage.deaths(life, world)
    assert len(deaths) > 10
    told = {str(death): wrong for death in deaths if (wrong := stage.dies(death))}
    assert told == {}


@pytest.mark.soak
def test_there_are_enough_points_and_the_deaths_of_every_run_are_among_them(
    stage: Killing,
) -> None:
    found = [death for life in LIVES for world in WORLDS for death in stage.deaths(life, world)]
    assert len(found) >= ENOUGH
    places = {(death.life, death.world, death.point) for death in found}
    assert {(death.life, death.world, death.point) for death in SOME} <= places
    assert {death.loses_home for death in found} == {True, False}
    print(f"{len(found)} points")  # noqa: T201 - the figure of docs/safety.md; shown with -s
