"""Answers that others recorded or quoted are read as they found them to be meant."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests import recorded
from tests.judges import Verdicts

from spotkeeper.aws import feeds, images, price_list, shapes
from spotkeeper.errors import BadInput, Scope
from spotkeeper.lifecycle.refusals import RefusedCall, ended, refusal
from spotkeeper.market.advisor import read_advisor, read_sizes
from spotkeeper.model.machine import pair

pytestmark = pytest.mark.shared_data
AT = datetime(2026, 9, 10, 8, 30, tzinfo=UTC)
RECORDED = pytest.mark.world("recorded answers, read", by="recordings of Cloud Custodian")
QUOTED = pytest.mark.world("quoted answers, read", by="users' reports")

INSTANCE = {
    "InstanceId": "i-0123456789abcdef0",
    "InstanceType": "g5.xlarge",
    "SpotInstanceRequestId": "sir-1",
    "LaunchTime": AT,
    "Placement": {"AvailabilityZone": "us-east-1a"},
}
REQUEST = {"SpotInstanceRequestId": "sir-1", "CreateTime": AT, "Type": "persistent"}


@RECORDED
def test_instances_requests_and_disks_keep_what_they_are(judged: Verdicts) -> None:
    files = "c7n_instances_newest.json", "c7n_spot_request_2018.json", "c7n_volumes_newest.json"
    for _, answer in recorded.answers(*files):
        for reservation in answer.get("Reservations", ()):
            for row in reservation["Instances"]:
                one = shapes.instance(row, "us-east-2")
                judged.compare(row, one.state, row["State"]["Name"])
                judged.compare(row, one.public_ip, row.get("PublicIpAddress"))
        for row in answer.get("SpotInstanceRequests", ()):
            request = shapes.spot_request(row, "us-east-2")
            told = request.persistent, request.max_price_usd_per_hour, request.words
            judged.compare(row, told, (False, Decimal("0.1"), "running"))
        for row in answer.get("Volumes", ()):
            disk = shapes.volume(row, "us-east-1").disk
            included = row["Iops"] == shapes.INCLUDED_IOPS
            judged.compare(
                row,
                (disk.volume_type, disk.size_gib, disk.by_size_alone),
                ("gp3", row["Size"], included),
            )
    judged.settle()


@RECORDED
def test_an_image_without_a_disk_of_its_own_is_refused(judged: Verdicts) -> None:
    for _, answer in recorded.answers("c7n_image_instance_store.json"):
        for row in answer["Images"]:
            with pytest.raises(BadInput) as refused:
                images.image_of(row, "us-east-1")
            judged.check(row["ImageId"], right="no EBS volume" in refused.value.message)
    judged.settle()


@RECORDED
def test_every_refusal_keeps_its_words_and_comes_with_what_to_do(judged: Verdicts) -> None:
    for row in recorded.load("c7n_errors.json"):
        said = RefusedCall(
            row["operation"], "us-east-1", row["code"], row["message"], row["status"]
        )
        error = refusal(said)
        told = row["message"] in error.message and row["code"] in error.message
        judged.check(row, right=told and "--debug" not in error.next_step, told=error)
        gone = type(error).__name__ in {"NotFound", "ResourceGone"}
        judged.compare(row, gone, ".NotFound" in row["code"])
    judged.settle()


#: What a reading of a request's state says of it, and what our words then have and have not.
READINGS = {
    "may be started": ("stopped by you", "wait"),
    "until state is disabled": ("stopped", "wait"),
    "powered off from inside": ("stopped", "interrupted"),
    "interrupted;": ("interrupted", "you"),
    "notice": ("EC2 will end it", "waiting"),
    "ended by the user": ("ended by you", "wait"),
    "dead: nothing waits": ("before it was fulfilled", "waiting"),
    "dead": ("refused by EC2", "waiting"),
    "waits for capacity": ("waiting for capacity", "price"),
    "waits for the price": ("price", "capacity"),
    "EC2 looks at it": ("EC2 is looking", "capacity"),
}


@QUOTED
def test_a_request_is_told_by_its_state_and_its_code_together(judged: Verdicts) -> None:
    for row in recorded.load("spot_request_states.json"):
        status = {"Code": row["code"], "UpdateTime": AT}
        request = shapes.spot_request(REQUEST | {"State": row["state"], "Status": status}, "r")
        instances = []
        if row["instance"]:
            state = {"State": {"Name": row["instance"]}}
            why = {"StateReason": {"Code": row.get("reason", ""), "Message": ""}}
            instances = [shapes.instance(INSTANCE | state | why, "r")]
        [machine] = pair(instances, [request])
        told = machine.summary()
        has, has_not = next(words for read, words in READINGS.items() if read in row["reading"])
        judged.check(row, right=has in told and has_not not in told, told=told)
        alive = row["state"] in {"open", "active", "disabled"} or row["instance"] == "running"
        judged.compare(row, machine.alive, alive)
    judged.settle()


#: What a reading of a state reason says of it, our exit code, and what else it closes.
ENDINGS = {
    "default EBS key": (4, Scope.REGION),
    "the same": (4, Scope.REGION),
    "EC2's fault": (1, Scope.ZONE),
    "capacity": (5, Scope.ZONE),
    "quota": (6, Scope.REGION),
}


@QUOTED
def test_why_an_instance_ended_decides_how_the_command_ends(judged: Verdicts) -> None:
    for row in recorded.load("launch_state_reasons.json"):
        gone = INSTANCE | {"State": {"Name": "terminated"}, "StateReason": row["StateReason"]}
        error = ended(shapes.instance(gone, "us-east-1"), "running", "up")
        ending = next(ending for read, ending in ENDINGS.items() if read in row["reading"])
        judged.compare(row, (error.exit_code, error.scope), ending)
        judged.check(row, right=row["StateReason"].get("Message", "") in error.message)
    judged.settle()


@QUOTED
def test_a_part_of_a_gpu_is_a_part(judged: Verdicts) -> None:
    for row in recorded.load("gpu_parts.json"):
        size = {"VCpuInfo": {"DefaultVCpus": 2}, "MemoryInfo": {"SizeInMiB": 8192}}
        read = feeds.instance_type(size | {"InstanceType": row["instance_type"], **row})
        assert read.gpus
        judged.compare(row, (read.gpus.name, read.gpus.share < 1), ("L4", "1/8" in row["reading"]))
    judged.settle()


@QUOTED
def test_what_is_no_price_in_dollars_is_none(judged: Verdicts) -> None:
    facts = {row["what"]: row for row in recorded.load("price_list_facts.json")}
    yuan = facts["China price"]["pricePerUnit"]
    nothing = {"USD": facts["zero row"]["PricePerUnit"]}
    own = {"USD": facts["Local Zone"]["c5.large Oregon"]}
    for money, price in ((yuan, None), (nothing, None), (own, ("c5.large", Decimal("0.085")))):
        judged.compare(money, price_list._hourly_price(product("c5.large", money)), price)
    judged.settle()


def product(name: str, money: dict[str, str]) -> str:
    """A product of the Price List."""
    dimension = {"unit": "Hrs", "pricePerUnit": money}
    terms = {"OnDemand": {"a": {"priceDimensions": {"b": dimension}}}}
    return json.dumps({"product": {"attributes": {"instanceType": name}}, "terms": terms})


@pytest.mark.world("the Spot Advisor, read", by="AWS's feed of July 2025")
def test_every_row_of_the_advisor_is_read(judged: Verdicts) -> None:
    feed: Any = recorded.load("spot_advisor_2025-07_excerpt.json")
    read, sizes = read_advisor(feed), read_sizes(feed)
    for region, systems in feed["spot_advisor"].items():
        for name, row in systems["Linux"].items():
            advice = read.regions[region][name]
            label = feed["ranges"][row["r"]]["label"]
            limit = 100 if label.startswith(">") else int(re.findall(r"\d+", label)[-1])
            told = advice.saving_percent, advice.band.percent_max
            judged.compare((region, name), told, (row["s"], limit))
    for name, row in feed["instance_types"].items():
        judged.compare(name, (sizes[name].vcpus, sizes[name].memory_mib),
                       (row["cores"], row["ram_gb"] * 1024))  # fmt: skip
    judged.compare("left out", read.left_out, 0)
    judged.settle()
