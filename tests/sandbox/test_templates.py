"""Launch templates over HTTP: versions, what they hold, and launches from them."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator
from tests.conftest import Sandbox

pytestmark = pytest.mark.sandbox

PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
AL2023 = f"resolve:ssm:{PARAMETER}"
DATA = {"ImageId": AL2023, "InstanceType": "m5.large"}
NAMED = {"LaunchTemplateName": "worker"}


@pytest.fixture
def ec2(sandbox: Sandbox) -> Any:
    client = sandbox.client("ec2")
    client.create_launch_template(**NAMED, LaunchTemplateData=DATA)
    return client


def refused(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


def add_version(ec2: Any, source: str | None = None, **data: Any) -> dict[str, Any]:
    basis = {"SourceVersion": source} if source else {}
    found: dict[str, Any] = ec2.create_launch_template_version(
        **NAMED, **basis, LaunchTemplateData=data
    )["LaunchTemplateVersion"]
    return found


def numbers(ec2: Any, **asked: Any) -> list[int]:
    found = ec2.describe_launch_template_versions(**{**NAMED, **asked})
    return [version["VersionNumber"] for version in found["LaunchTemplateVersions"]]


def said(call: Any, **params: Any) -> tuple[str, str]:
    """Code and words of the refusal."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def launched(ec2: Any, version: str = "$Default", **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = ec2.run_instances(
        LaunchTemplate={**NAMED, "Version": version}, MinCount=1, MaxCount=1, **changes
    )["Instances"][0]
    return found


def test_a_template_has_a_first_version_that_is_the_default(ec2: Any) -> None:
    (found,) = ec2.describe_launch_templates(LaunchTemplateNames=["worker"])["LaunchTemplates"]
    assert found["LaunchTemplateId"].startswith("lt-")
    assert (found["DefaultVersionNumber"], found["LatestVersionNumber"]) == (1, 1)
    (version,) = ec2.describe_launch_template_versions(**NAMED)["LaunchTemplateVersions"]
    assert version["DefaultVersion"] is True
    assert version["LaunchTemplateData"] == DATA


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (NAMED, "InvalidLaunchTemplateName.AlreadyExistsException"),
        ({"LaunchTemplateName": "a b c"}, "InvalidLaunchTemplateName.MalformedException"),
        ({"LaunchTemplateName": "new", "DryRun": True}, "DryRunOperation"),
        (
            {"LaunchTemplateName": "new", "LaunchTemplateData": {"UserData": "#!/bin/sh"}},
            "InvalidUserData.Malformed",
        ),
        (
            {
                "LaunchTemplateName": "new",
                "LaunchTemplateData": {
                    "TagSpecifications": [
                        {"ResourceType": "fleet", "Tags": [{"Key": "a", "Value": "b"}]}
                    ]
                },
            },
            "InvalidParameterValue",
        ),
        (
            {
                "LaunchTemplateName": "new",
                "TagSpecifications": [
                    {"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}
                ],
            },
            "InvalidParameterValue",
        ),
    ],
)
def test_a_template_that_cannot_be_is_refused(
    ec2: Any, changes: dict[str, Any], code: str
) -> None:
    asked = {"LaunchTemplateData": DATA, **changes}
    assert refused(ec2.create_launch_template, **asked) == code
    assert len(ec2.describe_launch_templates()["LaunchTemplates"]) == 1


def test_a_client_token_makes_one_template(ec2: Any) -> None:
    asked = {"LaunchTemplateName": "new", "LaunchTemplateData": DATA, "ClientToken": "one"}
    first = ec2.create_launch_template(**asked)["LaunchTemplate"]["LaunchTemplateId"]
    assert ec2.create_launch_template(**asked)["LaunchTemplate"]["LaunchTemplateId"] == first
    other = {**asked, "LaunchTemplateName": "other"}
    assert refused(ec2.create_launch_template, **other) == "IdempotentParameterMismatch"


def test_the_tags_of_a_template_are_its_own(ec2: Any) -> None:
    tags = [{"ResourceType": "launch-template", "Tags": [{"Key": "team", "Value": "vision"}]}]
    made = ec2.create_launch_template(
        LaunchTemplateName="tagged", LaunchTemplateData=DATA, TagSpecifications=tags
    )["LaunchTemplate"]
    assert made["Tags"] == tags[0]["Tags"]
    found = ec2.describe_launch_templates(Filters=[{"Name": "tag:team", "Values": ["vis*"]}])
    assert [one["LaunchTemplateName"] for one in found["LaunchTemplates"]] == ["tagged"]
    instance = launched(ec2)
    assert "team" not in {tag["Key"] for tag in instance["Tags"]}


def test_a_version_builds_on_another_or_on_nothing(ec2: Any) -> None:
    assert add_version(ec2, "1", KeyName="mine")["LaunchTemplateData"] == {
        **DATA,
        "KeyName": "mine",
    }
    alone = add_version(ec2, KeyName="mine")
    assert alone["LaunchTemplateData"] == {"KeyName": "mine"}
    assert (alone["VersionNumber"], alone["DefaultVersion"]) == (3, False)


def test_a_snapshot_is_not_inherited(ec2: Any) -> None:
    disk = {"DeviceName": "/dev/sdf", "Ebs": {"SnapshotId": "snap-1", "VolumeSize": 9}}
    add_version(ec2, "1", BlockDeviceMappings=[disk])
    data = add_version(ec2, "2", KeyName="mine")["LaunchTemplateData"]
    assert data["BlockDeviceMappings"] == [{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 9}}]


def test_versions_are_asked_for_by_number_range_and_name(ec2: Any) -> None:
    for size in ("xlarge", "2xlarge", "4xlarge"):
        add_version(ec2, "1", InstanceType=f"m5.{size}")
    ec2.modify_launch_template(**NAMED, DefaultVersion="2")
    assert numbers(ec2) == [1, 2, 3, 4]
    assert numbers(ec2, Versions=["$Latest", "$Default", "1"]) == [4, 2, 1]
    assert numbers(ec2, MinVersion="2", MaxVersion="3") == [2, 3]
    every = ec2.describe_launch_template_versions(Versions=["$Latest"])["LaunchTemplateVersions"]
    assert [version["VersionNumber"] for version in every] == [4]
    filters = [{"Name": "instance-type", "Values": ["m5.?xlarge"]}]
    assert numbers(ec2, Filters=filters) == [3, 4]
    assert numbers(ec2, Filters=[{"Name": "is-default-version", "Values": ["true"]}]) == [2]


def test_a_deleted_version_leaves_its_number(ec2: Any) -> None:
    for size in ("xlarge", "2xlarge"):
        add_version(ec2, "1", InstanceType=f"m5.{size}")
    answer = ec2.delete_launch_template_versions(**NAMED, Versions=["1", "2", "9"])
    done = answer["SuccessfullyDeletedLaunchTemplateVersions"]
    failed = answer["UnsuccessfullyDeletedLaunchTemplateVersions"]
    assert [item["VersionNumber"] for item in done] == [2]
    assert {item["VersionNumber"]: item["ResponseError"]["Code"] for item in failed} == {
        1: "unexpectedError",
        9: "launchTemplateVersionDoesNotExist",
    }
    assert numbers(ec2) == [1, 3]
    assert launched(ec2, "3")["InstanceType"] == "m5.2xlarge"
    assert add_version(ec2, "3", KeyName="mine")["VersionNumber"] == 4


def test_an_alias_is_shown_or_resolved(sandbox: Sandbox, ec2: Any) -> None:
    image = sandbox.client("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Value"]
    for resolve, shown in ((False, AL2023), (True, image)):
        found = ec2.describe_launch_template_versions(**NAMED, ResolveAlias=resolve)
        data = found["LaunchTemplateVersions"][0]["LaunchTemplateData"]
        assert data["ImageId"] == shown


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"LaunchTemplateName": "other"}, "InvalidLaunchTemplateName.NotFoundException"),
        ({"LaunchTemplateId": "lt-00000000000000000"}, "InvalidLaunchTemplateId.NotFound"),
        ({"LaunchTemplateId": "worker"}, "InvalidLaunchTemplateId.Malformed"),
        ({**NAMED, "LaunchTemplateId": "lt-00000000000000000"}, "InvalidParameterCombination"),
        ({**NAMED, "Versions": ["9"]}, "InvalidLaunchTemplateId.VersionNotFound"),
        ({**NAMED, "Versions": ["newest"]}, "InvalidLaunchTemplateId.VersionNotFound"),
        ({"Versions": ["1"]}, "InvalidParameterValue"),
        ({}, "MissingParameter"),
        ({**NAMED, "MinVersion": "first"}, "InvalidParameterValue"),
        ({**NAMED, "MaxResults": 201}, "InvalidParameterValue"),
        ({**NAMED, "Filters": [{"Name": "colour", "Values": ["red"]}]}, "InvalidParameterValue"),
    ],
)
def test_a_template_or_version_that_does_not_exist(
    ec2: Any, asked: dict[str, Any], code: str
) -> None:
    assert refused(ec2.describe_launch_template_versions, **asked) == code


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"LaunchTemplateNames": ["other"]}, "InvalidLaunchTemplateName.NotFoundException"),
        ({"LaunchTemplateIds": ["lt-00000000000000000"]}, "InvalidLaunchTemplateId.NotFound"),
    ],
)
def test_unknown_templates_are_not_passed_over(ec2: Any, asked: dict[str, Any], code: str) -> None:
    assert said(ec2.describe_launch_templates, **asked) == (
        code,
        "At least one of the launch templates specified in the request does not exist.",
    )


def test_a_template_must_be_named_once(ec2: Any) -> None:
    assert said(ec2.delete_launch_template) == (
        "MissingParameter",
        "The request must contain the parameter launch template ID or launch template name",
    )
    twice = {**NAMED, "LaunchTemplateId": "lt-00000000000000000", "DefaultVersion": "1"}
    assert said(ec2.modify_launch_template, **twice) == (
        "InvalidParameterCombination",
        "Either provide launch template ID or launch template name to modify the template.",
    )


def test_a_default_version_must_exist(ec2: Any) -> None:
    assert refused(ec2.modify_launch_template, **NAMED) == "MissingParameter"
    assert said(ec2.modify_launch_template, **NAMED, DefaultVersion="2") == (
        "InvalidLaunchTemplateId.VersionNotFound",
        "The launch template version 2 is not found for the specified launch template.",
    )


def test_templates_come_in_pages(ec2: Any) -> None:
    for number in range(4):
        ec2.create_launch_template(LaunchTemplateName=f"worker-{number}", LaunchTemplateData=DATA)
    pages = list(
        ec2.get_paginator("describe_launch_templates").paginate(PaginationConfig={"PageSize": 2})
    )
    assert [len(page["LaunchTemplates"]) for page in pages] == [2, 2, 1]


def test_a_deleted_template_is_gone_and_its_name_is_free(ec2: Any) -> None:
    ec2.delete_launch_template(**NAMED)
    code = refused(ec2.delete_launch_template, **NAMED)
    assert code == "InvalidLaunchTemplateName.NotFoundException"
    ec2.create_launch_template(**NAMED, LaunchTemplateData=DATA)
    assert numbers(ec2) == [1]


# Launches


def test_a_launch_takes_everything_from_its_template(ec2: Any) -> None:
    group = ec2.create_security_group(GroupName="g", Description="d")["GroupId"]
    tags = [
        {"ResourceType": kind, "Tags": [{"Key": "job", "Value": "7"}]}
        for kind in ("instance", "volume", "spot-instances-request")
    ]
    add_version(
        ec2,
        "1",
        InstanceMarketOptions={"MarketType": "spot", "SpotOptions": {"MaxPrice": "0.09"}},
        MetadataOptions={"HttpTokens": "required"},
        NetworkInterfaces=[{"DeviceIndex": 0, "Groups": [group]}],
        TagSpecifications=tags,
    )
    instance = launched(ec2, "$Latest")
    assert instance["InstanceLifecycle"] == "spot"
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    assert [one["GroupId"] for one in instance["SecurityGroups"]] == [group]
    found = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
    assert found["job"] == "7"
    assert found["aws:ec2launchtemplate:version"] == "2"
    (request,) = ec2.describe_spot_instance_requests()["SpotInstanceRequests"]
    assert float(request["SpotPrice"]) == 0.09
    assert request["Tags"] == [{"Key": "job", "Value": "7"}]


def test_what_the_call_says_wins(ec2: Any) -> None:
    assert launched(ec2, InstanceType="c5.large")["InstanceType"] == "c5.large"


def test_market_options_that_cannot_be_are_refused_when_they_are_launched(ec2: Any) -> None:
    market = {"MarketType": "spot", "SpotOptions": {"SpotInstanceType": "persistent"}}
    add_version(ec2, "1", InstanceMarketOptions=market)
    with pytest.raises(ClientError, match="InvalidParameterCombination"):
        launched(ec2, "2")


def test_every_answer_has_the_shape_of_the_model(ec2: Any) -> None:
    answers = {
        "CreateLaunchTemplateVersion": ec2.create_launch_template_version(
            **NAMED, SourceVersion="1", LaunchTemplateData={"KeyName": "mine"}
        ),
        "ModifyLaunchTemplate": ec2.modify_launch_template(**NAMED, DefaultVersion="2"),
        "DescribeLaunchTemplates": ec2.describe_launch_templates(),
        "DescribeLaunchTemplateVersions": ec2.describe_launch_template_versions(**NAMED),
        "DeleteLaunchTemplateVersions": ec2.delete_launch_template_versions(
            **NAMED, Versions=["1"]
        ),
        "DeleteLaunchTemplate": ec2.delete_launch_template(**NAMED),
    }
    for operation, answer in answers.items():
        shape = ec2.meta.service_model.operation_model(operation).output_shape
        body = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
        assert not ParamValidator().validate(body, shape).has_errors()
        assert body
