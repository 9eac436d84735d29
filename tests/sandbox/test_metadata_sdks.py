"""The metadata service as SDKs and the machine's own guard read it, unchanged."""

import json
import shutil
import subprocess
from pathlib import Path
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
from tests.sandbox.launching import BEGINS, tagged
from tests.sandbox.metadata_service import Service
from tests.unit.agent.machine_room import furnished, linux_only


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


# The machine's own guard


@pytest.fixture
def guarded(sandbox: Sandbox, tmp_path: Path) -> Any:
    """A machine whose guard asks the sandbox by curl; its deadline tag can be set."""
    service = Service(
        sandbox,
        MetadataOptions={"HttpTokens": "required", "InstanceMetadataTags": "enabled"},
        TagSpecifications=tagged(spotkeeper__deadline="never"),
    )
    room = furnished(tmp_path, ["systemctl", "shutdown", "wall"])
    (room.folder / "bin" / "curl").symlink_to(shutil.which("curl") or "curl")
    room.boot("2000-01-01T00:00:00Z")

    def looked(deadline: str) -> list[str]:
        tag = [{"Key": "spotkeeper:deadline", "Value": deadline}]
        sandbox.client("ec2").create_tags(Resources=[service.id], Tags=tag)
        room.forget()
        subprocess.run(
            [room.guard],
            env={
                "PATH": str(room.folder / "bin"),
                "SPOTKEEPER_ROOT": str(room.root),
                "CALLS": str(room.folder / "calls"),
                "AWS_EC2_METADATA_SERVICE_ENDPOINT": service.url,
            },
            check=False,
            timeout=30,
        )
        return room.calls

    return looked


@linux_only
@pytest.mark.skipif(not shutil.which("curl"), reason="the guard reads its deadline by curl")
def test_the_guard_reads_its_deadline_from_the_tag(guarded: Any) -> None:
    assert guarded("never") == []
    assert guarded("2999-01-01T00:00:00Z") == []
    assert guarded("2001-01-01T00:00:00Z") == ["shutdown -h now"]
