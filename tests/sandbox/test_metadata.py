"""The metadata service of an instance: its tokens, what it tells, and when it answers."""

import json
from contextlib import closing
from datetime import timedelta
from http.client import HTTPConnection, RemoteDisconnected
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.conftest import Sandbox
from tests.sandbox.launching import BEGINS, BOX, ONCE, tagged
from tests.sandbox.metadata_service import TOKEN, TTL, Service

from ec2_sandbox.errors import NotFound

MINUTE = timedelta(minutes=1)


@pytest.fixture
def service(sandbox: Sandbox) -> Service:
    sandbox.reset(speed=0, begins=BEGINS)
    return Service(sandbox)


# Tokens


def test_a_token_lasts_as_long_as_was_asked(service: Service) -> None:
    token = service.token("120")
    read = ("GET", "/latest/meta-data/instance-id")
    assert service.ask(*read, **{TOKEN: token}).status == 200
    service.sandbox.control.advance(2 * MINUTE)
    assert service.ask(*read, **{TOKEN: token}).status == 401


@pytest.mark.parametrize("ttl", [{}, {TTL: "0"}, {TTL: "21601"}, {TTL: "soon"}])
def test_a_token_needs_a_lifetime(service: Service, ttl: dict[str, str]) -> None:
    assert service.ask("PUT", "/latest/api/token", **ttl).status == 400


def test_a_token_is_not_for_proxies(service: Service) -> None:
    headers = {TTL: "60", "X-Forwarded-For": "10.0.0.1"}
    assert service.ask("PUT", "/latest/api/token", **headers).status == 403


def test_an_answer_is_dated_in_sandbox_time(service: Service) -> None:
    with closing(HTTPConnection(urlsplit(service.url).netloc, timeout=10)) as connection:
        connection.request("GET", "/")
        assert connection.getresponse().getheader("Date") == "Mon, 05 Jan 2026 00:00:01 GMT"


def test_a_wrong_token_opens_nothing(service: Service) -> None:
    assert service.ask("GET", "/latest/meta-data/", **{TOKEN: "wrong"}).status == 401


def test_a_token_of_another_instance_opens_nothing(service: Service) -> None:
    other = Service(service.sandbox)
    assert service.ask("GET", "/latest/meta-data/", **{TOKEN: other.token()}).status == 401


@pytest.mark.parametrize(("tokens", "status"), [("optional", 200), ("required", 401)])
def test_without_a_token_it_answers_where_tokens_are_optional(
    sandbox: Sandbox, tokens: str, status: int
) -> None:
    service = Service(sandbox, MetadataOptions={"HttpTokens": tokens})
    assert service.ask("GET", "/latest/meta-data/instance-id").status == status


def test_a_disabled_service_answers_nobody(sandbox: Sandbox) -> None:
    service = Service(sandbox, MetadataOptions={"HttpEndpoint": "disabled"})
    assert service.ask("PUT", "/latest/api/token", **{TTL: "60"}).status == 403
    assert service.ask("GET", "/latest/meta-data/").status == 403


def test_a_foreign_host_name_is_refused(service: Service) -> None:
    read = ("GET", "/latest/meta-data/instance-id")
    assert service.ask(*read, Host="evil.example").status == 403
    assert service.ask(*read, Host="localhost:1").status == 200


def test_nothing_can_be_written(service: Service) -> None:
    assert service.ask("POST", "/latest/meta-data/").status == 405
    assert service.ask("PUT", "/latest/meta-data/").status == 405


# What it tells


def test_it_tells_what_describe_instances_tells(service: Service) -> None:
    ec2 = service.sandbox.client("ec2")
    reservation = ec2.describe_instances(InstanceIds=[service.id])["Reservations"][0]
    shown = reservation["Instances"][0]
    nic = shown["NetworkInterfaces"][0]
    macs = f"meta-data/network/interfaces/macs/{nic['MacAddress']}"
    expected = {
        "meta-data/ami-id": shown["ImageId"],
        "meta-data/ami-launch-index": "0",
        "meta-data/hostname": shown["PrivateDnsName"],
        "meta-data/instance-id": service.id,
        "meta-data/instance-life-cycle": "on-demand",
        "meta-data/instance-type": "t3.micro",
        "meta-data/local-ipv4": shown["PrivateIpAddress"],
        "meta-data/mac": nic["MacAddress"],
        "meta-data/placement/availability-zone": shown["Placement"]["AvailabilityZone"],
        "meta-data/placement/region": "us-east-1",
        "meta-data/public-hostname": shown["PublicDnsName"],
        "meta-data/public-ipv4": shown["PublicIpAddress"],
        "meta-data/reservation-id": reservation["ReservationId"],
        "meta-data/security-groups": shown["SecurityGroups"][0]["GroupName"],
        "meta-data/services/domain": "amazonaws.com",
        "meta-data/services/partition": "aws",
        f"{macs}/interface-id": nic["NetworkInterfaceId"],
        f"{macs}/subnet-id": shown["SubnetId"],
        f"{macs}/vpc-id": shown["VpcId"],
        f"{macs}/security-group-ids": shown["SecurityGroups"][0]["GroupId"],
        f"{macs}/ipv4-associations/{shown['PublicIpAddress']}": shown["PrivateIpAddress"],
        "meta-data/block-device-mapping/root": shown["RootDeviceName"],
        "meta-data/events/maintenance/scheduled": "[]",
    }
    assert {path: service.read(path) for path in expected} == expected


def test_folders_are_listed_with_a_slash_behind_folders(service: Service) -> None:
    assert service.read("") == "dynamic\nmeta-data"
    assert service.read("dynamic/") == "instance-identity/"
    assert service.read("meta-data/placement/").splitlines() == [
        "availability-zone",
        "availability-zone-id",
        "region",
    ]
    listed = service.read("meta-data").splitlines()
    assert {"instance-id", "network/", "placement/", "services/"} <= set(listed)
    assert not {"iam/", "spot/", "tags/", "public-keys/"} & set(listed)
    assert listed == sorted(listed)


def test_older_versions_tell_the_same(service: Service) -> None:
    header = {TOKEN: service.token()}
    versions = service.ask("GET", "/", **header).text.splitlines()
    assert "latest" in versions
    for version in versions:
        answer = service.ask("GET", f"/{version}/meta-data/instance-id", **header)
        assert answer.text == service.id
    assert service.ask("GET", "/1999-01-01/meta-data/", **header).status == 404


@pytest.mark.parametrize(
    "path",
    [
        "user-data",
        "meta-data/nothing",
        "meta-data/instance-id/more",
        "meta-data/tags/instance",
        "meta-data/iam/info",
        "meta-data/public-keys/",
        "meta-data/spot/instance-action",
        "meta-data/spot/termination-time",
        "meta-data/events/recommendations/rebalance",
    ],
)
def test_what_there_is_not_is_not_found(service: Service, path: str) -> None:
    assert service.status(path) == 404


def test_user_data_is_given_as_it_was(sandbox: Sandbox) -> None:
    service = Service(sandbox, UserData="#!/bin/sh\necho 'grüß'\n")
    assert service.read("user-data") == "#!/bin/sh\necho 'grüß'\n"


def test_tags_are_shown_where_that_is_enabled(sandbox: Sandbox) -> None:
    service = Service(
        sandbox,
        MetadataOptions={"InstanceMetadataTags": "enabled"},
        TagSpecifications=tagged(Name="dev", spotkeeper__deadline="never"),
    )
    assert service.read("meta-data/tags/instance/") == "Name\nspotkeeper:deadline"
    new = [{"Key": "spotkeeper:deadline", "Value": "2026-02-01T00:00:00Z"}]
    sandbox.client("ec2").create_tags(Resources=[service.id], Tags=new)
    assert service.read("meta-data/tags/instance/spotkeeper:deadline") == "2026-02-01T00:00:00Z"


def test_the_public_key_is_listed_by_number(sandbox: Sandbox) -> None:
    sandbox.client("ec2").create_key_pair(KeyName="work", KeyType="ed25519")
    service = Service(sandbox, KeyName="work")
    assert service.read("meta-data/public-keys/") == "0=work"
    assert service.read("meta-data/public-keys/0/") == "openssh-key"
    assert service.read("meta-data/public-keys/0/openssh-key").startswith("ssh-ed25519 ")


def test_the_identity_document_is_that_of_the_instance(service: Service) -> None:
    document = json.loads(service.read("dynamic/instance-identity/document"))
    assert document["instanceId"] == service.id
    assert document["accountId"] == "123456789012"
    assert document["region"] == "us-east-1"
    assert document["imageId"] == service.instance["ImageId"]


# Interruption


def test_a_notice_is_told_with_action_and_time(sandbox: Sandbox) -> None:
    sandbox.reset(speed=0, begins=BEGINS)
    service = Service(sandbox, InstanceMarketOptions=BOX)
    assert service.read("meta-data/instance-life-cycle") == "spot"
    at = sandbox.control.interrupt(service.id)["at"]
    told = json.loads(service.read("meta-data/spot/instance-action"))
    assert told == {"action": "stop", "time": at[:19] + "Z"}
    assert service.status("meta-data/spot/termination-time") == 404


def test_a_termination_has_its_time_as_well(sandbox: Sandbox) -> None:
    sandbox.reset(speed=0, begins=BEGINS)
    service = Service(sandbox, InstanceMarketOptions=ONCE)
    sandbox.control.interrupt(service.id)
    told = json.loads(service.read("meta-data/spot/instance-action"))
    assert told["action"] == "terminate"
    assert service.read("meta-data/spot/termination-time") == told["time"]
    assert service.read("meta-data/spot/") == "instance-action\ntermination-time"


def test_a_rebalance_recommendation_is_told_with_its_time(sandbox: Sandbox) -> None:
    sandbox.reset(scenario="storm", speed=0, begins=BEGINS)
    zone = {"AvailabilityZone": "us-east-1d"}
    service = Service(
        sandbox, InstanceType="g5.xlarge", Placement=zone, InstanceMarketOptions=ONCE
    )
    path = "meta-data/events/recommendations/rebalance"
    told: list[Any] = []
    while not told:
        assert service.status(path) == 404
        sandbox.control.advance(MINUTE)
        told = sandbox.control.events(kind="rebalance", name=service.id)
    noticed = json.loads(service.read(path))
    assert noticed == {"noticeTime": told[0]["at"][:19] + "Z"}


# When it answers


def unreachable(service: Service) -> bool:
    try:
        service.ask("GET", "/latest/meta-data/")
    except (ConnectionError, RemoteDisconnected):
        return True
    return False


def test_a_stopped_instance_does_not_answer_and_a_started_one_does_again(
    service: Service,
) -> None:
    ec2 = service.sandbox.client("ec2")
    ec2.stop_instances(InstanceIds=[service.id])
    assert unreachable(service)
    with pytest.raises(NotFound):
        service.sandbox.control.metadata(service.id)
    ec2.start_instances(InstanceIds=[service.id])
    assert service.read("meta-data/instance-id") == service.id


def test_a_terminated_instance_does_not_answer(service: Service) -> None:
    service.sandbox.client("ec2").terminate_instances(InstanceIds=[service.id])
    assert unreachable(service)


def test_nothing_of_a_former_sandbox_answers(service: Service) -> None:
    service.sandbox.reset()
    assert unreachable(service)


def test_reading_takes_no_time(service: Service) -> None:
    before = service.sandbox.control.now()
    for _ in range(3):
        service.read("meta-data/instance-id")
    assert service.sandbox.control.now() == before


def test_a_machine_is_found_by_its_name(sandbox: Sandbox) -> None:
    service = Service(sandbox, TagSpecifications=tagged(Name="dev"))
    assert sandbox.control.metadata("dev") == {
        "endpoint": service.url,
        "instance_id": service.id,
    }
