"""A box whose request was cancelled, expired or crossed by something else: told, and ended."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.conftest import Sandbox
from tests.story import account
from tests.story.conftest import Spot
from tests.story.living import lives, machine, stop_time

UP = ("up", "train", "--type", "g5.xlarge", "--yes", "--output", "json")
LS = ("ls", "--region", "us-east-1", "--output", "json")

#: Past the deadline of a day and the week for which a request is valid beyond it.
TEN_DAYS = timedelta(days=10)
A_MONTH = timedelta(days=30)


def request_of(sandbox: Sandbox) -> str:
    return str(machine(sandbox)["SpotInstanceRequestId"])


def cancel(sandbox: Sandbox) -> None:
    client = sandbox.client("ec2")
    client.cancel_spot_instance_requests(SpotInstanceRequestIds=[request_of(sandbox)])


def stop(sandbox: Sandbox) -> None:
    sandbox.client("ec2").stop_instances(InstanceIds=[machine(sandbox)["InstanceId"]])


def cancelled_by_hand(sandbox: Sandbox) -> None:
    cancel(sandbox)


def expired(sandbox: Sandbox) -> None:
    sandbox.control.advance(TEN_DAYS)


def expired_while_stopped(sandbox: Sandbox) -> None:
    stop(sandbox)
    sandbox.control.advance(TEN_DAYS)


def cancelled_while_interrupted(sandbox: Sandbox) -> None:
    sandbox.control.interrupt("train")
    sandbox.control.advance(timedelta(minutes=5))
    cancel(sandbox)
    sandbox.control.advance(timedelta(minutes=5))


def interrupted_while_being_stopped(sandbox: Sandbox) -> None:
    sandbox.control.interrupt("train")
    stop(sandbox)
    sandbox.control.advance(timedelta(minutes=5))


SOAK = pytest.mark.soak

#: What befell the box, and what is said of it; nothing where EC2 ended it.
FATES = (
    pytest.param(
        cancelled_by_hand, "request cancelled 08:00, the instance still runs", marks=SOAK
    ),
    (expired, "the instance still runs"),
    (expired_while_stopped, "stopped by you"),
    (cancelled_while_interrupted, None),
    pytest.param(interrupted_while_being_stopped, "stopped by you", marks=SOAK),
)


@pytest.mark.parametrize(("fate", "words"), FATES, ids=lambda each: getattr(each, "__name__", ""))
@pytest.mark.one_in(3)
@pytest.mark.soak
def test_ls_and_show_tell_it_and_down_ends_it_for_good(
    sandbox: Sandbox, spot: Spot, fate: Callable[[Sandbox], None], words: str | None
) -> None:
    stop_time(sandbox, dwell=2)
    assert spot(*UP).code == 0
    fate(sandbox)

    listed: list[dict[str, Any]] = spot(*LS).items
    assert [words in each["summary"] for each in listed if words] == [True] * bool(words)
    assert len(listed) == bool(words)
    show = spot("show", "train")
    assert (show.code, words is None or words in show.out) == (0 if words else 7, True)

    assert spot("down", "train", "--yes").code == 0
    assert account.left(sandbox) == []
    sandbox.control.advance(A_MONTH)
    assert len(lives(sandbox)) == 1
    assert account.left(sandbox) == []
