"""The metadata service as SDKs read it, unchanged."""

import json
from typing import Any

import botocore.session
import pytest
from botocore.utils import (
    IMDSFetcher,
    IMDSRegionProvider,
    InstanceMetadataFetcher,
    InstanceMetadataRegionFetcher,
)
from tests.conftest import Sandbox
from tests.sandbox.launching import BEGINS
from tests.sandbox.metadata_service import Service


@pytest.fixture
def service(sandbox: Sandbox) -> Service:
    sandbox.reset(speed=0, begins=BEGINS)
    return Service(sandbox)


# SDKs


def test_botocore_reads_the_region(service: Service) -> None:
    fetcher = InstanceMetadataRegionFetcher(base_url=service.url)
    assert fetcher.retrieve_region() == "us-east-1"


def test_botocore_reads_with_a_token_of_its_own(sandbox: Sandbox) -> None:
    service = Service(sandbox, MetadataOptions={"HttpTokens": "required"})
    fetcher: Any = IMDSFetcher(base_url=service.url)
    token = fetcher._fetch_metadata_token()
    answer = fetcher._get_request("latest/meta-data/instance-id", None, token)
    assert answer.text == service.id


def test_botocore_gets_credentials_of_the_role(sandbox: Sandbox) -> None:
    iam = sandbox.client("iam")
    iam.create_role(RoleName="worker", AssumeRolePolicyDocument="{}")
    iam.create_instance_profile(InstanceProfileName="worker-profile")
    iam.add_role_to_instance_profile(InstanceProfileName="worker-profile", RoleName="worker")
    service = Service(sandbox, IamInstanceProfile={"Name": "worker-profile"})
    fetched = InstanceMetadataFetcher(base_url=service.url).retrieve_iam_role_credentials()
    assert fetched["role_name"] == "worker"
    assert fetched["access_key"].startswith("ASIA")
    info = json.loads(service.read("meta-data/iam/info"))
    assert info["InstanceProfileArn"].endswith(":instance-profile/worker-profile")
    client = sandbox.client("sts")
    assert client.get_caller_identity()["Account"] == "123456789012"


def test_an_sdk_finds_it_by_the_environment(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service(sandbox)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", service.url)
    session = botocore.session.Session()
    assert IMDSRegionProvider(session).provide() == "us-east-1"
