"""Two launches of one name: exactly one machine, and the loser never ends the winner's."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.cloud import FakeCloud
from tests.fakes.edges import home_with_key, keeper
from tests.fakes.journal import MemoryJournal

from spotkeeper.errors import NameTaken, SpotkeeperError
from spotkeeper.lifecycle.plan import Plan, Wish
from spotkeeper.model.machine import InstanceState
from spotkeeper.model.need import Need


class Two:
    """Two terminals, of one computer or of two with the same login."""

    def __init__(self, home: Path, *, visibility_seconds: float, one_computer: bool) -> None:
        self.cloud = FakeCloud(visibility=timedelta(seconds=visibility_seconds))
        self.home = home
        self.first = MemoryJournal()
        self.second = self.first if one_computer else MemoryJournal()

    def win(self) -> None:
        """The first terminal launches its machine, and waits until it answers."""
        self._up(self.first, "g5.xlarge", hours=8)

    def lose(self, instance_type: str, *, winner_comes_in_between: bool) -> SpotkeeperError:
        """The second terminal launches the same name, and is refused."""

        def confirm(_: Plan) -> bool:
            if winner_comes_in_between:
                self.win()
            return True

        with pytest.raises(SpotkeeperError) as caught:
            self._up(self.second, instance_type, hours=9, confirm=confirm)
        return caught.value

    def check(self, refusal: SpotkeeperError) -> None:
        self.cloud.clock.sleep(timedelta(minutes=10))
        self.cloud.ec2.catch_up()
        assert isinstance(refusal, NameTaken)
        assert dict(self.cloud.ec2.most_at_once) == {}
        [server] = self.cloud.ec2.servers.values()
        assert server.state is InstanceState.RUNNING
        assert self.cloud.ec2.groups

    def _up(
        self, journal: MemoryJournal, instance_type: str, *, hours: float, confirm: object = None
    ) -> None:
        wish = Wish("dev", Need(types=(instance_type,)), lasting=timedelta(hours=hours))
        process = keeper(self.cloud, home=self.home, journal=journal)
        process.up(wish, confirm=confirm or (lambda plan: True))  # type: ignore[arg-type]


@pytest.mark.parametrize("one_computer", [True, False])
@pytest.mark.parametrize("visibility_seconds", [0, 5, 120])
@pytest.mark.parametrize("instance_type", ["g5.xlarge", "g6.xlarge"])
def test_a_machine_launched_while_the_question_was_open_stays_the_only_one(
    tmp_path: Path, instance_type: str, visibility_seconds: float, *, one_computer: bool
) -> None:
    two = Two(
        home_with_key(tmp_path), visibility_seconds=visibility_seconds, one_computer=one_computer
    )
    two.check(two.lose(instance_type, winner_comes_in_between=True))


@pytest.mark.parametrize("one_computer", [True, False])
@pytest.mark.parametrize("visibility_seconds", [0, 5, 120])
def test_a_second_launch_of_a_running_machine_is_refused_and_harmless(
    tmp_path: Path, visibility_seconds: float, *, one_computer: bool
) -> None:
    two = Two(
        home_with_key(tmp_path), visibility_seconds=visibility_seconds, one_computer=one_computer
    )
    two.win()
    two.check(two.lose("g5.xlarge", winner_comes_in_between=False))
