"""Wait for a machine, saying how long it has taken."""

from collections.abc import Iterator
from datetime import timedelta

from spotkeeper.errors import NoCapacity, NotFound, Unreachable
from spotkeeper.lifecycle.ports import Clock, Cloud, Reach, Talk
from spotkeeper.model.machine import Instance, InstanceState

#: EC2 needs about a minute to a running instance, GPU machines a few more to a login, and up to a
#: few minutes to end one and free its network interface.
PATIENCE = timedelta(minutes=10)

FIRST_PAUSE = timedelta(seconds=0.5)
LONGEST_PAUSE = timedelta(seconds=5)


def poll(clock: Clock, patience: timedelta = PATIENCE) -> Iterator[timedelta]:
    """The time elapsed at each look: at once, then ever more seldom, until patience ends."""
    began = clock.now()
    pause = FIRST_PAUSE
    while True:
        elapsed = clock.now() - began
        yield elapsed
        if elapsed >= patience:
            return
        clock.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


class Waiter:
    """Polls EC2 as seldom as it can."""

    def __init__(self, *, cloud: Cloud, clock: Clock, talk: Talk, reach: Reach) -> None:
        self._cloud = cloud
        self._clock = clock
        self._talk = talk
        self._reach = reach

    def until_reachable(self, instance: Instance) -> Instance:
        """Wait until the instance runs and can be logged in to.

        Raises:
            NoCapacity: EC2 took it back while it started.
            Unreachable: it runs, and nothing answers within ten minutes.
        """
        running = self.until_state(instance, InstanceState.RUNNING)
        for elapsed in poll(self._clock):
            if self._answers(running):
                return running
            self._talk.waiting(f"{running.id} runs, waiting for its login", elapsed)
        raise Unreachable(
            f"{running.id} runs in {running.zone_name} at {running.public_ip or 'no address'}, "
            f"but nothing answers after {PATIENCE.seconds // 60} minutes",
            next_step="Check the subnet's route and the security group, then `spot ssh`.",
            region=running.region,
        )

    def until_state(self, instance: Instance, wanted: InstanceState) -> Instance:
        """Wait for an instance state; the instance as it is then.

        Raises:
            NoCapacity: the instance ended instead.
            Unreachable: the state was not reached within ten minutes.
        """
        seen = instance
        for elapsed in poll(self._clock):
            seen = self._seen(instance)
            if seen.state is wanted:
                return seen
            if seen.ended:
                raise NoCapacity(
                    f"EC2 ended {seen.id} before it was {wanted}", region=instance.region
                )
            self._talk.waiting(f"{seen.id} is {seen.doing}", elapsed)
        raise _still(seen)

    def until_settled(self, instance: Instance) -> Instance:
        """Wait while the instance is on its way from one state to another, whoever sent it.

        Raises:
            Unreachable: it was on its way for ten minutes.
        """
        for elapsed in poll(self._clock):
            seen = self._seen(instance)
            if not seen.passing:
                return seen
            self._talk.waiting(f"{seen.id} is {seen.doing}", elapsed)
        raise _still(seen)

    def _seen(self, instance: Instance) -> Instance:
        try:
            return self._cloud.instance(instance.region, instance.id)
        except NotFound:
            return instance  # too young to be listed

    def _answers(self, running: Instance) -> bool:
        if running.public_ip is None:
            return self._cloud.checks_passed(running.region, running.id)
        return self._reach.answers(running.public_ip)


def _still(seen: Instance) -> Unreachable:
    return Unreachable(
        f"{seen.id} is still {seen.doing} after {PATIENCE.seconds // 60} minutes",
        next_step="Look again with `spot ls`.",
        region=seen.region,
    )
