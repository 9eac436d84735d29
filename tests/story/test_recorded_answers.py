"""Whole commands that meet what others recorded of AWS: it is told, and nothing stays."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from tests import recorded
from tests.conftest import Sandbox
from tests.judges import Verdicts
from tests.story.conftest import Spot
from tests.story.fault_proxy import Armed, Exchange, Fault, Reply
from tests.story.fault_trials import Laboratory
from tests.story.feed_server import as_json, serving

from ec2_sandbox.protocol import wire

pytestmark = [pytest.mark.shared_data, pytest.mark.soak]
UP = "up train --type g5.xlarge --yes"
DOWN = "down train --yes"

#: The command that makes a call, and what comes before it.
LINES: Mapping[str, tuple[str, ...]] = {
    "RunInstances": (UP,),
    "StartInstances": (UP, "stop train", "start train"),
    "StopInstances": (UP, "stop train"),
    "TerminateInstances": (UP, DOWN),
    "GetSpotPlacementScores": ("find --gpus 1 --score",),
    "DescribeTags": ("ls",),
    "DescribeSpotPriceHistory": ("find --type g5.xlarge",),
    "DescribeInstanceTypes": ("find --type g5.xlarge",),
}
#: Commands that go on without the fact.
BORNE = {"GetSpotPlacementScores", "DescribeInstanceTypes", "DescribeTags"}
NO_CAPACITY = 5
ADVISOR = "/_sandbox/public/spot-advisor-data.json"


@pytest.fixture
def with_advisor(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes of types that EC2 does not describe come from the advisor's feed."""
    monkeypatch.setenv("SPOT_ADVISOR_URL", f"{lab.sandbox.url}{ADVISOR}")


@pytest.mark.usefixtures("with_advisor")
@pytest.mark.world("quoted refusals, at the command line", by="users' reports")
def test_what_people_were_told_is_told_and_nothing_stays(
    lab: Laboratory, judged: Verdicts
) -> None:
    quoted = recorded.load("ec2_error_reports.json") + [
        row for row in recorded.load("c7n_errors.json") if row["operation"] in LINES
    ]
    for row in quoted:
        operation = row.get("op") or row["operation"]
        lab.fresh()
        *before, line = LINES[operation]
        for each in before:
            assert lab.spot(each).code == 0
        with answering(lab, operation, refused(row)):
            answer = lab.spot(line)
        told = answer.out + answer.err
        judged.check(row, right=row["code"] in told, told=told)
        judged.check(row, right=(answer.code == 0) == (operation in BORNE), told=told)
        judged.check(row, right=not wrongs(told), told=told)
        if answer.code != NO_CAPACITY:
            judged.check(row, right="o capacity" not in told, told=told)
        judged.compare(row, list(lab.leaks()), [])
    judged.settle()


def wrongs(told: str) -> list[str]:
    """What no answer of AWS may bring about."""
    return [each for each in ("Traceback", "fault of spotkeeper", "--debug") if each in told]


@contextmanager
def answering(lab: Laboratory, operation: str, fault: Fault) -> Iterator[None]:
    """Let all calls of an operation be answered so in the meantime."""
    lab.proxy.armed = Armed(operation, fault, 99)
    yield
    lab.proxy.armed = None


def refused(row: Mapping[str, Any]) -> Fault:
    """Answers with a refusal as it was recorded."""

    def fault(exchange: Exchange) -> None:
        told = wire.error(exchange.call, row["code"], row["message"], status=row["status"])
        kind = (("Content-Type", told.content_type), *told.headers)
        exchange.send(Reply(told.status, kind, told.body))

    return fault


@pytest.mark.world("quoted state reasons, at the command line", by="users' reports")
def test_why_machines_ended_is_told_and_nothing_stays(lab: Laboratory, judged: Verdicts) -> None:
    for row in recorded.load("launch_state_reasons.json"):
        code, words = row["StateReason"]["Code"], row["StateReason"].get("Message", "")
        lab.fresh()
        lab.proxy.seen.clear()
        lab.sandbox.control.fail("InstanceBoot", code, message=words, times=9)
        up = lab.spot(UP)
        reading = row["reading"].removesuffix("not capacity")
        elsewhere = reading.endswith("capacity") or "elsewhere" in reading
        judged.compare(row, lab.proxy.seen.count("ec2:RunInstances") > 1, elsewhere)
        judged.check(row, right=(words or code) in up.err and not wrongs(up.err), told=up.err)
        judged.compare(row, list(lab.leaks()), [])
    judged.settle()


@pytest.mark.world("recorded answers, at the command line", by="recordings of Cloud Custodian")
def test_a_machine_that_ec2_describes_at_length_is_listed_and_ended(
    lab: Laboratory, judged: Verdicts
) -> None:
    files = "c7n_instances_newest.json", "c7n_spot_request_2018.json", "c7n_volumes_newest.json"
    for operation, answer in recorded.answers(*files):
        lab.fresh()
        assert lab.spot(UP).code == 0
        with answering(lab, operation, widened(operation, rows(answer)[0])):
            for line in ("ls --all", "show train", "show train --history", DOWN):
                told = lab.spot(line)
                judged.check((operation, line), right=told.code == 0, told=told)
        judged.compare(operation, list(lab.leaks()), [])
    judged.settle()


def rows(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What an answer lists."""
    if "Reservations" in answer:
        return [row for each in answer["Reservations"] for row in each["Instances"]]
    return [row for key, found in answer.items() if key != "ResponseMetadata" for row in found]


def widened(operation: str, recording: Mapping[str, Any]) -> Fault:
    """Answers as the sandbox does, each row with all that the recorded one has besides."""

    def fault(exchange: Exchange) -> None:
        reply = exchange.forward()
        answer = recorded.parsed(operation, reply.body)
        for row in rows(answer):
            row |= {**recording, **row}
        exchange.send(reply._replace(body=recorded.xml(operation, answer)))

    return fault


@pytest.mark.world("recorded answers, at the command line", by="recordings of Cloud Custodian")
def test_an_image_without_a_disk_of_its_own_is_refused_in_words(
    lab: Laboratory, judged: Verdicts
) -> None:
    for operation, answer in recorded.answers("c7n_image_instance_store.json"):
        lab.fresh()
        image = answer["Images"][0]["ImageId"]
        sent = Reply(200, (("Content-Type", wire.EC2_XML),), recorded.xml(operation, answer))
        with answering(lab, operation, partial(Exchange.send, reply=sent)):
            told = lab.spot(f"{UP} --image {image} --dry-run")
        judged.compare(image, (told.code, "no EBS volume" in told.err), (2, True))
    judged.settle()


@pytest.mark.world("the Spot Advisor, at the command line", by="AWS's feed of July 2025")
def test_the_bands_of_the_advisor_are_shown(
    spot: Spot, sandbox: Sandbox, judged: Verdicts, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = recorded.load("spot_advisor_2025-07_excerpt.json")
    with serving() as server:
        server.sends = as_json(feed)
        monkeypatch.setenv("SPOT_ADVISOR_URL", f"{server.url}/spot-advisor-data.json")
        east = feed["spot_advisor"]["us-east-1"]["Linux"]
        named = [word for name in east for word in ("--type", name)]
        found = spot("find", *named, "--region", "us-east-1", "--output", "json", "--limit", "99")
    for offer in found.items:
        label = feed["ranges"][east[offer["instance_type"]]["r"]]["label"]
        judged.compare(offer["instance_type"], offer["interruption_band"], label)
    judged.settle()
