"""Wait for a machine, saying how long it has taken."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

from spotkeeper.errors import NotFound, Refused, Unreachable
from spotkeeper.lifecycle.ports import Clock, Cloud, Reach, Talk
from spotkeeper.lifecycle.refusals import ended
from spotkeeper.model.connect import WAYS
from spotkeeper.model.machine import Instance, InstanceState
from spotkeeper.timings import FIRST_PAUSE, LONGEST_PAUSE

#: EC2 needs about a minute to a running instance, GPU machines a few more to a login, and up to a
#: few minutes to end one and free its network interface.
PATIENCE = timedelta(minutes=10)

#: Bare metal tests its hardware and memory before it boots, and the largest machines take long.
METAL_PATIENCE = timedelta(minutes=30)
LARGE_PATIENCE = timedelta(minutes=20)
LARGE = re.compile(r"\.(2[4-9]|[3-9]\d|\d{3,})xlarge$")


def patience_for(instance_type: str) -> timedelta:
    """How long a machine of this type may take from one state to another, and to a login."""
    if ".metal" in instance_type:
        return METAL_PATIENCE
    return LARGE_PATIENCE if LARGE.search(instance_type) else PATIENCE


#: Refuses StartInstances where the Spot request is in no state for it.
REQUEST_LINGERS = "IncorrectSpotRequestState"


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

    def until_reachable(self, instance: Instance, command: str) -> Instance:
        """Wait until the instance runs and can be logged in to.

        Raises:
            SpotkeeperError: EC2 ended or stopped it instead; its reason says which error.
            Unreachable: it runs, and nothing answers within its type's patience.
        """
        return self.until_login(
            self.until_state(instance, InstanceState.RUNNING, command), command
        )

    def until_login(self, running: Instance, command: str) -> Instance:
        """Wait until an instance that runs can be logged in to; raises as ``until_reachable``."""
        patience = patience_for(running.instance_type)
        for elapsed in poll(self._clock, patience):
            if running.has_way_in and self._reach.answers(running):
                return running
            self._talk.waiting(f"{running.id} runs, waiting for its login", elapsed)
        seen = self._seen(running)
        if seen.ended:
            raise ended(seen, InstanceState.RUNNING, command)
        raise Unreachable(
            f"{running.id} runs in {running.zone_name} at {running.public_ip or 'no address'}, "
            f"but nothing answers after {patience.seconds // 60} minutes",
            next_step=WAYS[running.connect].if_silent,
            region=running.region,
        )

    def until_state(self, instance: Instance, wanted: InstanceState, command: str) -> Instance:
        """Wait for the instance state that a command brings about; the instance as it is then.

        Raises:
            SpotkeeperError: EC2 ended it instead, or stopped it again; its reason says why.
            Unreachable: the state was not reached within its type's patience.
        """
        seen = instance
        for elapsed in poll(self._clock, patience_for(instance.instance_type)):
            seen = self._seen(instance)
            if seen.state is wanted:
                return seen
            if seen.ended or (wanted is InstanceState.RUNNING and _fell_back(instance, seen)):
                raise ended(seen, wanted, command)
            self._talk.waiting(f"{seen.id} is {seen.doing}", elapsed)
        raise _still(seen)

    def until_taken(
        self, start: Callable[[], None], instance: Instance, settles: Callable[[], bool]
    ) -> None:
        """Start an instance, again and again while EC2 has not settled the end of its request's
        last run: for minutes after StopInstances the request is ``active``, ``marked-for-stop``.

        Raises:
            Refused: ``settles`` denies that the request will, or it has not in ten minutes.
        """
        for elapsed in poll(self._clock):
            try:
                start()
            except Refused as refusal:
                lingers = refusal.aws_code == REQUEST_LINGERS
                if not lingers or elapsed >= PATIENCE or not settles():
                    raise
            else:
                return
            self._talk.waiting(f"EC2 has not settled the stop of {instance.id} yet", elapsed)

    def until_settled(self, instance: Instance) -> Instance:
        """Wait while the instance is on its way from one state to another, whoever sent it.

        Raises:
            Unreachable: it was on its way for longer than its type's patience.
        """
        for elapsed in poll(self._clock, patience_for(instance.instance_type)):
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


def _fell_back(asked: Instance, seen: Instance) -> bool:
    """Whether an instance has stopped again after it was asked to start. A list may be older than
    that: what stood stopped before, and is unchanged, says nothing."""
    if seen.state not in {InstanceState.STOPPING, InstanceState.STOPPED}:
        return False
    changed = (seen.launched_at, seen.state_reason) != (asked.launched_at, asked.state_reason)
    return asked.state is InstanceState.PENDING or changed


def _still(seen: Instance) -> Unreachable:
    return Unreachable(
        f"{seen.id} is still {seen.doing} after "
        f"{patience_for(seen.instance_type).seconds // 60} minutes",
        next_step="Look again with `spot ls`.",
        region=seen.region,
    )
