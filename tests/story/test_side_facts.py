"""A fact beside the act: whatever becomes of the call for it, the act goes on, and says so."""

from collections.abc import Mapping
from typing import NamedTuple

import pytest
from tests.judges import Verdicts
from tests.story.fault_proxy import Armed, Exchange, Fault, Reply
from tests.story.fault_trials import Laboratory

UP = "up train --type g5.xlarge --yes"
SEEING = {"ec2:DescribeInstances", "sts:GetCallerIdentity"}
PRICES = {"ec2:DescribeSpotPriceHistory"}
#: What a launch cannot do without.
GROUND = {
    *("ec2:DescribeSubnets", "ssm:GetParameter", "ec2:DescribeImages", "ec2:DescribeTags"),
    *("ec2:CreateSecurityGroup", "ec2:AuthorizeSecurityGroupIngress", "ec2:ImportKeyPair"),
    *("ec2:CreateLaunchTemplate", "ec2:RunInstances"),
}


class Act(NamedTuple):
    """A command, what comes before it, and the calls that it is there for."""

    line: str
    before: tuple[str, ...]
    calls: set[str]


ACTS: Mapping[str, Act] = {
    "find": Act("find --type g5.xlarge --quota", (), PRICES),
    "find by hardware": Act(
        "find --gpus 1 --score --limit 3", (), {*PRICES, "ec2:DescribeInstanceTypes"}
    ),
    "prices": Act("prices g5.xlarge", (), PRICES),
    "up": Act(UP, (), {*SEEING, *PRICES, *GROUND}),
    "ls": Act("ls", (UP,), SEEING),
    "show": Act("show train", (UP,), SEEING),
    "extend": Act("extend train 48h", (UP,), {*SEEING, "ec2:CreateTags"}),
    "stop": Act("stop train", (UP,), {*SEEING, "ec2:StopInstances"}),
    "start": Act("start train", (UP, "stop train"), {*SEEING, "ec2:StartInstances"}),
}


def refused(code: str, status: int) -> Fault:
    def fault(exchange: Exchange) -> None:
        exchange.send(Reply.refusal(exchange.call, code, status))

    return fault


def sent(body: bytes | None) -> Fault:
    """A body in place of the answer; half of the answer for ``None``."""

    def fault(exchange: Exchange) -> None:
        reply = exchange.forward()
        half = reply.body[: len(reply.body) // 2]
        exchange.send(reply._replace(body=half if body is None else body))

    return fault


ERRORS: Mapping[str, Fault] = {
    "denied": refused("UnauthorizedOperation", 403),
    "denied as JSON says it": refused("AccessDeniedException", 400),
    "a region switched off": refused("OptInRequired", 401),
    "throttled": refused("RequestLimitExceeded", 503),
    "its own trouble": refused("InternalError", 500),
    "a wrong parameter": refused("InvalidParameterValue", 400),
    "not found": refused("InvalidInstanceType.NotFound", 400),
    "something new": refused("SomethingNew", 400),
    "half an answer": sent(None),
    "a page": sent(b"<html>Log in to this network</html>"),
    "nothing": sent(b""),
}


@pytest.mark.soak
@pytest.mark.world("side calls that fail, at the command line", by="every kind of error")
@pytest.mark.parametrize("name", ACTS)
def test_no_error_of_a_call_beside_the_act_stops_it(
    lab: Laboratory, judged: Verdicts, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(
        "SPOT_ADVISOR_URL", f"{lab.sandbox.url}/_sandbox/public/spot-advisor-data.json"
    )
    act = ACTS[name]
    begin(lab, act)
    lab.proxy.seen.clear()
    assert lab.spot(act.line).code == 0
    for call in sorted({*lab.proxy.seen} - act.calls):
        for error, fault in ERRORS.items():
            begin(lab, act)
            lab.proxy.armed = Armed(call.partition(":")[2], fault, 999)
            answer = lab.spot(act.line)
            lab.proxy.armed = None
            judged.check((call, error), right=answer.code == 0, told=answer.err)
    judged.settle()


def begin(lab: Laboratory, act: Act) -> None:
    lab.fresh()
    for line in act.before:
        assert lab.spot(line).code == 0
